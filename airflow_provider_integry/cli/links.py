"""``airflow integry link``: a connect link for an end user."""

from __future__ import annotations

import sys
from argparse import Namespace
from datetime import datetime, timezone

from airflow.utils.platform import getuser

from airflow_provider_integry.cli.chosen import find_settings
from airflow_provider_integry.cli.command import command
from airflow_provider_integry.end_users.local import local_links
from airflow_provider_integry.end_users.principals import Admin

_NOTES = {
    "login": "It works for that user alone: the page asks the host application who is signed in.",
    "code": "What is given is held until the host application fetches it with the code that comes with the browser.",
    "holder": (
        "Whoever has this link is believed to be that user: give it to nobody else, by a way that nobody else reads."
    ),
}


@command()
def link(args: Namespace) -> None:
    """Make a connect link, and print its URL."""
    # What is wrong with the connection is said first.
    find_settings(args.conn_id)
    links, admin = local_links(), Admin(getuser())
    made = links.make(
        admin,
        args.conn_id,
        args.end_user,
        account=args.account,
        binding=args.binding,
        return_url=args.return_url,
        origin=args.origin,
        state=args.state,
        life_s=args.minutes * 60.0,
    )
    print(made.url)
    ends = datetime.fromtimestamp(made.expires_at, timezone.utc).isoformat(timespec="seconds")
    binding = links.find_open(made.id).binding
    print(f"Link {made.id}, good until {ends}, once. {_NOTES[binding]}", file=sys.stderr)


@command()
def revoke_link(args: Namespace) -> None:
    """Take a connect link back."""
    found = local_links().revoke(Admin(getuser()), args.link_id)
    if found.revoked_at is None:
        raise SystemExit(f"Link {found.id} was used already ({found.status}); disconnect the account in its place.")
    print(f"Link {found.id} works no more.")

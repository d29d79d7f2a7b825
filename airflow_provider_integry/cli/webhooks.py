"""``airflow integry webhooks``: the URLs that services are given."""

from __future__ import annotations

from argparse import Namespace
from datetime import datetime, timezone

from airflow.utils.platform import getuser

from airflow_provider_integry import config
from airflow_provider_integry.authorizations.airflow_store import local_webhooks, team_of
from airflow_provider_integry.authorizations.webhook_store import WebhookKey, WebhookRow
from airflow_provider_integry.authorizations.webhooks import find_webhook, webhook_path
from airflow_provider_integry.cli.chosen import find_settings
from airflow_provider_integry.cli.command import command, confirm
from airflow_provider_integry.cli.output import Row, print_rows
from airflow_provider_integry.errors import StoreNotReadyError


@command()
def add(args: Namespace) -> None:
    """Make the URL of a webhook, or show the one that there is."""
    # Looked at before anything is made: what is wrong with the connection is said here, and not to the service.
    find_webhook(find_settings(args.conn_id), args.activity)
    if config.public_url() is None:
        raise StoreNotReadyError(
            "Airflow does not know its own address. Set option [api] base_url, or [integry] public_url, to the URL"
            " at which services reach the API server."
        )
    key = WebhookKey(args.conn_id, team_of(args.conn_id), args.activity, args.end_user, args.account)
    print(_url(local_webhooks().add(key, getuser())))


@command()
def list_all(args: Namespace) -> None:
    """Show the webhooks that there are."""
    print_rows((_build_row(row) for row in local_webhooks().list_all(args.conn_id)), args.output)


@command()
def remove(args: Namespace) -> None:
    """Remove a webhook; its URL ends."""
    key = WebhookKey(args.conn_id, team_of(args.conn_id), args.activity, args.end_user, args.account)
    row = local_webhooks().find_by_key(key)
    if row is None:
        raise SystemExit(f"There is no webhook '{args.activity}' of connection '{args.conn_id}' for them.")
    if not args.yes:
        confirm(f"Remove {_url(row)}, and what it has delivered? The service has to be given a new URL afterwards.")
    local_webhooks().remove(row.id)
    print("Removed.")


def _url(row: WebhookRow) -> str:
    return f"{config.public_url() or ''}{webhook_path(row.id)}"


def _build_row(row: WebhookRow) -> Row:
    made_at = datetime.fromtimestamp(row.created_at, timezone.utc)
    return {
        "conn_id": row.conn_id,
        "activity": row.activity,
        "end_user": row.end_user or "",
        "account": row.account or "",
        "team": row.team_name or "",
        "url": _url(row),
        "created_by": row.created_by,
        "created_at": made_at.isoformat(timespec="seconds"),
    }

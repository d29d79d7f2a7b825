"""``airflow integry rotate-keys``: everything that is kept, encrypted anew."""

from __future__ import annotations

import sys
from argparse import Namespace

from airflow_provider_integry.authorizations.airflow_store import local_journal, local_store, rotate_local_triggers
from airflow_provider_integry.authorizations.rotate import Rotation, rotate_keys
from airflow_provider_integry.cli.command import command


@command()
def rotate(args: Namespace) -> None:
    """Encrypt all grants anew with the first Fernet key."""
    store, journal = local_store(), local_journal()
    total = store.count()

    def show(done: Rotation) -> None:
        seen = done.rotated + done.empty + len(done.unreadable)
        print(f"{seen} of {max(seen, total)} authorizations", file=sys.stderr)

    done = rotate_keys(store, journal, show)
    further, unreadable = rotate_local_triggers()
    done.unreadable.extend(unreadable)
    for name in done.unreadable:
        print(f"Cannot be decrypted with any of the keys: {name}")
    empty = f" ({done.empty} more hold no secret)" if done.empty else ""
    print(
        f"Encrypted anew with the first Fernet key: {done.rotated} authorizations{empty}, and {done.journalled} entries"
        f" of the journal in {journal.folder}. Polls and deliveries of webhooks: {further}."
    )
    if done.unreadable:
        raise SystemExit(
            f"{len(done.unreadable)} could not be decrypted. Add the key they were encrypted with to option [core]"
            " fernet_key and run this again, or authorize them again."
        )

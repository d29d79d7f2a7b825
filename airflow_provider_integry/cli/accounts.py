"""``airflow integry accounts``: the accounts that end users of a host application have connected."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.airflow_store import local_store
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.cli.command import command, confirm
from airflow_provider_integry.cli.output import Row, make_printable, print_rows
from airflow_provider_integry.end_users.accounts import ConnectedAccount
from airflow_provider_integry.end_users.local import local_directory, local_end_users
from airflow_provider_integry.end_users.principals import Principal
from airflow_provider_integry.end_users.service import MAX_PAGE
from airflow_provider_integry.errors import EndUserNotFoundError


@command()
def list_all(args: Namespace) -> None:
    """Show the accounts of a host application's users."""
    by = _find_workspace(args.workspace)
    readiness = Readiness(args.readiness) if args.readiness else None
    found = _walk(by, conn_id=args.conn_id, end_user=args.end_user, readiness=readiness)
    print_rows((_build_row(one) for one in found), args.output)


@command()
def test(args: Namespace) -> None:
    """Try an account against its API."""
    result = run_steps(local_end_users().test(_find_owner(args.account_id), args.account_id))
    message = make_printable(result.message)
    if not result.is_ok:
        raise SystemExit(message)
    print(message)


@command()
def disconnect(args: Namespace) -> None:
    """Give an account back to its service, and wipe it here."""
    by, service = _find_owner(args.account_id), local_end_users()
    if not args.yes:
        confirm(f"Disconnect {_name(service.account(by, args.account_id))}? It has to be connected again afterwards.")
    # Closed in any case: an account is wiped also when somebody interrupts the talk with the service.
    with closing(service.disconnect(by, args.account_id, is_local_only=args.local_only)) as steps:
        outcome = run_steps(steps)
    print(make_printable(outcome.describe()))


@command()
def set_default(args: Namespace) -> None:
    """Make an account the one that is used where none is named."""
    found = local_end_users().set_default(_find_owner(args.account_id), args.account_id)
    print(f"Calls that name no account use {_name(found)} from now on.")


@command()
def migrate(args: Namespace) -> None:
    """Let one account take the place of another, which is wiped here."""
    by, service = _find_owner(args.account_id), local_end_users()
    before, after = service.account(by, args.account_id), service.account(by, args.new_account_id)
    if not args.yes:
        confirm(f"Use {_name(after)} in the place of {_name(before)}, and wipe that one here?")
    run_steps(service.migrate(by, before.id, after.id))
    print(f"All that names {before.id} uses {after.id} from now on. The service was not told.")


def _walk(by: Principal, **narrowed: object) -> Iterator[ConnectedAccount]:
    service, after = local_end_users(), None
    while True:
        page = service.accounts(by, after=after, limit=MAX_PAGE, **narrowed)  # type: ignore[arg-type]
        yield from page.items
        after = page.next
        if after is None:
            return


def _find_workspace(conn_id: str) -> Principal:
    """Return a host application as it sees itself, or end the command where there is none."""
    workspace = local_directory().find(conn_id)
    if workspace is None:
        raise SystemExit(
            f"There is no workspace '{conn_id}', or something is wrong with one of its fields. A workspace is a"
            " connection of type 'integry_workspace'."
        )
    return Principal(workspace, None, "secret")


def _find_owner(account_id: str) -> Principal:
    """Return the host application that an account belongs to, or end the command where there is none.

    Raises:
        EndUserNotFoundError: Nothing is kept under that id, or it belongs to no workspace.
    """
    row = local_store().find_by_public_id(account_id)
    found = local_directory().find_app(row.conn_id) if row else None
    named = found.settings.end_users.workspace if found and found.settings else None
    if named is None:
        raise EndUserNotFoundError("account")
    return _find_workspace(named)


def _name(account: ConnectedAccount) -> str:
    which = f", account '{account.account}'" if account.account is not None else ""
    who = f" ({account.account_name})" if account.account_name else ""
    text = f"{account.id}{who} of connection '{account.conn_id}', end user '{account.end_user}'{which}"
    return make_printable(text)


def _build_row(account: ConnectedAccount) -> Row:
    changed_at = datetime.fromtimestamp(account.changed_at, timezone.utc)
    return {
        "id": account.id,
        "conn_id": account.conn_id,
        "end_user": account.end_user,
        "account": account.account or "",
        "readiness": str(account.readiness),
        "default": "yes" if account.is_default else "",
        "account_id": account.account_id or "",
        "account_name": account.account_name or "",
        "changed_at": changed_at.isoformat(timespec="seconds"),
        "reason": account.reason,
    }

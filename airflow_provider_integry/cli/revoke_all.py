"""``airflow integry revoke CONN_ID --all``: every grant of a connection at once, as after tokens have leaked."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

from airflow.utils.platform import getuser

from airflow_provider_integry.authorizations.airflow_store import (
    local_journal,
    local_refresher,
    local_store,
    read_settings,
    team_of,
)
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.revoke import RevokeOutcome, revoke_authorization
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.subject import Subject, build_subject
from airflow_provider_integry.cli.command import confirm
from airflow_provider_integry.cli.output import make_printable
from airflow_provider_integry.cli.progress import Progress
from airflow_provider_integry.errors import AuthorizationError, ConfigurationError
from airflow_provider_integry.settings import ConnectionSettings

PAGE_ROWS = 500


def revoke_all(args: Namespace) -> None:
    """Give every grant of a connection back to its service, and wipe it; what somebody gives meanwhile as well."""
    if args.end_user is not None or args.account is not None:
        raise SystemExit("--all is for every end user and account; leave --end-user and --account out.")
    count = sum(1 for _ in _list_kept(args.conn_id))
    if not count:
        raise SystemExit(f"Nothing is kept of connection '{args.conn_id}' that is not revoked already.")
    if not args.yes:
        where = "here alone" if args.local_only else "here and at the service"
        confirm(
            f"Revoke all {count} grants of connection '{args.conn_id}', {where}? Everybody has to authorize again"
            " afterwards."
        )
    _report(args.conn_id, list(_revoke(args, count)))


def _list_kept(conn_id: str) -> Iterator[Authorization]:
    """Return what is kept of a connection and not revoked, in pages, in whichever team it was given."""
    after_id = 0
    while rows := local_store().page([conn_id], after_id=after_id, limit=PAGE_ROWS):
        after_id = rows[-1].id
        yield from (row for row in rows if row.state != "revoked")


def _revoke(args: Namespace, count: int) -> Iterator[RevokeOutcome]:
    settings, team = _read(args.conn_id), team_of(args.conn_id)
    progress = Progress()
    for number, row in enumerate(_list_kept(args.conn_id), start=1):
        progress.tell(f"{number} of {max(count, number)} …")
        key = AuthorizationKey(row.conn_id, row.team_name, row.end_user, row.account)
        subject = _build(settings, key) if row.team_name == team else None
        steps = revoke_authorization(
            local_store(),
            local_journal(),
            local_refresher(),
            subject,
            key,
            owner=getuser(),
            is_local_only=args.local_only,
        )
        # Closed in any case, as in `grants.revoke`.
        with closing(steps):
            yield run_steps(steps)
    progress.end()


def _read(conn_id: str) -> ConnectionSettings | None:
    """Return the connection; None where it is gone or wrong: its grants can be wiped all the same."""
    try:
        return read_settings(conn_id)
    except ConfigurationError:
        return None


def _build(settings: ConnectionSettings | None, key: AuthorizationKey) -> Subject | None:
    try:
        return build_subject(settings, key) if settings else None
    except AuthorizationError:
        return None


def _report(conn_id: str, outcomes: list[RevokeOutcome]) -> None:
    """Say what happened, and why the service was not told where it was not."""
    told = sum(outcome.is_revoked_upstream for outcome in outcomes)
    print(f"{len(outcomes)} grants of connection '{conn_id}' are wiped; the service was told of {told}.")
    untold = Counter(outcome.detail for outcome in outcomes if not outcome.is_revoked_upstream)
    for detail, number in untold.most_common(5):
        print(f"{number}: {make_printable(detail)}")

"""``airflow integry db``: the provider's tables, made, migrated, removed and checked."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_integry.authorizations.airflow_store import local_store
from airflow_provider_integry.authorizations.manager import IntegryDBManager
from airflow_provider_integry.cli.command import command, confirm
from airflow_provider_integry.errors import StoreNotReadyError


@command(needs_airflow_tables=False, is_quiet=False)
def upgrade(args: Namespace) -> None:
    """Make or migrate the tables."""
    with _manager() as manager:
        _check_revision(manager, args.revision)
        manager.upgradedb(to_revision=args.revision)
    with _manager() as manager:
        print(f"The provider's tables are at revision {manager.get_current_revision()}.")


@command(needs_airflow_tables=False, is_quiet=False)
def downgrade(args: Namespace) -> None:
    """Take the tables back to an earlier revision."""
    with _manager() as manager:
        _check_revision(manager, args.revision)
        current = manager.get_current_revision()
    if current is None:
        raise SystemExit("The provider has no tables in this database; there is nothing to take back.")
    if not args.yes:
        confirm(f"{_warn(args.revision)} Go on?")
    with _manager() as manager:
        manager.downgrade(args.revision)
    with _manager() as manager:
        now = manager.get_current_revision()
    left = f"are at revision {now}" if now else "are removed"
    print(f"The provider's tables {left}.")


@command(needs_airflow_tables=False)
def check(args: Namespace) -> None:
    """Compare the revision of the tables with this version's."""
    with _manager() as manager:
        current, heads = manager.get_current_revision(), manager.get_script_object().get_heads()
    if [current] != list(heads):
        found = f"at revision {current}" if current else "missing"
        raise SystemExit(
            f"The provider's tables are {found}; this version needs {', '.join(heads)}. Run 'airflow db migrate' or"
            " 'airflow integry db upgrade'."
        )
    print(f"The provider's tables are at revision {current}, as this version needs them.")


@contextmanager
def _manager() -> Iterator[Any]:
    # Lazy for start-up cost: the models are needed by processes with the database alone.
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        yield IntegryDBManager(session)  # type: ignore[no-untyped-call]


def _check_revision(manager: Any, revision: str | None) -> None:
    # Lazy for start-up cost: as above.
    from alembic.util.exc import CommandError

    if revision in (None, "base", "head", "heads"):
        return
    try:
        manager.get_script_object().get_revision(revision)
    except CommandError:
        known = ", ".join(one.revision for one in manager.get_script_object().walk_revisions())
        raise SystemExit(f"There is no revision '{revision}'; there are: {known}, base.") from None


def _warn(revision: str) -> str:
    try:
        count = local_store().count()
    except StoreNotReadyError:
        count = 0
    if revision == "base":
        return (
            f"This removes the provider's tables with {count} authorizations: every grant in them is lost and has to be"
            " obtained again."
        )
    return (
        f"This takes the provider's tables back to revision {revision}; {count} authorizations may"
        " lose what it does not know."
    )

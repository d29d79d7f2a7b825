"""What all commands share: Airflow's own treatment of commands, errors as last lines, and the question."""

from __future__ import annotations

import functools
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from airflow.utils import cli as cli_utils
from airflow.utils.cli import suppress_logs_and_warning
from airflow.utils.providers_configuration_loader import providers_configuration_loaded

from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.errors import IntegryError

if TYPE_CHECKING:
    from airflow_provider_integry.end_users.outbox import Outbox

# Somebody waits at the terminal.
_MOST_EVENTS = 3
Command = Callable[[Namespace], None]


def command(*, needs_airflow_tables: bool = True, is_quiet: bool = True) -> Callable[[Command], Command]:
    """Decorate a function as a command: noted in the audit log, with the providers' options, and without tracebacks.

    Args:
        needs_airflow_tables: Whether Airflow's own tables are made and migrated first, where Airflow is set to
            do that.
        is_quiet: Whether log lines are kept out of what is printed, unless --verbose asks for them.
    """

    def decorate(function: Command) -> Command:
        @functools.wraps(function)
        def run(args: Namespace) -> None:
            outbox = _watch()
            try:
                function(args)
            except IntegryError as error:
                raise SystemExit(str(error)) from None
            finally:
                _tell(outbox)

        # The audit log's name for it: what Airflow calls 'cli_upgrade' is nobody's in particular.
        run.__name__ = f"integry_{function.__name__}"
        logged = cli_utils.action_cli(check_db=needs_airflow_tables)(providers_configuration_loaded(run))
        # Outermost: Airflow 3.2 logs to standard output, also while it looks at the database's version.
        return cast("Command", suppress_logs_and_warning(logged) if is_quiet else logged)

    return decorate


def _watch() -> Outbox:
    """See to it that host applications are told of what this command does to grants."""
    # Lazy for start-up cost: `airflow integry --help` needs no database.
    from airflow_provider_integry.end_users.local import local_outbox

    return local_outbox()


def _tell(outbox: Outbox) -> None:
    """Send events of this command; what fails stays, and is sent by the API server."""
    if not outbox.has_news:
        return
    try:
        run_steps(outbox.deliver(most=_MOST_EVENTS))
    except IntegryError as error:
        print(f"Host applications are told later: {error}", file=sys.stderr)


def confirm(question: str) -> None:
    """Ask on the terminal, and end the command unless the answer is yes."""
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        raise SystemExit("\nNobody is there to answer; nothing was done. Give --yes to go on without asking.") from None
    if answer.strip().lower() not in ("y", "yes"):
        raise SystemExit("Nothing was done.")

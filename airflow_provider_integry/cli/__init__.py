"""``airflow integry``: look after authorizations from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand


def get_commands() -> list[CLICommand]:
    """Return this provider's commands; Airflow asks at each of its own."""
    # Lazy for start-up cost: Airflow's table of commands is not needed to import this package.
    from airflow_provider_integry.cli.definition import COMMANDS

    return COMMANDS

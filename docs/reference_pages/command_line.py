"""The page of commands, from the definitions that Airflow is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand

from airflow_provider_integry.cli.definition import COMMANDS
from reference_pages.markdown import build_block, build_table, code, join

# Airflow's own, which every command has.
_EVERYWHERE = ("--verbose",)


class Command(NamedTuple):
    """One command, with the words that lead to it."""

    path: tuple[str, ...]
    definition: ActionCommand


def build_page() -> str:
    """Build the page."""
    return join(
        "# Command line",
        "All commands begin with `airflow integry`; each explains itself with `--help`.\n"
        "They need Airflow's database and Fernet key, except those for connectors.\n"
        "[Look after authorizations from the command line](../how-to/command-line.md) and"
        " [Run an activity from the shell](../how-to/run-from-the-shell.md) show them at work.",
        "`-v` or `--verbose` makes any of them tell more.\n"
        "A command ends with status 0 when it has done what it says, with 1 when it has not, and with 2 when its"
        " arguments are wrong.",
        *(_build_section(command) for command in list_commands()),
    )


def list_commands(
    found: Iterable[CLICommand] = tuple(COMMANDS), path: tuple[str, ...] = ("airflow",)
) -> Iterator[Command]:
    """Return all commands, in the order of their definitions."""
    for item in found:
        inner = (*path, item.name)
        if isinstance(item, GroupCommand):
            yield from list_commands(item.subcommands, inner)
        else:
            yield Command(inner, item)


def _build_section(command: Command) -> str:
    definition = command.definition
    args = [arg for arg in definition.args if not set(arg.flags) & set(_EVERYWHERE)]
    example = (definition.epilog or "").removeprefix("Example: ")
    return join(
        f"## {' '.join(command.path[1:])}",
        f"{definition.description or definition.help}",
        build_table(["Argument", "What it is"], ([_name(arg), _explain(arg)] for arg in args)) if args else "",
        build_block("bash", example) if example else "",
    )


def _name(arg: Arg) -> str:
    shown = arg.kwargs.get("metavar") or ""
    if isinstance(shown, tuple):
        shown = "FORMAT"
    if not arg.flags[0].startswith("-"):
        return code(shown or arg.flags[0])
    return ", ".join(code(f"{flag} {shown}".strip()) for flag in arg.flags)


def _explain(arg: Arg) -> str:
    default = arg.kwargs.get("default")
    return str(arg.kwargs.get("help") or "").replace("%(default)s", str(default)).replace("%%", "%")

"""``airflow integry connectors``: connectors listed, shown, checked, and made out of OpenAPI documents."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from airflow_provider_integry import config
from airflow_provider_integry.cli.command import command
from airflow_provider_integry.cli.output import Row, make_printable, print_rows
from airflow_provider_integry.connectors import Connector, list_connectors, load_connector
from airflow_provider_integry.connectors.inputs import Input
from airflow_provider_integry.connectors.json_schema import build_json_schema
from airflow_provider_integry.connectors.load import SUFFIXES
from airflow_provider_integry.connectors.openapi.build import Choice, Imported, import_document
from airflow_provider_integry.connectors.openapi.source import MAX_BYTES, read_document
from airflow_provider_integry.connectors.spec import is_slug
from airflow_provider_integry.connectors.values import find_activity
from airflow_provider_integry.errors import IntegryError

MAX_TOLD = 20


@command(needs_airflow_tables=False)
def list_all(args: Namespace) -> None:
    """List the connectors that can be loaded by name."""
    rows = [
        {"name": entry.name, "title": entry.title, "where": entry.where}
        for entry in list_connectors(config.connectors_folder())
    ]
    print_rows(rows, args.output, by=("name",))


@command(needs_airflow_tables=False)
def show(args: Namespace) -> None:
    """Show what a connector can do, or what one of its activities takes."""
    connector = load_connector(args.connector, folder=config.connectors_folder())
    is_for_people = args.output in ("table", "plain")
    if args.activity is None:
        if is_for_people:
            _print_facts(_facts_of(connector))
        print_rows(_activity_rows(connector), args.output, by=("activity",))
        return
    activity = find_activity(connector, args.activity)
    if is_for_people:
        paging = {"Paging": activity.paging.kind} if activity.kind == "query" else {}
        told = {"Activity": args.activity, "Title": activity.title, "Description": activity.description}
        request = {"Kind": activity.kind, "Request": f"{activity.method} {activity.path}", "Result": activity.result}
        _print_facts({**told, **request, **paging})
    if activity.inputs or not is_for_people:
        print_rows([_input_row(key, spec) for key, spec in activity.inputs.items()], args.output, by=())
    else:
        print("It takes no inputs.")


@command(needs_airflow_tables=False)
def validate(args: Namespace) -> None:
    """Check connector files."""
    valid = [_is_valid(name) for name in _files(args.connectors)]
    if not all(valid):
        raise SystemExit(1)


def _is_valid(name: str) -> bool:
    try:
        connector = load_connector(name, folder=config.connectors_folder())
    except IntegryError as error:
        print(make_printable(str(error)), file=sys.stderr)
        return False
    count = len(connector.activities)
    print(f"{name}: valid, connector '{connector.name}' with {count} activit{'y' if count == 1 else 'ies'}.")
    return True


@command(needs_airflow_tables=False)
def schema(args: Namespace) -> None:
    """Print the JSON Schema of connector files."""
    print(json.dumps(build_json_schema(), indent=2))


@command(needs_airflow_tables=False)
def import_openapi(args: Namespace) -> None:
    """Make a connector out of an OpenAPI document."""
    if args.name is not None and not is_slug(args.name):
        raise SystemExit(f"'{args.name}' is no connector name; take a-z, 0-9, '_' and '-', and begin with a letter.")
    target = Path(args.output_file) if args.output_file else None
    if target is not None and target.exists() and not args.force:
        raise SystemExit(f"File '{target}' is there already; give --force to replace it.")
    choice = Choice(tuple(args.operation or ()), tuple(args.tag or ()), args.deprecated)
    document = read_document(_read_bytes(args.document), Path(args.document).name)
    done = import_document(document, Path(args.document).name, name=args.name, choice=choice, base_url=args.base_url)
    if target is None:
        print(done.text, end="")
    else:
        _write(target, done)
    _report(done, target)


def _read_bytes(path: str) -> bytes:
    try:
        if path == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SystemExit(f"File '{path}' cannot be read: {error.strerror}.") from None


def _write(target: Path, done: Imported) -> None:
    try:
        target.write_text(done.text, encoding="utf-8")
    except OSError as error:
        raise SystemExit(f"File '{target}' cannot be written: {error.strerror}.") from None


def _report(done: Imported, target: Path | None) -> None:
    where = f" to {target}" if target else ""
    lines = [f"Connector '{done.connector.name}' with {len(done.connector.activities)} activities written{where}."]
    if target is not None and target.stem != done.connector.name:
        lines.append(f"It is found by name only as {done.connector.name}{target.suffix}.")
    if done.guessed:
        lines.append(f"Paging is guessed, check it: {_some(done.guessed)}")
    lines += [f"{title}: {note}." for title, note in done.notes[:MAX_TOLD]]
    if len(done.notes) > MAX_TOLD:
        lines.append(f"… and {len(done.notes) - MAX_TOLD} more of this kind.")
    if done.left_out:
        lines.append(f"Left out, {len(done.left_out)} operations:")
        lines += [f"  {title}: it {reason}" for title, reason in done.left_out[:MAX_TOLD]]
        if len(done.left_out) > MAX_TOLD:
            lines.append(f"  … and {len(done.left_out) - MAX_TOLD} more")
    for line in lines:
        print(make_printable(line), file=sys.stderr)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MAX_TOLD} more" if len(names) > MAX_TOLD else ""
    return f"{', '.join(names[:MAX_TOLD])}{more}."


def _files(given: Iterable[str]) -> Iterator[str]:
    """Give what is to be checked; a folder stands for the connector files in it."""
    for one in given:
        path = Path(one)
        if path.is_dir():
            found = sorted(str(file) for file in path.iterdir() if file.suffix in SUFFIXES)
            if not found:
                raise SystemExit(f"Folder '{one}' holds no connector file ({', '.join(SUFFIXES)}).")
            yield from found
        else:
            yield one


def _facts_of(connector: Connector) -> dict[str, Any]:
    user_info = connector.user_info
    return {
        "Connector": connector.name,
        "Title": connector.title,
        "Description": connector.description,
        "Documentation": connector.docs_url,
        "Base URL": connector.base_url or "the connection's",
        "Connection types": ", ".join(connector.connection_types or ("all",)),
        "User information": f"{user_info.method} {user_info.path}" if user_info else "",
    }


def _print_facts(facts: dict[str, Any]) -> None:
    for label, value in facts.items():
        if value:
            print(make_printable(f"{label}: {value}"))


def _activity_rows(connector: Connector) -> list[Row]:
    return [
        {
            "activity": name,
            "kind": activity.kind,
            "request": _request_of(activity),
            "required": ", ".join(_required(getattr(activity, "inputs", {}))),
            "title": activity.title or activity.description,
        }
        for name, activity in connector.activities.items()
    ]


def _request_of(activity: Any) -> str:
    """Return method and path; empty for an activity that sends nothing."""
    return f"{activity.method} {activity.path}" if hasattr(activity, "path") else ""


def _required(inputs: dict[str, Input]) -> list[str]:
    return [key for key, spec in inputs.items() if spec.required and not spec.has_default]


def _input_row(key: str, spec: Input) -> Row:
    return {
        "input": key,
        "in": ", ".join(spec.places),
        "value": _describe_schema(spec.json_schema),
        "required": "yes" if spec.required and not spec.has_default else "",
        "default": json.dumps(spec.default, ensure_ascii=False) if spec.has_default else "",
        "description": spec.description,
    }


def _describe_schema(found: dict[str, Any]) -> str:
    choices = found.get("enum")
    if isinstance(choices, list):
        return " | ".join(str(one) for one in choices[:10]) + (" | …" if len(choices) > 10 else "")
    kind = found.get("type", "any")
    words = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{words} ({found['format']})" if "format" in found else words

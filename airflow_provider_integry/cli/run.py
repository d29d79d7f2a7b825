"""``airflow integry run``: one activity from the shell."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec.json

from airflow_provider_integry.cli.chosen import find_settings
from airflow_provider_integry.cli.command import command
from airflow_provider_integry.cli.values import parse_arguments
from airflow_provider_integry.connectors.run import ActivityCall
from airflow_provider_integry.connectors.values import find_activity
from airflow_provider_integry.hooks.files import save_answer
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.hooks.records import RecordWriter

INTERRUPTED = 130


@command(needs_airflow_tables=False)
def run(args: Namespace) -> None:
    """Run one activity and print what it gives."""
    hook = IntegryHook(args.conn_id, args.end_user, args.account, args.connector).with_settings(
        find_settings(args.conn_id)
    )
    activity = find_activity(hook.connector, args.activity)
    inputs = {**_read_inputs(args.inputs_file), **parse_arguments(activity.inputs, args.inputs)}
    call = hook.start(args.activity, inputs)
    if args.dry_run:
        _show(call)
        return
    try:
        _run(hook, call, args)
    except BrokenPipeError:
        # What reads our output has seen enough, as `head` has.
        sys.stderr.close()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None


def _run(hook: IntegryHook, call: ActivityCall, args: Namespace) -> None:
    if call.is_file:
        _save(hook, call, args)
        return
    if args.output_file:
        with RecordWriter(_as_url(args.output_file)) as writer:
            for page in _pages(hook, call, args):
                writer.write(page if call.is_query else [page])
        print(json.dumps(writer.summary()))
        return
    if not call.is_query:
        print(json.dumps(next(hook.pages(call)), indent=2, ensure_ascii=False))
        return
    count = 0
    for page in _pages(hook, call, args):
        sys.stdout.buffer.write(b"".join(msgspec.json.encode(record) + b"\n" for record in page))
        sys.stdout.buffer.flush()
        count += len(page)
    print(f"{count} records in {call.pages} pages.", file=sys.stderr)


def _save(hook: IntegryHook, call: ActivityCall, args: Namespace) -> None:
    if not args.output_file:
        raise SystemExit(f"Activity '{args.activity}' answers with a file; say where it goes with --output-file.")
    print(json.dumps(save_answer(hook, call, _as_url(args.output_file))))


def _pages(hook: IntegryHook, call: ActivityCall, args: Namespace) -> Iterator[Any]:
    """Give the pages, cut off where enough records or pages have come."""
    left = args.max_records
    for page in islice(hook.pages(call), args.max_pages if call.is_query else None):
        if left is None or not call.is_query:
            yield page
            continue
        yield page[:left]
        left -= len(page)
        if left <= 0:
            return


def _read_inputs(path: str | None) -> dict[str, Any]:
    """Read inputs from a JSON file."""
    if path is None:
        return {}
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        found = json.loads(text)
    except OSError as error:
        raise SystemExit(f"File '{path}' cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise SystemExit(f"File '{path}' is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise SystemExit(f"File '{path}' must hold a JSON object of inputs by name.")
    return found


def _as_url(path: str) -> str:
    """Return a path of this machine as a URL; a URL stays as it is."""
    return path if "://" in path else Path(path).absolute().as_uri()


def _show(call: ActivityCall) -> None:
    request = call.request
    assert request is not None, "nothing was sent yet"
    print(f"{request.method} {request.url}")
    for name, value in request.headers:
        print(f"{name}: {value}")
    if request.body is not None:
        print(f"\n{request.body.decode('utf-8', 'backslashreplace')}")
    print("Nothing was sent; the credential is added when it is.", file=sys.stderr)

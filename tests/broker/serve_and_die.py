"""Broker processes that are forked from a warm parent, and can be told to kill themselves.

``python serve_and_die.py``: prints ``ready``, then reads one command as JSON per line and answers each
with one line:

- ``{"port": 8080, "log": PATH, "environment": {...}}`` serves the plugin's application in a child, as
  Airflow's API server mounts it, and answers with its process id;
- ``{"run": CODE}`` runs Python in a child that has the database, and answers with its exit status;
- ``{"reap": PID}`` answers with the exit status of a child that has ended; null while it has not.

Variables of a child's environment, all optional:

- ``TEST_DIE_AT``: one of `kills.POINTS`; the process kills itself (SIGKILL) when it first gets there.
- ``TEST_DIE_MARK``: a file that is made then; it dies only where there is none yet.
- ``TEST_LOG_LEVEL``: "debug" lets everybody say all that they have to say.
- ``TEST_LEASE_S``, ``TEST_CONVERSATION_S``: shorten a lease and a conversation.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import signal
import sys
import traceback
from typing import Any, TextIO

import uvicorn

import airflow_provider_integry.web.app
from airflow_provider_integry.authorizations import refresh
from airflow_provider_integry.authorizations.airflow_store import ensure_installation_secret
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.transport import aio
from broker.serve import build


def die(point: str) -> None:
    """End this process at once where that is wanted, once."""
    if os.environ.get("TEST_DIE_AT") != point:
        return
    try:
        os.close(os.open(os.environ["TEST_DIE_MARK"], os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def arm() -> None:
    """Put the points into the functions that a refresh is made of ("in_flight" is the test's own affair)."""
    claim, change = AuthorizationStore.claim, AuthorizationStore.change
    write, remove, afetch = Journal.write, Journal.remove, aio.afetch

    @functools.wraps(claim)
    def claim_or_die(*args: Any, **named: Any) -> Any:
        die("before_lease")
        claimed = claim(*args, **named)
        if claimed is not None:
            die("after_lease")
        return claimed

    @functools.wraps(change)
    def change_or_die(self: Any, row: Any, values: Any, **named: Any) -> bool:
        is_done = change(self, row, values, **named)
        if is_done and "sealed" in values:
            die("after_commit")
        return is_done

    @functools.wraps(afetch)
    async def afetch_or_die(*args: Any, **named: Any) -> Any:
        die("before_sending")
        response = await afetch(*args, **named)
        die("after_response")
        return response

    @functools.wraps(write)
    def write_or_die(*args: Any) -> None:
        write(*args)
        die("after_journal")

    @functools.wraps(remove)
    def remove_or_die(*args: Any) -> None:
        remove(*args)
        die("after_removal")

    AuthorizationStore.claim, AuthorizationStore.change = claim_or_die, change_or_die
    Journal.write, Journal.remove, aio.afetch = write_or_die, remove_or_die, afetch_or_die


def shorten() -> None:
    """Shorten what would make tests long."""
    refresh.LEASE_S = float(os.environ.get("TEST_LEASE_S", refresh.LEASE_S))
    refresh.CONVERSATION_S = float(os.environ.get("TEST_CONVERSATION_S", refresh.CONVERSATION_S))


def serve(command: dict[str, Any]) -> None:
    log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(command["environment"])
    shorten()
    arm()
    level = os.environ.get("TEST_LOG_LEVEL", "info")
    if level == "debug":
        # Airflow leaves these as they are: here they tell statements and connections too.
        for name in ("", "asyncio", "aiohttp", "sqlalchemy.engine"):
            logging.getLogger(name).setLevel(logging.DEBUG)
    uvicorn.run(build(), host="127.0.0.1", port=command["port"], log_level=level)


def run(code: str) -> None:
    exec(compile(code, "<test>", "exec"), {"__name__": "__main__"})


def in_child(function: Any, *args: Any) -> int:
    """Call a function in a child, which ends with it; return its process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        function(*args)
        status = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the parent is told by the exit status
        traceback.print_exc()
    finally:
        os._exit(status)


def open_channel() -> TextIO:
    """Return what was the standard output; what others print goes to the standard error from now on."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return channel


def warm_up() -> None:
    """Load what the first request would load, so that children start within a blink."""
    # What Airflow's API server does at its start: the database is opened by importing the settings.
    from airflow import settings
    from airflow.models.log import Log

    assert settings.engine is not None
    for needed in (airflow_provider_integry.web.app, Log):
        assert needed
    # Its connection is a variable of the environment: the database is not asked.
    ensure_installation_secret()


def main() -> None:
    channel = open_channel()
    warm_up()
    print("ready", file=channel, flush=True)
    answer: int | None
    for line in sys.stdin:
        command = json.loads(line)
        if "run" in command:
            answer = os.waitstatus_to_exitcode(os.waitpid(in_child(run, command["run"]), 0)[1])
        elif "reap" in command:
            pid, status = os.waitpid(command["reap"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = in_child(serve, command)
        print(json.dumps(answer), file=channel, flush=True)


if __name__ == "__main__":
    main()

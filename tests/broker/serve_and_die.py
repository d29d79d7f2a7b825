"""Broker processes that are forked from a warm parent, and can be told to kill themselves.

``python serve_and_die.py``: prints ``ready``, then reads one command as JSON per line and answers each
with one line:

- ``{"port": 8080, "log": PATH, "environment": {...}}`` serves the plugin's application in a child, as
  Airflow's API server mounts it, and answers with its process id;
- ``{"run": CODE}`` runs Python in a child that has the database, and answers with its exit status;
- ``{"reap": PID}`` answers with the exit status of a child that has ended; null while it has not.

A child's environment may hold the variables of `broker.dying`, and ``TEST_LOG_LEVEL``: "debug" lets
everybody say all that they have to say.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from typing import Any, TextIO

import uvicorn

import airflow_provider_integry.web.app
from airflow_provider_integry.authorizations.airflow_store import ensure_installation_secret
from broker.dying import arm, shorten
from broker.serve import build


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

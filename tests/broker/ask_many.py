"""Groups of processes that ask for tokens as tasks do, forked from a warm parent as Airflow forks its tasks.

``python ask_many.py``: prints ``ready``, then reads one command as JSON per line and answers each with
one line:

- ``{"start": COUNT, "conn_id": …, "urls": [...], "environment": {...}}`` starts a group whose processes
  take the URLs of API servers in turn, and answers with its number;
- ``{"group": NUMBER, "only": COUNT, "rejected": …, "end_user": …, "fresh": …}`` lets all processes of a
  group (or the first few) ask at the same time, and answers with the list of what came of it;
- ``{"stop": NUMBER}`` ends a group.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any, TextIO

from airflow.sdk.execution_time.supervisor import block_orm_access

from airflow_provider_integry.authorizations.client import forget_secret
from airflow_provider_integry.authorizations.tokens import forget_sources
from broker.ask import ask


class Child:
    """One process that asks."""

    def __init__(self, conn_id: str, environment: dict[str, str]) -> None:
        commands, answers = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(commands[1])
            os.close(answers[0])
            os.environ.update(environment)
            try:
                answer_all(conn_id, os.fdopen(commands[0]), os.fdopen(answers[1], "w"))
            finally:
                os._exit(0)
        os.close(commands[0])
        os.close(answers[1])
        self.commands, self.answers = os.fdopen(commands[1], "w"), os.fdopen(answers[0])

    def send(self, line: str) -> None:
        self.commands.write(line)
        self.commands.flush()

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.commands.close()
        self.answers.close()


def answer_all(conn_id: str, commands: TextIO, answers: TextIO) -> None:
    for line in commands:
        command: dict[str, Any] = json.loads(line)
        if command.get("fresh", True):
            forget_sources()
        answers.write(json.dumps(ask(conn_id, command.get("end_user"), command.get("rejected"))) + "\n")
        answers.flush()


def start(command: dict[str, Any]) -> list[Child]:
    urls = command["urls"]
    return [
        Child(
            command["conn_id"], {**command["environment"], "AIRFLOW__INTEGRY__API_URL": urls[number % len(urls)]}
        )
        for number in range(command["start"])
    ]  # fmt: skip


def open_channel() -> TextIO:
    """Return what was the standard output; what others print goes to the standard error from now on."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return channel


def main() -> None:
    channel = open_channel()
    # As Airflow does before it runs a task.
    block_orm_access()
    # Everything is loaded before the first process is forked: nobody listens at this port.
    os.environ["AIRFLOW__INTEGRY__API_URL"] = "http://127.0.0.1:1"
    assert "error" in ask("warm", None, None)
    forget_sources()
    forget_secret()
    groups: dict[int, list[Child]] = {}
    answer: Any
    print("ready", file=channel, flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if "start" in command:
            answer = len(groups)
            groups[answer] = start(command)
        elif "stop" in command:
            answer = command["stop"]
            for child in groups[answer]:
                child.stop()
        else:
            asked = groups[command["group"]][: command.get("only")]
            for child in asked:
                child.send(line)
            answer = [json.loads(child.answers.readline() or "null") for child in asked]
        print(json.dumps(answer), file=channel, flush=True)


if __name__ == "__main__":
    main()

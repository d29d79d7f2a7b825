"""What a service documents, as data: one YAML file per connector in `servers/`, written from the service's pages.

`service.py` plays a service from it. Nothing here reads the connector: where both agree, it is because both say
what the documentation says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "servers"
# Stands in documented URLs for a host that is another one for each account.
ACCOUNT = "ACCOUNT"


@dataclass(frozen=True)
class Route:
    """One documented request, and how it is answered.

    Attributes:
        activity: Activity of the connector that sends it; None for requests without one.
        method, url: As documented.
        inputs: What a DAG gives the activity.
        query: Parameters that must arrive, no more and no less, beside those of paging.
        optional: Parameters that may arrive.
        body: Body that must arrive, as JSON or as a form; None for none.
        form: Whether the body is a form.
        content_type: Content type of another body.
        headers: Headers that must arrive.
        status, answer, answer_headers: The documented answer.
        records: How a list is answered: `at` (dotted place), `like` (one record, with {n}), `id` (its key).
        paging: How pages are told, see `paging.py`.
        gives: What the activity must return, where that is not the answer or the records.
    """

    activity: str | None
    method: str
    url: str
    inputs: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    optional: tuple[str, ...] = ()
    body: Any = None
    form: bool = False
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    answer: Any = None
    answer_headers: dict[str, str] = field(default_factory=dict)
    records: dict[str, Any] | None = None
    paging: dict[str, Any] | None = None
    gives: Any = None


@dataclass(frozen=True)
class Failure:
    """One documented error: what the service answers, and what must be in our words.

    Attributes:
        activity: Activity whose request is answered so.
        status, body: The documented answer; `body` may be None where none is documented.
        says: What must be in our error.
        headers: Of the answer. ``{600: %Y-%m-%dT%H:%MZ}`` is the time in 600 seconds, in UTC, in this
            form; ``epoch`` is a form too.
        waits_s: Seconds after which the service is to be asked again, as these headers say.
    """

    activity: str
    status: int
    body: Any
    says: str
    headers: dict[str, str] = field(default_factory=dict)
    waits_s: float | None = None

    def headers_at(self, now: datetime) -> dict[str, str]:
        """Return the headers of an answer that is sent at this time."""
        return {
            name: re.sub(r"\{(\d+): ([^}]+)\}", lambda found: _moment(now, *found.groups()), value)
            for name, value in self.headers.items()
        }


@dataclass(frozen=True)
class Table:
    """A service.

    Attributes:
        name: Its connector.
        hosts: Its documented hosts.
        auth: By connection type: what a person fills in (`form`), what requests must carry, and how tokens are got.
        whoami: The request for the account, with `id` and `name` as the connector must find them.
        refused: The answer to a wrong credential, with the words that must be in ours.
        headers: Headers that must arrive with every request.
        routes, failures: What is documented.
    """

    name: str
    hosts: tuple[str, ...]
    auth: dict[str, dict[str, Any]]
    whoami: dict[str, Any] | None
    refused: dict[str, Any]
    headers: dict[str, str]
    routes: tuple[Route, ...]
    failures: tuple[Failure, ...]

    @property
    def main_type(self) -> str:
        """The connection type with which the activities are played."""
        return next(iter(self.auth))


@cache
def read_table(name: str) -> Table:
    """Read the table of one service."""
    found = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    routes = [_read_route(activity, item) for activity, item in found.pop("activities").items()]
    whoami = found.pop("whoami", None)
    if whoami:
        who = {key: value for key, value in whoami.items() if key not in ("id", "name")}
        routes.append(_read_route(None, who))
    failures = [Failure(**item) for item in found.pop("errors", [])]
    return Table(
        name=name,
        hosts=tuple(found.pop("hosts", ())),
        auth=found.pop("auth"),
        whoami=whoami,
        refused=found.pop("refused"),
        headers=found.pop("headers", {}),
        routes=tuple(routes),
        failures=tuple(failures),
        **found,
    )


def _read_route(activity: str | None, item: dict[str, Any]) -> Route:
    method, url = re.fullmatch(r"([A-Z]+) (\S+)", item["request"]).groups()
    rest = {key: value for key, value in item.items() if key not in ("request", "optional")}
    return Route(activity, method, url, optional=tuple(item.get("optional", ())), **rest)


def _moment(now: datetime, in_s: str, form: str) -> str:
    moment = now + timedelta(seconds=int(in_s))
    return str(int(moment.timestamp())) if form == "epoch" else moment.strftime(form)


def names() -> list[str]:
    """Return the names of all tables."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def documented_path(url: str) -> str:
    """Return where the loopback server has a documented URL: its host is the first part of the path."""
    host, _, path = url.partition("://")[2].partition("/")
    return f"/{path}" if host == ACCOUNT else f"/{host}/{path}"


def put(document: dict[str, Any], place: str, value: Any) -> None:
    """Put a value under a dotted name."""
    *parents, last = re.split(r"(?<!\\)\.", place)
    for name in parents:
        document = document.setdefault(name.replace("\\.", "."), {})
    document[last.replace("\\.", ".")] = value

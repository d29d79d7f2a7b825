"""One request that no connector describes, as an activity of its own: everything an activity has, it has too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError

from airflow_provider_integry.connectors.bodies import bracket_pairs
from airflow_provider_integry.connectors.model import PLAIN
from airflow_provider_integry.connectors.openapi.texts import build_key, build_unique
from airflow_provider_integry.connectors.spec import Connector
from airflow_provider_integry.errors import InvalidInputError

ACTIVITY = "request"
TITLE = "One request"


class OneOff(NamedTuple):
    """A request as an activity.

    Attributes:
        activity: The activity as it would stand in a connector, with no value in it.
        inputs: Its inputs' values.
    """

    activity: dict[str, Any]
    inputs: dict[str, Any]


@dataclass(frozen=True)
class Content:
    """What a request carries.

    Attributes:
        query: Query; lists are repeated, mappings become ``a[b]``.
        headers: Headers.
        json: Body as JSON.
        form: Fields of a form.
        files: Files of a multipart form by field; `form` has its other fields.
        body: Raw body: text, or a file.
    """

    query: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    json: Any = None
    form: Mapping[str, Any] | None = None
    files: Mapping[str, Any] | None = None
    body: Any = None


def build_one_off(method: str, path: str, content: Content, options: Mapping[str, Any] | None = None) -> OneOff:
    """Return a request as an activity with its inputs.

    Args:
        method: HTTP method.
        path: Path below the base URL, or a URL on a host of the connection.
        content: What it carries.
        options: Further keys of the activity: `paging`, `result`, `answer`, `delimiter`.
    Raises:
        InvalidInputError: Several bodies are given.
    """
    made = _Maker()
    for name, value in (content.query or {}).items():
        made.add(name, "query", value, style="brackets" if isinstance(value, Mapping) else "repeat")
    for name, text in (content.headers or {}).items():
        made.add(name, "header", text)
    _add_body(made, content)
    more = {key: value for key, value in (options or {}).items() if value is not None}
    is_query = "paging" in more or more.get("answer") == "csv"
    activity = {
        "kind": "query" if is_query else "action",
        "method": method.upper(),
        "path": path,
        "inputs": made.specs,
        **made.settings,
        **more,
    }
    return OneOff(activity, made.values)


def build_connector(base: Connector | None, activity: Mapping[str, Any], hosts: tuple[str, ...]) -> Connector:
    """Return a connector with this activity alone, and all else as in `base`.

    Args:
        base: Connector of the connection, whose limits and errors hold for the request too.
        activity: The activity.
        hosts: Further hosts that the connection allows.
    Raises:
        InvalidInputError: The request cannot be sent like this.
    """
    own = base.model_dump(by_alias=True, exclude_unset=True, exclude={"activities"}) if base else {}
    everything = {"name": ACTIVITY, "title": TITLE, **own, "activities": {ACTIVITY: activity}}
    everything["hosts"] = tuple(dict.fromkeys([*everything.get("hosts", ()), *hosts]))
    try:
        return Connector.model_validate(everything)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        path = [*detail["loc"], *(detail["ctx"]["path"] if detail["type"] == PLAIN else ())]
        shown = ".".join(str(part) for part in path[3:])
        raise InvalidInputError(ACTIVITY, shown, str(detail["msg"])) from None


class _Maker:
    def __init__(self) -> None:
        self.specs: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        self.settings: dict[str, Any] = {}
        self._taken: set[str] = set()

    def add(self, name: str, place: str, value: Any, **spec: Any) -> None:
        key = build_unique(build_key(name), self._taken)
        own_name = {"name": name} if key != name and not spec.get("whole") else {}
        self.specs[key] = {"in": place, **own_name, **spec}
        self.values[key] = value


def _add_body(made: _Maker, content: Content) -> None:
    bodies = {"json": content.json, "form or files": content.form or content.files or None, "body": content.body}
    given = [name for name, one in bodies.items() if one is not None]
    if len(given) > 1:
        raise InvalidInputError(ACTIVITY, given[1], f"cannot stand beside '{given[0]}'; a request has one body")
    if content.files:
        made.settings["body_format"] = "multipart"
        for name, value in (content.form or {}).items():
            made.add(name, "body", value, style="brackets" if isinstance(value, Mapping) else "repeat")
        for name, value in content.files.items():
            made.add(name, "body", value, file=True)
    elif content.form:
        made.settings["body_format"] = "form"
        made.add("form", "body", _flat(content.form), whole=True)
    elif content.body is not None:
        made.settings["body_format"] = "raw"
        made.add("body", "body", content.body, whole=True, file=True)
    elif content.json is not None:
        made.add("json", "body", content.json, whole=True)


def _flat(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a form with nested ones in brackets."""
    fields: dict[str, Any] = {}
    for name, value in form.items():
        if isinstance(value, Mapping):
            for key, text in bracket_pairs(name, dict(value)):
                fields.setdefault(key, []).append(text)
        else:
            fields[name] = value
    return fields

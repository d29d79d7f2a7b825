"""An OpenAPI document to the text of a connector."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from pydantic import TypeAdapter, ValidationError

from airflow_provider_integry.connectors.document import MAX_BYTES, MAX_NODES
from airflow_provider_integry.connectors.load import parse_connector
from airflow_provider_integry.connectors.model import PLAIN
from airflow_provider_integry.connectors.openapi.account import guess_user_info
from airflow_provider_integry.connectors.openapi.inputs import LeftOutError, build_request
from airflow_provider_integry.connectors.openapi.operations import Operation, list_operations, read_operation
from airflow_provider_integry.connectors.openapi.paging import guess_paging
from airflow_provider_integry.connectors.openapi.refs import References, UnresolvedError, as_texts
from airflow_provider_integry.connectors.openapi.results import find_records
from airflow_provider_integry.connectors.openapi.schemas import Schemas
from airflow_provider_integry.connectors.openapi.security import (
    Access,
    document_scopes,
    document_security,
    read_access,
    scheme_names,
)
from airflow_provider_integry.connectors.openapi.servers import Base, fill_variables, find_base
from airflow_provider_integry.connectors.openapi.source import Document
from airflow_provider_integry.connectors.openapi.texts import (
    build_operation_name,
    build_sentence,
    build_unique,
)
from airflow_provider_integry.connectors.openapi.write import write_comment, write_yaml
from airflow_provider_integry.connectors.spec import Activity, Connector
from airflow_provider_integry.errors import ApiDescriptionError, ConnectorFormatError, UrlNotAllowedError
from airflow_provider_integry.urls import check_url, origin_of

_ACTIVITY: TypeAdapter[Any] = TypeAdapter(Activity)
_SEARCHES = frozenset({"search", "query", "list", "find", "filter"})
# What titles say beside the name of a service.
_NOISE = frozenset({"api", "apis", "rest", "public", "web", "http", "openapi", "spec", "reference", "documentation"})


@dataclass(frozen=True)
class Choice:
    """What of a document becomes part of the connector; everything when nothing is chosen.

    Attributes:
        operations: Ids of operations, or ``GET /path``; ``*`` stands for anything.
        tags: Tags of operations.
        with_deprecated: Whether operations that the document calls deprecated come along.
    """

    operations: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    with_deprecated: bool = False


@dataclass
class Imported:
    """What came of an import.

    Attributes:
        text: The connector as YAML.
        connector: The same, checked.
        left_out: Operations that are not in it, with the reason.
        notes: What is in it and differs from the document.
        guessed: Names of activities with something that was guessed.
    """

    text: str
    connector: Connector
    left_out: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    guessed: list[str] = field(default_factory=list)


def import_document(
    document: Document,
    source: str,
    *,
    name: str | None = None,
    choice: Choice | None = None,
    base_url: str | None = None,
) -> Imported:
    """Turn a document into a connector.

    Args:
        document: What `read_document` returned.
        source: Name of the file, for errors and the first line.
        name: Name of the connector; None for one made of the title.
        choice: Which operations; None for all.
        base_url: Base URL to use in place of the document's servers.
    Raises:
        ApiDescriptionError: Nothing fits the choice, or what was chosen is too large for one connector.
    """
    return _Import(document, source, name, choice or Choice(), base_url).run()


class _Import:
    def __init__(self, document: Document, source: str, name: str | None, choice: Choice, base_url: str | None) -> None:
        self._document = document
        self._source = source
        self._choice = choice
        self._refs = References(document)
        self._schemas = Schemas(self._refs)
        info = document.get("info")
        self._info: dict[str, Any] = info if isinstance(info, dict) else {}
        title = str(self._info.get("title") or "API")
        self._name = name or _connector_name(title)
        self._base: Base = find_base(document, base_url)
        self._hosts: dict[str, None] = {}
        self._left_out: list[tuple[str, str]] = []
        self._notes: list[tuple[str, str]] = []
        self._titles: dict[str, str] = {}
        self._comments: dict[tuple[str, ...], list[str]] = {}

    def run(self) -> Imported:
        operations = list(self._chosen())
        access = self._access(operations)
        activities: dict[str, Any] = {}
        taken: set[str] = set()
        for operation in operations:
            try:
                key = build_operation_name(operation.id, operation.method, operation.path)
                built, comments = self._activity(operation, access)
            except (LeftOutError, UnresolvedError) as error:
                self._left_out.append((operation.title, str(error)))
                continue
            key = build_unique(key, taken)
            activities[key] = built
            self._titles[key] = operation.title
            if comments:
                self._comments[("activities", key, "paging")] = comments
        return self._finish(activities, access)

    # -- which operations --------------------------------------------------------------------------

    def _chosen(self) -> Iterator[Operation]:
        found = False
        wanted = set(self._choice.operations)
        known: dict[str, None] = {}
        for path, method, item, raw in list_operations(self._refs):
            names = {str(raw.get("operationId") or ""), f"{method.upper()} {path}"}
            known.update(dict.fromkeys(sorted(names - {""})))
            if not self._is_chosen(names, raw):
                continue
            found = True
            wanted -= {pattern for pattern in wanted if _fits(names, pattern)}
            try:
                yield read_operation(self._refs, path, method, item, raw)
            except UnresolvedError as error:
                self._left_out.append((f"{method.upper()} {path}", str(error)))
        if wanted:
            raise ApiDescriptionError(self._source, _unknown("operation", min(wanted), list(known)))
        if not found:
            tags = sorted({tag for *_, raw in list_operations(self._refs) for tag in as_texts(raw.get("tags"))})
            raise ApiDescriptionError(self._source, _unknown("tag", (*self._choice.tags, "")[0], tags))

    def _is_chosen(self, names: set[str], raw: dict[str, Any]) -> bool:
        if any(_fits(names, pattern) for pattern in self._choice.operations):
            return True
        if raw.get("deprecated") is True and not self._choice.with_deprecated:
            return False
        if self._choice.operations or self._choice.tags:
            return bool(set(self._choice.tags) & set(as_texts(raw.get("tags"))))
        return True

    def _why_none(self) -> str:
        told = "; ".join(f"{title} {reason}" for title, reason in self._left_out[:3])
        return told or "there is no operation"

    # -- one activity ------------------------------------------------------------------------------

    def _access(self, operations: Sequence[Operation]) -> Access:
        common = document_security(self._document)
        used = [one for operation in operations for one in (operation.security or common) if one]
        scopes = [
            pair
            for operation in operations
            for pair in (document_scopes(self._document) if operation.security is None else operation.scopes)
        ]
        return read_access(self._refs, used or scheme_names(self._refs), scopes, base_url=self._base.url)

    def _activity(self, operation: Operation, access: Access) -> tuple[dict[str, Any], list[str]]:
        request = build_request(operation, self._schemas, access.names)
        records = find_records(self._schemas, operation.answer, operation.path)
        answer = _answer_of(operation)
        is_whole = any(spec.get("whole") for spec in request.inputs.values())
        may_page = records is not None and (operation.method == "GET" or (_is_search(operation) and not is_whole))
        guess = guess_paging(operation, self._schemas) if may_page else None
        is_query = answer.get("answer") == "csv" or (operation.method == "GET" and may_page) or guess is not None
        for note in request.notes:
            self._notes.append((operation.title, note))
        inputs = {
            key: spec
            for key, spec in request.inputs.items()
            if guess is None or spec["in"] not in ("query", "body") or spec.get("name", key) not in guess.parameters
        }
        method = {} if operation.method == ("GET" if is_query else "POST") else {"method": operation.method}
        activity = {
            "kind": "query" if is_query else "action",
            **_texts_of(operation),
            **method,
            "path": self._place(operation, request.path),
            **request.settings,
            **answer,
            **({"inputs": inputs} if inputs else {}),
            **({"result": records} if is_query and records else {}),
            **({"paging": guess.paging} if guess else {}),
        }
        return activity, [f"Guessed from {guess.reason}: check it."] if guess else []

    def _place(self, operation: Operation, path: str) -> str:
        """Return the path; an absolute URL where the operation has a server of its own."""
        if not operation.servers:
            return f"{self._base.prefix}{path}"
        url, _ = fill_variables(operation.servers[0])
        if url.startswith("/") or "{" in url:
            return f"{url.rstrip('/') if url.startswith('/') else self._base.prefix}{path}"
        own = origin_of(self._base.url) if self._base.url else None
        try:
            origin = origin_of(check_url(url, "server", allow_http=False))
        except UrlNotAllowedError:
            return f"{self._base.prefix}{path}"
        if origin != own:
            port = f":{origin.port}" if origin.port not in (None, 443) else ""
            self._hosts[f"{origin.host}{port}"] = None
        return f"{url.rstrip('/')}{path}"

    # -- the whole ---------------------------------------------------------------------------------

    def _finish(self, activities: dict[str, Any], access: Access) -> Imported:
        user_info = guess_user_info(self._refs, self._schemas, self._base.prefix)
        docs = self._docs_url()
        auth = {kind: access.profiles[kind] for kind in access.types if access.profiles[kind]}
        connector: dict[str, Any] = {
            "name": self._name,
            "title": build_sentence(str(self._info.get("title") or self._name), 100) or self._name,
            **_told("description", build_sentence(str(self._info.get("description") or ""), 300)),
            **({"docs_url": docs} if docs else {}),
            **({"base_url": self._base.url} if self._base.url else {}),
            **({"hosts": list(self._hosts)} if self._hosts else {}),
            **({"connection_types": list(access.types)} if access.types else {}),
            **({"auth": auth} if auth else {}),
            **({"user_info": user_info} if user_info else {}),
            "activities": activities,
        }
        text = self._write(connector, access)
        try:
            checked = parse_connector(text, self._name)
        except ConnectorFormatError:
            self._drop_invalid(activities)
            text = self._write(connector, access)
            checked = parse_connector(text, self._name)
        guessed = [key for key in activities if ("activities", key, "paging") in self._comments]
        return Imported(text, checked, self._left_out, self._notes, guessed)

    def _write(self, connector: dict[str, Any], access: Access) -> str:
        if not connector["activities"]:
            raise ApiDescriptionError(self._source, f"gives no activity: {self._why_none()}")
        comments = {**self._comments, **self._outline(connector, access)}
        text = "".join(f"{line}\n" for line in self._heading()) + write_yaml(connector, comments)
        self._check_size(text, connector)
        return text

    def _drop_invalid(self, activities: dict[str, Any]) -> None:
        """Take out the activities that no connector may have: to check each one by itself costs as much again."""
        for key in list(activities):
            if problem := _find_problem(activities[key]):
                self._left_out.append((self._titles[key], problem))
                del activities[key]

    def _heading(self) -> list[str]:
        version = str(self._info.get("version") or "").strip()
        kind = "Swagger" if "swagger" in self._document else "OpenAPI"
        said = self._document.get("swagger") or self._document.get("openapi")
        about = f"Made by 'airflow integry connectors import' out of {self._source} ({kind} {said}"
        return write_comment(f"{about}{f', API version {version}' if version else ''}).")

    def _outline(self, connector: dict[str, Any], access: Access) -> dict[tuple[str, ...], list[str]]:
        """Return the comments of the head, and the empty lines between activities."""
        keys = list(connector["activities"])
        comments: dict[tuple[str, ...], list[str]] = {("activities", key): [""] for key in keys[1:]}
        comments["activities",] = [""]
        if "base_url" in connector:
            comments[("base_url",)] = list(self._base.notes)
        else:
            comments[("activities",)] = ["", *self._base.notes]
        for kind, notes in access.notes.items():
            place = ("auth", kind) if access.profiles[kind] else ("connection_types",)
            comments.setdefault(place, []).extend(notes)
        if "user_info" in connector:
            comments[("user_info",)] = ["Guessed from its path: check that it names the account."]
        return comments

    def _docs_url(self) -> str | None:
        docs = self._document.get("externalDocs")
        url = docs.get("url") if isinstance(docs, dict) else None
        try:
            return check_url(url, "docs URL", allow_http=True) if isinstance(url, str) else None
        except UrlNotAllowedError:
            return None

    def _check_size(self, text: str, connector: dict[str, Any]) -> None:
        size, count = len(text.encode()), _count(connector)
        if size <= MAX_BYTES and count <= MAX_NODES:
            return
        tags: dict[str, int] = {}
        for *_, raw in list_operations(self._refs):
            for tag in as_texts(raw.get("tags")):
                tags[tag] = tags.get(tag, 0) + 1
        listed = ", ".join(f"{tag} ({number})" for tag, number in sorted(tags.items())[:60])
        raise ApiDescriptionError(
            self._source,
            f"gives a connector of {len(connector['activities'])} activities and {size} bytes; at most {MAX_BYTES} are"
            f" read. Choose operations with --operation or --tag; tags, with their operations: {listed or 'none'}",
        )


def _fits(names: set[str], pattern: str) -> bool:
    # Braces of a path mean nothing here; brackets would.
    return any(name == pattern or fnmatchcase(name, pattern.replace("[", "[[]")) for name in names if name)


def _find_problem(activity: dict[str, Any]) -> str | None:
    """Say why no connector may have this activity; None when it may."""
    try:
        _ACTIVITY.validate_python(activity)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        path = [*detail["loc"], *(detail["ctx"]["path"] if detail["type"] == PLAIN else ())]
        shown = ".".join(map(str, path)).removeprefix("query.").removeprefix("action.")
        return f"cannot be said as an activity: '{shown}' {detail['msg']}"
    return None


def _is_search(operation: Operation) -> bool:
    """Whether a POST reads, by its name."""
    words = f"{build_operation_name(operation.id, '', '')}_{operation.path.rsplit('/', 1)[-1].lower()}".split("_")
    return operation.method == "POST" and bool(_SEARCHES & set(words))


def _answer_of(operation: Operation) -> dict[str, str]:
    """Return the key `answer` of an activity; empty for JSON, and where nothing is said."""
    kinds = [kind.split(";")[0].strip().lower() for kind in operation.answer_types]
    if not kinds or operation.answer is not None or any("json" in kind or kind == "*/*" for kind in kinds):
        return {}
    if "text/csv" in kinds and operation.method == "GET":
        return {"answer": "csv"}
    return {"answer": "text" if all(kind.startswith("text/") for kind in kinds) else "file"}


def _texts_of(operation: Operation) -> dict[str, str]:
    title = build_sentence(operation.summary, 80).rstrip(".")
    description = build_sentence(operation.description)
    if description.rstrip(".") == title:
        description = ""
    return {**_told("title", title), **_told("description", description)}


def _told(key: str, text: str) -> dict[str, str]:
    return {key: text} if text else {}


def _connector_name(title: str) -> str:
    words = re.findall(r"[a-z0-9]+", re.sub(r"\Ws\b", "", title.lower()))
    while (words and words[-1] in _NOISE) or (words and re.fullmatch(r"v?\d+", words[-1])):
        words.pop()
    while words and words[0] in ("the", "swagger", "openapi"):
        words.pop(0)
    name = "_".join(words)[:64].rstrip("_")
    return name if re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", name) else "api"


def _unknown(what: str, given: str, known: list[str]) -> str:
    close = difflib.get_close_matches(given, known, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(repr(one) for one in close)}?" if close else ""
    listed = f" There are: {', '.join(known[:40])}{' …' if len(known) > 40 else ''}" if not close else ""
    return f"has no {what} '{given}'{hint}{listed}"


def _count(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_count, value.values()))
    return 1 + sum(map(_count, value)) if isinstance(value, list) else 1

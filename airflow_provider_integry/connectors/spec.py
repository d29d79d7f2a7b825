"""The models of a connector: what an API is, and what can be done with it.

Every rule is checked when a model is built, be it from a file or in Python, so that a connector
that exists is a connector that can be rendered.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictStr, model_validator

from airflow_provider_integry.connectors.answer_rules import AnswerSchema, ErrorRules
from airflow_provider_integry.connectors.auth_profiles import Profile, find_profile_problems
from airflow_provider_integry.connectors.bodies import BodyFormat
from airflow_provider_integry.connectors.checks import (
    check_answer_kind,
    check_body,
    check_host,
    check_paging_names,
    check_path,
    check_placeholders,
    check_wire_names,
)
from airflow_provider_integry.connectors.idempotency import Idempotency, may_carry_in_body
from airflow_provider_integry.connectors.inputs import Input
from airflow_provider_integry.connectors.model import (
    IDENTIFIER_RULE,
    Expression,
    Path,
    SpecModel,
    StaticHeaders,
    is_identifier,
    problem,
    suggest,
)
from airflow_provider_integry.connectors.paging import NoPaging, Paging
from airflow_provider_integry.connectors.rate_limits import Limits
from airflow_provider_integry.connectors.triggers import NewRecords, Webhook
from airflow_provider_integry.errors import UrlNotAllowedError
from airflow_provider_integry.urls import check_url, origin_of

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
ConnectionType = Literal[
    "integry_oauth1",
    "integry_oauth2",
    "integry_api_key",
    "integry_api_key_secret",
    "integry_api_key_url",
    "integry_jwt",
    "integry_basic",
    "integry_basic_url",
]

_SLUG = re.compile(r"[a-z][a-z0-9_-]{0,63}")
SLUG_RULE = "a name starts with a letter and has only a-z, 0-9, '_' and '-', at most 64 characters"


def is_slug(name: str) -> bool:
    """Whether this may be the name of a connector."""
    return _SLUG.fullmatch(name) is not None


def _check_name(name: str) -> str:
    if not is_slug(name):
        raise problem((), f"is not a connector name; {SLUG_RULE}")
    return name


def _check_base_url(url: str) -> str:
    try:
        checked = check_url(url, "base URL", allow_http=True)
    except UrlNotAllowedError as error:
        raise problem((), error.problem) from None
    if set(checked) & set("{}$?#"):
        raise problem(
            (),
            "holds '{', '}', '$', '?' or '#'; a base URL is fixed text without a query. Values belong to"
            " inputs, and a URL that differs per account to the connection",
        )
    return checked


def _check_docs_url(url: str) -> str:
    try:
        return check_url(url, "docs URL", allow_http=True)
    except UrlNotAllowedError as error:
        raise problem((), error.problem) from None


class _Activity(SpecModel):
    """What actions and queries share.

    Attributes:
        path: Template below the base URL (``/contacts/{contact_id}``), or an absolute URL on a host
            of the connector. A placeholder is the key of an input with ``in: path``.
        inputs: Inputs by key.
        headers: Static headers; they win over the connector's.
        body_format: How body inputs are encoded: `json`, `form`, `multipart` (a form with files), or
            `raw` (one input is the body as it is).
        answer: What the API answers with: `json`, `csv` (a query's records, with a line of names
            first), `text` (an action's output), or `file`, which is written to `output_path` as it comes.
        delimiter: What stands between the columns of `csv`.
        result: JMESPath of the output (action) or of the list of records (query); the whole answer
            by default.
        errors: What this activity's errors say; in the place of the connector's.
        limits: Limits of this activity; in the place of the connector's, and counted apart.
        answer_schema: JSON Schema of the whole answer; not checked when left out.
    """

    title: str = ""
    description: str = ""
    path: StrictStr
    inputs: dict[str, Input] = Field(default_factory=dict)
    headers: StaticHeaders = Field(default_factory=dict)
    body_format: BodyFormat = "json"
    answer: Literal["json", "csv", "text", "file"] = "json"
    delimiter: Annotated[StrictStr, Field(min_length=1, max_length=1)] = ","
    result: Expression | None = None
    errors: ErrorRules | None = None
    limits: Limits | None = None
    answer_schema: AnswerSchema | None = None

    @model_validator(mode="after")
    def _check_consistency(self) -> _Activity:
        for key in self.inputs:
            if not is_identifier(key):
                raise problem(("inputs", key), f"is no input name; {IDENTIFIER_RULE}")
        check_path(self.path, ("path",))
        check_placeholders(self.path, self.inputs)
        check_wire_names(self.inputs)
        check_body(self.inputs, self.body_format)
        check_answer_kind(self.answer, has_result=self.result is not None)
        return self


class Action(_Activity):
    """Writes something, or does one thing and answers once.

    Attributes:
        idempotency: How the API recognises a repeated request; in the place of the connector's.
    """

    kind: Literal["action"]
    method: Method = "POST"
    idempotency: Idempotency | None = None

    @model_validator(mode="after")
    def _check_method(self) -> Action:
        if self.answer == "csv":
            raise problem(("answer",), "is 'csv', whose records only a query gives; write 'kind: query'")
        _check_bodiless(self.method, self.inputs)
        spec = self.idempotency
        if spec is not None and spec.body is not None and not may_carry_in_body(self.method, self.body_format):
            raise problem(("idempotency", "body"), f"is for JSON and forms, but this {self.method} request has neither")
        return self


class Query(_Activity):
    """Reads records, page by page.

    Attributes:
        record_schema: JSON Schema of one record; not checked when left out.
    """

    kind: Literal["query"]
    method: Method = "GET"
    paging: Paging = Field(default_factory=NoPaging)
    record_schema: AnswerSchema | None = None

    @model_validator(mode="after")
    def _check_paging(self) -> Query:
        if self.answer in ("text", "file"):
            raise problem(("answer",), f"is '{self.answer}', which holds no records; write 'kind: action'")
        _check_bodiless(self.method, self.inputs)
        check_paging_names(self.paging, self.inputs, self.method, self.body_format)
        return self


def _check_bodiless(method: Method, inputs: dict[str, Input]) -> None:
    for key, spec in inputs.items():
        if method in ("GET", "HEAD") and "body" in spec.places:
            raise problem(
                ("inputs", key, "in"),
                f"is 'body', but a {method} request has none; allowed: path, query, header",
            )


class Poll(Query):
    """A query that is run again and again; its new records start flows.

    Attributes:
        new: How new records are told from those that were seen.
        interval_s: Seconds between two looks, where nobody says otherwise.
    """

    kind: Literal["trigger"]  # type: ignore[assignment]  # read as a query is, and called something else
    mode: Literal["poll"]
    new: NewRecords
    interval_s: Annotated[float, Field(ge=1.0)] = 60.0

    @model_validator(mode="after")
    def _check_since(self) -> Poll:
        since = self.new.since
        if since is not None and since not in self.inputs:
            raise problem(("new", "since"), f"is '{since}', which is no input{suggest(since, self.inputs)}")
        if since is not None and self.inputs[since].required:
            raise problem(("inputs", since, "required"), "is true, but the first look has no cursor to send yet")
        return self


Trigger = Annotated[Poll | Webhook, Field(discriminator="mode")]
Activity = Annotated[Action | Query | Trigger, Field(discriminator="kind")]


class UserInfoSpec(SpecModel):
    """The request that names the account behind a credential.

    Attributes:
        path: Below the base URL, or absolute on a host of the connector; no placeholders.
        id: JMESPath of the account's id.
        name: JMESPath of what people call the account.
    """

    method: Literal["GET", "POST"] = "GET"
    path: StrictStr
    id: Expression | None = None
    name: Expression | None = None

    @model_validator(mode="after")
    def _check_path(self) -> UserInfoSpec:
        check_path(self.path, ("path",))
        if "{" in self.path:
            raise problem(("path",), "holds a placeholder; the user-information request has no inputs")
        return self


class Connector(SpecModel):
    """The description of one API.

    Attributes:
        name: Short name by which it is found.
        base_url: Where relative paths go; the connection's own base URL wins. Left out where it
            differs per account.
        hosts: Further hosts (``host`` or ``host:port``, https) a credential may go to.
        connection_types: Connection types that work with it; all when left out.
        auth: By connection type, what the connections' fields are where they are empty: endpoints,
            scopes, the header of a key ...
        user_info: Request that names the account.
        headers: Static headers of every request.
        errors: What errors of the API say beside their status.
        limits: How much may be asked of the API, and how it tells.
        idempotency: How the API recognises a repeated request; sent with actions.
        activities: Activities by name.
    """

    name: Annotated[StrictStr, AfterValidator(_check_name)]
    title: Annotated[StrictStr, Field(min_length=1)]
    description: str = ""
    docs_url: Annotated[StrictStr, AfterValidator(_check_docs_url)] | None = None
    base_url: Annotated[StrictStr, AfterValidator(_check_base_url)] | None = None
    hosts: tuple[StrictStr, ...] = ()
    connection_types: tuple[ConnectionType, ...] | None = None
    auth: dict[ConnectionType, Profile] = Field(default_factory=dict)
    user_info: UserInfoSpec | None = None
    headers: StaticHeaders = Field(default_factory=dict)
    errors: ErrorRules | None = None
    limits: Limits | None = None
    idempotency: Idempotency | None = None
    activities: Annotated[dict[str, Activity], Field(min_length=1)]

    @model_validator(mode="after")
    def _check_names(self) -> Connector:
        for name in self.activities:
            if not is_identifier(name):
                raise problem(("activities", name), f"is no activity name; {IDENTIFIER_RULE}")
        for index, host in enumerate(self.hosts):
            check_host(host, ("hosts", index))
        return self

    @model_validator(mode="after")
    def _check_auth(self) -> Connector:
        for conn_type in self.auth:
            if self.connection_types is not None and conn_type not in self.connection_types:
                raise problem(("auth", conn_type), "is not among this connector's 'connection_types'; add it there")
        profiles = {str(conn_type): profile for conn_type, profile in self.auth.items()}
        for path, sentence in find_profile_problems(profiles, has_base_url=self.base_url is not None):
            raise problem(("auth", *path), sentence)
        return self

    @model_validator(mode="after")
    def _check_absolute_paths(self) -> Connector:
        paths: list[tuple[Path, str]] = [
            (("activities", name, "path"), activity.path)
            for name, activity in self.activities.items()
            if not isinstance(activity, Webhook)
        ]
        if self.user_info is not None:
            paths.append((("user_info", "path"), self.user_info.path))
        for where, path in paths:
            if not path.startswith("/") and not self._owns(path):
                hosts = ", ".join(self._hosts()) or "none; add it to 'hosts'"
                raise problem(where, f"goes to a host that is not the connector's. Allowed: {hosts}")
        return self

    def _owns(self, url: str) -> bool:
        origin = origin_of(url)
        own = {origin_of(f"https://{host}") for host in self.hosts}
        return origin in own or (self.base_url is not None and origin == origin_of(self.base_url))

    def _hosts(self) -> list[str]:
        base = [origin_of(self.base_url).host] if self.base_url else []
        return [*base, *self.hosts]

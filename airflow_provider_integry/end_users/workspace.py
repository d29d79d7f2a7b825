"""A host application, as its connection of type `integry_workspace` describes it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from airflow_provider_integry.auth.end_user_identity import MIN_SECRET_BYTES
from airflow_provider_integry.connection_types import WORKSPACE_TYPE
from airflow_provider_integry.end_users.return_urls import find_path_problem
from airflow_provider_integry.errors import ConnectionConfigError, UnknownConnectionTypeError, UrlNotAllowedError
from airflow_provider_integry.field_values import FieldValues, read_extra, read_fields
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import RawConnection
from airflow_provider_integry.urls import check_url, origin_of

MAX_APP_KEY = 255
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")


@dataclass(frozen=True, slots=True)
class Brand:
    """How pages for end users look.

    Attributes:
        name: Name of the host application.
        logo: URL of its logo; None for none.
        colour: ``#rrggbb``; None for our own.
    """

    name: str
    logo: str | None = None
    colour: str | None = None


@dataclass(frozen=True, slots=True)
class Workspace:
    """A host application that was checked.

    Attributes:
        conn_id, team: Its connection.
        app_key: Names it in calls.
        app_secret: What its server signs with.
        brand: How pages for its users look.
        login_url: Where its users sign in; None when empty.
        return_urls: Where browsers may be sent back to.
        allowed_origins: Origins of its pages, as ``https://host`` or ``https://host:port``.
        host_connection: Connection of its own API; None when empty.
        events_url: Where it is told what happens; None for nowhere.
        allow_http: Whether its URLs may be http.
    """

    conn_id: str
    team: str | None
    app_key: str
    app_secret: Secret = field(repr=False)
    brand: Brand
    login_url: str | None = None
    return_urls: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    host_connection: str | None = None
    events_url: str | None = None
    allow_http: bool = False


def is_workspace(raw: RawConnection) -> bool:
    """Return whether a connection is of type `integry_workspace`."""
    return (raw.conn_type or "").strip().lower().replace("-", "_") == WORKSPACE_TYPE.name


def parse_workspace(raw: RawConnection, team: str | None = None) -> Workspace:
    """Check the connection of a host application.

    Raises:
        UnknownConnectionTypeError: It is of another type.
        ConnectionConfigError: A field is missing or wrong; the error names it.
    """
    if not is_workspace(raw):
        problem = f"is '{raw.conn_type}', and a workspace is of type '{WORKSPACE_TYPE.name}'"
        raise UnknownConnectionTypeError(raw.conn_id, "conn_type", problem)
    columns = {"login": raw.login, "password": raw.password}
    values = read_fields(raw.conn_id, WORKSPACE_TYPE, columns, read_extra(raw.conn_id, raw.extra))
    try:
        return _build(raw.conn_id, team, values)
    except UrlNotAllowedError as error:
        raise ConnectionConfigError(raw.conn_id, error.what, error.problem) from None


def _build(conn_id: str, team: str | None, values: FieldValues) -> Workspace:
    app_key, app_secret = values.word("login"), values.secret("password")
    assert app_secret is not None
    if len(app_key) > MAX_APP_KEY or ":" in app_key or not app_key.isascii() or not app_key.isprintable():
        problem = f"may have {MAX_APP_KEY} characters of ASCII, without colons; make up another one"
        raise ConnectionConfigError(conn_id, "login", problem)
    if len(app_secret.reveal().encode("utf-8", "surrogatepass")) < MIN_SECRET_BYTES:
        problem = f"is shorter than {MIN_SECRET_BYTES} characters; make one with 'openssl rand -hex 32'"
        raise ConnectionConfigError(conn_id, "password", problem)
    allow_http = values.boolean("allow_http")
    return Workspace(
        conn_id=conn_id,
        team=team,
        app_key=app_key,
        app_secret=app_secret,
        brand=_read_brand(conn_id, app_key, values),
        login_url=_read_url(values, "login_url", allow_http=allow_http),
        return_urls=tuple(_check_return(url, allow_http=allow_http) for url in values.items("return_urls")),
        allowed_origins=tuple(_check_origin(url, allow_http=allow_http) for url in values.items("allowed_origins")),
        host_connection=values.text("host_connection"),
        events_url=_read_url(values, "events_url", allow_http=allow_http),
        allow_http=allow_http,
    )


def _read_brand(conn_id: str, app_key: str, values: FieldValues) -> Brand:
    colour = values.text("brand_colour")
    if colour and not _COLOUR.fullmatch(colour):
        raise ConnectionConfigError(conn_id, "brand_colour", "is not a colour; write '#' and six hex digits")
    return Brand(values.text("brand_name") or app_key, _read_url(values, "brand_logo"), colour)


def _read_url(values: FieldValues, name: str, *, allow_http: bool = False) -> str | None:
    url = values.text(name)
    if not url:
        return None
    if "#" in url:
        raise UrlNotAllowedError(name, "has a fragment ('#...'); remove it")
    return check_url(url, name, allow_http=allow_http)


def _check_return(url: str, *, allow_http: bool) -> str:
    check_url(url, "return_urls", allow_http=allow_http)
    problem = "has a query; leave scheme, host and path" if "?" in url else find_path_problem(url)
    if problem:
        raise UrlNotAllowedError("return_urls", f"holds '{url[:100]}', which {problem}")
    return url


def _check_origin(url: str, *, allow_http: bool) -> str:
    check_url(url, "allowed_origins", allow_http=allow_http)
    parts = urlsplit(url)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UrlNotAllowedError("allowed_origins", f"holds '{url[:100]}'; write scheme and host alone, 'https://host'")
    return str(origin_of(url))

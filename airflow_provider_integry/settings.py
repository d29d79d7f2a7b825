"""From an Airflow connection, as plain values, to checked settings.

Connections come from forms, JSON, URIs, command lines and secrets backends: numbers and booleans
may be text, objects may be JSON text, an empty field may be absent, null or "". Whatever is wrong is
refused with the field's name and what to do, before anything is sent.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_integry.auth.credentials import (
    check_header_name,
    check_header_text,
    check_no_controls,
)
from airflow_provider_integry.auth.expiry_rule import ExpiryRule
from airflow_provider_integry.auth_settings import (
    AuthSettings,
    EmptyFieldError,
    Unfilled,
    build_auth,
    check_path,
    read_expiry_rule,
    read_headers,
)
from airflow_provider_integry.connection_fields import Field
from airflow_provider_integry.connection_types import CONNECTION_TYPES_BY_NAME, WORKSPACE_TYPE, ConnectionType
from airflow_provider_integry.end_user_settings import EndUserSettings, read_end_users
from airflow_provider_integry.errors import (
    ConnectionConfigError,
    CredentialFormatError,
    MissingFieldError,
    UnknownConnectionTypeError,
    UrlNotAllowedError,
)
from airflow_provider_integry.field_defaults import merge_profile, resolve_paths
from airflow_provider_integry.field_values import FieldValues, read_extra, read_fields
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.urls import check_url, join_url

_IPV6 = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*")


@dataclass(frozen=True, slots=True)
class RawConnection:
    """An Airflow connection's columns, as they were found.

    Attributes:
        conn_id: The connection.
        conn_type: Its type.
        host, schema, login, password: Columns; None when empty.
        port: TCP port; None when empty.
        extra: The JSON text of `extra`, or its object.
    """

    conn_id: str
    conn_type: str | None
    host: str | None = None
    schema: str | None = None
    port: int | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    extra: str | Mapping[str, Any] | None = field(default=None, repr=False)


class HiddenConnection:
    """A connection's columns, out of sight: repr and str are '***', as of a `Secret`."""

    __slots__ = ("_raw",)

    def __init__(self, raw: RawConnection) -> None:
        self._raw = raw

    def reveal(self) -> RawConnection:
        """Return the columns."""
        return self._raw

    def __repr__(self) -> str:
        return "HiddenConnection('***')"


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """How requests are sent.

    Attributes:
        timeout_s: Seconds to wait for a connection, and for each part of an answer.
        deadline_s: Seconds one request may take in all.
        max_retries: How often a request is sent again after a passing failure.
        user_agent: User-Agent header; None for this provider's own.
        proxy_url: HTTP proxy; may hold user info.
        ca_file, client_cert_file, client_key_file: PEM files, or None.
        expiry: Which answers of the API, beside 401, call for a new token.
        is_public_only: Whether addresses of private networks are refused: whoever typed the URL may not know them.
    """

    timeout_s: float = 30.0
    deadline_s: float = 300.0
    max_retries: int = 3
    user_agent: str | None = None
    proxy_url: Secret | None = None
    ca_file: str | None = None
    client_cert_file: str | None = None
    client_key_file: str | None = None
    expiry: ExpiryRule = field(default_factory=ExpiryRule)
    is_public_only: bool = False


@dataclass(frozen=True, slots=True)
class UserInfoSettings:
    """Where to ask who the account is; parts that are None come from the connector."""

    url: str | None = None
    id_path: str | None = None
    name_path: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """How webhooks of this connection are treated.

    Attributes:
        secrets: What deliveries are verified with; the first one is the current one.
        is_by_reference: Whether payloads stay out of asset events.
    """

    secrets: tuple[Secret, ...] = ()
    is_by_reference: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """A connection that was checked.

    Attributes:
        conn_id, conn_type: Which connection, and of which type.
        base_url: Without a trailing slash; None when only the connector knows it.
        allow_http: Whether http is accepted.
        connector: Name or path; None when there is none.
        allowed_hosts: Further ``host`` or ``host:port`` that may receive the credential.
        headers: Static headers of every request.
        user_info: Where to ask who the account is.
        transport: How requests are sent.
        auth: Credentials, or how to get them.
        secret_headers: Further credentials that travel beside them.
        secrets: Every secret of the connection.
        webhook: How webhooks are treated.
        end_users: Who may have accounts of their own.
        account_fields: Fields that an end user has values of its own for; none where that takes consent, or is
            not possible.
        bound_to: Where such values may be sent, as the connection says it: with any other they are not used.
        raw: The columns that this was read from, to be filled in for an end user.
    """

    conn_id: str
    conn_type: str
    base_url: str | None
    allow_http: bool
    connector: str | None
    allowed_hosts: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    user_info: UserInfoSettings
    transport: TransportSettings
    auth: AuthSettings
    secret_headers: tuple[tuple[str, Secret], ...] = ()
    secrets: tuple[Secret, ...] = ()
    webhook: WebhookSettings = field(default_factory=WebhookSettings)
    end_users: EndUserSettings = field(default_factory=EndUserSettings)
    account_fields: tuple[Field, ...] = field(default=(), repr=False, compare=False)
    bound_to: tuple[str | None, ...] = ()
    raw: HiddenConnection | None = field(default=None, repr=False, compare=False)

    def takes_entered(self, end_user: str | None, account: str | None) -> bool:
        """Return whether an authorization's credentials are entered by whoever has the account, and kept like grants.

        The connection's own are in its fields, and stay there.
        """
        return bool(self.account_fields) and (end_user is not None or account is not None)

    def check_filled(self) -> None:
        """Refuse a connection without an account of its own.

        Raises:
            MissingFieldError: A field of the account is empty.
        """
        if isinstance(self.auth, Unfilled):
            raise self.auth.error


def read_connection(connection: Any) -> RawConnection:
    """Return the columns of an Airflow connection, of the SDK's or the core's class."""
    return RawConnection(
        conn_id=connection.conn_id,
        conn_type=connection.conn_type,
        host=connection.host,
        schema=connection.schema,
        port=connection.port,
        login=connection.login,
        password=connection.password,
        extra=connection.extra,
    )


def parse_connection(
    raw: RawConnection,
    find_profile: Callable[[str, str], Mapping[str, Any]] | None = None,
    *,
    allow_unfilled: bool = False,
) -> ConnectionSettings:
    """Check a connection and return its settings.

    Args:
        raw: The connection's columns.
        find_profile: Returns what a connector knows about the fields of a connection type, by the
            connector's name and the type's; the connection's own fields win over it.
        allow_unfilled: Whether the fields of the account may be empty, because only end users have accounts: `auth`
            is then `Unfilled`.

    Raises:
        UnknownConnectionTypeError: The type is not one of this provider's.
        MissingFieldError: A required field is empty.
        ConnectionConfigError: Any other field is wrong; the error names it.
    """
    conn_type = _find_type(raw)
    extra = read_extra(raw.conn_id, raw.extra)
    connector = extra.get("connector")
    profile: Mapping[str, Any] = {}
    if find_profile is not None and isinstance(connector, str) and connector.strip():
        profile = find_profile(connector.strip(), conn_type.name)
    merged = merge_profile(conn_type, profile, extra)
    values = read_fields(raw.conn_id, conn_type, _columns(raw), merged, allow_unfilled=allow_unfilled)
    base_url = _read_base_url(raw, values)
    if values.missing is None or base_url is not None:
        values = resolve_paths(raw.conn_id, profile, values, base_url)
    try:
        auth = build_auth(conn_type.name, values, base_url)
        return ConnectionSettings(
            conn_id=raw.conn_id,
            conn_type=conn_type.name,
            base_url=base_url,
            allow_http=values.boolean("allow_http"),
            connector=values.text("connector"),
            allowed_hosts=_read_hosts(values),
            headers=tuple(read_headers(values.mapping("headers"), "headers").items()),
            user_info=_read_user_info(values),
            transport=_read_transport(values),
            auth=auth,
            secret_headers=_read_secret_headers(values),
            secrets=values.secrets(),
            webhook=_read_webhook(values),
            end_users=read_end_users(values),
            account_fields=_list_account_fields(conn_type, values),
            bound_to=_list_bounds(conn_type, values, base_url),
            raw=HiddenConnection(raw),
        )
    except EmptyFieldError as error:
        raise MissingFieldError(raw.conn_id, error.what, error.problem) from None
    except (CredentialFormatError, UrlNotAllowedError) as error:
        raise ConnectionConfigError(raw.conn_id, error.what, error.problem) from None


def _list_account_fields(conn_type: ConnectionType, values: FieldValues) -> tuple[Field, ...]:
    """Return the fields of the account that count with the other fields as they are; each says whether it is needed."""
    found = []
    for item in conn_type.fields:
        when = item.account_when or item.required_when
        if not item.is_account or (when and values.text(when[0]) != when[1]):
            continue
        about = item.description.removeprefix(f"{when[1]}: ") if when else item.description
        is_needed = item.required or item.required_when is not None
        about = about[:1].upper() + about[1:]
        found.append(replace(item, required=is_needed, required_when=None, description=about, section=None))
    return tuple(found)


def _list_bounds(conn_type: ConnectionType, values: FieldValues, base_url: str | None) -> tuple[str | None, ...]:
    """Return what decides where an account's values are sent, and what they are."""
    own_url = None if conn_type.fields_by_name["host"].is_account else base_url
    if "jwt_source" not in conn_type.fields_by_name:
        return (conn_type.name, own_url)
    typed = (values.text("login_url"), values.text("second_url"))
    urls = [join_url(base_url, text) if text else None for text in typed]
    return (conn_type.name, own_url, values.text("jwt_source"), *urls)


def _find_type(raw: RawConnection) -> ConnectionType:
    name = (raw.conn_type or "").strip().lower().replace("-", "_")
    if found := CONNECTION_TYPES_BY_NAME.get(name):
        return found
    if name == WORKSPACE_TYPE.name:
        problem = "is a workspace, which is no API; name one of the connections that belong to it"
        raise UnknownConnectionTypeError(raw.conn_id, "conn_type", problem)
    close = difflib.get_close_matches(name, CONNECTION_TYPES_BY_NAME, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    raise UnknownConnectionTypeError(
        raw.conn_id,
        "conn_type",
        f"'{raw.conn_type}' is not a type of this provider{hint} It has: {', '.join(CONNECTION_TYPES_BY_NAME)}.",
    )


def _columns(raw: RawConnection) -> dict[str, Any]:
    return {"host": raw.host, "login": raw.login, "password": raw.password}


def _read_base_url(raw: RawConnection, values: FieldValues) -> str | None:
    """Return the base URL from host, port and schema.

    A URI connection splits ``https://api.example.com:8443/v1`` into these three; the schema may also
    be ``http`` or ``https``, as the HTTP provider has it.
    """
    host = values.text("host") or ""
    if not host:
        return None
    path = (raw.schema or "").strip("/")
    if "://" not in host:
        scheme = path.lower() if path.lower() in ("http", "https") else "https"
        # Airflow's parser of URI connections takes the brackets off an IPv6 address.
        host = f"{scheme}://[{host}]" if _IPV6.fullmatch(host) else f"{scheme}://{host}"
    if path.lower() in ("http", "https"):
        path = ""
    try:
        if raw.port and urlsplit(host).port is None:
            host = _insert_port(host, int(raw.port))
        url = check_url(host, "host", allow_http=values.boolean("allow_http"))
        base_url = f"{url.rstrip('/')}/{path}".rstrip("/")
        check_url(base_url, "schema", allow_http=True)
    except UrlNotAllowedError as error:
        raise ConnectionConfigError(raw.conn_id, error.what, error.problem) from None
    except ValueError:
        raise ConnectionConfigError(raw.conn_id, "host", "cannot be read as a URL; check brackets and port") from None
    for text, name in ((url, "host"), (base_url, "schema")):
        if "?" in text or "#" in text:
            raise ConnectionConfigError(raw.conn_id, name, "has a query or fragment; leave only scheme, host and path")
    return base_url


def _insert_port(host: str, port: int) -> str:
    scheme, rest = host.split("://", 1)
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority}:{port}{slash}{path}"


def _read_hosts(values: FieldValues) -> tuple[str, ...]:
    hosts = values.items("allowed_hosts")
    for host in hosts:
        if any(char in host for char in "/*?#"):
            raise UrlNotAllowedError("allowed_hosts", f"'{host}' is not a host; write 'host' or 'host:port'")
        check_url(f"https://{host}", "allowed_hosts")
    return tuple(host.lower() for host in hosts)


def _read_secret_headers(values: FieldValues) -> tuple[tuple[str, Secret], ...]:
    headers = values.secret_mapping("secret_headers")
    for name, secret in headers.items():
        check_header_name(name, "secret_headers")
        check_header_text(secret.reveal(), "secret_headers")
    return tuple(headers.items())


def _read_webhook(values: FieldValues) -> WebhookSettings:
    found = (values.secret("webhook_secret"), values.secret("old_webhook_secret"))
    return WebhookSettings(
        tuple(secret for secret in found if secret), values.text("webhook_payloads") == "by_reference"
    )


def _read_user_info(values: FieldValues) -> UserInfoSettings:
    url = values.text("user_info_url")
    if url and "://" in url.split("?", 1)[0]:
        check_url(url, "user_info_url", allow_http=values.boolean("allow_http"))
    for name in ("account_id_path", "account_name_path"):
        check_path(values.text(name), name)
    return UserInfoSettings(url, values.text("account_id_path"), values.text("account_name_path"))


def _read_transport(values: FieldValues) -> TransportSettings:
    agent = values.text("user_agent")
    if agent:
        check_header_text(agent, "user_agent")
    return TransportSettings(
        timeout_s=values.number("timeout_s") or 30.0,
        deadline_s=values.number("deadline_s") or 300.0,
        max_retries=int(values.number("max_retries") or 0),
        user_agent=agent,
        proxy_url=_read_proxy(values.secret("proxy_url")),
        ca_file=values.text("ca_file"),
        client_cert_file=values.text("client_cert_file"),
        client_key_file=values.text("client_key_file"),
        expiry=read_expiry_rule(values),
    )


def _read_proxy(proxy: Secret | None) -> Secret | None:
    if proxy is None:
        return None
    try:
        parts = urlsplit(check_no_controls(proxy.reveal(), "proxy_url"))
        is_proxy = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_proxy = False
    if not is_proxy:
        raise UrlNotAllowedError("proxy_url", "is not a proxy URL; write http://host:port")
    return proxy


__all__ = [
    "AuthSettings",
    "ConnectionSettings",
    "EndUserSettings",
    "HiddenConnection",
    "MissingFieldError",
    "RawConnection",
    "TransportSettings",
    "UserInfoSettings",
    "WebhookSettings",
    "parse_connection",
    "read_connection",
]

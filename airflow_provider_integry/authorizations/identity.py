"""Whose account a credential belongs to: the API is asked, with the credential, where it may go."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from airflow_provider_integry.auth.apply import apply
from airflow_provider_integry.auth.credentials import Combined, Credentials, DPoPToken, main_of
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.authorizations.api_target import (
    base_url_of,
    fill_kept,
    guard_of,
    load_connector_of,
)
from airflow_provider_integry.authorizations.echoes import EchoFilter
from airflow_provider_integry.authorizations.steps import Do, Fetch, Steps
from airflow_provider_integry.errors import (
    ConnectionConfigError,
    ConnectorNotFoundError,
    CredentialsRejectedError,
    HttpStatusError,
    UrlNotAllowedError,
)
from airflow_provider_integry.settings import ConnectionSettings
from airflow_provider_integry.transport.guard import HostGuard
from airflow_provider_integry.urls import origin_of

if TYPE_CHECKING:
    from airflow_provider_integry.connectors.spec import Connector
    from airflow_provider_integry.connectors.user_info import Account, UserInfoCall

# Somebody waits for it in a browser or at a terminal.
ASKING_S = 15.0


@dataclass(frozen=True, slots=True)
class UserInfo:
    """How to ask, and where the credential may go.

    Attributes:
        call: The request without credentials.
        guard: Decides about its host.
    """

    call: UserInfoCall
    guard: HostGuard


def find_account(
    settings: ConnectionSettings, credentials: Credentials, kept: Mapping[str, str] | None = None
) -> Steps[Account | None]:
    """Ask the API who an account is.

    Args:
        settings: The connection.
        credentials: What to sign with, good now; the connection's secret headers go along.
        kept: Values that are kept with the grant; `{name}` in field 'user_info_url' stands for one.
    Returns:
        The account; None where neither the connection nor its connector says how to ask.
    Raises:
        ConnectionConfigError: The connector is not installed here, or is for another type.
        ConnectorFormatError: Its description is wrong.
        HostNotAllowedError: The user information is at a host that may not have the credential.
        CredentialsRejectedError: The API refuses the credential (status 401).
        ActivityError: It answers something else than an account.
        TransportError: It does not answer in 15 seconds.
    """
    # A connector is a file, and its model takes a while to load.
    info: UserInfo | None = yield Do(lambda: plan_user_info(settings, kept or {}))
    if info is None:
        return None
    info.guard.check(info.call.request.url)
    request = _with_headers(info.call.request, settings)
    if settings.secret_headers:
        credentials = Combined(main_of(credentials), settings.secret_headers)
    response: HttpResponse = yield _fetch(request, credentials, settings)
    retried = _with_nonce(credentials, response)
    if retried is not None:
        response = yield _fetch(request, retried, settings)
    return _read(settings, info.call, response, credentials)


def plan_user_info(settings: ConnectionSettings, kept: Mapping[str, str]) -> UserInfo | None:
    """Return how to ask who the account is; None where nothing says. Reads files: not for an event loop.

    Raises:
        ConnectionConfigError, ConnectorFormatError: As `find_account` says.
    """
    # Lazy for start-up cost: pydantic models and YAML.
    from airflow_provider_integry.connectors.user_info import build_user_info_call

    connector = _load_connector(settings)
    own = settings.user_info
    if own.url is None and (connector is None or connector.user_info is None):
        return None
    base_url = base_url_of(settings, connector)
    try:
        path = fill_kept(settings, own.url, kept) if own.url is not None else None
        call = build_user_info_call(
            connector, base_url=base_url, path=path, id_path=own.id_path, name_path=own.name_path
        )
    except UrlNotAllowedError as error:
        raise ConnectionConfigError(settings.conn_id, error.what, error.problem) from None
    return UserInfo(call, guard_of(settings, connector, base_url)) if call else None


def _load_connector(settings: ConnectionSettings) -> Connector | None:
    name = settings.connector
    if not name:
        return None
    try:
        return load_connector_of(settings, name)
    except ConnectorNotFoundError as error:
        places = "; ".join(error.looked_in)
        problem = (
            f"'{name}' is not installed where this runs, and is needed here to ask who the account is. Looked in:"
            f" {places}. Connectors in DAG bundles are there for tasks alone: put the file into option [integry]"
            " connectors_folder on every API server too, or install it as a package there."
        )
        raise ConnectionConfigError(settings.conn_id, "connector", problem) from None


def _with_headers(request: HttpRequest, settings: ConnectionSettings) -> HttpRequest:
    for name, value in settings.headers:
        if request.header(name) is None:
            request = request.with_header(name, value)
    return request


def _fetch(request: HttpRequest, credentials: Credentials, settings: ConnectionSettings) -> Fetch:
    signed = apply(request, credentials, timestamp=time.time(), nonce=uuid4().hex)
    return Fetch(signed, settings.transport, ASKING_S)


def _with_nonce(credentials: Credentials, response: HttpResponse) -> Credentials | None:
    """Return the credentials with a server's nonce, where it asks for one (RFC 9449 section 9); None elsewhere."""
    main, nonce = main_of(credentials), response.header("DPoP-Nonce")
    if response.status != 401 or nonce is None or not isinstance(main, DPoPToken):
        return None
    renewed = replace(main, nonces={str(origin_of(response.url)): nonce})
    return replace(credentials, main=renewed) if isinstance(credentials, Combined) else renewed


def _read(
    settings: ConnectionSettings, call: UserInfoCall, response: HttpResponse, credentials: Credentials
) -> Account:
    # Lazy for start-up cost, as above.
    from airflow_provider_integry.connectors.user_info import Account, parse_user_info

    echoes = EchoFilter()
    echoes.add(settings.secrets)
    echoes.add_credentials(credentials)
    try:
        account = parse_user_info(call, echoes.blank(response), time.time())
    except HttpStatusError as error:
        if error.status == 401:
            raise CredentialsRejectedError(settings.conn_id, 401, error.detail) from None
        raise
    # Kept and shown: an API that tells the credential as somebody's name must not have it there.
    return Account(echoes.blank_text(account.id), echoes.blank_text(account.name))

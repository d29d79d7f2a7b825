"""Token requests of OAuth 2.0 (RFC 6749): settings in, request out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote_plus, urlencode

from airflow_provider_integry.auth.apply import encode_basic
from airflow_provider_integry.auth.token import TokenShape
from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.errors import NonRenewableTokenError
from airflow_provider_integry.secret import Secret

GrantType = Literal["client_credentials", "refresh_token"]
ClientAuth = Literal["client_secret_basic", "client_secret_post", "none"]
BasicEncoding = Literal["rfc6749", "raw"]
BodyFormat = Literal["form", "json"]
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class OAuth2Settings:
    """What is needed to get tokens for one client of one authorization server.

    Attributes:
        grant_type: How the first token is obtained.
        exchange_url: The token endpoint.
        refresh_url: Where refreshing happens, where that is another URL.
        client_id: Identifier of the application.
        client_secret: Its secret; None for public clients.
        client_auth: How the client authenticates (RFC 6749 section 2.3, RFC 8414 names).
        basic_encoding: Whether id and secret are form-encoded before base64, as RFC 6749 section
            2.3.1 asks, or taken raw, as many servers want.
        scopes: Scopes to ask for.
        scope_separator: Text between scopes.
        audience: Sent as `audience` when set.
        resource: Sent as `resource` when set (RFC 8707).
        refresh_token: The pasted refresh token.
        extra_params: Further parameters of every token request.
        body_format: Form (the standard) or JSON.
        header_name: Header that carries the access token to the API.
        header_prefix: Text before the access token, with its separator.
        shape: Where the parts of the answer are.
    """

    grant_type: GrantType
    exchange_url: str
    client_id: str
    client_secret: Secret | None = None
    refresh_url: str | None = None
    client_auth: ClientAuth = "client_secret_basic"
    basic_encoding: BasicEncoding = "rfc6749"
    scopes: tuple[str, ...] = ()
    scope_separator: str = " "
    audience: str | None = None
    resource: str | None = None
    refresh_token: Secret | None = None
    extra_params: Mapping[str, str] = field(default_factory=dict)
    body_format: BodyFormat = "form"
    header_name: str = "Authorization"
    header_prefix: str = "Bearer "
    shape: TokenShape = field(default_factory=TokenShape)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret in here, for masking and redaction."""
        return tuple(part for part in (self.client_secret, self.refresh_token) if part)


def build_client_credentials_request(settings: OAuth2Settings) -> HttpRequest:
    """Build the request for a token of the client itself.

    Source: RFC 6749 section 4.4.2.
    """
    params = {"grant_type": "client_credentials"}
    if settings.scopes:
        params["scope"] = settings.scope_separator.join(settings.scopes)
    return _build_token_request(settings, settings.exchange_url, params)


def build_refresh_request(settings: OAuth2Settings, refresh_token: Secret | None) -> HttpRequest:
    """Build the request that trades a refresh token for a new access token.

    No scope is sent: it would have to be a subset of the grant's (RFC 6749 section 6), and leaving
    it out keeps them all.

    Raises:
        NonRenewableTokenError: There is no refresh token.
    """
    if not refresh_token:
        raise NonRenewableTokenError(
            "The access token has expired and there is no refresh token: authorize again, or paste a"
            " refresh token into the connection."
        )
    params = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
    return _build_token_request(settings, settings.refresh_url or settings.exchange_url, params)


def _build_token_request(settings: OAuth2Settings, url: str, params: dict[str, str]) -> HttpRequest:
    if settings.audience:
        params["audience"] = settings.audience
    if settings.resource:
        params["resource"] = settings.resource
    params.update(settings.extra_params)
    headers = [("Accept", "application/json")]
    if settings.client_auth == "client_secret_basic":
        headers.append(("Authorization", _encode_client(settings)))
    else:
        params["client_id"] = settings.client_id
        if settings.client_auth == "client_secret_post" and settings.client_secret:
            params["client_secret"] = settings.client_secret.reveal()
    if settings.body_format == "json":
        content_type, body = "application/json", json.dumps(params)
    else:
        content_type, body = FORM, urlencode(params)
    headers.append(("Content-Type", content_type))
    return HttpRequest("POST", url, tuple(headers), body.encode())


def _encode_client(settings: OAuth2Settings) -> str:
    secret = settings.client_secret.reveal() if settings.client_secret else ""
    if settings.basic_encoding == "raw":
        return encode_basic(settings.client_id, secret)
    return encode_basic(quote_plus(settings.client_id), quote_plus(secret))

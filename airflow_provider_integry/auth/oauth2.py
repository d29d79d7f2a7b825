"""Token requests of OAuth 2.0 (RFC 6749): settings in, request out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import quote_plus, urlencode

from airflow_provider_integry.auth.apply import encode_basic
from airflow_provider_integry.auth.authorization_code_settings import CodeConsent
from airflow_provider_integry.auth.client_assertion import (
    CLIENT_ASSERTION_TYPE,
    JWT_BEARER,
    AssertionSettings,
    build_assertion,
)
from airflow_provider_integry.auth.pkce import build_verifier_params
from airflow_provider_integry.auth.token import TokenShape
from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.errors import CredentialFormatError, NonRenewableTokenError
from airflow_provider_integry.secret import Secret

GrantType = Literal["client_credentials", "authorization_code", "refresh_token", "jwt_bearer"]
# Grants that somebody gave: they cannot be obtained again without that person.
GIVEN_GRANTS = ("authorization_code", "refresh_token")
ClientAuth = Literal[
    "client_secret_basic",
    "client_secret_post",
    "client_secret_bearer",
    "client_secret_basic_user",
    "private_key_jwt",
    "none",
]
BasicEncoding = Literal["rfc6749", "raw"]
BodyFormat = Literal["form", "json"]
FORM = "application/x-www-form-urlencoded"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True, slots=True)
class OAuth2Settings:
    """What is needed to get tokens for one client of one authorization server.

    Attributes:
        grant_type: How the first token is obtained.
        exchange_url: The token endpoint; None to ask the issuer for it.
        refresh_url: Where refreshing happens, where that is another URL.
        client_id: Identifier of the application.
        client_secret: Its secret; None for public clients.
        client_auth: How the client authenticates (RFC 6749 section 2.3, RFC 8414 names). Two are some
            services' own: the secret alone as Bearer header, or as Basic user name with an empty password.
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
        issuer: The server's identifier, for discovery (RFC 8414) and as audience of assertions.
        assertion: How to sign assertions, for jwt_bearer and private_key_jwt.
        assertion_audience: Audience of assertions, where the server wants neither issuer nor endpoint.
        param_names: Other names of parameters; an empty name leaves the parameter out.
        extra_headers: Further headers of every token request.
        method: POST, or GET with the parameters in the query.
        uses_dpop: Whether tokens are bound to a key that each request proves (RFC 9449).
        allow_http: Whether endpoints that discovery finds may be http.
        refresh_retry_window_s: Seconds after a lost answer during which the old refresh token may be tried
            again; 0 for no limit, which leaves it to the server to refuse it.
        grant_lifetime_s: Seconds from the consent to the end of the grant, whatever is done.
        consent: How consent is asked for, and grants are given back; None where nobody is asked.
    """

    grant_type: GrantType
    exchange_url: str | None
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
    issuer: str | None = None
    assertion: AssertionSettings | None = None
    assertion_audience: str | None = None
    param_names: Mapping[str, str] = field(default_factory=dict)
    extra_headers: Mapping[str, str] = field(default_factory=dict)
    method: Literal["POST", "GET"] = "POST"
    uses_dpop: bool = False
    allow_http: bool = False
    refresh_retry_window_s: float = 0.0
    grant_lifetime_s: float | None = None
    consent: CodeConsent | None = None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret in here, for masking and redaction."""
        key = self.assertion.key if self.assertion else None
        return tuple(part for part in (self.client_secret, self.refresh_token, key) if part)


@dataclass(frozen=True, slots=True)
class Moment:
    """What a token request needs beside its settings.

    Attributes:
        endpoint: Token endpoint that discovery found; None for the settings' own.
        now: Current time, UTC epoch seconds; for assertions.
        unique: Unique text; for assertions.
    """

    endpoint: str | None = None
    now: float = 0.0
    unique: str = ""


def build_client_credentials_request(settings: OAuth2Settings, moment: Moment | None = None) -> HttpRequest:
    """Build the request for a token of the client itself.

    Source: RFC 6749 section 4.4.2.
    """
    moment = moment or Moment()
    params = {"grant_type": "client_credentials", **_scope(settings)}
    return _build_token_request(settings, _endpoint(settings, moment), params, moment)


def build_jwt_bearer_request(settings: OAuth2Settings, moment: Moment) -> HttpRequest:
    """Build the request that trades a JWT signed here for an access token.

    Source: RFC 7523 section 2.1.
    """
    url = _endpoint(settings, moment)
    assertion = _sign(settings, url, moment, subject=settings.assertion.subject if settings.assertion else None)
    params = {"grant_type": JWT_BEARER, "assertion": assertion, **_scope(settings)}
    return _build_token_request(settings, url, params, moment)


def build_refresh_request(
    settings: OAuth2Settings, refresh_token: Secret | None, moment: Moment | None = None
) -> HttpRequest:
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
    moment = moment or Moment()
    params = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
    return _build_token_request(settings, settings.refresh_url or _endpoint(settings, moment), params, moment)


def build_code_request(
    settings: OAuth2Settings, code: Secret, redirect_uri: str, verifier: Secret | None, moment: Moment | None = None
) -> HttpRequest:
    """Build the request that trades the code of a callback for tokens.

    Args:
        settings: The client.
        code: The code.
        redirect_uri: As it was in the authorization request, to the letter.
        verifier: The proof key; None where no challenge was sent.
        moment: Time and endpoint.
    Source: RFC 6749 section 4.1.3, RFC 7636 section 4.5.
    """
    moment = moment or Moment()
    params = {"grant_type": "authorization_code", "code": code.reveal(), "redirect_uri": redirect_uri}
    params.update(build_verifier_params(verifier) if verifier else {})
    return _build_token_request(settings, _endpoint(settings, moment), params, moment)


def build_pushed_request(
    settings: OAuth2Settings, url: str, params: Mapping[str, str], moment: Moment | None = None
) -> HttpRequest:
    """Build the request that pushes the parameters of an authorization request, client authentication included.

    Source: RFC 9126 section 2.1.
    """
    return build_client_request(settings, url, params, moment)


def build_client_request(
    settings: OAuth2Settings, url: str, params: Mapping[str, str], moment: Moment | None = None
) -> HttpRequest:
    """Build a request of the client to another endpoint than the token endpoint: a form, authenticated as there.

    What is declared for token requests alone (their extra parameters, `audience`, JSON, GET) is left out.
    """
    plain = replace(settings, extra_params={}, audience=None, resource=None, method="POST", body_format="form")
    return _build_token_request(plain, url, dict(params), moment or Moment())


def build_device_token_request(
    settings: OAuth2Settings, device_code: Secret, moment: Moment | None = None
) -> HttpRequest:
    """Build the request that asks whether somebody has entered the code of a device.

    Source: RFC 8628 section 3.4.
    """
    moment = moment or Moment()
    params = {"grant_type": DEVICE_GRANT, "device_code": device_code.reveal()}
    return _build_token_request(settings, _endpoint(settings, moment), params, moment)


def _endpoint(settings: OAuth2Settings, moment: Moment) -> str:
    return settings.exchange_url or moment.endpoint or ""


def _scope(settings: OAuth2Settings) -> dict[str, str]:
    return {"scope": settings.scope_separator.join(settings.scopes)} if settings.scopes else {}


def _build_token_request(settings: OAuth2Settings, url: str, params: dict[str, str], moment: Moment) -> HttpRequest:
    if settings.audience:
        params["audience"] = settings.audience
    if settings.resource:
        params["resource"] = settings.resource
    params.update(settings.extra_params)
    headers = [("Accept", "application/json"), *settings.extra_headers.items()]
    if settings.client_auth in _AUTHORIZATIONS:
        headers.append(("Authorization", _AUTHORIZATIONS[settings.client_auth](settings)))
    else:
        params.update(_client_params(settings, url, moment))
    params = {name: value for key, value in params.items() if (name := settings.param_names.get(key, key))}
    if settings.method == "GET":
        return HttpRequest("GET", url, tuple(headers)).with_query(params.items())
    if settings.body_format == "json":
        content_type, body = "application/json", json.dumps(params)
    else:
        content_type, body = FORM, urlencode(params)
    headers.append(("Content-Type", content_type))
    return HttpRequest("POST", url, tuple(headers), body.encode())


def _client_params(settings: OAuth2Settings, url: str, moment: Moment) -> dict[str, str]:
    params = {"client_id": settings.client_id}
    if settings.client_auth == "client_secret_post" and settings.client_secret:
        params["client_secret"] = settings.client_secret.reveal()
    if settings.client_auth == "private_key_jwt":
        params["client_assertion_type"] = CLIENT_ASSERTION_TYPE
        own = replace(moment, unique=f"{moment.unique}-client")
        params["client_assertion"] = _sign(_without_grant(settings), url, own)
    return params


def _without_grant(settings: OAuth2Settings) -> OAuth2Settings:
    """Return the settings without the claims of a jwt-bearer grant: they speak of the account, not of the client."""
    if settings.grant_type != "jwt_bearer" or settings.assertion is None:
        return settings
    return replace(settings, assertion=replace(settings.assertion, claims={}))


def _sign(settings: OAuth2Settings, url: str, moment: Moment, subject: str | None = None) -> str:
    """Return an assertion for the server: its issuer where that is known, else this endpoint (RFC 7523 section 3)."""
    if settings.assertion is None:
        raise CredentialFormatError("private_key", "is empty, and needed to sign an assertion; fill it in")
    return build_assertion(
        settings.assertion,
        client_id=settings.client_id,
        audience=settings.assertion_audience or settings.issuer or url,
        now=moment.now,
        jti=moment.unique,
        subject=subject,
    ).reveal()


def _encode_client(settings: OAuth2Settings) -> str:
    return encode_basic(_encode_part(settings, settings.client_id), _encode_part(settings, _secret_of(settings)))


def _encode_secret_as_user(settings: OAuth2Settings) -> str:
    return encode_basic(_encode_part(settings, _secret_of(settings)), "")


def _encode_secret_as_bearer(settings: OAuth2Settings) -> str:
    return f"Bearer {_secret_of(settings)}"


def _secret_of(settings: OAuth2Settings) -> str:
    return settings.client_secret.reveal() if settings.client_secret else ""


def _encode_part(settings: OAuth2Settings, text: str) -> str:
    return text if settings.basic_encoding == "raw" else quote_plus(text)


_AUTHORIZATIONS: Mapping[ClientAuth, Callable[[OAuth2Settings], str]] = {
    "client_secret_basic": _encode_client,
    "client_secret_basic_user": _encode_secret_as_user,
    "client_secret_bearer": _encode_secret_as_bearer,
}

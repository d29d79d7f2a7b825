"""The authorization request and its answer (RFC 6749 section 4.1): settings in, URL out; callback in, code out."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from airflow_provider_integry.auth.authorization_code_settings import CodeConsent
from airflow_provider_integry.auth.callback_signature import verify_callback
from airflow_provider_integry.auth.discovery import ServerMetadata
from airflow_provider_integry.auth.oauth2 import Moment, OAuth2Settings, build_pushed_request
from airflow_provider_integry.auth.pkce import build_challenge_params
from airflow_provider_integry.auth.token import read_answer
from airflow_provider_integry.auth.token_errors import find_error, raise_token_error
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse, redact_url
from airflow_provider_integry.errors import (
    CallbackError,
    ConsentDeniedError,
    CredentialFormatError,
    TokenResponseError,
)
from airflow_provider_integry.secret import Secret, build_excerpt
from airflow_provider_integry.urls import check_url

# Longer than any code; RFC 6749 sets no limit.
MAX_CODE = 8192
# Parameters that must not be there twice (RFC 6749 section 3.1).
_SINGLE = ("state", "code", "iss", "error")


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What is sent to the consent page, and what its answer is held against.

    Attributes:
        url: The consent page with its existing query.
        params: Parameters to add.
        pushed_url: Where they are pushed first (RFC 9126); None to put them into the URL.
        token_endpoint: Where the code is traded, as discovery found it; None for the settings' own.
        issuer: What parameter `iss` of the answer must say, where it is there; None where nothing is known.
        is_issuer_promised: Whether the answer has to have it (RFC 9207 section 2.4).
    """

    url: str
    params: Mapping[str, str]
    pushed_url: str | None = None
    token_endpoint: str | None = None
    issuer: str | None = None
    is_issuer_promised: bool = False


def build_authorization_request(
    settings: OAuth2Settings,
    consent: CodeConsent,
    metadata: ServerMetadata | None,
    *,
    redirect_uri: str,
    state: Secret,
    verifier: Secret | None,
) -> AuthorizationRequest:
    """Build the authorization request.

    Args:
        settings: The client.
        consent: How consent is asked for.
        metadata: The server's description of itself; None where there is none.
        redirect_uri: Where the service sends the browser back.
        state: Random text that comes back with it.
        verifier: The proof key; None to send no challenge.
    Raises:
        CredentialFormatError: No consent page is known, or the server takes no challenge of the declared method.
        UrlNotAllowedError: The consent page may not be opened.
    Source: RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 8707 section 2.1, RFC 9126, RFC 9207.
    """
    _check_challenge(consent, metadata)
    url = consent.authorize_url or (metadata.authorization_endpoint if metadata else None)
    if not url:
        raise CredentialFormatError("authorize_url", "is empty, and the issuer names no consent page; fill it in")
    check_url(url, "authorize_url", allow_http=settings.allow_http)
    params = {"response_type": "code", "client_id": settings.client_id, "redirect_uri": redirect_uri}
    if settings.scopes:
        params["scope"] = settings.scope_separator.join(settings.scopes)
    params["state"] = state.reveal()
    if settings.resource:
        params["resource"] = settings.resource
    if consent.response_mode != "query":
        params["response_mode"] = consent.response_mode
    if verifier is not None and consent.pkce != "none":
        params.update(build_challenge_params(verifier, consent.pkce))
    params.update(consent.params)
    params = {name: value for key, value in params.items() if (name := settings.param_names.get(key, key))}
    pushed = consent.par_url or (metadata.pushed_authorization_request_endpoint if metadata else None)
    return AuthorizationRequest(
        url,
        params,
        pushed,
        metadata.token_endpoint if metadata else None,
        settings.issuer,
        bool(metadata and metadata.iss_supported),
    )


def _check_challenge(consent: CodeConsent, metadata: ServerMetadata | None) -> None:
    methods = metadata.code_challenge_methods if metadata else ()
    if methods and consent.pkce not in ("none", *methods):
        raise CredentialFormatError(
            "pkce", f"is '{consent.pkce}', which the issuer does not take; it takes {', '.join(methods)[:80]}"
        )


def build_authorize_url(request: AuthorizationRequest, pushed: str | None = None, client_id: str = "") -> str:
    """Return the URL for the browser.

    Args:
        request: The authorization request.
        pushed: The `request_uri` under which the server has its parameters; None to put them into the URL.
        client_id: Named beside a `request_uri` (RFC 9126 section 4).
    """
    params = {"client_id": client_id, "request_uri": pushed} if pushed else request.params
    parts = urlsplit(request.url)
    query = "&".join(part for part in (parts.query, urlencode(params)) if part)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def build_push(settings: OAuth2Settings, request: AuthorizationRequest, moment: Moment) -> HttpRequest:
    """Build the request that pushes the parameters (RFC 9126 section 2.1)."""
    assert request.pushed_url is not None
    return build_pushed_request(settings, request.pushed_url, request.params, moment)


def parse_push(settings: OAuth2Settings, response: HttpResponse) -> str:
    """Return the `request_uri` of a pushed request.

    Raises:
        TokenEndpointError: It was refused.
        TokenResponseError: The answer names none.
    """
    data = read_answer(response)
    found = data if isinstance(data, dict) else {}
    error, description = find_error(found)
    if error or not response.is_success:
        raise_token_error(response, error, description, settings.secrets)
    uri = found.get("request_uri")
    if not isinstance(uri, str) or not 0 < len(uri) <= MAX_CODE:
        where = redact_url(response.url)
        raise TokenResponseError(where, response.status, "no 'request_uri' in the answer to a pushed request")
    return uri


def check_callback(
    conn_id: str,
    pairs: Sequence[tuple[str, str]],
    *,
    issuer: str | None,
    is_issuer_promised: bool,
) -> Secret:
    """Return the code of a callback whose state was found to be good.

    Args:
        conn_id: The connection, for errors.
        pairs: The callback's parameters as they came.
        issuer: What `iss` must say, where it is there.
        is_issuer_promised: Whether it has to be there.
    Raises:
        CallbackError: It is not the answer that was asked for; nothing may be sent anywhere.
        ConsentDeniedError: It says no.
    Source: RFC 6749 section 4.1.2, RFC 9207 section 2.4.
    """
    check_single(pairs)
    found = dict(pairs)
    _check_issuer(found.get("iss"), issuer, is_promised=is_issuer_promised)
    if "error" in found:
        error = build_excerpt(found["error"], limit=80) or "error"
        raise ConsentDeniedError(conn_id, error, build_excerpt(found.get("error_description", ""), limit=200))
    code = found.get("code", "")
    if not code:
        raise CallbackError("it has no code")
    if len(code) > MAX_CODE or not code.isprintable() or not code.isascii():
        raise CallbackError(f"its code has more than {MAX_CODE} characters, or others than ASCII")
    return Secret(code)


def check_single(pairs: Sequence[tuple[str, str]]) -> None:
    """Refuse a callback that has a parameter twice.

    Raises:
        CallbackError: It has.
    """
    names = [name for name, _ in pairs]
    for name in _SINGLE:
        if names.count(name) > 1:
            raise CallbackError(f"it has parameter '{name}' twice")


def _check_issuer(given: str | None, issuer: str | None, *, is_promised: bool) -> None:
    if given is None:
        if is_promised:
            raise CallbackError("it does not name its issuer, as the server promises to do")
        return
    if issuer is not None and not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), issuer.encode()):
        raise CallbackError("it names another issuer than the connection")


def check_signed(query: str, consent: CodeConsent) -> None:
    """Refuse a callback that the service should have signed and has not.

    Args:
        query: The callback's query as it came, or its form.
        consent: How the service signs.
    Raises:
        CallbackSignatureError: It has not.
    """
    if consent.signature is not None:
        verify_callback(query, consent.signature)

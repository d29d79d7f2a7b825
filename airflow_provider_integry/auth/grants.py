"""How a token is obtained, as a conversation: it says what to send and is told what came back.

One generator serves the synchronous and the asynchronous side alike::

    steps = obtain_token(settings, refresh_token=None, endpoint=None, now=time.time, unique=make_id)
    request = next(steps)
    request = steps.send(response)     # until StopIteration, whose value is an `Obtained`
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from email.utils import parsedate_to_datetime
from http.cookies import CookieError, Morsel, SimpleCookie
from typing import NamedTuple

from airflow_provider_integry.auth.discovery import ServerMetadata, build_metadata_requests, parse_metadata
from airflow_provider_integry.auth.dpop import ProofKey, build_proof
from airflow_provider_integry.auth.jwt import (
    JwtLogin,
    JwtSigning,
    build_login_request,
    build_second_request,
    mint_jwt,
)
from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth.oauth2 import (
    GIVEN_GRANTS,
    Moment,
    OAuth2Settings,
    build_client_credentials_request,
    build_jwt_bearer_request,
    build_refresh_request,
)
from airflow_provider_integry.auth.token import Token, parse_number, parse_token_response
from airflow_provider_integry.auth.token_errors import is_unavailable, raise_token_error
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse, redact_url
from airflow_provider_integry.errors import (
    InvalidClientError,
    LoginRefusedError,
    NonRenewableTokenError,
    TokenResponseError,
)
from airflow_provider_integry.secret import Secret

TokenSettings = OAuth1Consent | OAuth2Settings | JwtSigning | JwtLogin
Steps = Generator[HttpRequest, HttpResponse, "Obtained"]


class Obtained(NamedTuple):
    """What a conversation ends with.

    Attributes:
        token: The token.
        endpoint: Token endpoint that discovery found, to be remembered; None where it was not asked.
        nonce: The token endpoint's latest nonce for proofs, to be remembered.
    """

    token: Token
    endpoint: str | None = None
    nonce: str | None = None


class Prover(NamedTuple):
    """What proofs for the token endpoint are made of.

    Attributes:
        key: Key that the token is to be bound to.
        now: Clock, UTC epoch seconds.
        unique: Makes unique texts.
        nonce: The endpoint's nonce as far as it is known.
    """

    key: ProofKey
    now: Callable[[], float]
    unique: Callable[[], str]
    nonce: str | None

    def prove(self, request: HttpRequest, nonce: str | None) -> str:
        """Sign the proof for one request."""
        return build_proof(
            self.key, method=request.method, url=request.url, now=self.now(), jti=self.unique(), nonce=nonce
        )


def obtain_token(
    settings: TokenSettings,
    *,
    refresh_token: Secret | None,
    endpoint: str | None,
    now: Callable[[], float],
    unique: Callable[[], str],
    proof_key: ProofKey | None = None,
    nonce: str | None = None,
) -> Steps:
    """Get a token in whichever way the settings say.

    Args:
        settings: How.
        refresh_token: The newest one; None where there is none.
        endpoint: Token endpoint that discovery found earlier.
        now: Clock, UTC epoch seconds.
        unique: Makes unique texts.
        proof_key: Key that the token is to be bound to; None for plain tokens.
        nonce: The token endpoint's nonce of an earlier answer.
    Raises:
        AuthorizationError: There is no token to be had; the subclass says why.
    """
    if isinstance(settings, JwtSigning):
        return Obtained(mint_jwt(settings, now=now()))
    if isinstance(settings, JwtLogin):
        return Obtained((yield from _log_in(settings, now)))
    if isinstance(settings, OAuth1Consent):
        raise NonRenewableTokenError("A token of OAuth 1.0a comes out of somebody's consent alone: authorize again.")
    if settings.exchange_url is None and endpoint is None:
        endpoint = (yield from discover(settings)).token_endpoint
    requested_at = now()
    prover = Prover(proof_key, now, unique, nonce) if proof_key else None
    # Built anew for each sending: an assertion is good for one use.
    response, nonce = yield from send_proved(
        lambda: _build_request(settings, refresh_token, Moment(endpoint, now(), unique())), prover
    )
    token = parse_token_response(
        response,
        requested_at=requested_at,
        shape=settings.shape,
        previous_refresh_token=refresh_token,
        sent=(*settings.secrets, *((refresh_token,) if refresh_token else ())),
    )
    return Obtained(token, endpoint, nonce)


def send_proved(
    build: Callable[[], HttpRequest], prover: Prover | None
) -> Generator[HttpRequest, HttpResponse, tuple[HttpResponse, str | None]]:
    """Send a token request with its proof, once more where the server wants another nonce in it.

    Returns:
        The answer, and the server's latest nonce.
    Source: RFC 9449 section 8.
    """
    request = build()
    if prover is None:
        return (yield request), None
    response = yield request.with_header("DPoP", prover.prove(request, prover.nonce))
    nonce = response.header("DPoP-Nonce")
    # Any answer may bring a nonce; only this error asks for another sending.
    if response.status not in (400, 401) or nonce is None or b"use_dpop_nonce" not in response.body:
        return response, nonce or prover.nonce
    request = build()
    response = yield request.with_header("DPoP", prover.prove(request, nonce))
    return response, response.header("DPoP-Nonce") or nonce


def _build_request(settings: OAuth2Settings, refresh_token: Secret | None, moment: Moment) -> HttpRequest:
    if settings.grant_type in GIVEN_GRANTS:
        return build_refresh_request(settings, refresh_token, moment)
    if settings.grant_type == "jwt_bearer":
        return build_jwt_bearer_request(settings, moment)
    return build_client_credentials_request(settings, moment)


def discover(settings: OAuth2Settings) -> Generator[HttpRequest, HttpResponse, ServerMetadata]:
    """Ask the issuer for its description of itself, at each place where that may be.

    Raises:
        TokenResponseError: No place has a document of this issuer.
        TokenEndpointUnavailableError: No place has one, and one of them is down.
    """
    issuer = settings.issuer or ""
    failed: TokenResponseError | None = None
    down: HttpResponse | None = None
    for request in build_metadata_requests(issuer):
        response = yield request
        try:
            return parse_metadata(response, issuer, allow_http=settings.allow_http)
        except TokenResponseError as error:
            # The first refusal of a document that is there says more than a 404 at the next place.
            failed = failed if failed and failed.status == 200 else error
            down = response if is_unavailable(response.status) else down
    assert failed is not None
    if down is not None and failed.status != 200:
        raise_token_error(down, None, "", settings.secrets)
    raise failed


def _log_in(settings: JwtLogin, now: Callable[[], float]) -> Generator[HttpRequest, HttpResponse, Token]:
    requested_at = now()
    response = yield build_login_request(settings)
    try:
        token = _read_login(response, settings, requested_at)
    except InvalidClientError as error:
        raise LoginRefusedError(error.url, error.status, error.error, error.description) from None
    if settings.second_url is None:
        return token
    requested_at = now()
    response = yield build_second_request(settings, token.access_token)
    sent = (*settings.secrets, token.access_token)
    return parse_token_response(response, requested_at=requested_at, shape=settings.second_shape, sent=sent)


def _read_login(response: HttpResponse, settings: JwtLogin, requested_at: float) -> Token:
    if settings.cookie_name:
        return _read_cookie(response, settings, requested_at)
    return parse_token_response(response, requested_at=requested_at, shape=settings.shape, sent=settings.secrets)


def _read_cookie(response: HttpResponse, settings: JwtLogin, requested_at: float) -> Token:
    """Return the session cookie of a login as a token.

    Raises:
        TokenEndpointError: The login was refused.
        TokenResponseError: It sets no such cookie.
    """
    if response.status >= 400:
        raise_token_error(response, None, "", settings.secrets)
    name = settings.cookie_name or ""
    found = [
        morsel
        for header, value in response.headers
        if header.lower() == "set-cookie" and (morsel := _parse_cookie(value, name)) is not None
    ]
    # The last one stands (RFC 6265 section 5.3): many servers replace the session when a login succeeds.
    if found and found[-1].value:
        ends_at = _read_cookie_end(found[-1], requested_at)
        if ends_at is None and settings.shape.default_lifetime_s:
            ends_at = requested_at + settings.shape.default_lifetime_s
        if ends_at is None or ends_at > requested_at:
            return Token(Secret(found[-1].value), ends_at)
    shown = redact_url(response.url)
    raise TokenResponseError(shown, response.status, f"the login sets no cookie '{name}'; check its name")


def _parse_cookie(value: str, name: str) -> Morsel[str] | None:
    try:
        return SimpleCookie(value).get(name)
    except CookieError:
        return None


def _read_cookie_end(morsel: Morsel[str], requested_at: float) -> float | None:
    """Return when a cookie ends; None when it does not tell. Max-Age comes before Expires (RFC 6265 section 5.3)."""
    max_age_s = parse_number(morsel["max-age"])
    if max_age_s is not None:
        return requested_at + max_age_s
    try:
        return parsedate_to_datetime(morsel["expires"]).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None

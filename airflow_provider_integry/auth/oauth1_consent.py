"""Consent by OAuth 1.0a: temporary credentials, the consent page, its callback, and the token (RFC 5849 section 2).

Nothing here sends anything: requests are built and signed, answers and callbacks are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from airflow_provider_integry.auth.credentials import OAuth1
from airflow_provider_integry.auth.oauth1_answers import find_text, keep_values, read_answer
from airflow_provider_integry.auth.token import Token
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse, redact_url
from airflow_provider_integry.errors import CallbackError, ConsentDeniedError, TokenResponseError
from airflow_provider_integry.secret import Secret, build_excerpt

# The scheme under which tokens of this kind travel (RFC 5849 section 3.5.1).
TOKEN_TYPE = "OAuth"
MAX_CALLBACK_VALUE = 8 * 1024
MAX_CALLBACK_VALUES = 100
# Parameters by which services say no on the way back, with their explanations.
_DENIALS = (("error", "error_description"), ("oauth_problem", "oauth_problem_advice"), ("oauth_error", "oauth_error"))
_YES = frozenset({"1", "true", "yes"})


@dataclass(frozen=True, slots=True)
class OAuth1Consent:
    """How an account's token is got from somebody's consent.

    Attributes:
        consumer: The application, without a token.
        request_url: Where temporary credentials are fetched.
        authorize_url: The consent page.
        access_url: Where the token is fetched.
        authorize_params: Further parameters of the consent page's URL.
        method: How the two endpoints are called.
        accepts_unconfirmed: Whether an answer without ``oauth_callback_confirmed=true`` is accepted: a service
            that forgot to send it, or one that speaks OAuth 1.0 without the a and ignores the callback.
        kept: Names of what is kept, with their JMESPaths into ``{"callback": ..., "answer": ...}``.
    """

    consumer: OAuth1
    request_url: str
    authorize_url: str
    access_url: str
    authorize_params: Mapping[str, str] = field(default_factory=dict)
    method: Literal["POST", "GET"] = "POST"
    accepts_unconfirmed: bool = False
    kept: Mapping[str, str] = field(default_factory=dict)

    def credentials(self, token: Token) -> OAuth1:
        """Return what signs requests for the account that has given a token."""
        return replace(self.consumer, token=token.access_token, token_secret=token.token_secret)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What requests for tokens are signed with."""
        parts = (self.consumer.consumer_secret, self.consumer.private_key)
        return tuple(part for part in parts if part)


class TemporaryToken(NamedTuple):
    """Temporary credentials: what one consent is asked for with."""

    token: Secret
    secret: Secret


class Granted(NamedTuple):
    """What a consent has led to.

    Attributes:
        token: The token with its secret; it has no known end.
        answer: What else the service has told, such as `user_id` or `screen_name`.
    """

    token: Token
    answer: Mapping[str, str]


def build_temporary_request(settings: OAuth1Consent, callback_url: str, *, timestamp: int, nonce: str) -> HttpRequest:
    """Build the request for temporary credentials; the callback is part of its signature.

    Args:
        settings: The application.
        callback_url: Where the consent page is to send the browser.
        timestamp: UTC epoch seconds.
        nonce: Unique text.
    Raises:
        CredentialFormatError: It cannot be signed.
    Source: RFC 5849 section 2.1.
    """
    # Lazy for start-up cost: oauthlib is needed by one connection type of eight.
    from airflow_provider_integry.auth.oauth1 import sign

    request = _build_request(settings, settings.request_url)
    return sign(request, settings.consumer, timestamp=timestamp, nonce=nonce, callback=callback_url)


def parse_temporary(response: HttpResponse, settings: OAuth1Consent) -> TemporaryToken:
    """Read temporary credentials.

    Raises:
        TokenEndpointError: The service says no; the subclass says why.
        TokenResponseError: There are none in the answer, or it does not confirm the callback: whoever started
            the authorization could let somebody else finish it (OAuth Security Advisory 2009.1).
    """
    sent = settings.secrets
    values = read_answer(response, sent=sent, has_consent=False)
    found = TemporaryToken(
        find_text(values, "oauth_token", response, sent), find_text(values, "oauth_token_secret", response, sent)
    )
    if values.get("oauth_callback_confirmed", "").lower() != "true" and not settings.accepts_unconfirmed:
        problem = (
            "it does not say oauth_callback_confirmed=true, so it may not know where to send the browser. Is this"
            " OAuth 1.0a? Turn on 'unconfirmed_callback' only for a service that is known to leave it out"
        )
        raise TokenResponseError(redact_url(response.url), response.status, problem)
    return found


def build_oauth1_authorize_url(settings: OAuth1Consent, temporary: TemporaryToken) -> str:
    """Build the URL of the consent page; its own query stays.

    Source: RFC 5849 section 2.2.
    """
    pairs = [*settings.authorize_params.items(), ("oauth_token", temporary.token.reveal())]
    return HttpRequest("GET", settings.authorize_url).with_query(pairs).url


def find_callback_token(params: Mapping[str, str]) -> str | None:
    """Return the temporary token that a callback names, to find what was begun with it; None when it names none."""
    denied = params.get("denied", "")
    return params.get("oauth_token") or (None if denied.lower() in _YES else denied or None)


def check_oauth1_callback(
    params: Mapping[str, str] | Iterable[tuple[str, str]], temporary: TemporaryToken, *, conn_id: str
) -> Secret:
    """Check with what a browser comes back from the consent page, and return the verifier.

    Args:
        params: Decoded parameters; as pairs, so that a parameter that is there twice is noticed.
        temporary: What the consent was asked for with.
        conn_id: The connection, for errors.
    Raises:
        ConsentDeniedError: Somebody said no.
        CallbackError: It does not belong to this consent, or lacks the verifier.
    Source: RFC 5849 section 2.2.
    """
    values = _read_once(params)
    if "oauth_token" in values and Secret(values["oauth_token"]) != temporary.token:
        raise CallbackError("it belongs to another authorization")
    _check_denial(values, temporary, conn_id)
    if "oauth_token" not in values:
        raise CallbackError("it has no parameter 'oauth_token'")
    if not values.get("oauth_verifier"):
        raise CallbackError("it has no parameter 'oauth_verifier', which a service leaves out when somebody says no")
    return Secret(values["oauth_verifier"])


def build_access_request(
    settings: OAuth1Consent, temporary: TemporaryToken, verifier: Secret, *, timestamp: int, nonce: str
) -> HttpRequest:
    """Build the request that trades temporary credentials and verifier for the token.

    Args:
        settings: The application.
        temporary: What the consent was asked for with.
        verifier: From the callback.
        timestamp: UTC epoch seconds.
        nonce: Unique text.
    Raises:
        CredentialFormatError: It cannot be signed.
    Source: RFC 5849 section 2.3.
    """
    # Lazy for start-up cost, as above.
    from airflow_provider_integry.auth.oauth1 import sign

    credentials = replace(settings.consumer, token=temporary.token, token_secret=temporary.secret)
    request = _build_request(settings, settings.access_url)
    return sign(request, credentials, timestamp=timestamp, nonce=nonce, verifier=verifier)


def parse_access(
    response: HttpResponse, settings: OAuth1Consent, temporary: TemporaryToken, verifier: Secret
) -> Granted:
    """Read the token.

    Args:
        response: The answer.
        settings: The application.
        temporary: What the consent was asked for with.
        verifier: From the callback.
    Raises:
        TokenEndpointError: The service says no; the subclass says why.
        TokenResponseError: There is no token in the answer.
    """
    sent = (*settings.secrets, temporary.secret, temporary.token, verifier)
    values = read_answer(response, sent=sent, has_consent=True)
    token = Token(
        find_text(values, "oauth_token", response, sent),
        token_secret=find_text(values, "oauth_token_secret", response, sent),
        token_type=TOKEN_TYPE,
    )
    return Granted(token, keep_values(values))


def _build_request(settings: OAuth1Consent, url: str) -> HttpRequest:
    headers = (("Accept", "*/*"),)
    return HttpRequest(settings.method, url, headers, b"" if settings.method == "POST" else None)


def _read_once(params: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    pairs = list(params.items() if isinstance(params, Mapping) else params)
    values = dict(pairs)
    if len(values) != len(pairs):
        raise CallbackError("it has a parameter twice")
    if len(pairs) > MAX_CALLBACK_VALUES or any(len(value) > MAX_CALLBACK_VALUE for value in values.values()):
        raise CallbackError("it has too many parameters, or one that is too long")
    return values


def _check_denial(values: Mapping[str, str], temporary: TemporaryToken, conn_id: str) -> None:
    """Raise when somebody said no: services have no common way to tell.

    Raises:
        ConsentDeniedError: Somebody did.
        CallbackError: Somebody did, to another authorization.
    """
    denied = values.get("denied", "")
    if denied and Secret(denied) != temporary.token and denied.lower() not in _YES:
        raise CallbackError("its parameter 'denied' belongs to another authorization")
    # Atlassian's servers send the word in the place of the verifier.
    if denied or values.get("oauth_verifier") == "denied":
        raise ConsentDeniedError(conn_id, "access_denied")
    for name, explanation in _DENIALS:
        if code := values.get(name):
            hide = (temporary.token, temporary.secret)
            text = build_excerpt(values.get(explanation, ""), hide=hide) if explanation != name else ""
            raise ConsentDeniedError(conn_id, build_excerpt(code, hide=hide, limit=80), text)

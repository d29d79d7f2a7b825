"""OAuth 1.0a: from the click to the consent page, and from the callback to the grant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from airflow_provider_integry.auth.code_exchange import pick_kept
from airflow_provider_integry.auth.grants import Obtained
from airflow_provider_integry.auth.oauth1_consent import (
    OAuth1Consent,
    TemporaryToken,
    build_access_request,
    build_oauth1_authorize_url,
    build_temporary_request,
    check_oauth1_callback,
    parse_access,
    parse_temporary,
)
from airflow_provider_integry.authorizations.consent_oauth2 import REQUEST_S, Opened
from airflow_provider_integry.authorizations.granting import Given
from airflow_provider_integry.authorizations.steps import Fetch, Steps
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.secret import Secret


def open_request(
    subject: Subject, settings: OAuth1Consent, redirect_uri: str, now: Callable[[], float]
) -> Steps[Opened]:
    """Begin: fetch temporary credentials, and build the URL.

    Raises:
        AuthorizationError, TransportError: The service gives none.
    """
    request = build_temporary_request(settings, redirect_uri, timestamp=int(now()), nonce=uuid4().hex)
    response = yield Fetch(request, subject.transport, REQUEST_S)
    temporary = parse_temporary(response, settings)
    data = {"kind": "oauth1", "token": temporary.token.reveal(), "secret": temporary.secret.reveal()}
    url = build_oauth1_authorize_url(settings, temporary)
    return Opened(url, ("oauth_token", temporary.token.reveal()), data)


def close_request(
    subject: Subject,
    settings: OAuth1Consent,
    data: Mapping[str, Any],
    pairs: Sequence[tuple[str, str]],
    now: Callable[[], float],
) -> Steps[Given]:
    """End: read the callback, and trade its verifier for the token.

    Raises:
        CallbackError: It is not the answer that was asked for; nothing was sent.
        ConsentDeniedError: It says no.
        AuthorizationError, TransportError: There is no token to be had.
    """
    temporary = TemporaryToken(Secret(data["token"]), Secret(data["secret"]))
    verifier = check_oauth1_callback(pairs, temporary, conn_id=subject.key.conn_id)
    local_now = now()
    request = build_access_request(settings, temporary, verifier, timestamp=int(local_now), nonce=uuid4().hex)
    response = yield Fetch(request, subject.transport, REQUEST_S)
    granted = parse_access(response, settings, temporary, verifier)
    kept = pick_kept(settings.kept, dict(pairs), dict(granted.answer))
    return Given(Obtained(granted.token), local_now, kept)

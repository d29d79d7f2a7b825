"""OAuth 2.0: from the click to the consent page, and from the callback to the grant."""

from __future__ import annotations

import logging
import secrets as random_secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from airflow_provider_integry.auth.authorization_code import (
    build_authorization_request,
    build_authorize_url,
    build_push,
    check_callback,
    parse_push,
)
from airflow_provider_integry.auth.authorization_code_settings import CodeConsent
from airflow_provider_integry.auth.code_exchange import exchange_code, pick_kept
from airflow_provider_integry.auth.discovery import ServerMetadata
from airflow_provider_integry.auth.dpop import make_proof_key
from airflow_provider_integry.auth.grants import Prover
from airflow_provider_integry.auth.oauth2 import Moment, OAuth2Settings
from airflow_provider_integry.auth.pkce import build_verifier
from airflow_provider_integry.authorizations.conversation import ask_metadata, converse
from airflow_provider_integry.authorizations.granting import Given
from airflow_provider_integry.authorizations.steps import Fetch, Steps
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.errors import AuthorizationError, TransportError
from airflow_provider_integry.secret import Secret

log = logging.getLogger(__name__)
# One request of a conversation for which somebody waits.
REQUEST_S = 20.0


class Opened(NamedTuple):
    """An authorization request that is on its way.

    Attributes:
        url: Where the browser goes.
        returned: What the service sends back, by which the request is found again: ("state", text).
        data: What the end of the conversation needs; to be encrypted.
    """

    url: str
    returned: tuple[Any, str]
    data: dict[str, Any]


def open_request(subject: Subject, redirect_uri: str, now: Callable[[], float]) -> Steps[Opened]:
    """Begin: ask the issuer about itself, push the parameters where that is offered, and build the URL.

    Raises:
        AuthorizationError, ConfigurationError, TransportError: There is no consent page to go to.
    """
    settings, consent = _settings_of(subject)
    metadata = yield from _describe(subject, settings, consent)
    state = Secret(random_secrets.token_urlsafe(32))
    verifier = build_verifier() if consent.pkce != "none" else None
    request = build_authorization_request(
        settings, consent, metadata, redirect_uri=redirect_uri, state=state, verifier=verifier
    )
    pushed = None
    if request.pushed_url:
        message = build_push(settings, request, Moment(None, now(), uuid4().hex))
        response = yield Fetch(message, subject.transport, REQUEST_S)
        pushed = parse_push(settings, response)
    data = {
        "kind": "oauth2",
        "redirect_uri": redirect_uri,
        "verifier": verifier.reveal() if verifier else None,
        "issuer": request.issuer,
        "is_issuer_promised": request.is_issuer_promised,
        "endpoint": request.token_endpoint,
    }
    url = build_authorize_url(request, pushed, settings.client_id)
    return Opened(url, ("state", state.reveal()), data)


def close_request(
    subject: Subject, data: Mapping[str, Any], pairs: Sequence[tuple[str, str]], now: Callable[[], float]
) -> Steps[Given]:
    """End: read the callback, and trade its code.

    Raises:
        CallbackError: It is not the answer that was asked for; nothing was sent.
        ConsentDeniedError: It says no.
        AuthorizationError, TransportError: The code could not be traded.
    """
    settings, consent = _settings_of(subject)
    code = check_callback(
        subject.key.conn_id, pairs, issuer=data["issuer"], is_issuer_promised=data["is_issuer_promised"]
    )
    proof_key = make_proof_key() if settings.uses_dpop else None
    local_now = now()
    exchanged = yield from converse(
        exchange_code(
            settings,
            code,
            data["redirect_uri"],
            Secret(data["verifier"]) if data["verifier"] else None,
            endpoint=data["endpoint"],
            now=now,
            prover=Prover(proof_key, now, lambda: uuid4().hex, None) if proof_key else None,
            unique=lambda: uuid4().hex,
        ),
        subject.transport,
        what="Token endpoint",
    )
    kept = pick_kept(consent.kept, dict(pairs), exchanged.answer)
    return Given(exchanged.obtained, local_now, kept, None, proof_key)


def _describe(subject: Subject, settings: OAuth2Settings, consent: CodeConsent) -> Steps[ServerMetadata | None]:
    """Ask the issuer about itself; what it does not say matters only where the connection does not say it either."""
    try:
        return (yield from ask_metadata(settings, subject.transport))
    except (AuthorizationError, TransportError) as error:
        if not (consent.authorize_url and settings.exchange_url):
            raise
        log.info("Connection '%s': its issuer does not describe itself: %s", subject.key.conn_id, error)
        return None


def _settings_of(subject: Subject) -> tuple[OAuth2Settings, CodeConsent]:
    settings = subject.settings
    if not isinstance(settings, OAuth2Settings) or settings.consent is None:
        raise AuthorizationError(f"Connection '{subject.key.conn_id}' has no consent page to go to.")
    return settings, settings.consent

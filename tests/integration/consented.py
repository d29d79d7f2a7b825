"""A whole consent by OAuth 1.0a without Airflow's pages: what the broker sends, and what a person does between."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from servers.oauth1_consent import AUTHORIZE, INITIATE, TOKEN, OAuth1Service, give_consent

from airflow_provider_integry.auth.oauth1_consent import (
    Granted,
    OAuth1Consent,
    build_access_request,
    build_oauth1_authorize_url,
    build_temporary_request,
    check_oauth1_callback,
    parse_access,
    parse_temporary,
)
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.settings import ConnectionSettings, TransportSettings
from airflow_provider_integry.transport.sync import fetch

CALLBACK = "https://airflow.example.com/integry/public/callback/photos-0123456789abcdef"


def fields_of(service: OAuth1Service, url: str, method: str = "HMAC-SHA1", **more: Any) -> dict[str, Any]:
    """Return the fields of a connection to the service, as they stand in `extra`."""
    return {
        "consumer_key": service.consumer,
        "consumer_secret": service.consumer_secret,
        "signature_method": method,
        "request_url": url + INITIATE,
        "authorize_url": url + AUTHORIZE,
        "access_url": url + TOKEN,
        "allow_http": True,
        **more,
    }


def authorize(settings: ConnectionSettings, answer: str = "allow") -> Granted:
    """Go through a consent and return what it has led to."""
    auth = settings.auth
    assert isinstance(auth, OAuth1Consent)
    temporary = parse_temporary(send(build_temporary_request(auth, CALLBACK, **moment())), auth)
    found = give_consent(build_oauth1_authorize_url(auth, temporary), answer)
    pairs = [(name, value) for name, values in found.items() for value in values]
    verifier = check_oauth1_callback(pairs, temporary, conn_id=settings.conn_id)
    response = send(build_access_request(auth, temporary, verifier, **moment()))
    return parse_access(response, auth, temporary, verifier)


def moment() -> dict[str, Any]:
    """Return what a signature needs to be a new one."""
    return {"timestamp": int(time.time()), "nonce": uuid4().hex}


def send(request: HttpRequest) -> HttpResponse:
    """Send a request as the broker does."""
    return fetch(request, TransportSettings(), deadline_s=10)

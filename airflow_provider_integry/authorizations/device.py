"""Authorize without a browser redirect: a code is shown, and the service is asked until somebody has entered it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import uuid4

from airflow_provider_integry.auth.code_exchange import pick_kept
from airflow_provider_integry.auth.device_flow import (
    DeviceCode,
    Polling,
    build_device_request,
    judge_poll,
    parse_device_answer,
)
from airflow_provider_integry.auth.dpop import ProofKey, make_proof_key
from airflow_provider_integry.auth.grants import Obtained, Prover, send_proved
from airflow_provider_integry.auth.oauth2 import Moment, OAuth2Settings, build_device_token_request
from airflow_provider_integry.auth.token import Token, read_answer
from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.authorizations.check import name_account
from airflow_provider_integry.authorizations.conversation import ask_metadata, converse
from airflow_provider_integry.authorizations.grant import Authorization
from airflow_provider_integry.authorizations.granting import Given, store_grant
from airflow_provider_integry.authorizations.identity import find_account
from airflow_provider_integry.authorizations.issuing import build_credentials
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.refresh import Events
from airflow_provider_integry.authorizations.steps import Do, Fetch, Pause, Steps
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.connectors.user_info import Account
from airflow_provider_integry.errors import (
    AuthorizationError,
    ConnectionConfigError,
    ConsentDeniedError,
    IntegryError,
    TransportError,
)
from airflow_provider_integry.settings import ConnectionSettings

log = logging.getLogger(__name__)
# One request; the conversation as a whole ends with the code.
POLL_DEADLINE_S = 20.0
# The longest pause without a word to whoever waits.
TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class DeviceListener:
    """Who stands between the conversation and a person; none of these may block for long.

    Attributes:
        show: Is told the code and where it is entered.
        tick: Is called about once a second, with the seconds until the code ends.
        may_replace: Is asked whether another account may take the place of the one that is authorized:
            the one that is, then the one that was just given.
        timeout_s: Seconds to wait for somebody to enter the code; None for as long as it is good.
    """

    show: Callable[[DeviceCode], None]
    tick: Callable[[float], None]
    may_replace: Callable[[str, str], bool]
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Flow:
    settings: ConnectionSettings
    auth: OAuth2Settings
    subject: Subject
    device_url: str
    endpoint: str | None
    proof_key: ProofKey | None
    now: Callable[[], float]


def authorize_device(
    store: AuthorizationStore,
    journal: Journal,
    events: Events,
    settings: ConnectionSettings,
    subject: Subject,
    listener: DeviceListener,
    *,
    owner: str,
    now: Callable[[], float] = time.time,
) -> Steps[Authorization]:
    """Obtain a grant by the device flow (RFC 8628) and keep it.

    Args:
        store: Where grants are kept.
        journal: Where grants are on their way there.
        events: Is told.
        settings: The connection.
        subject: Which authorization of it.
        listener: Shows the code.
        owner: Who does it, for the audit log.
        now: This machine's clock, UTC epoch seconds.
    Returns:
        The row with the new grant.
    Raises:
        ConnectionConfigError: No device endpoint is known.
        ConsentDeniedError: Somebody said no, there or to another account here.
        DeviceCodeExpiredError: Nobody has entered the code in time.
        AuthorizationError, TransportError: The service refuses, or cannot be reached.
        StoreError: The grant cannot be stored.
    """
    flow = yield from _prepare(settings, subject, now)
    code = yield from _ask_for_code(flow)
    listener.show(code)
    obtained, answer, requested_at = yield from _wait(flow, code, listener)
    consent = flow.auth.consent
    kept = pick_kept(consent.kept, {}, answer) if consent else {}
    account = yield from _identify(flow, obtained.token, kept)
    row: Authorization | None = yield Do(lambda: store.find(subject.key.digest))
    _check_account(flow, row, account, listener)
    given = Given(obtained, requested_at, kept, account, flow.proof_key)
    return (yield from store_grant(store, journal, events, subject, given, owner=owner))


def _prepare(settings: ConnectionSettings, subject: Subject, now: Callable[[], float]) -> Steps[_Flow]:
    """Find the endpoints.

    Raises:
        ConnectionConfigError: No device endpoint is known, or the connection asks nobody for consent.
        TokenResponseError: The issuer names a device endpoint that may not be called.
    """
    auth = settings.auth
    if not isinstance(auth, OAuth2Settings) or auth.consent is None:
        problem = f"is '{settings.conn_type}' without consent; the device flow is for OAuth 2.0 grants that people give"
        raise ConnectionConfigError(settings.conn_id, "conn_type", problem)
    url, endpoint = auth.consent.device_url, None
    if url is None or auth.exchange_url is None:
        metadata = yield from ask_metadata(auth, subject.transport)
        if metadata is None:
            problem = "is empty, and there is no issuer to ask; fill in 'Device endpoint', or authorize in a browser"
            raise ConnectionConfigError(settings.conn_id, "device_url", problem)
        url = url or metadata.require("device_authorization_endpoint", "device_url")
        endpoint = metadata.token_endpoint if auth.exchange_url is None else None
    return _Flow(settings, auth, subject, url, endpoint, make_proof_key() if auth.uses_dpop else None, now)


def _ask_for_code(flow: _Flow) -> Steps[DeviceCode]:
    requested_at = flow.now()
    moment = Moment(flow.endpoint, requested_at, uuid4().hex)
    request = build_device_request(flow.auth, flow.device_url, moment)
    response: HttpResponse = yield Fetch(request, flow.subject.transport, POLL_DEADLINE_S)
    allow_http, sent = flow.auth.allow_http, flow.auth.secrets
    return parse_device_answer(response, requested_at=requested_at, allow_http=allow_http, sent=sent)


def _wait(flow: _Flow, code: DeviceCode, listener: DeviceListener) -> Steps[tuple[Obtained, object, float]]:
    """Ask until somebody has decided; return the token, the whole answer, and when it was asked for."""
    patience_s = listener.timeout_s
    gives_up_at = min(code.expires_at, flow.now() + patience_s) if patience_s is not None else code.expires_at
    polling = Polling(code.interval_s, code.expires_at, flow.settings.conn_id)
    nonce: str | None = None
    while True:
        yield from _pause(polling.interval_s, gives_up_at, flow.now, listener)
        polling.check(flow.now())
        if flow.now() >= gives_up_at:
            raise AuthorizationError(
                f"Connection '{flow.settings.conn_id}': nobody has entered the code in {patience_s or 0:.0f} s."
            )
        requested_at = flow.now()
        try:
            response, nonce = yield from _poll(flow, code, nonce)
        except TransportError:
            polling = polling.backed_off()
            continue
        found = judge_poll(response, polling, flow.auth, code.device_code, requested_at=requested_at)
        if isinstance(found, Token):
            return Obtained(found, flow.endpoint, nonce), read_answer(response), requested_at
        polling = found


def _poll(flow: _Flow, code: DeviceCode, nonce: str | None) -> Steps[tuple[HttpResponse, str | None]]:
    def unique() -> str:
        return uuid4().hex

    prover = Prover(flow.proof_key, flow.now, unique, nonce) if flow.proof_key else None
    asking = send_proved(
        lambda: build_device_token_request(flow.auth, code.device_code, Moment(flow.endpoint, flow.now(), unique())),
        prover,
    )
    return (yield from converse(asking, flow.subject.transport, what="Token endpoint", total_s=POLL_DEADLINE_S))


def _pause(seconds: float, until: float, now: Callable[[], float], listener: DeviceListener) -> Steps[None]:
    """Wait, with a word about once a second."""
    ends_at = min(now() + seconds, until)
    while (left_s := ends_at - now()) > 0:
        listener.tick(max(0.0, until - now()))
        yield Pause(min(left_s, TICK_S))


def _identify(flow: _Flow, token: Token, kept: Mapping[str, str]) -> Steps[Account | None]:
    try:
        return (yield from find_account(flow.settings, build_credentials(flow.auth, token, flow.proof_key), kept))
    except IntegryError as error:
        # The grant is good all the same, and good for one use: it must not be lost for this.
        log.warning("Connection '%s': the account could not be looked up: %s", flow.settings.conn_id, error)
        return None


def _check_account(flow: _Flow, row: Authorization | None, account: Account | None, listener: DeviceListener) -> None:
    """Ask before a grant takes the place of somebody else's.

    Raises:
        ConsentDeniedError: The answer is no; nothing was stored.
    """
    if row is None or row.account_id is None or (account is not None and account.id == row.account_id):
        return
    before = name_account(Account(row.account_id, row.account_name))
    after = name_account(account) if account else "an account that could not be looked up"
    if not listener.may_replace(before, after):
        raise ConsentDeniedError(flow.settings.conn_id, "other_account", "the grant of another account stays in place")


__all__ = ["DeviceListener", "authorize_device"]

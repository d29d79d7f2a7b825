"""Permits as a call sees them: a gate that lets its requests through, and three places to ask.

The broker is asked over HTTP, or the database directly where this process has it. Where neither can be had,
this process keeps the limit for itself alone, and says so.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import Protocol
from uuid import uuid4

import msgspec

from airflow_provider_integry import config
from airflow_provider_integry.authorizations.client import (
    SECOND_TRY_S,
    explain_problem,
    explain_refusal,
    find_secret,
    forget_secret,
    post,
    read_problem,
    read_skew,
)
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.messages import PERMITS_PATH, PermitAnswer, PermitAsk, PermitRequest
from airflow_provider_integry.authorizations.permit_state import Caps, PermitState, permit_digest
from airflow_provider_integry.authorizations.proof import build_claims, derive_key, sign_proof
from airflow_provider_integry.authorizations.steps import Do, Pause, Steps, arun_steps, run_steps
from airflow_provider_integry.authorizations.subject import is_kept
from airflow_provider_integry.errors import BrokerError, IntegryError, LimitReachedError, StoreError
from airflow_provider_integry.settings import ConnectionSettings

log = logging.getLogger(__name__)
# After the broker could not be asked, this process keeps limits for itself for so long.
DETOUR_S = 60.0
# A permit outlives the request it is for by so much.
_SPARE_S = 30.0
_MOST_LEASE_S = 43200.0
_SCATTER_S = 0.1


class Desk(Protocol):
    """Where permits are had."""

    def ask(self, ask: PermitAsk) -> Steps[PermitAnswer]:
        """Give a permit back, or ask for one, or both.

        Raises:
            IntegryError: It cannot be asked.
        """
        ...


class PermitGate:
    """Lets the requests of one call through, within a limit that holds for all processes; see `manner.Gate`.

    Args:
        activity: Name of the activity, for errors.
        limit: The limit in words.
        caps: What is allowed.
        desk: Where permits are had.
        request_s: Seconds that one request may take.
    """

    def __init__(self, activity: str, limit: str, caps: Caps, desk: Desk, request_s: float) -> None:
        self._activity = activity
        self._limit = limit
        self._caps = caps
        self._desk = desk
        self._lease_s = min(request_s + _SPARE_S, _MOST_LEASE_S)
        self._permit: str | None = None
        self._left = self._used = 0
        self._wanted = 1
        self._good_until = 0.0

    def enter(self, patience_s: float) -> None:
        """Wait until a request may be sent; see `Gate.enter`."""
        run_steps(self._enter(patience_s))

    async def aenter(self, patience_s: float) -> None:
        """Do what `enter` does, without blocking the event loop."""
        await arun_steps(self._enter(patience_s))

    def leave(self) -> None:
        """Tell that the request is over."""
        run_steps(self._leave())

    async def aleave(self) -> None:
        """Do what `leave` does, without blocking the event loop."""
        await arun_steps(self._leave())

    def close(self) -> None:
        """Give back what the call does not need any more."""
        run_steps(self._give_back())

    async def aclose(self) -> None:
        """Do what `close` does, without blocking the event loop."""
        await arun_steps(self._give_back())

    def _enter(self, patience_s: float) -> Steps[None]:
        until = time.monotonic() + patience_s
        if self._left and time.monotonic() > self._good_until:
            yield from self._give_back()
        while not self._left:
            permit, asked_at = uuid4().hex, time.monotonic()
            answer = yield from self._desk.ask(PermitAsk(self._wanted, permit, 2 * self._lease_s))
            if answer.count:
                # The longer a call goes on, the more requests it asks for at once.
                self._permit, self._left, self._wanted = permit, answer.count, self._wanted * 2
                self._good_until = asked_at + self._lease_s
            elif time.monotonic() + answer.wait_s > until:
                raise LimitReachedError(self._activity, self._limit, answer.wait_s)
            else:
                # A little scatter: those who ask different processes were told the same moment.
                yield Pause(answer.wait_s + random.random() * min(_SCATTER_S, answer.wait_s))  # noqa: S311 - no secret
        self._left -= 1
        self._used += 1

    def _leave(self) -> Steps[None]:
        if not self._left:
            yield from self._give_back()

    def _give_back(self) -> Steps[None]:
        permit, used = self._permit, self._used
        self._permit, self._left, self._used = None, 0, 0
        if permit is None:
            return
        try:
            yield from self._desk.ask(PermitAsk(returned_id=permit, used=used))
        except IntegryError as error:
            # It ends by itself; an answer that has come is not thrown away for it.
            log.warning("A permit could not be given back, and counts until its end: %s", error)


class DirectDesk:
    """Asks the database, where this process has it."""

    def __init__(self, settings: ConnectionSettings, key: AuthorizationKey, bucket: str, caps: Caps) -> None:
        self._settings = settings
        self._key = key
        self._bucket = bucket
        self._caps = caps

    def ask(self, ask: PermitAsk) -> Steps[PermitAnswer]:
        """Ask; see `Desk.ask`."""
        answer: PermitAnswer = yield Do(lambda: self._serve(ask))
        return answer

    def _serve(self, ask: PermitAsk) -> PermitAnswer:
        # Lazy for start-up cost: tasks have no database.
        from airflow_provider_integry.authorizations.airflow_store import local_permits, team_of
        from airflow_provider_integry.authorizations.direct import find_subject

        key = self._key._replace(team=team_of(self._key.conn_id))
        if is_kept(self._settings, key.end_user, key.account):
            # One account has one limit, by whatever name it is asked for.
            key = find_subject(self._settings, key.end_user, key.account).key
        return local_permits().serve(permit_digest(key, self._bucket), self._caps, [ask])[0]


class BrokerDesk:
    """Asks the broker; where that cannot be done, a desk in this process is asked for a while."""

    def __init__(self, settings: ConnectionSettings, key: AuthorizationKey, bucket: str, caps: Caps) -> None:
        self._settings = settings
        self._key = key
        self._bucket = bucket
        self._caps = caps
        self._skew_s = 0.0
        self._own = OwnDesk(permit_digest(key, bucket), caps)
        # Permits are given back where they were had.
        self._is_own: dict[str, bool] = {}

    def ask(self, ask: PermitAsk) -> Steps[PermitAnswer]:
        """Ask; see `Desk.ask`."""
        is_own = self._is_own.pop(ask.returned_id, False) if ask.returned_id else _is_on_detour()
        answer = None
        if not is_own:
            try:
                answer = yield from self._ask_broker(ask)
            except (BrokerError, StoreError) as error:
                if ask.returned_id:
                    raise
                _take_detour(self._settings.conn_id, error)
                is_own = True
        if answer is None:
            answer = self._own.serve(ask)
        if answer.count:
            self._is_own[ask.permit_id] = is_own
        return answer

    def _ask_broker(self, ask: PermitAsk) -> Steps[PermitAnswer]:
        caps, key = self._caps, self._key
        body = msgspec.json.encode(
            PermitRequest(
                key.conn_id,
                self._bucket,
                ask,
                caps.requests,
                caps.per_s,
                caps.concurrency,
                key.end_user,
                key.account,
            )
        )
        claims = build_claims(key.conn_id, key.end_user, key.account)
        for attempt in range(2):
            proof_key = derive_key((yield from find_secret()), self._settings)
            proof = sign_proof(proof_key, claims, now=time.time() + self._skew_s, nonce=uuid4().hex)
            response = yield from post(PERMITS_PATH, body, proof)
            if response.status == 200:
                return msgspec.json.decode(response.body, type=PermitAnswer)
            if attempt or response.status not in (401, 404):
                break
            # The clock may be off, or the installation's secret be a new one.
            self._skew_s = read_skew(response, self._skew_s)
            forget_secret()
            if response.status == 404:
                yield Pause(SECOND_TRY_S)
        if response.status in (401, 404):
            raise explain_refusal(key.conn_id, proof_key)
        raise explain_problem(read_problem(response), response)


_own_states: dict[str, PermitState] = {}
_own_lock = threading.Lock()
_detour_until = 0.0


class OwnDesk:
    """Keeps a limit within this process."""

    def __init__(self, digest: str, caps: Caps) -> None:
        self._digest = digest
        self._caps = caps

    def serve(self, ask: PermitAsk) -> PermitAnswer:
        """Answer at once."""
        with _own_lock:
            state = _own_states.setdefault(self._digest, PermitState())
            return state.serve(ask, self._caps, time.monotonic())


def _is_on_detour() -> bool:
    return time.monotonic() < _detour_until


def _take_detour(conn_id: str, error: IntegryError) -> None:
    global _detour_until  # noqa: PLW0603 - one process, one broker
    log.warning(
        "Connection '%s': the limits of its connector hold within this process alone for the next minute, because the"
        " API server cannot be asked: %s",
        conn_id,
        error,
    )
    _detour_until = time.monotonic() + DETOUR_S


def build_desk(
    settings: ConnectionSettings, end_user: str | None, account: str | None, bucket: str, caps: Caps
) -> Desk:
    """Return where this process asks for permits.

    Args:
        settings: The connection.
        end_user: End user; None for the connection's own account.
        account: Which of several accounts; None for the default one.
        bucket: What is limited.
        caps: What is allowed.
    """
    key = AuthorizationKey(settings.conn_id, None, end_user, account)
    if config.has_database():
        return DirectDesk(settings, key, bucket, caps)
    return BrokerDesk(settings, key, bucket, caps)

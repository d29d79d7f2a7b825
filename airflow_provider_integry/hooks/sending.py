"""How the requests of one activity are sent: its limits, its key, and what becomes of a write without an answer."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from airflow_provider_integry.auth.wire import HttpRequest, redact_url
from airflow_provider_integry.authorizations.permit_state import Caps
from airflow_provider_integry.authorizations.permits import PermitGate, build_desk
from airflow_provider_integry.connectors.idempotency import check_key
from airflow_provider_integry.connectors.judgement import Judge
from airflow_provider_integry.connectors.rate_limits import GIVE_UP_S, INTEGRY_WAITS_S
from airflow_provider_integry.connectors.run import ActivityCall
from airflow_provider_integry.errors import (
    HttpStatusError,
    InvalidInputError,
    OutcomeUnknownError,
    TransportError,
)
from airflow_provider_integry.settings import ConnectionSettings
from airflow_provider_integry.transport.limits import IDEMPOTENCY_HEADERS
from airflow_provider_integry.transport.manner import Manner
from airflow_provider_integry.transport.retry import IDEMPOTENT_METHODS


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call waits for the API's limits, and how often it has done so before.

    Attributes:
        max_wait_s: A longer wait is left to the caller; None for no such limit.
        is_endless: Whether waiting costs nothing, as on an event loop.
        throttled: How often in a row the API has said "too many requests" before this call.
    """

    max_wait_s: float | None = None
    is_endless: bool = False
    throttled: int = 0


class Sending:
    """How the requests of one call are sent, and what their failures mean.

    Args:
        call: The call.
        key: What the API is to recognise a repeated action by: the same whenever this action is run again. None
            where nobody has chosen one.
        task_key: The same, for where nobody has chosen one and the API takes one.
        patience: How long it waits for limits.
        gate: Lets its requests through; None where nothing is limited.
    Raises:
        InvalidInputError: A key was given that cannot be sent, or to an activity that has no place for it.
    """

    def __init__(
        self,
        call: ActivityCall,
        *,
        key: str | None = None,
        task_key: str | None = None,
        patience: Patience | None = None,
        gate: PermitGate | None = None,
    ) -> None:
        self._call = call
        self._gate = gate
        takes_key = call.idempotency is not None and call.idempotency.takes_key
        if key is not None and not takes_key:
            raise _refuse_key(call)
        self._key = check_key(call.name, key) if key is not None else task_key
        patience = patience or Patience()
        limits = call.limits
        is_declared = call.idempotency is not None
        self.manner = Manner(
            judge=Judge(call.errors, limits) if call.errors or limits else None,
            gate=gate,
            is_read=True,
            is_repeatable=call.is_query or is_declared,
            throttle_waits_s=INTEGRY_WAITS_S if limits and limits.policy == "integry" else (),
            max_wait_s=patience.max_wait_s,
            give_up_s=GIVE_UP_S,
            is_patient=patience.is_endless,
            throttled=patience.throttled,
        )
        # Without a key of the caller's, requests of this call at least are recognised among each other.
        own = str(uuid4())
        self._sent_key = call.carry_key(self._key or own)
        self._is_known_again = self._sent_key not in (None, own)

    def close(self) -> None:
        """Give back what the call does not need any more."""
        if self._gate is not None:
            self._gate.close()

    async def aclose(self) -> None:
        """Do what `close` does, without blocking the event loop."""
        if self._gate is not None:
            await self._gate.aclose()

    def explain(self, error: TransportError | HttpStatusError, request: HttpRequest) -> Exception:
        """Return the error to raise: a write that may have happened has one of its own."""
        is_safe = self._call.is_query or request.method in IDEMPOTENT_METHODS or self._is_recognised(request)
        if is_safe or not self.manner.is_in_doubt:
            return error
        cause = error.problem.rstrip(".") if error.problem else type(error).__name__
        return OutcomeUnknownError(self._call.name, cause, f"{request.method} {redact_url(request.url)}")

    def _is_recognised(self, request: HttpRequest) -> bool:
        """Return whether the API will know this action again when the task is run again."""
        spec = self._call.idempotency
        if spec is not None and spec.repeatable:
            return True
        if self._sent_key is not None:
            return self._is_known_again
        return any(request.header(name) for name in IDEMPOTENCY_HEADERS)


def build_gate(
    call: ActivityCall, settings: ConnectionSettings, end_user: str | None, account: str | None
) -> PermitGate | None:
    """Return what lets a call's requests through; None where its connector declares no limit.

    Args:
        call: The call.
        settings: The connection.
        end_user: End user; None for the connection's own account.
        account: Which of several accounts; None for the default one.
    """
    limits = call.limits
    if limits is None or not limits.has_cap:
        return None
    bucket = f"{call.connector_name}.{call.name}" if call.has_own_limits else call.connector_name
    caps = Caps(limits.requests, limits.per_s or 0.0, limits.concurrency)
    desk = build_desk(settings, end_user, account, bucket, caps)
    return PermitGate(call.name, limits.describe(), caps, desk, settings.transport.deadline_s)


def _refuse_key(call: ActivityCall) -> InvalidInputError:
    """Return the error for a key that was given where none can be sent."""
    sentence = (
        "was given, but the connector declares no place for it in this action; add 'idempotency: {header: ...}' or"
        " 'idempotency: {body: ...}' to the connector or the action, as the API's documentation has it"
    )
    return InvalidInputError(call.name, "idempotency_key", sentence)

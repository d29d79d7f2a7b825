"""What a task or trigger uses to ask about webhooks and polls: the API server, or the database where it may."""

from __future__ import annotations

import time
from typing import Any, TypeVar
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
from airflow_provider_integry.authorizations.proof import build_claims, derive_key, sign_proof
from airflow_provider_integry.authorizations.steps import Do, Pause, Steps
from airflow_provider_integry.authorizations.trigger_messages import (
    MAX_BODY,
    POLL_OPEN_PATH,
    POLL_PLAN_PATH,
    POLL_SETTLE_PATH,
    WEBHOOK_PAYLOAD_PATH,
    PayloadAnswer,
    PayloadRequest,
    PollAnswer,
    PollOpenRequest,
    PollPlanRequest,
    PollSettleRequest,
)
from airflow_provider_integry.settings import ConnectionSettings

T = TypeVar("T")
_ANSWERS: dict[str, Any] = {
    WEBHOOK_PAYLOAD_PATH: PayloadAnswer,
    POLL_OPEN_PATH: PollAnswer,
    POLL_PLAN_PATH: PollAnswer,
    POLL_SETTLE_PATH: PollAnswer,
}


def read_payload(settings: ConnectionSettings, asked: PayloadRequest) -> Steps[PayloadAnswer]:
    """Return the payload of a delivery.

    Raises:
        BrokerError, StoreError: Nobody tells.
    """
    return _ask(settings, WEBHOOK_PAYLOAD_PATH, asked, asked.end_user, asked.account)


def open_poll(settings: ConnectionSettings, asked: PollOpenRequest) -> Steps[PollAnswer]:
    """Begin to look.

    Raises:
        BrokerError, StoreError: Nobody tells.
    """
    return _ask(settings, POLL_OPEN_PATH, asked, asked.poll.end_user, asked.poll.account)


def plan_poll(settings: ConnectionSettings, asked: PollPlanRequest) -> Steps[PollAnswer]:
    """Keep new records.

    Raises:
        BrokerError, StoreError: Nobody takes them.
    """
    return _ask(settings, POLL_PLAN_PATH, asked, asked.poll.end_user, asked.poll.account)


def settle_poll(settings: ConnectionSettings, asked: PollSettleRequest) -> Steps[PollAnswer]:
    """Return which events were not accepted yet.

    Raises:
        BrokerError, StoreError: Nobody tells.
    """
    return _ask(settings, POLL_SETTLE_PATH, asked, asked.poll.end_user, asked.poll.account)


def _ask(settings: ConnectionSettings, path: str, asked: Any, end_user: str | None, account: str | None) -> Steps[Any]:
    if config.has_database():
        # Lazy for start-up cost: tasks have no database.
        from airflow_provider_integry.authorizations.trigger_desk import answer_directly

        return (yield Do(lambda: answer_directly(settings, path, asked)))
    return (yield from _ask_server(settings, path, asked, build_claims(settings.conn_id, end_user, account)))


def _ask_server(settings: ConnectionSettings, path: str, asked: Any, claims: dict[str, str]) -> Steps[Any]:
    """Ask the API server; once more where its clock or the installation's secret were not those that were known."""
    body, skew_s = msgspec.json.encode(asked), 0.0
    for attempt in range(2):
        key = derive_key((yield from find_secret()), settings)
        proof = sign_proof(key, claims, now=time.time() + skew_s, nonce=uuid4().hex)
        response = yield from post(path, body, proof, max_bytes=2 * MAX_BODY)
        if response.status == 200:
            return msgspec.json.decode(response.body, type=_ANSWERS[path])
        if attempt or response.status not in (401, 404):
            break
        skew_s = read_skew(response, skew_s)
        forget_secret()
        if response.status == 404:
            # The API server looks at the connection anew after a second.
            yield Pause(SECOND_TRY_S)
    if response.status in (401, 404):
        raise explain_refusal(settings.conn_id, key)
    raise explain_problem(read_problem(response), response)

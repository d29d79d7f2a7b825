"""The use cases of webhooks and polls behind the API, for processes with the database; blocking, and no web types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_integry.authorizations.airflow_store import local_polls, local_webhooks, team_of
from airflow_provider_integry.authorizations.poll_store import PollKey
from airflow_provider_integry.authorizations.trigger_messages import (
    POLL_OPEN_PATH,
    POLL_PLAN_PATH,
    POLL_SETTLE_PATH,
    WEBHOOK_PAYLOAD_PATH,
    PayloadAnswer,
    PayloadRequest,
    PollAnswer,
    PollName,
    PollOpenRequest,
    PollPlanRequest,
    PollSettleRequest,
)
from airflow_provider_integry.authorizations.webhook_store import WebhookKey
from airflow_provider_integry.settings import ConnectionSettings


def answer_directly(settings: ConnectionSettings, path: str, asked: Any) -> Any:
    """Do in this process what the API server does for others.

    Args:
        settings: The connection.
        path: Which use case.
        asked: Its request.
    Raises:
        StoreError: The database does not answer.
    """
    return ANSWERS[path](asked, team_of(settings.conn_id))


def read_payload(asked: PayloadRequest, team: str | None) -> PayloadAnswer:
    """Return the payload of a delivery."""
    store = local_webhooks()
    row = store.find_by_key(WebhookKey(asked.conn_id, team, asked.webhook, asked.end_user, asked.account))
    if row is None:
        return PayloadAnswer(is_kept=False)
    try:
        return PayloadAnswer(is_kept=True, payload=store.read_payload(row.id, asked.delivery))
    except KeyError:
        return PayloadAnswer(is_kept=False)


def open_poll(asked: PollOpenRequest, team: str | None) -> PollAnswer:
    """Begin to look."""
    return local_polls().open(_key(asked.poll, team), asked.consumer, asked.holder, asked.hold_s)


def plan_poll(asked: PollPlanRequest, team: str | None) -> PollAnswer:
    """Keep new records."""
    return local_polls().plan(_key(asked.poll, team), asked)


def settle_poll(asked: PollSettleRequest, team: str | None) -> PollAnswer:
    """Return which events were not accepted yet."""
    return local_polls().settle(_key(asked.poll, team), asked.consumer, asked.holder)


ANSWERS: dict[str, Callable[[Any, str | None], Any]] = {
    WEBHOOK_PAYLOAD_PATH: read_payload,
    POLL_OPEN_PATH: open_poll,
    POLL_PLAN_PATH: plan_poll,
    POLL_SETTLE_PATH: settle_poll,
}


def _key(poll: PollName, team: str | None) -> PollKey:
    return PollKey(poll.conn_id, team, poll.activity, poll.inputs, poll.end_user, poll.account, poll.name)

"""Grants that nobody uses are renewed before they die of it: what a task asks the broker for, step by step."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field, fields
from typing import TypeVar
from uuid import uuid4

import msgspec

from airflow_provider_integry import config
from airflow_provider_integry.authorizations.client import (
    SECOND_TRY_S,
    explain_problem,
    find_secret,
    forget_secret,
    post,
    read_problem,
    read_skew,
)
from airflow_provider_integry.authorizations.messages import (
    KEEP_ALIVE_PATH,
    EndingGrant,
    KeepAliveAnswer,
    KeepAliveRequest,
    UnkeptGrant,
)
from airflow_provider_integry.authorizations.proof import (
    INSTALLATION_CONN_ID,
    KEEP_ALIVE_CLAIMS,
    derive_keep_alive_key,
    sign_proof,
)
from airflow_provider_integry.authorizations.steps import Pause, Steps, run_steps
from airflow_provider_integry.errors import BrokerRefusedError

T = TypeVar("T")


@dataclass(slots=True)
class KeepAliveReport:
    """What came of keeping grants alive; see `KeepAliveAnswer`."""

    renewed: int = 0
    failed: list[UnkeptGrant] = field(default_factory=list)
    lost: list[UnkeptGrant] = field(default_factory=list)
    skipped: list[UnkeptGrant] = field(default_factory=list)
    ending: list[EndingGrant] = field(default_factory=list)

    def add(self, answer: KeepAliveAnswer) -> None:
        """Add what one step has done."""
        for item in fields(self):
            setattr(self, item.name, getattr(self, item.name) + getattr(answer, item.name))


def keep_alive(idle_s: float, warn_s: float) -> KeepAliveReport:
    """Renew the grants that nobody has used for a while; blocks until all were tried.

    Args:
        idle_s: Seconds without a renewal after which a grant is renewed (>= 3600).
        warn_s: Grants whose absolute end is at most this many seconds away are named.
    Raises:
        BrokerError: The broker cannot be asked, or refuses.
        StoreError: Kept grants cannot be read.
    """
    if config.has_database():
        return _keep_directly(idle_s, warn_s)
    return run_steps(_ask_broker(idle_s, warn_s))


def _conversation(idle_s: float, warn_s: float) -> Generator[KeepAliveRequest, KeepAliveAnswer, KeepAliveReport]:
    """Ask until all grants were tried and none is under way any more."""
    report, after_id, pending = KeepAliveReport(), 0, list[int]()
    while True:
        answer = yield KeepAliveRequest(idle_s, warn_s, after_id, pending)
        report.add(answer)
        pending = answer.pending
        if answer.next_id is None and not pending:
            return report
        # Past the last one, only what is still under way is asked for.
        after_id = 2**63 - 1 if answer.next_id is None else answer.next_id


def _ask_broker(idle_s: float, warn_s: float) -> Steps[KeepAliveReport]:
    skew_s = 0.0
    conversation = _conversation(idle_s, warn_s)
    try:
        asked = next(conversation)
        while True:
            answer, skew_s = yield from _ask_once(asked, skew_s)
            asked = conversation.send(answer)
    except StopIteration as end:
        report: KeepAliveReport = end.value
        return report


def _ask_once(asked: KeepAliveRequest, skew_s: float) -> Steps[tuple[KeepAliveAnswer, float]]:
    body, has_retried = msgspec.json.encode(asked), False
    while True:
        key = derive_keep_alive_key((yield from find_secret()))
        proof = sign_proof(key, KEEP_ALIVE_CLAIMS, now=time.time() + skew_s, nonce=uuid4().hex)
        response = yield from post(KEEP_ALIVE_PATH, body, proof)
        if response.status == 200:
            return msgspec.json.decode(response.body, type=KeepAliveAnswer), skew_s
        if response.status not in (401, 404) or has_retried:
            break
        has_retried, skew_s = True, read_skew(response, skew_s)
        forget_secret()
        yield Pause(SECOND_TRY_S)
    if response.status in (401, 404):
        raise BrokerRefusedError(INSTALLATION_CONN_ID, "its password is another one there than here.")
    raise explain_problem(read_problem(response), response)


def _keep_directly(idle_s: float, warn_s: float) -> KeepAliveReport:
    # Lazy for start-up cost: tasks have no database.
    import asyncio

    from airflow_provider_integry.authorizations.broker import Broker

    async def keep() -> KeepAliveReport:
        broker, conversation = Broker(), _conversation(idle_s, warn_s)
        asked = next(conversation)
        try:
            while True:
                asked = conversation.send(await broker.keep_alive(asked))
        except StopIteration as end:
            report: KeepAliveReport = end.value
            return report

    return asyncio.run(keep())

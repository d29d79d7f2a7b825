"""Where many authorizations stand, asked for together: what the triggerer's sensors share."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import NamedTuple
from uuid import uuid4

import msgspec

from airflow_provider_integry import config
from airflow_provider_integry.auth.wire import HttpResponse
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
from airflow_provider_integry.authorizations.messages import (
    MAX_STATUS_ITEMS,
    STATUS_PATH,
    Status,
    StatusAnswer,
    StatusItem,
    StatusRequest,
)
from airflow_provider_integry.authorizations.proof import ProofKey, build_claims, derive_key, sign_proof
from airflow_provider_integry.authorizations.steps import arun_steps, run_in_thread
from airflow_provider_integry.errors import BrokerFailedError, BrokerRefusedError, IntegryError
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings

log = logging.getLogger(__name__)
# The broker reads requests of at most two mebibytes; a name can make one item ten kilobytes long.
_MOST_BYTES = 1_900_000
# A thousand statuses with long lists of scopes.
_MOST_ANSWER_BYTES = 16 * 1024 * 1024
# Proofs that are signed before others get a turn.
_ITEMS_AT_ONCE = 20


class Asked(NamedTuple):
    """One authorization: its connection as this process has it, and whose it is."""

    settings: ConnectionSettings
    end_user: str | None = None
    account: str | None = None


class _Part(NamedTuple):
    """One request: its body, for how many authorizations it is, and the keys of its proofs."""

    body: bytes
    size: int
    keys: dict[str, ProofKey]


class StatusReader:
    """Reads statuses with as few requests as there can be; one per event loop."""

    def __init__(self) -> None:
        # Seconds that the broker's clock is ahead, once it has told.
        self._skew_s = 0.0

    async def read(self, asked: Sequence[Asked]) -> list[Status | IntegryError]:
        """Return a status, or the error that stands in its way, for each authorization, in their order."""
        if config.has_database():
            return await run_in_thread(lambda: [_read_directly(one) for one in asked])
        answers = await self._ask_all(asked)
        refused = [number for number, answer in enumerate(answers) if isinstance(answer, BrokerRefusedError)]
        if refused:
            # The installation's secret may be a new one, or the broker remember an older connection.
            forget_secret()
            await asyncio.sleep(SECOND_TRY_S)
            again = await self._ask_all([asked[number] for number in refused])
            for number, answer in zip(refused, again, strict=True):
                answers[number] = answer
        return answers

    async def _ask_all(self, asked: Sequence[Asked]) -> list[Status | IntegryError]:
        answers: list[Status | IntegryError] = []
        while len(answers) < len(asked):
            rest = asked[len(answers) : len(answers) + MAX_STATUS_ITEMS]
            try:
                answers += await self._ask(rest)
            except IntegryError as error:
                # Nobody answers: the others would not be answered either.
                return answers + [error] * (len(asked) - len(answers))
        return answers

    async def _ask(self, asked: Sequence[Asked]) -> list[Status | IntegryError]:
        """Send one request; return the answers for as many authorizations as it had room for."""
        part, response = await self._send(asked)
        if response.status == 401:
            self._skew_s = read_skew(response, self._skew_s)
            part, response = await self._send(asked)
        if response.status == 404:
            found: list[Status | None] = [None] * part.size
        elif response.status == 200:
            found = _read_answer(response, part.size)
        else:
            raise explain_problem(read_problem(response), response)
        return [
            told or explain_refusal(one.settings.conn_id, part.keys[one.settings.conn_id])
            for told, one in zip(found, asked, strict=False)
        ]

    async def _send(self, asked: Sequence[Asked]) -> tuple[_Part, HttpResponse]:
        secret = await arun_steps(find_secret())
        # A thousand signatures: in a thread, so that the loop does not stand still.
        part = await asyncio.to_thread(_build, asked, secret, time.time() + self._skew_s)
        return part, await arun_steps(post(STATUS_PATH, part.body, max_bytes=_MOST_ANSWER_BYTES))


def _build(asked: Sequence[Asked], secret: Secret, now: float) -> _Part:
    """Build a request for as many authorizations as it has room for; each with a proof of its own."""
    keys: dict[str, ProofKey] = {}
    items: list[StatusItem] = []
    size = 0
    for settings, end_user, account in asked:
        if len(items) % _ITEMS_AT_ONCE == 0:
            # Let the event loop's thread have its turn at once, rather than after Python's five milliseconds.
            time.sleep(0)
        conn_id = settings.conn_id
        if conn_id not in keys:
            keys[conn_id] = derive_key(secret, settings)
        proof = sign_proof(keys[conn_id], build_claims(conn_id, end_user, account), now=now, nonce=uuid4().hex)
        item = StatusItem(conn_id, proof, end_user, account)
        size += len(msgspec.json.encode(item)) + 1
        if items and size > _MOST_BYTES:
            break
        items.append(item)
    return _Part(msgspec.json.encode(StatusRequest(items)), len(items), keys)


def _read_answer(response: HttpResponse, count: int) -> list[Status | None]:
    try:
        found = msgspec.json.decode(response.body, type=StatusAnswer).authorizations
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = []
    if len(found) != count:
        raise BrokerFailedError("The API server's answer about authorizations cannot be read; see its log.")
    return found


def _read_directly(one: Asked) -> Status | IntegryError:
    # Lazy for start-up cost: triggers have no database, but those of `dag.test()`.
    from airflow_provider_integry.authorizations.direct import read_direct_status

    try:
        return read_direct_status(*one)
    except IntegryError as error:
        return error

"""What a task uses to learn which end users have authorized: the API server, or the database where it may."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
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
from airflow_provider_integry.authorizations.end_user_messages import (
    END_USERS_PATH,
    USE,
    EndUsersAnswer,
    EndUsersRequest,
    ListedEndUser,
)
from airflow_provider_integry.authorizations.proof import build_claims, derive_key, sign_proof
from airflow_provider_integry.authorizations.steps import Do, Pause, Steps
from airflow_provider_integry.errors import BrokerFailedError
from airflow_provider_integry.settings import ConnectionSettings

# A thousand names of 255 characters, each of at most four bytes, twice.
_MOST_ANSWER_BYTES = 8 * 1024 * 1024


@dataclass(slots=True)
class EndUserList:
    """All end users that were asked for, and how many others there are.

    Attributes:
        end_users: In the order in which they first appeared.
        left_out: How many others, by how they stand.
    """

    end_users: list[ListedEndUser] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def find_end_users(
    settings: ConnectionSettings,
    include: Collection[str],
    account: str | None = None,
    *,
    has_all_accounts: bool = False,
) -> Steps[EndUserList]:
    """Return the end users of a connection, page after page.

    Args:
        settings: The connection, as this process has it.
        include: Those that stand like one of these.
        account: Those with this account; None for the default one.
        has_all_accounts: Whether each account is listed.
    Raises:
        AuthorizationError: The connection has no end users.
        BrokerError, StoreError: Nobody tells.
    """
    found, after_id, skew_s = EndUserList(), 0, 0.0
    while True:
        asked = EndUsersRequest(settings.conn_id, sorted(include), account, has_all_accounts, after_id)
        answer, skew_s = yield from _ask(settings, asked, skew_s)
        found.end_users += answer.end_users
        found.left_out.update(answer.left_out)
        if answer.next_id is None:
            return found
        if answer.next_id <= after_id:
            raise BrokerFailedError("The API server's list of end users does not end; see its log.")
        after_id = answer.next_id


def _ask(settings: ConnectionSettings, asked: EndUsersRequest, skew_s: float) -> Steps[tuple[EndUsersAnswer, float]]:
    if config.has_database():
        # Lazy for start-up cost: tasks have no database.
        from airflow_provider_integry.authorizations.end_user_list import list_directly

        return (yield Do(lambda: list_directly(settings, asked))), skew_s
    return (yield from _ask_server(settings, asked, skew_s))


def _ask_server(
    settings: ConnectionSettings, asked: EndUsersRequest, skew_s: float
) -> Steps[tuple[EndUsersAnswer, float]]:
    """Ask the API server; once more where its clock or the installation's secret were not those that were known."""
    body, claims = msgspec.json.encode(asked), build_claims(settings.conn_id, None, asked.account, USE)
    for attempt in range(2):
        key = derive_key((yield from find_secret()), settings)
        proof = sign_proof(key, claims, now=time.time() + skew_s, nonce=uuid4().hex)
        response = yield from post(END_USERS_PATH, body, proof, max_bytes=_MOST_ANSWER_BYTES)
        if response.status == 200:
            return msgspec.json.decode(response.body, type=EndUsersAnswer), skew_s
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

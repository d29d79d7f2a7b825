"""One look at many authorizations: each connection is read once, and the broker is asked once for all."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from functools import partial
from typing import Any, NamedTuple

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.auth_settings import Unfilled
from airflow_provider_integry.authorizations.choose import check_end_user, find_link
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.messages import Status
from airflow_provider_integry.authorizations.status_reader import Asked, StatusReader
from airflow_provider_integry.authorizations.subject import check_names, is_kept
from airflow_provider_integry.errors import IntegryError, MissingFieldError
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.hooks.probe import Findings, find_readiness
from airflow_provider_integry.settings import ConnectionSettings

# A connection that cannot be read so soon (a secrets backend that hangs) keeps its own sensors waiting, and
# nobody else's.
LOOK_UP_S = 2.0


class Wanted(NamedTuple):
    """An authorization that somebody waits for."""

    conn_id: str
    end_user: str | None = None
    account: str | None = None


class Look(NamedTuple):
    """What one look has found.

    Attributes:
        findings: Where the authorization stands, as far as fields and what is kept tell.
        hook: A hook of the connection, as it was read; None where a field is empty.
    """

    findings: Findings
    hook: IntegryHook | None = None


Outcome = Look | Exception


class Looker:
    """Looks at authorizations; one per event loop.

    Args:
        reader: Asks the broker.
    """

    def __init__(self, reader: StatusReader | None = None) -> None:
        self._reader = reader or StatusReader()
        self._openings: dict[str, asyncio.Task[Outcome]] = {}

    async def look(self, wanted: Collection[Wanted]) -> AsyncIterator[Sequence[tuple[Wanted, Outcome]]]:
        """Give what was found, some at a time and as soon as it is there; never for a connection that hangs."""
        by_conn_id: dict[str, list[Wanted]] = defaultdict(list)
        for one in wanted:
            by_conn_id[one.conn_id].append(one)
        asked: list[tuple[Wanted, IntegryHook]] = []
        for conn_id, opened in (await self._open_all(by_conn_id)).items():
            if isinstance(opened, Exception) or opened.hook is None:
                yield [(one, opened) for one in by_conn_id[conn_id]]
                continue
            # Thousands of end users: their checks would hold up the loop.
            judged = await asyncio.to_thread(_judge_all, by_conn_id[conn_id], opened.hook)
            asked += [(one, opened.hook) for one, outcome in judged if outcome is None]
            yield [(one, outcome) for one, outcome in judged if outcome is not None]
        if asked:
            statuses = await self._reader.read([Asked(hook.settings, *one[1:]) for one, hook in asked])
            yield await asyncio.to_thread(_judge_statuses, asked, statuses)

    def close(self) -> None:
        """Give up what is on its way."""
        for task in self._openings.values():
            task.cancel()
        self._openings.clear()

    async def _open_all(self, conn_ids: Collection[str]) -> dict[str, Outcome]:
        """Read connections; one that hangs is waited for once, and used when it has come in the end."""
        new = [self._begin(conn_id) for conn_id in conn_ids if conn_id not in self._openings]
        if new:
            await asyncio.wait(new, timeout=LOOK_UP_S)
        done = [conn_id for conn_id in conn_ids if conn_id in self._openings and self._openings[conn_id].done()]
        return {conn_id: self._openings.pop(conn_id).result() for conn_id in done}

    def _begin(self, conn_id: str) -> asyncio.Task[Outcome]:
        task = self._openings[conn_id] = asyncio.create_task(_open(conn_id))
        return task


def describe(findings: Findings, hook: IntegryHook | None, wanted: Wanted) -> str:
    """Say what is waited for, with the link to the page on which somebody ends the waiting.

    Args:
        findings: What was found; not ready.
        hook: A hook of the connection; None where one of its fields is empty.
        wanted: Which authorization.
    """
    said = f"it is {findings.readiness}. {findings.reason}".rstrip(". ")
    try:
        link = find_link(hook.settings, wanted.end_user, wanted.account) if hook else None
    except IntegryError:
        link = None
    if link is None or link in said or findings.readiness is Readiness.UNREACHABLE:
        return f"{said}."
    return f"{said}. Authorize it: {link}"


async def _open(conn_id: str) -> Outcome:
    """Read and check one connection."""
    # A new hook each time: the connection may have been edited meanwhile.
    hook = IntegryHook(conn_id).for_anyone()
    try:
        settings = await hook.asettings()
        if not isinstance(settings.auth, Unfilled):
            await hook.acheck()
    except MissingFieldError as error:
        return Look(Findings(Readiness.PENDING, str(error)))
    except Exception as error:  # noqa: BLE001 - whoever waits for this connection decides what it means
        return error
    return Look(Findings(Readiness.READY), hook)


def _judge_all(wanted: Sequence[Wanted], hook: IntegryHook) -> list[tuple[Wanted, Outcome | None]]:
    """Return what a connection's fields tell about its authorizations; None where the broker is to be asked."""
    ready = _judge_own(hook)
    return [(one, _judge(one, hook.settings, ready)) for one in wanted]


def _judge(one: Wanted, settings: ConnectionSettings, ready: Look) -> Outcome | None:
    if is_kept(settings, *one[1:]):
        return _find_problem(check_names, AuthorizationKey(one.conn_id, None, *one[1:]))
    return _find_problem(check_end_user, settings, *one[1:]) or ready


def _judge_own(hook: IntegryHook) -> Look:
    """Return where a connection's own account stands, whose credentials are in its fields."""
    auth = hook.settings.auth
    if isinstance(auth, Unfilled):
        return Look(Findings(Readiness.PENDING, str(auth.error)))
    return Look(Findings(Readiness.READY), hook)


def _judge_statuses(
    asked: Sequence[tuple[Wanted, IntegryHook]], statuses: Sequence[Status | IntegryError]
) -> list[tuple[Wanted, Outcome]]:
    """Return what the broker's answers mean; those that mean the same share one object.

    What thousands of sensors keep from look to look is what Python's garbage collector has to go through, and it
    stops the event loop for that.
    """
    looks: dict[tuple[str, str, str], Look] = {}
    found: list[tuple[Wanted, Outcome]] = []
    for (one, hook), status in zip(asked, statuses, strict=True):
        if isinstance(status, IntegryError):
            found.append((one, status))
            continue
        meaning = (one.conn_id, status.readiness, status.reason)
        if meaning not in looks:
            looks[meaning] = Look(find_readiness(lambda: None, None, partial(_same, status)), hook)
        found.append((one, looks[meaning]))
    return found


def _same(status: Status) -> Status:
    return status


def _find_problem(check: Callable[..., None], *args: Any) -> Exception | None:
    try:
        check(*args)
    except Exception as error:  # noqa: BLE001 - as above
        return error
    return None

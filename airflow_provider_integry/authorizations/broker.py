"""The use cases of the broker, for one event loop: no web types, and no waiting with a thread in hand."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations import metrics
from airflow_provider_integry.authorizations.accounts import Located, Lookup, locate_many, locating
from airflow_provider_integry.authorizations.airflow_store import (
    ensure_installation_secret,
    local_permits,
    local_refresher,
    read_settings,
    team_of,
)
from airflow_provider_integry.authorizations.batches import RowReader
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey, judge
from airflow_provider_integry.authorizations.keep_alive import GrantKeeper
from airflow_provider_integry.authorizations.messages import (
    PATIENCE_S,
    KeepAliveAnswer,
    KeepAliveRequest,
    PermitAnswer,
    PermitRequest,
    Status,
)
from airflow_provider_integry.authorizations.permit_queue import PermitQueue
from airflow_provider_integry.authorizations.permit_state import Caps, permit_digest
from airflow_provider_integry.authorizations.proof import (
    KEEP_ALIVE_CLAIMS,
    ProofError,
    ProofKey,
    ReplayGuard,
    check_proof,
    derive_keep_alive_key,
    derive_key,
    make_unknown_key,
)
from airflow_provider_integry.authorizations.refresh import HandedOut, Refresher
from airflow_provider_integry.authorizations.rows import explain, is_settled
from airflow_provider_integry.authorizations.status import build_status
from airflow_provider_integry.authorizations.steps import arun_steps, run_in_thread
from airflow_provider_integry.authorizations.subject import Subject, build_subject, is_brokered, is_kept, is_served
from airflow_provider_integry.errors import (
    ConfigurationError,
    IntegryError,
    NotAuthorizedError,
    RefreshInProgressError,
    StoreUnavailableError,
)
from airflow_provider_integry.settings import ConnectionSettings

log = logging.getLogger(__name__)
# For how long a connection and the key of its proofs are remembered.
CONNECTION_LIFE_S = 10.0
MAX_CONNECTIONS = 1000
# A proof that does not fit a connection that was read longer ago than this is held against it anew: it
# may have been edited, or the installation's secret replaced.
SECOND_LOOK_S = 1.0
# Longer than any connection's name is in Airflow.
_MAX_CONN_ID = 250
# A token with less left than this is not worth handing out while a new one is on its way.
_USABLE_S = 2.0


class KnownConnection(NamedTuple):
    """A connection as this API server has it.

    Attributes:
        settings: Its checked fields.
        key: Key of its proofs.
        team: Its team.
        until: When it is looked up again, monotonic seconds.
    """

    settings: ConnectionSettings
    key: ProofKey
    team: str | None
    until: float


class LocatedSubject(NamedTuple):
    """An authorization, and what was kept of it a moment ago; None for nothing."""

    subject: Subject
    row: Authorization | None


class Broker:
    """Answers tasks. One per process; used on one event loop.

    Args:
        refresher: Hands out tokens.
    """

    def __init__(self, refresher: Refresher | None = None) -> None:
        self._refresher = refresher or local_refresher()
        self._store = self._refresher.store
        self._rows = RowReader(self._store.find_many)
        self._known: dict[str, KnownConnection] = {}
        self._lookups: dict[str, asyncio.Task[KnownConnection | None]] = {}
        self._flights: dict[str, asyncio.Task[HandedOut]] = {}
        self._replays = ReplayGuard()
        self._unknown = make_unknown_key()
        self._permits = PermitQueue(local_permits())
        self._keeper = GrantKeeper(self._refresher, self._resolve)

    async def authenticate(
        self, proof: str, claims: dict[str, str], *, any_type: bool = False
    ) -> KnownConnection | None:
        """Return the connection that a proof is for; None where there is none or the proof is somebody else's.

        Args:
            proof: What was sent.
            claims: What it must be for.
            any_type: Whether a connection will do whose credentials are not the broker's to hand out.
        Raises:
            ProofError: The proof is genuine, and cannot be used (any more).
        """
        conn_id = claims["sub"]
        known = await self._look_up(conn_id)
        try:
            try:
                self._check(proof, known, claims)
            except ProofError as error:
                if error.is_genuine or known is None or not _is_worth_a_second_look(known):
                    raise
                known = await self._look_up(conn_id, anew=True)
                self._check(proof, known, claims)
        except ProofError as error:
            own = f"; here the connection's fields have the fingerprint {known.key.fingerprint}" if known else ""
            _report_refusal(f"for connection {conn_id[:_MAX_CONN_ID]!r}", error, own)
            if error.is_genuine:
                raise
            return None
        return known if known is None or any_type or _serves(known, claims) else None

    async def grant(self, known: KnownConnection, asked: PermitRequest) -> PermitAnswer:
        """Grant a permit to send requests, or take one back; nobody waits in here."""
        key = await self._locate_permit(known, asked)
        caps = Caps(asked.requests, asked.per_s, asked.concurrency)
        return await self._permits.ask(permit_digest(key, asked.bucket), caps, asked.ask)

    async def _locate_permit(self, known: KnownConnection, asked: PermitRequest) -> AuthorizationKey:
        """Return the authorization whose limits count: one account has one, by whatever name it is asked for."""
        key = AuthorizationKey(known.settings.conn_id, known.team, asked.end_user, asked.account)
        if not is_kept(known.settings, asked.end_user, asked.account):
            return key
        return (await self.locate(build_subject(known.settings, key), known.settings)).subject.key

    async def locate(self, subject: Subject, settings: ConnectionSettings) -> LocatedSubject:
        """Return the authorization whose credentials are used for the one that is asked for.

        Raises:
            NotAuthorizedError: There is no such connected account.
            StoreError: The rows cannot be read.
        """
        steps = locating(subject.key)
        lookup = next(steps)
        try:
            while True:
                lookup = steps.send(await self._read(lookup))
        except StopIteration as end:
            found: Located | NotAuthorizedError = end.value
        if isinstance(found, NotAuthorizedError):
            raise found
        if found.key != subject.key:
            subject = build_subject(settings, found.key)
        return LocatedSubject(subject, found.row)

    async def _read(self, lookup: Lookup) -> Authorization | None:
        if lookup.digest is not None:
            return await self._rows.find(lookup.digest)
        public_id = lookup.public_id or ""
        return await run_in_thread(lambda: self._store.find_by_public_id(public_id))

    async def authenticate_keeper(self, proof: str) -> bool:
        """Return whether a proof is for keeping grants alive.

        Raises:
            ProofError: The proof is genuine, and cannot be used (any more).
        """
        key = derive_keep_alive_key(await run_in_thread(ensure_installation_secret))
        try:
            self._replays.check(check_proof(proof, key, KEEP_ALIVE_CLAIMS, now=time.time()), time.time())
        except ProofError as error:
            _report_refusal("for keeping grants alive", error, "")
            if error.is_genuine:
                raise
            return False
        return True

    async def keep_alive(self, asked: KeepAliveRequest) -> KeepAliveAnswer:
        """Renew grants that nobody uses, for as long as one request may take; see `GrantKeeper.step`."""
        return await self._keeper.step(asked)

    def _check(self, proof: str, known: KnownConnection | None, claims: dict[str, str]) -> None:
        # A connection that is not there costs the same work and gets the same answer.
        now = time.time()
        self._replays.check(check_proof(proof, known.key if known else self._unknown, claims, now=now), now)

    async def _resolve(self, row: Authorization) -> Subject | None:
        known = await self._look_up(row.conn_id)
        is_same = known is not None and known.team == row.team_name and is_brokered(known.settings)
        return self.subject_of(known, row.end_user, row.account) if known and is_same else None

    def subject_of(self, known: KnownConnection, end_user: str | None, account: str | None) -> Subject:
        """Return what is handed out for an authorization of a connection.

        Raises:
            AuthorizationError: The connection's credentials are not obtained from an endpoint, or not for end users.
        """
        key = AuthorizationKey(known.settings.conn_id, known.team, end_user, account)
        return build_subject(known.settings, key)

    async def hand_out(self, located: LocatedSubject, rejected: str | None) -> HandedOut:
        """Return a token that is good now; a request waits at most `PATIENCE_S` seconds.

        Args:
            located: For what; its row was read just now.
            rejected: Fingerprint of a token that the API has just refused.
        Raises:
            RefreshInProgressError: It is not there yet: ask again.
            IntegryError: There is none.
        """
        found = await self._find(located, rejected)
        # Reads are counted, not audited.
        metrics.count("broker.read")
        return found

    async def _find(self, located: LocatedSubject, rejected: str | None) -> HandedOut:
        started, (subject, read) = time.monotonic(), located
        while True:
            row = read if read is not None and is_settled(subject, read) else await self._open(subject)
            read = None
            verdict = judge(row, rejected)
            if verdict in ("serve", "serve_and_refresh"):
                if verdict == "serve_and_refresh":
                    self._fly(subject, rejected, ahead=True)
                return HandedOut(row, self._refresher.read_secrets(row), is_due=verdict != "serve")
            if verdict not in ("refresh", "wait"):
                raise explain(row, verdict)
            left_s = PATIENCE_S - (time.monotonic() - started)
            flight = self._fly(subject, rejected)
            done, _ = await asyncio.wait({flight}, timeout=max(0.0, left_s))
            metrics.timing("broker.wait", time.monotonic() - started)
            if done:
                # Raises what went wrong.
                found = flight.result()
                if rejected is None or found.row.token_fingerprint != rejected:
                    return found
                if left_s > 0:
                    continue
            row = await self._open(subject)
            if row.is_alive(_USABLE_S) and row.token_fingerprint != rejected:
                return HandedOut(row, self._refresher.read_secrets(row), is_due=True)
            raise RefreshInProgressError(subject.key.conn_id, time.monotonic() - started)

    async def settle(self, subject: Subject) -> None:
        """Wait until this process renews an authorization no more, however that ends.

        Done after the answer was sent: a server that is told to stop waits for what follows its answers,
        and would cancel everything else in the middle of a token request, whose answer would be lost.
        """
        flight = self._flights.get(subject.key.digest)
        if flight is not None:
            await asyncio.wait({flight})

    async def statuses(self, asked: list[tuple[Subject, ConnectionSettings] | None]) -> list[Status | None]:
        """Return where authorizations stand, read in as few queries as there can be; None for each None."""
        keys = [one[0].key for one in asked if one]
        located = iter(await run_in_thread(lambda: locate_many(self._store, keys)) if keys else ())
        return [_build_status(*one, next(located)) if one else None for one in asked]

    async def _open(self, subject: Subject) -> Authorization:
        """Do what `Refresher.open` does, with a query for many where nothing has to be written."""
        row = await self._rows.find(subject.key.digest)
        if row is not None and is_settled(subject, row):
            return row
        return await run_in_thread(lambda: self._refresher.open(subject))

    def _fly(self, subject: Subject, rejected: str | None, *, ahead: bool = False) -> asyncio.Task[HandedOut]:
        """Return the one task of this process that renews an authorization."""
        digest = subject.key.digest
        flight = self._flights.get(digest)
        if flight is None:
            # A task of its own: it goes on when the request that began it is given up.
            flight = asyncio.create_task(self._renew(subject, rejected, ahead=ahead))
            self._flights[digest] = flight
            flight.add_done_callback(lambda done: self._landed(digest, done))
        return flight

    async def _renew(self, subject: Subject, rejected: str | None, *, ahead: bool) -> HandedOut:
        if ahead:
            row = await self._open(subject)
            if judge(row) == "serve_and_refresh":
                await arun_steps(self._refresher.renew(subject, row))
        return await arun_steps(self._refresher.hand_out(subject, rejected))

    def _landed(self, digest: str, flight: asyncio.Task[HandedOut]) -> None:
        self._flights.pop(digest, None)
        if flight.cancelled():
            return
        error = flight.exception()
        if error is not None and not isinstance(error, IntegryError):
            log.error("A refresh failed in an unexpected way.", exc_info=error)

    async def _look_up(self, conn_id: str, *, anew: bool = False) -> KnownConnection | None:
        if not _can_be_a_name(conn_id):
            return None
        known = self._known.get(conn_id)
        if known and known.until > time.monotonic() and not anew:
            return known
        # However many ask at once, the connection is read once.
        lookup = self._lookups.get(conn_id)
        if lookup is None:
            lookup = self._lookups[conn_id] = asyncio.create_task(run_in_thread(lambda: find_connection(conn_id)))
            lookup.add_done_callback(lambda _: self._lookups.pop(conn_id, None))
        found = await asyncio.shield(lookup)
        if found is None:
            self._known.pop(conn_id, None)
            return None
        if len(self._known) >= MAX_CONNECTIONS:
            self._known.pop(next(iter(self._known)))
        self._known[conn_id] = found
        return found


def _build_status(subject: Subject, settings: ConnectionSettings, found: Located | NotAuthorizedError) -> Status:
    if isinstance(found, NotAuthorizedError):
        return Status(str(Readiness.PENDING), str(found))
    return build_status(subject if found.key == subject.key else build_subject(settings, found.key), found.row)


def _serves(known: KnownConnection, claims: dict[str, str]) -> bool:
    """Return whether there is something to hand out to whoever has proved that they may use a connection."""
    end_user, account = claims.get("end_user"), claims.get("account")
    if known.settings.takes_entered(end_user, account) and known.team is not None and not known.settings.secrets:
        # Another team's tasks know as much of it as its own: they could prove the same.
        log.warning(
            "Connection %r has no secret of its own, so tasks of other teams could use its end users' credentials, and"
            " none gets any. Fill in one of its secret fields, such as 'webhook_secret'.",
            known.settings.conn_id,
        )
        return False
    return is_served(known.settings, end_user, account)


def _is_worth_a_second_look(known: KnownConnection) -> bool:
    return time.monotonic() - (known.until - CONNECTION_LIFE_S) > SECOND_LOOK_S


def _can_be_a_name(conn_id: str) -> bool:
    """Return whether this can be the name of a connection; databases and environments refuse some texts."""
    return 0 < len(conn_id) <= _MAX_CONN_ID and conn_id.isprintable()


def _report_refusal(what: str, error: ProofError, own: str) -> None:
    metrics.count(f"broker.refused.{error.reason}")
    log.warning("A proof %s was refused (%s)%s.", what, error.reason, own)


def find_connection(conn_id: str) -> KnownConnection | None:
    """Look a connection of this provider's types up; None where there is none, or its fields are wrong.

    Raises:
        StoreError: Airflow's database does not answer, or there is no Fernet key.
    """
    until = time.monotonic() + CONNECTION_LIFE_S
    try:
        secret = ensure_installation_secret()
        settings = read_settings(conn_id)
        team = team_of(conn_id)
    except ConfigurationError as error:
        # The task sees the same fields and says what is wrong with them.
        log.warning("%s", error)
        return None
    except SQLAlchemyError as error:
        raise StoreUnavailableError(f"Airflow's database does not answer ({type(error).__name__}).") from None
    if settings is None:
        return None
    return KnownConnection(settings, derive_key(secret, settings), team, until)

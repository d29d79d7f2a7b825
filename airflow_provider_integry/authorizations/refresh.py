"""One refresh, whatever the concurrency: a lease, a compare-and-swap, and a journal between them.

Whoever wants a token reads the row. If it has to be renewed, one caller of all processes wins the
lease, asks the token endpoint outside of any transaction, writes the answer to the journal and then
to the row, naming the version of its lease. The others wait for the row to change. A holder that
dies leaves a lease that ends by itself; one that wakes up late finds that its version is gone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol
from uuid import uuid4

from airflow_provider_integry.auth.discovery import is_metadata_request
from airflow_provider_integry.auth.grants import Obtained, obtain_token
from airflow_provider_integry.authorizations.crypto import seal, unseal
from airflow_provider_integry.authorizations.errors_wire import to_wire
from airflow_provider_integry.authorizations.grant import (
    Authorization,
    GrantSecrets,
    choose_cool_down,
    is_forced,
    judge,
)
from airflow_provider_integry.authorizations.journal import Journal, JournalEntry
from airflow_provider_integry.authorizations.links import authorize_link
from airflow_provider_integry.authorizations.outcomes import (
    build_entry,
    build_loss,
    choose_proof_key,
    dump,
    jitter,
    may_have_acted,
)
from airflow_provider_integry.authorizations.rows import explain, fresh_values, is_window_over, renewed_values
from airflow_provider_integry.authorizations.steps import Do, Fetch, Pause, Steps
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import Entered, Subject
from airflow_provider_integry.errors import (
    IntegryError,
    InvalidGrantError,
    NonRenewableTokenError,
    NotAuthorizedError,
    RefreshInProgressError,
    RequestTimeoutError,
    StoreNotReadyError,
    StoreUnavailableError,
    UnreadableGrantError,
)

log = logging.getLogger(__name__)
# All requests of one refresh together. The lease is longer, so that nobody takes over while an answer
# may still come; a task waits longer than the lease, so that it outlives a holder that died.
CONVERSATION_S = 30.0
LEASE_S = 45.0
# For how long a grant that has arrived is tried to be stored; after that the journal still has it.
STORING_S = 120.0
NOT_ENTERED = "nobody has entered its credentials yet; 'airflow integry authorize' asks for them."


class Events(Protocol):
    """Is told what happens, for metrics and the audit log; never fails and never sees a secret."""

    def refreshed(self, row: Authorization, seconds: float) -> None:
        """A token was renewed."""

    def recovered(self, row: Authorization) -> None:
        """A grant that had arrived before a crash was found in the journal."""

    def failed(self, row: Authorization, error: Exception) -> None:
        """A token could not be renewed now."""

    def lost(self, row: Authorization, cause: str) -> None:
        """A grant cannot be renewed any more."""

    def imported(self, row: Authorization, subject: Subject) -> None:
        """A pasted refresh token became a grant."""

    def authorized(self, row: Authorization, owner: str) -> None:
        """Somebody gave consent, and the grant is stored."""


class HandedOut(NamedTuple):
    """A token that is good now.

    Attributes:
        row: The authorization it belongs to.
        secrets: The grant, refresh token included: only for the broker itself.
        is_due: Whether it is time to renew it, without waiting.
    """

    row: Authorization
    secrets: GrantSecrets
    is_due: bool


class Refresher:
    """Hands out tokens, renewing them where that is needed.

    Args:
        store: Where authorizations are kept.
        journal: Where grants are kept on their way there.
        events: Is told what happens.
        now: This machine's clock, UTC epoch seconds.
        clock: A clock that never jumps, seconds.
    """

    def __init__(
        self,
        store: AuthorizationStore,
        journal: Journal,
        events: Events,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self._journal = journal
        self._events = events
        self._now = now
        self._clock = clock
        self._opened: dict[str, tuple[str, GrantSecrets]] = {}

    def hand_out(
        self, subject: Subject, rejected: str | None = None, *, wait_s: float = 3600.0, is_eager: bool = False
    ) -> Steps[HandedOut]:
        """Return a token that is good now, renewing or waiting as needed.

        Args:
            subject: For what.
            rejected: Fingerprint of a token that the API has just refused.
            wait_s: Seconds to wait for somebody else who is renewing it.
            is_eager: Whether to renew early here and now, where nobody does it in the background.
        Raises:
            RefreshInProgressError: Somebody else is still renewing it.
            NotAuthorizedError: There is no grant, or it is lost.
            AuthorizationError, TransportError: The token endpoint refuses, or does not answer.
            StoreError: Kept grants cannot be read.
        """
        started, pause_s = self._clock(), 0.02
        while True:
            row: Authorization = yield Do(lambda: self.open(subject))
            match judge(row, rejected):
                case "serve":
                    return HandedOut(row, self.read_secrets(row), is_due=False)
                case "serve_and_refresh" if is_eager:
                    # Once: when it cannot be renewed now, what still works is good enough.
                    is_eager = False
                    yield from self.renew(subject, row)
                case "serve_and_refresh":
                    return HandedOut(row, self.read_secrets(row), is_due=True)
                case "refresh":
                    if (yield from self.renew(subject, row, is_forced=is_forced(row, rejected))):
                        # However short it lives: what was just obtained is what there is.
                        row = yield Do(lambda: self.open(subject))
                        if row.state == "active" and row.token_fingerprint is not None:
                            return HandedOut(row, self.read_secrets(row), is_due=False)
                case "wait":
                    if self._clock() - started > wait_s:
                        raise RefreshInProgressError(subject.key.conn_id, self._clock() - started)
                    yield Pause(pause_s)
                    pause_s = min(0.5, pause_s * 1.5)
                case verdict:
                    raise explain(row, verdict)

    def open(self, subject: Subject) -> Authorization:
        """Return the row of an authorization as it is now; it is made, or made anew, where the connection says so.

        Raises:
            NotAuthorizedError: There is none and nothing to make it from, or the connection was changed.
            StoreError: It cannot be read or written.
        """
        while True:
            row = self.store.find(subject.key.digest)
            if row is None:
                self._create(subject)
                continue
            values = renewed_values(subject, row)
            if values is None:
                break
            if self.store.change(row, values) and "sealed" in values:
                self._report_import(subject, row)
        if row.is_grant and row.binding != subject.binding:
            reason = (
                "its client id, endpoints or base URL were changed after it was authorized. Undo the change, or"
                " authorize it again."
            )
            link = _link(subject) if subject.has_consent else None
            raise NotAuthorizedError(subject.key.conn_id, subject.key.end_user, reason, link)
        return row

    def read_secrets(self, row: Authorization) -> GrantSecrets:
        """Decrypt a row, once for each of its texts.

        Raises:
            UnreadableGrantError: It cannot be decrypted.
        """
        if row.sealed is None:
            return GrantSecrets()
        known = self._opened.get(row.digest)
        if known and known[0] == row.sealed:
            return known[1]
        secrets = unseal(row.sealed, row.digest)
        if len(self._opened) >= 1000:
            self._opened.pop(next(iter(self._opened)), None)
        self._opened[row.digest] = (row.sealed, secrets)
        return secrets

    def renew(self, subject: Subject, row: Authorization, *, is_forced: bool = False) -> Steps[bool]:
        """Try to renew a row; what came of it is in the row afterwards.

        Nothing is done when somebody else has the lease or was faster.

        Args:
            subject: For what.
            row: The row as it was read.
            is_forced: Whether the API has refused the token that it holds.
        Returns:
            Whether a new token was stored.
        Raises:
            StoreError: The row cannot be read or written.
        """
        claimed: Authorization | None = yield Do(lambda: self.store.claim(row, uuid4().hex, LEASE_S))
        if claimed is None:
            return False
        if claimed.is_grant and (yield from self._recover(claimed)):
            return True
        if is_window_over(subject, claimed):
            yield from self._lose(subject, claimed, "refresh_outcome_unknown", None)
            return False
        started = self._clock()
        secrets: GrantSecrets = yield from self._open_claimed(claimed)
        sent: list[str] = []
        try:
            entry = yield from self._obtain(subject, claimed, secrets, sent)
        except Exception as error:
            yield from self._record(subject, claimed, error, was_sent=bool(sent))
            if not isinstance(error, IntegryError):
                raise
            return False
        if is_forced:
            entry.values["forced_at"] = claimed.now
        if claimed.is_grant:
            # Nothing between the answer and this line but the parsing of it.
            yield from self._write_down(entry)
        yield from self._keep(claimed, entry)
        self._events.refreshed(claimed, self._clock() - started)
        return True

    def _open_claimed(self, row: Authorization) -> Steps[GrantSecrets]:
        """Decrypt a row that is ours; what can be obtained without it needs nothing of it.

        Raises:
            UnreadableGrantError: It cannot be decrypted; the lease is given back.
        """
        try:
            return self.read_secrets(row)
        except UnreadableGrantError:
            if not row.is_grant:
                return GrantSecrets()
            yield Do(lambda: self.store.change(row, {}))
            raise

    # -- the conversation --------------------------------------------------------------------------

    def _obtain(
        self, subject: Subject, row: Authorization, secrets: GrantSecrets, sent: list[str]
    ) -> Steps[JournalEntry]:
        """Ask for a token and return what is to be kept of the answer.

        Args:
            subject: For what.
            row: The row, with our lease.
            secrets: What it holds.
            sent: URLs of the requests that may have spent something are added to it.
        """
        started, local_start = self._clock(), self._now()
        proof_key = choose_proof_key(subject, secrets)
        # What is entered lasts, and is never renewed.
        assert not isinstance(subject.settings, Entered)
        steps = obtain_token(
            subject.settings,
            refresh_token=secrets.refresh_token,
            endpoint=secrets.endpoint,
            now=self._now,
            unique=lambda: uuid4().hex,
            proof_key=proof_key,
            nonce=secrets.nonce,
        )
        try:
            request = next(steps)
            while True:
                left_s = CONVERSATION_S - (self._clock() - started)
                if left_s <= 0:
                    raise RequestTimeoutError("Token endpoint", f"no token after {CONVERSATION_S:.0f} s")
                if not is_metadata_request(request):
                    sent.append(request.url)
                response = yield Fetch(request, subject.transport, left_s)
                request = steps.send(response)
        except StopIteration as end:
            obtained: Obtained = end.value
        # From here on times are the database's: it is the one clock that all servers share.
        return build_entry(subject, row, secrets, obtained, proof_key, row.now - local_start)

    def _recover(self, row: Authorization) -> Steps[bool]:
        """Store a grant that had arrived before a crash; return whether there was one.

        Raises:
            UnreadableGrantError, StoreNotReadyError: There may be one, and it cannot be read; the lease is given back.
        """
        try:
            entry: JournalEntry | None = yield Do(lambda: self._journal.find(row.digest, row.generation))
        except (UnreadableGrantError, StoreNotReadyError):
            # There is a newer grant than the row's, which would be lost by trying that one.
            yield Do(lambda: self.store.change(row, {}))
            raise
        if entry is None:
            return False
        if entry.made_at != row.created_at:
            # It belongs to a row that was deleted: it must not come back through its successor.
            yield Do(lambda: self._journal.remove(row.digest, row.generation))
            return False
        yield from self._keep(row, entry)
        # Writes to the database, which must not hold up an event loop; so does `lost`.
        yield Do(lambda: self._events.recovered(row))
        return True

    def _write_down(self, entry: JournalEntry) -> Steps[None]:
        """Put a grant into the journal; where that fails, the database is all the more needed."""
        try:
            yield Do(lambda: self._journal.write(entry))
        except StoreNotReadyError as error:
            log.warning("%s Until then a crash between an answer and the database loses a grant.", error)

    def _keep(self, row: Authorization, entry: JournalEntry) -> Steps[None]:
        """Store a grant, for as long as it takes, unless a newer one is there.

        Raises:
            StoreUnavailableError: The database did not answer for two minutes; the journal has the grant.
        """
        started, pause_s = self._clock(), 0.1
        while True:
            try:
                if (yield Do(partial(self._write, row, entry))):
                    break
                found: Authorization | None = yield Do(lambda: self.store.find(entry.digest))
                if found is None or found.generation != entry.generation or found.state == "revoked":
                    break
                # Somebody took over after our lease had ended and has not come to an end: theirs would
                # be the newer grant.
                if not found.has_live_lease or found.lease_owner == row.lease_owner:
                    row = found
                    continue
            except StoreUnavailableError:
                if self._clock() - started > STORING_S:
                    raise
            yield Pause(pause_s)
            pause_s = min(2.0, pause_s * 2)
        yield Do(lambda: self._journal.remove(entry.digest, entry.generation))

    def _write(self, row: Authorization, entry: JournalEntry) -> bool:
        values = {**entry.values, "sealed": seal(entry.secrets, row.digest), "generation": entry.generation + 1}
        return self.store.change(row, values)

    # -- failures ----------------------------------------------------------------------------------

    def _record(self, subject: Subject, row: Authorization, error: Exception, *, was_sent: bool) -> Steps[None]:
        """Keep what went wrong, and give the lease back.

        Args:
            subject: For what.
            row: The row, with our lease.
            error: What went wrong.
            was_sent: Whether a request was sent that may have used the refresh token up.
        """
        if row.is_grant and isinstance(error, InvalidGrantError | NonRenewableTokenError):
            found: Authorization | None = yield Do(lambda: self.store.find(row.digest))
            if found is None or found.version != row.version:
                # Another grant was stored meanwhile: ours was refused because it is old.
                return
            cause = "invalid_grant" if isinstance(error, InvalidGrantError) else "no_refresh_token"
            if row.unknown_since is not None:
                cause = "refresh_outcome_unknown"
            yield from self._lose(subject, row, cause, error)
            return
        known = error if isinstance(error, IntegryError) else None
        retry_after_s = getattr(error, "retry_after_s", None)
        values = {
            "failures": row.failures + 1,
            "cool_until": row.now + choose_cool_down(row.failures + 1, retry_after_s, jitter()),
            "error": dump(to_wire(known) if known else {"error": "BrokerFailedError", "message": "unexpected error"}),
            "error_at": row.now,
            "cool_for": subject.fingerprint,
        }
        if row.is_grant and was_sent and may_have_acted(error):
            values["unknown_since"] = row.unknown_since or row.now
        yield Do(lambda: self.store.change(row, values))
        self._events.failed(row, error)

    def _lose(self, subject: Subject, row: Authorization, cause: str, error: IntegryError | None) -> Steps[None]:
        values = {
            "state": "refused",
            "error": dump(to_wire(build_loss(subject, cause, error))),
            "error_at": row.now,
            "failures": row.failures + 1,
        }
        if (yield Do(lambda: self.store.change(row, values))):
            yield Do(lambda: self._events.lost(row, cause))

    # -- making rows -------------------------------------------------------------------------------

    def _create(self, subject: Subject) -> None:
        if isinstance(subject.settings, Entered):
            raise NotAuthorizedError(subject.key.conn_id, subject.key.end_user, NOT_ENTERED)
        if subject.is_grant and subject.seed is None:
            reason = "nobody has done so yet."
            if not subject.has_consent:
                reason = (
                    "there is no refresh token. Paste one into field 'refresh_token' of the connection, or run 'airflow"
                    " integry import'."
                )
            link = _link(subject) if subject.has_consent else None
            raise NotAuthorizedError(subject.key.conn_id, subject.key.end_user, reason, link)
        is_new = self.store.add(subject.key, fresh_values(subject, subject.seed))
        row = self.store.find(subject.key.digest)
        if is_new and row is not None:
            self._report_import(subject, row)

    def _report_import(self, subject: Subject, row: Authorization) -> None:
        if subject.seed is not None:
            self._events.imported(row, subject)


def _link(subject: Subject) -> str:
    return authorize_link(subject.key.conn_id, subject.key.end_user, subject.key.account)

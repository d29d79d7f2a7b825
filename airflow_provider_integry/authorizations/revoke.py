"""Revoke an authorization: the service is told where it can be (RFC 7009), and the grant is wiped in any case.

The lease of the row is taken first, as for a refresh. So no refresh is on its way while the tokens are
given back, and one that begins later finds that its row has moved on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

from airflow_provider_integry.auth.oauth2 import Moment, OAuth2Settings
from airflow_provider_integry.auth.revocation import (
    RevocationAnswer,
    TokenHint,
    build_revocation_request,
    is_of_same_site,
    parse_revocation,
)
from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.authorizations.conversation import ask_metadata
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey, GrantSecrets
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.manage import revoke_grant
from airflow_provider_integry.authorizations.refresh import LEASE_S, Refresher
from airflow_provider_integry.authorizations.steps import Do, Fetch, Pause, Steps
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.errors import IntegryError, TransportError
from airflow_provider_integry.secret import Secret

log = logging.getLogger(__name__)
# For a refresh that is on its way: what it brings is what has to be given back.
WAIT_FOR_REFRESH_S = 10.0
# For all requests together; a person waits for it.
TELLING_S = 20.0
MAX_TRIES, RETRY_S, MAX_RETRY_S = 3, 1.0, 5.0

_MEND = "Revoke the grant there too."
_NO_ENDPOINT = (
    "The service was not told, as no revocation endpoint of it is known (field 'revoke_url'): tokens that tasks hold"
    " work until they end, and the application stays listed there until it is removed."
)
_NO_WAY = (
    "The service was not told, as OAuth 1.0a has no way to do that: what tasks hold works until the application is"
    " removed there."
)

_ENTERED = "What was entered works at the service as before: delete it there too, if nobody is to use it any more."

Upstream = Literal["told", "not_offered", "failed", "not_asked"]


class _Told(NamedTuple):
    upstream: Upstream
    detail: str


@dataclass(frozen=True, slots=True)
class RevokeOutcome:
    """What came of a revocation.

    Attributes:
        row: The row as it is now; None where nothing was kept.
        upstream: What the service knows. told: the grant is revoked there too. not_offered: it has no
            revocation endpoint that is known here. failed: it was asked, or was to be asked, in vain.
            not_asked: nothing was to be given back, or only the wiping was asked for.
        detail: That in words, without the connection's name; no secret.
    """

    row: Authorization | None
    upstream: Upstream
    detail: str

    @property
    def is_revoked_upstream(self) -> bool:
        """Whether tokens that tasks hold are of no use any more, as far as the service says."""
        return self.upstream == "told"

    def describe(self) -> str:
        """Say what happened, in one or two sentences."""
        if self.row is None:
            return "Nothing is kept of this authorization."
        return f"The grant is wiped (authorization {self.row.id}). {self.detail}"


def revoke_authorization(
    store: AuthorizationStore,
    journal: Journal,
    refresher: Refresher,
    subject: Subject | None,
    key: AuthorizationKey,
    *,
    owner: str,
    is_local_only: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Steps[RevokeOutcome]:
    """Give a grant back to the service where that is possible, and wipe it here in any case.

    A generator that is closed before its end, because its caller was cancelled, wipes as well.

    Args:
        store: Where grants are kept.
        journal: Where grants are on their way there.
        refresher: Opens what is kept.
        subject: What the connection says now; None where it is gone, or cannot be read.
        key: Which authorization.
        owner: Who does it, for the audit log.
        is_local_only: Whether to leave the service alone.
        clock: A clock that never jumps, seconds.
    Raises:
        StoreError: The grant cannot be wiped.
    """
    row: Authorization | None = yield Do(lambda: store.find(key.digest))
    if row is None:
        return RevokeOutcome(None, "not_asked", "")
    seed_digest = subject.seed_digest if subject else None

    def wipe() -> Authorization | None:
        return revoke_grant(store, journal, key, seed_digest, owner=owner)

    try:
        told = _Told("not_asked", "The service was not told, as asked for.")
        if not is_local_only:
            told = yield from _try_to_tell(store, journal, refresher, subject, row, clock)
    except GeneratorExit:
        wipe()
        raise
    wiped: Authorization | None = yield Do(wipe)
    return RevokeOutcome(wiped, told.upstream, told.detail)


def _try_to_tell(
    store: AuthorizationStore,
    journal: Journal,
    refresher: Refresher,
    subject: Subject | None,
    row: Authorization,
    clock: Callable[[], float],
) -> Steps[_Told]:
    """Tell the service; whatever goes wrong is in the words that are returned."""
    try:
        if subject is None:
            return _Told("failed", "The service was not told: its connection is gone, or cannot be read.")
        if row.binding != subject.binding:
            # What was obtained from one server is never shown to another.
            why = "the connection's client id, endpoints or base URL were changed after it was authorized"
            return _Told("failed", f"The service was not told: {why}. {_MEND}")
        settings = subject.settings
        if not isinstance(settings, OAuth2Settings):
            return _Told("not_asked", _ENTERED) if subject.is_entered else _Told("not_offered", _NO_WAY)
        url = yield from _find_endpoint(settings, subject)
        if url is None:
            return _Told("not_offered", _NO_ENDPOINT)
        if _is_foreign(settings, url):
            where = f"field 'revoke_url' leads to {urlsplit(url).hostname}, which is not where this grant comes from"
            return _Told("failed", f"The service was not told: {where}. {_MEND}")
        secrets: GrantSecrets = yield from _take(store, journal, refresher, row, clock)
        return (yield from _tell(settings, subject, url, secrets, clock))
    except IntegryError as error:
        return _Told("failed", f"The service could not be told: {str(error).rstrip('.')}. {_MEND}")
    except Exception as error:  # the grant is wiped whatever happens
        log.exception("Connection '%s': the service could not be told of a revocation.", row.conn_id)
        return _Told("failed", f"The service could not be told ({type(error).__name__}). {_MEND}")


def give_back(subject: Subject, secrets: GrantSecrets, clock: Callable[[], float] = time.monotonic) -> Steps[None]:
    """Give tokens back to the service that nobody wants and nothing keeps, where it offers that; never fails."""
    if not isinstance(subject.settings, OAuth2Settings):
        return
    try:
        url = yield from _find_endpoint(subject.settings, subject)
        if url is not None and not _is_foreign(subject.settings, url):
            told = yield from _tell(subject.settings, subject, url, secrets, clock)
            log.info("Connection '%s': a grant was not wanted. %s", subject.key.conn_id, told.detail)
    except IntegryError as error:
        log.warning("Connection '%s': a grant that was not wanted is not given back: %s", subject.key.conn_id, error)


def _is_foreign(settings: OAuth2Settings, url: str) -> bool:
    """Return whether a revocation endpoint that was typed is not where the grant comes from.

    What the issuer names is the issuer's business, and the grant is bound to that.
    """
    is_typed = settings.consent is not None and url == settings.consent.revoke_url
    return is_typed and not is_of_same_site(url, (settings.exchange_url, settings.refresh_url, settings.issuer))


def _take(
    store: AuthorizationStore,
    journal: Journal,
    refresher: Refresher,
    row: Authorization,
    clock: Callable[[], float],
) -> Steps[GrantSecrets]:
    """Return the newest tokens that there are, with the row's lease, so that nobody renews them meanwhile.

    After a while without the lease, what the row holds has to do: a holder may have died.
    """
    started, found = clock(), row
    while True:
        claimed: Authorization | None = yield Do(partial(store.claim, found, uuid4().hex, LEASE_S))
        if claimed is not None or clock() - started > WAIT_FOR_REFRESH_S:
            break
        yield Pause(0.1)
        found = (yield Do(lambda: store.find(row.digest))) or found
    current = claimed or found
    entry = yield Do(lambda: journal.find(current.digest, current.generation))
    if entry is not None and entry.made_at == current.created_at:
        secrets: GrantSecrets = entry.secrets
        return secrets
    return refresher.read_secrets(current)


def _tell(
    settings: OAuth2Settings, subject: Subject, url: str, secrets: GrantSecrets, clock: Callable[[], float]
) -> Steps[_Told]:
    """Give refresh token and access token back."""
    tokens: list[tuple[TokenHint, Secret]] = []
    tokens += [("refresh_token", secrets.refresh_token)] if secrets.refresh_token else []
    tokens += [("access_token", secrets.access_token)] if secrets.access_token else []
    if not tokens:
        return _Told("not_asked", "There was no token to give back to the service.")
    deadline = clock() + TELLING_S
    answers: list[tuple[TokenHint, RevocationAnswer]] = []
    for hint, token in tokens:
        answer = yield from _give_back(settings, subject, url, token, hint, deadline, clock)
        answers.append((hint, answer))
    return _sum_up(answers)


def _find_endpoint(settings: OAuth2Settings, subject: Subject) -> Steps[str | None]:
    """Return the revocation endpoint; None where neither connection nor issuer names one.

    Raises:
        TokenResponseError: The issuer names one that may not be called.
        TransportError: It cannot be asked.
    """
    if settings.consent is not None and settings.consent.revoke_url:
        return settings.consent.revoke_url
    metadata = yield from ask_metadata(settings, subject.transport)
    if metadata is None or (metadata.revocation_endpoint is None and "revocation_endpoint" not in metadata.problems):
        return None
    return metadata.require("revocation_endpoint", "revoke_url")


def _give_back(
    settings: OAuth2Settings,
    subject: Subject,
    url: str,
    token: Secret,
    hint: TokenHint,
    deadline: float,
    clock: Callable[[], float],
) -> Steps[RevocationAnswer]:
    """Send one token, and again where the server asks for that (RFC 7009 section 2.2.1)."""
    for tries in range(1, MAX_TRIES + 1):
        moment = Moment(now=time.time(), unique=uuid4().hex)
        request = build_revocation_request(settings, url, token, hint, moment)
        try:
            response: HttpResponse = yield Fetch(request, subject.transport, max(1.0, deadline - clock()))
        except TransportError as error:
            return RevocationAnswer("refused", str(error).rstrip("."))
        answer = parse_revocation(response, sent=(*settings.secrets, token), now=time.time())
        wait_s = answer.retry_after_s if answer.retry_after_s is not None else RETRY_S
        is_worth_it = tries < MAX_TRIES and wait_s <= MAX_RETRY_S and clock() + wait_s < deadline
        if answer.verdict != "later" or not is_worth_it:
            return answer
        yield Pause(wait_s)
    raise AssertionError("unreachable: the last try returns")


def _sum_up(answers: list[tuple[TokenHint, RevocationAnswer]]) -> _Told:
    """Return what the answers mean together; the first token's counts most, as new ones come of a refresh token."""
    hint, first = answers[0]
    rest = [one for _, one in answers[1:]]
    what = hint.replace("_", " ")
    if first.verdict == "done":
        if all(one.verdict == "done" for one in rest):
            return _Told("told", "The service was told, and has revoked it too.")
        return _Told("told", "The service was told, and has revoked it too; access tokens may work until they end.")
    if first.verdict == "unsupported":
        if rest and rest[0].verdict == "done":
            return _Told("failed", "The service takes back access tokens only: remove the application there too.")
        return _Told("not_offered", "The service says that it revokes no such tokens: remove the application there.")
    return _Told("failed", f"The service did not take the {what} back: {first.detail}. {_MEND}")


__all__ = ["RevokeOutcome", "Upstream", "revoke_authorization"]

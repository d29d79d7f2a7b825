"""The use cases of consent: begin one, end it when the service calls back, answer its question.

Everything that is checked about a callback is checked before anything is sent anywhere. What came of
it is kept in its row, and shown from there.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets as random_secrets
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal
from urllib.parse import urlsplit

from airflow_provider_integry.auth.authorization_code import check_signed, check_single
from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.authorizations import consent_oauth1, consent_oauth2
from airflow_provider_integry.authorizations.consent_oauth2 import Opened
from airflow_provider_integry.authorizations.consent_values import Begun, Callback, Visit
from airflow_provider_integry.authorizations.consents import (
    Consent,
    ConsentStore,
    Outcome,
    digest_browser,
    digest_state,
    make_id,
)
from airflow_provider_integry.authorizations.given import credentials_of, dump_given, load_given
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey, GrantSecrets
from airflow_provider_integry.authorizations.granting import Given, store_grant
from airflow_provider_integry.authorizations.identity import find_account
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.refresh import Events
from airflow_provider_integry.authorizations.revoke import give_back
from airflow_provider_integry.authorizations.steps import Do, Steps
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import Entered, Subject, build_subject
from airflow_provider_integry.connectors.user_info import Account
from airflow_provider_integry.errors import (
    AuthorizationError,
    CallbackError,
    ConsentDeniedError,
    IntegryError,
    NotAuthorizedError,
)
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings

log = logging.getLogger(__name__)
CALLBACK_PATH = "/integry/public/callback"
# Longer than what we send; RFC 6749 sets no limit.
MAX_RETURNED = 512
# Among what is encrypted: whether the grant is to be held at the end.
_HOLDS = "holds"


class Consents:
    """Begins and ends authorizations.

    Args:
        store: Where grants are kept.
        consents: Where authorizations are kept that were begun.
        journal: Where grants are on their way to the store.
        events: Is told what happens.
        read_settings: Returns a connection; None where there is none.
        team_of: Returns the team of a connection.
        now: This machine's clock, UTC epoch seconds.
    """

    def __init__(
        self,
        store: AuthorizationStore,
        consents: ConsentStore,
        journal: Journal,
        events: Events,
        read_settings: Callable[[str], ConnectionSettings | None],
        team_of: Callable[[str], str | None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._consents = consents
        self._journal = journal
        self._events = events
        self._read_settings = read_settings
        self._team_of = team_of
        self._now = now

    def begin(self, subject: Subject, *, base_url: str, user: str, visit: Visit | None = None) -> Steps[Begun]:
        """Begin an authorization.

        Args:
            subject: Which one.
            base_url: Where Airflow is, as browsers reach it; for end users, where the public pages are.
            user: Who begins it.
            visit: Where an end user begins it; None for somebody who is logged in to Airflow.
        Raises:
            AuthorizationError: The connection needs no consent, or the service does not begin it.
            TransportError, StoreError: Somebody does not answer.
        """
        context = context_of(subject)
        redirect_uri = f"{base_url.rstrip('/')}{CALLBACK_PATH}/{context}"
        opened: Opened = yield from self._open(subject, redirect_uri)
        consent_id, browser_key = make_id(), Secret(random_secrets.token_urlsafe(32))
        key = subject.key
        values = {
            "state_digest": digest_state(*opened.returned),
            "browser_digest": digest_browser(browser_key.reveal()),
            "digest": key.digest,
            "conn_id": key.conn_id,
            "team_name": key.team,
            "end_user": key.end_user,
            "account": key.account,
            "binding": subject.binding,
            "context": context,
            "user_name": user[:255],
            "link_id": visit.link_id if visit else None,
            "session_digest": digest_browser(visit.browser.reveal()) if visit else None,
        }
        data = {**opened.data, _HOLDS: visit is not None and visit.holds}
        yield Do(partial(self._consents.add, consent_id, values, data))
        return Begun(consent_id, opened.url, browser_key)

    def peek(self, callback: Callback) -> Consent:
        """Return what a callback belongs to, and change nothing; may block.

        Raises:
            CallbackError: It fits nothing that was begun in this browser.
            StoreError: The database does not answer.
        """
        return self._find(callback)

    def finish(self, callback: Callback) -> Steps[Consent]:
        """End an authorization, whatever its outcome.

        Returns:
            The row: as it is now for an end user's, as it was for others; its outcome is shown under its id.
        Raises:
            CallbackError: The callback fits nothing that was begun in this browser; nothing was sent anywhere.
            StoreError: The database does not answer.
        """
        row: Consent = yield Do(partial(self._find, callback))
        try:
            settings, subject = yield Do(partial(self._subject_of, row))
            self._check_signature(subject, callback)
        except IntegryError as error:
            yield from self._end(row, "pending", "failed", error)
            return (yield from self._look_again(row))
        if not (yield Do(partial(self._consents.move, row, "pending", "taken"))):
            raise CallbackError("it was used before")
        try:
            given: Given = yield from self._close(subject, row, callback)
            yield from self._keep(row, settings, subject, given)
        except ConsentDeniedError as error:
            yield from self._end(row, "taken", "denied", error)
        except IntegryError as error:
            yield from self._end(row, "taken", "failed", error)
        except Exception:
            log.exception("Connection '%s': an authorization failed in an unexpected way.", row.conn_id)
            failed = AuthorizationError("It failed in an unexpected way; the API server's log says how.")
            yield from self._end(row, "taken", "failed", failed)
        return (yield from self._look_again(row))

    def answer(
        self, consent_id: str, *, is_yes: bool, user: str | None = None, browser: Secret | None = None
    ) -> Steps[bool]:
        """Answer the question whether another account takes the place of the one that was authorized.

        Args:
            consent_id: Which authorization.
            is_yes: The answer.
            user: Who gives it, who must be the one who began; None for an end user.
            browser: Key of the browser of an end user, which must be the one in which it was begun.
        Returns:
            Whether there was such a question.
        """
        row: Consent | None = yield Do(partial(self._consents.find, consent_id))
        if row is None or row.outcome != "other_account" or row.is_over or not row.belongs_to(user, browser):
            return False
        data = row.open()
        given = load_given(data)
        if not (yield Do(partial(self._consents.move, row, "other_account", "taken" if is_yes else "declined"))):
            return False
        try:
            _, subject = yield Do(partial(self._subject_of, row))
            if is_yes and data.get(_HOLDS):
                yield from self._hold(row, given)
            elif is_yes:
                yield from self._store_given(row, subject, given)
            else:
                token = given.obtained.token
                yield from give_back(subject, GrantSecrets(token.access_token, token.refresh_token))
        except IntegryError as error:
            yield from self._end(row, "taken", "failed", error)
        return True

    def find(self, consent_id: str) -> Consent | None:
        """Return what came of an authorization; None where nothing is known (any more)."""
        row = self._consents.find(consent_id)
        return row if row and not row.is_over else None

    def find_newest(self, digest: str, since: float) -> Consent | None:
        """Return what came of the authorization that was begun last; see `ConsentStore.find_newest`."""
        return self._consents.find_newest(digest, since)

    # -- inside ------------------------------------------------------------------------------------

    def _open(self, subject: Subject, redirect_uri: str) -> Steps[Opened]:
        settings = subject.settings
        if isinstance(settings, OAuth1Consent):
            return consent_oauth1.open_request(subject, settings, redirect_uri, self._now)
        return consent_oauth2.open_request(subject, redirect_uri, self._now)

    def _close(self, subject: Subject, row: Consent, callback: Callback) -> Steps[Given]:
        settings = subject.settings
        if isinstance(settings, OAuth1Consent):
            return consent_oauth1.close_request(subject, settings, row.open(), callback.pairs, self._now)
        return consent_oauth2.close_request(subject, row.open(), callback.pairs, self._now)

    def _find(self, callback: Callback) -> Consent:
        check_single(callback.pairs)
        row = self._consents.find_by_state(_returned(dict(callback.pairs)))
        if row is None:
            raise CallbackError("it belongs to no authorization that was begun here, or to one that is over")
        if not hmac.compare_digest(row.context.encode(), callback.context.encode("utf-8", "surrogatepass")):
            raise CallbackError("it came to the address of another service")
        key = callback.cookies.get(cookie_name(row.id), "")
        if not hmac.compare_digest(row.browser_digest or "", digest_browser(key)):
            raise CallbackError("it was begun in another browser, or that browser keeps no cookies")
        if row.is_expired:
            raise CallbackError("it comes later than ten minutes after the beginning")
        if row.outcome != "pending":
            raise CallbackError("it was used before")
        return row

    def subject_of(self, row: Consent) -> Subject:
        """Return what a row's connection makes of it; may block.

        Raises:
            NotAuthorizedError: The connection is gone, or was changed since.
            IntegryError: It cannot be read.
        """
        return self._subject_of(row)[1]

    def _subject_of(self, row: Consent) -> tuple[ConnectionSettings, Subject]:
        settings = self._read_settings(row.conn_id)
        if settings is None or self._team_of(row.conn_id) != row.team_name:
            raise NotAuthorizedError(row.conn_id, row.end_user, "the connection does not exist any more.")
        subject = build_subject(settings, AuthorizationKey(row.conn_id, row.team_name, row.end_user, row.account))
        is_same_place = isinstance(subject.settings, Entered) or context_of(subject) == row.context
        if subject.binding != row.binding or not is_same_place:
            raise NotAuthorizedError(row.conn_id, row.end_user, "the connection was changed meanwhile; begin again.")
        return settings, subject

    def _check_signature(self, subject: Subject, callback: Callback) -> None:
        settings = subject.settings
        if isinstance(settings, OAuth2Settings) and settings.consent:
            check_signed(callback.query, settings.consent)

    def _keep(self, row: Consent, settings: ConnectionSettings, subject: Subject, given: Given) -> Steps[None]:
        """Find out whose account it is, and store the grant, unless it would replace somebody else's."""
        account, problem = yield from self._identify(settings, given)
        given = given._replace(account=account)
        before: Authorization | None = yield Do(partial(self._store.find, subject.key.digest))
        if before is not None and _is_other(before, account):
            yield Do(
                partial(
                    self._consents.move,
                    row,
                    "taken",
                    "other_account",
                    {**dump_given(given), _HOLDS: bool(row.open().get(_HOLDS))},
                    account_id=_cut(account.id) if account else None,
                    account_name=_cut(account.name) if account else None,
                    message=before.account_name or before.account_id,
                )
            )
            return
        if row.open().get(_HOLDS):
            yield from self._hold(row, given, problem)
            return
        yield from self._store_given(row, subject, given, problem)

    def _identify(self, settings: ConnectionSettings, given: Given) -> Steps[tuple[Account | None, str]]:
        try:
            account = yield from find_account(settings, credentials_of(settings, given), given.kept)
        except IntegryError as error:
            # The grant is good all the same: it must not be lost for this.
            log.warning("Connection '%s': the account could not be looked up: %s", settings.conn_id, error)
            return None, f"The account could not be looked up: {error}"
        return account, ""

    def _look_again(self, row: Consent) -> Steps[Consent]:
        """Return what came of an end user's consent, which leads the browser on; others look it up by themselves."""
        if row.link_id is None:
            return row
        return (yield Do(partial(self._consents.find, row.id))) or row

    def _hold(self, row: Consent, given: Given, problem: str = "") -> Steps[None]:
        """Keep a grant in its row until the host application says whose it is; see `HeldGrants`."""
        account = given.account or Account()
        yield Do(
            partial(
                self._consents.move,
                row,
                "taken",
                "held",
                dump_given(given),
                account_id=_cut(account.id),
                account_name=_cut(account.name),
                message=problem or None,
            )
        )

    def _store_given(self, row: Consent, subject: Subject, given: Given, problem: str = "") -> Steps[None]:
        yield from store_grant(self._store, self._journal, self._events, subject, given, owner=row.user_name)
        account = given.account or Account()
        yield Do(
            partial(
                self._consents.move,
                row,
                "taken",
                "ready",
                account_id=_cut(account.id),
                account_name=_cut(account.name),
                message=problem or None,
            )
        )

    def _end(self, row: Consent, before: Outcome, after: Outcome, error: IntegryError) -> Steps[None]:
        log.warning("Connection '%s': an authorization ended as %s: %s", row.conn_id, after, error)
        yield Do(partial(self._consents.move, row, before, after, message=str(error)))


def context_of(subject: Subject) -> str:
    """Return the last part of the redirect URI: another one for each authorization server and team.

    A service that is connected here must not be able to have another service's answer sent to its own
    endpoints; so each has an address of its own, which is compared when somebody comes back to it.

    Source: draft-ietf-oauth-security-topics-update, "cross-tool" attacks.
    """
    settings = subject.settings
    endpoints: list[str | None]
    if isinstance(settings, OAuth1Consent):
        endpoints = [settings.authorize_url, settings.request_url, settings.access_url]
    else:
        assert isinstance(settings, OAuth2Settings)
        page = settings.consent.authorize_url if settings.consent else None
        endpoints = [page or settings.issuer, settings.issuer, settings.exchange_url]
    parts = json.dumps([subject.key.team, *endpoints])
    host = urlsplit(endpoints[0] or "").hostname or "service"
    return f"{host}-{hashlib.sha256(parts.encode()).hexdigest()[:16]}"


def cookie_name(consent_id: str) -> str:
    """Return the name of the cookie that binds an authorization to its browser."""
    return f"integry_consent_{consent_id[:12]}"


def _returned(found: Mapping[str, str]) -> str:
    """Return under which digest the authorization is kept that a callback belongs to."""
    # Services that speak OAuth 1.0a say no in several ways, and name the temporary token in each.
    kind: Literal["state", "oauth_token"] = "state"
    text = found.get("state", "")
    if not text:
        kind, text = "oauth_token", found.get("oauth_token") or found.get("denied") or ""
    if not text:
        raise CallbackError("it has no state")
    if len(text) > MAX_RETURNED:
        raise CallbackError(f"its state has more than {MAX_RETURNED} characters")
    return digest_state(kind, text)


def _is_other(before: Authorization, account: Account | None) -> bool:
    """Return whether a grant would take the place of somebody else's, or may do so."""
    if before.account_id is None or before.state == "revoked":
        return False
    return account is None or _cut(account.id) != before.account_id


def _cut(text: str | None) -> str | None:
    return text[:255] if text else None

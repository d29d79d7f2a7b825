"""Grants that an end user has given and that nobody uses yet.

A link can be opened by whoever gets hold of it. Where the host application was not asked who is in front of
the browser, what comes out of the link waits, encrypted, in the row of its consent. The browser takes a code
that is good once to the host application, which brings it back for the user who is logged in there; only then
is it kept for that user. If it does not come, the row ends, and with it what was held.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial

from airflow_provider_integry.authorizations.consent_values import Visit
from airflow_provider_integry.authorizations.consents import Consent, ConsentStore, digest_browser, make_id
from airflow_provider_integry.authorizations.entered import store_entered
from airflow_provider_integry.authorizations.given import load_given
from airflow_provider_integry.authorizations.grant import Authorization, GrantSecrets
from airflow_provider_integry.authorizations.granting import store_grant
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.refresh import Events
from airflow_provider_integry.authorizations.revoke import give_back
from airflow_provider_integry.authorizations.steps import Do, Steps
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.connectors.user_info import Account
from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.secret import Secret

log = logging.getLogger(__name__)
# Takes the place of the redirect URI's last part: nobody came back from a service.
_FORM = "form"


class HeldGrants:
    """Keeps what was held, or gives it back.

    Args:
        store: Where grants are kept.
        consents: Where they are held.
        journal, events: As for `Consents`.
        subject_of: Returns what a row's connection makes of it; an error where it is gone or was changed.
    """

    def __init__(
        self,
        store: AuthorizationStore,
        consents: ConsentStore,
        journal: Journal,
        events: Events,
        subject_of: Callable[[Consent], Subject],
    ) -> None:
        self._store = store
        self._consents = consents
        self._journal = journal
        self._events = events
        self._subject_of = subject_of

    def hold_entered(
        self,
        subject: Subject,
        entered: Mapping[str, str | Secret],
        account: Account | None,
        *,
        visit: Visit,
        owner: str,
    ) -> None:
        """Hold credentials that an end user has entered; may block.

        Args:
            subject: Which authorization they are for.
            entered: What was entered, after it was checked.
            account: Whose they are; None where nobody has told.
            visit: The link and browser in which that was done.
            owner: For whom, for the audit log.
        Raises:
            StoreError: It cannot be written.
        """
        key = subject.key
        values = {
            "browser_digest": None,
            "state_digest": None,
            "digest": key.digest,
            "conn_id": key.conn_id,
            "team_name": key.team,
            "end_user": key.end_user,
            "account": key.account,
            "binding": subject.binding,
            "context": _FORM,
            "user_name": owner[:255],
            "link_id": visit.link_id,
            "session_digest": digest_browser(visit.browser.reveal()),
            "outcome": "held",
        }
        texts = {name: one.reveal() if isinstance(one, Secret) else one for name, one in entered.items()}
        data = {"entered": texts, "account": [account.id, account.name] if account else None}
        self._consents.add(make_id(), values, data)

    def release(self, link_id: str, *, owner: str) -> Steps[Authorization | None]:
        """Keep the grant that came out of a link.

        Args:
            link_id: The link.
            owner: Who said so, for the audit log.
        Returns:
            The row of the authorization; None where nothing is held (any more).
        Raises:
            IntegryError: The connection is gone or was changed, or the database does not answer; nothing is held
                afterwards, unless it was the database.
        """
        row = yield from self._take(link_id)
        if row is None:
            return None
        try:
            subject: Subject = yield Do(partial(self._subject_of, row))
            found: Authorization = yield from self._keep(subject, row, owner)
        except IntegryError as error:
            yield Do(partial(self._end, row, error))
            raise
        yield Do(partial(self._consents.move, row, "taken", "ready"))
        return found

    def drop(self, link_id: str) -> Steps[bool]:
        """Give the grant that came out of a link back to its service, and forget it.

        Returns:
            Whether something was held.
        Raises:
            StoreError: The database does not answer.
        """
        row = yield from self._take(link_id)
        if row is None:
            return False
        try:
            if row.context != _FORM:
                subject: Subject = yield Do(partial(self._subject_of, row))
                token = load_given(row.open()).obtained.token
                yield from give_back(subject, GrantSecrets(token.access_token, token.refresh_token))
        except IntegryError as error:
            # Without its connection nobody can tell the service.
            log.warning("Connection '%s': what a link held is deleted, and not given back: %s", row.conn_id, error)
        yield Do(partial(self._consents.move, row, "taken", "declined"))
        return True

    def _keep(self, subject: Subject, row: Consent, owner: str) -> Steps[Authorization]:
        data = row.open()
        if row.context != _FORM:
            given = load_given(data)
            return (yield from store_grant(self._store, self._journal, self._events, subject, given, owner=owner))
        account = Account(*data["account"]) if data["account"] else None
        entered = {name: Secret(text) for name, text in data["entered"].items()}
        keep = store_entered(self._store, self._journal, self._events, subject, entered, account, owner=owner)
        return (yield from keep)

    def _take(self, link_id: str) -> Steps[Consent | None]:
        """Return the row of a link that is held; nobody else gets it."""
        row: Consent | None = yield Do(partial(self._consents.find_held, link_id))
        if row is None or row.is_over:
            return None
        return row if (yield Do(partial(self._consents.move, row, "held", "taken"))) else None

    def _end(self, row: Consent, error: IntegryError) -> None:
        """Note what went wrong; what may go better the next time stays held."""
        if error.retryable:
            self._consents.move(row, "taken", "held", row.open(), message=str(error))
        else:
            self._consents.move(row, "taken", "failed", message=str(error))

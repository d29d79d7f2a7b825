"""A token that came out of somebody's consent becomes the grant of an authorization."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from airflow_provider_integry.auth.dpop import ProofKey
from airflow_provider_integry.auth.grants import Obtained
from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.authorizations.crypto import seal
from airflow_provider_integry.authorizations.grant import Authorization, GrantSecrets, add_seed, is_known_seed
from airflow_provider_integry.authorizations.journal import Journal
from airflow_provider_integry.authorizations.outcomes import build_entry
from airflow_provider_integry.authorizations.refresh import Events
from airflow_provider_integry.authorizations.rows import fresh_values
from airflow_provider_integry.authorizations.steps import Do, Pause, Steps
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.connectors.user_info import Account
from airflow_provider_integry.errors import StoreUnavailableError

log = logging.getLogger(__name__)
# For how long a grant that has arrived is tried to be stored, while somebody waits for it.
STORING_TRIES = 20


class Given(NamedTuple):
    """What a consent ended with.

    Attributes:
        obtained: The token; its times are this machine's.
        local_now: This machine's clock, UTC epoch seconds.
        kept: What is kept beside it.
        account: Who it belongs to; None where nobody told.
        proof_key: Key that it is bound to; None for plain tokens.
    """

    obtained: Obtained
    local_now: float
    kept: Mapping[str, str] = MappingProxyType({})
    account: Account | None = None
    proof_key: ProofKey | None = None


def store_grant(
    store: AuthorizationStore, journal: Journal, events: Events, subject: Subject, given: Given, *, owner: str
) -> Steps[Authorization]:
    """Make what was just given the grant of an authorization, in the place of any that is there.

    Args:
        store: Where grants are kept.
        journal: Where grants are on their way there: what is on its way to the old one is dropped.
        events: Is told.
        subject: Which authorization.
        given: The grant.
        owner: Who did it, for the audit log.
    Returns:
        The row as it is now.
    Raises:
        StoreError: It cannot be written.
    """
    for left in reversed(range(STORING_TRIES)):
        try:
            row: Authorization | None = yield Do(partial(_write, store, journal, subject, given))
        except StoreUnavailableError:
            if not left:
                raise
            log.warning("Connection '%s': a new grant is not stored yet; trying again.", subject.key.conn_id)
            yield Pause(1.0)
            continue
        if row is not None:
            # Writes to the database, which must not hold up an event loop.
            yield Do(partial(events.authorized, row, owner))
            return row
    raise StoreUnavailableError("The authorization changes all the time; try again.")


def _write(store: AuthorizationStore, journal: Journal, subject: Subject, given: Given) -> Authorization | None:
    """Write the grant once; None where somebody else has changed the row at this moment."""
    found = store.find(subject.key.digest)
    values = {**_build_values(subject, given, found.now if found else store.read_clock())}
    values["seed"] = _remember(found, subject)
    if found is None:
        was_written = store.add(subject.key, {**values, "generation": 1})
    else:
        was_written = store.change(found, {**values, "generation": found.generation + 1})
        if was_written:
            journal.remove(found.digest, found.generation)
    return store.find(subject.key.digest) if was_written else None


def _build_values(subject: Subject, given: Given, now: float) -> dict[str, Any]:
    account = given.account or Account()
    offset_s = now - given.local_now
    # From nothing: what an earlier grant was told of its end is not this one's.
    entry = build_entry(
        subject, _blank_row(subject, now), GrantSecrets(kept=given.kept), given.obtained, given.proof_key, offset_s
    )
    return {
        **fresh_values(subject, None),
        **entry.values,
        "is_rotating": False,
        "scopes": _scopes(subject, given.obtained),
        "account_id": account.id[:255] if account.id else None,
        "account_name": account.name[:255] if account.name else None,
        "sealed": seal(entry.secrets, subject.key.digest),
    }


def _remember(found: Authorization | None, subject: Subject) -> str | None:
    """Return column `seed`: what is pasted into the connection does not take over from what was just given."""
    seeds, pasted = found.seed if found else None, subject.seed_digest
    return seeds if pasted is None or is_known_seed(seeds, pasted) else add_seed(seeds, pasted)


def _scopes(subject: Subject, obtained: Obtained) -> str | None:
    """Return granted scopes; what the answer leaves out is what was asked for (RFC 6749 section 5.1)."""
    if obtained.token.scopes is not None:
        return " ".join(obtained.token.scopes)
    settings = subject.settings
    return " ".join(settings.scopes) if isinstance(settings, OAuth2Settings) and settings.scopes else None


def _blank_row(subject: Subject, now: float) -> Authorization:
    """Return the row of an authorization as if it was made now and held nothing."""
    key = subject.key
    nothing: dict[str, Any] = dict.fromkeys(Authorization.__dataclass_fields__)
    known = {"id": 0, "digest": key.digest, "conn_id": key.conn_id, "team_name": key.team, "end_user": key.end_user}
    known.update(account=key.account, conn_type=subject.conn_type, binding=subject.binding, is_grant=True)
    counts = {"version": 0, "generation": 0, "failures": 0, "is_rotating": False, "state": "active"}
    return replace(Authorization(**{**nothing, **known, **counts}), created_at=now, now=now)

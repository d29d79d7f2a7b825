"""What is kept of one authorization, and the pure decisions about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from airflow_provider_integry.secret import Secret

# Beginning of an authorization's public id; no account may be called so.
ID_PREFIX = "ca_"
State = Literal["active", "refused", "revoked"]
# Types whose credentials are typed by whoever has the account.
ENTERED_TYPES = (
    "integry_api_key",
    "integry_api_key_secret",
    "integry_api_key_url",
    "integry_jwt",
    "integry_basic",
    "integry_basic_url",
)
# Types whose grants last as they are: there is nothing to renew them with.
LASTING_TYPES = ("integry_oauth1", *ENTERED_TYPES)

# A refresh is tried this long before the end of a token, and waited for this long before it; both are
# at most a share of the token's life, so that short tokens do not thrash.
ADVISORY_S, ADVISORY_SHARE = 300.0, 0.25
MANDATORY_S, MANDATORY_SHARE = 60.0, 0.10
# A token that is refused although the one before it was replaced for the same reason less than this ago
# is not renewed: the API has another reason, and every caller would cause one more refresh.
SETTLING_S = 10.0
COOL_DOWN_S, MAX_COOL_DOWN_S = 2.0, 60.0
# So much of a digest tells one pasted refresh token from another.
_SEED_CHARS = 16


class AuthorizationKey(NamedTuple):
    """What an authorization is one of.

    Attributes:
        conn_id: The Airflow connection.
        team: Its team; None outside of multi-team deployments.
        end_user: Opaque text of 1 to 255 characters; None for the connection's own account.
        account: Which of several accounts; None for the default one.
        kind: "grant", or "client" for tokens that the connection alone is enough for: a connection that
            is changed from one to the other and back finds its grant again.
    """

    conn_id: str
    team: str | None = None
    end_user: str | None = None
    account: str | None = None
    kind: Literal["grant", "client"] = "grant"

    @property
    def has_id(self) -> bool:
        """Whether the account is named by its public id, which is a row's and no key's."""
        return self.account is not None and self.account.startswith(ID_PREFIX)

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of all five: no two keys share it, and None is not the empty text."""
        text = json.dumps(["integry-authorization-1", *self], ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class GrantSecrets:
    """The encrypted part of an authorization.

    Attributes:
        access_token: The current token; None before the first one.
        refresh_token: The newest one; None where there is none.
        token_type: As the token endpoint told it.
        proof_key: PEM of the key that the token is bound to (RFC 9449); None for plain tokens.
        endpoint: Token endpoint that discovery found.
        nonce: The token endpoint's latest nonce for proofs.
        token_secret: OAuth 1.0a: the secret of the token.
        kept: What the connection keeps of the callback or the token answer, such as the account's own URL.
        entered: What an end user has entered, by field; empty for grants that come out of a consent.
    """

    access_token: Secret | None = None
    refresh_token: Secret | None = None
    token_type: str = "Bearer"
    proof_key: Secret | None = None
    endpoint: str | None = None
    nonce: str | None = None
    token_secret: Secret | None = None
    kept: Mapping[str, str] = field(default_factory=dict)
    entered: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Authorization:
    """One row of the store; the columns are explained in `tables.py`. Times are UTC epoch seconds.

    Attributes:
        now: The database's clock when the row was read.
    """

    id: int
    digest: str
    conn_id: str
    team_name: str | None
    end_user: str | None
    account: str | None
    conn_type: str
    binding: str
    is_grant: bool
    seed: str | None
    state: State
    sealed: str | None = field(repr=False)
    version: int
    generation: int
    lease_owner: str | None
    lease_until: float | None
    token_fingerprint: str | None
    expires_at: float | None
    advise_at: float | None
    require_at: float | None
    refreshed_at: float | None
    forced_at: float | None
    grant_ends_at: float | None
    idle_limit_s: float | None
    scopes: str | None
    account_id: str | None
    account_name: str | None
    unknown_since: float | None
    is_rotating: bool
    failures: int
    cool_until: float | None
    cool_for: str | None
    error: str | None
    error_at: float | None
    created_at: float
    public_id: str | None
    use_account: str | None
    now: float

    @property
    def is_lasting(self) -> bool:
        """Whether its token is never renewed, whatever the API says of it."""
        return self.is_grant and self.conn_type in LASTING_TYPES

    @property
    def has_live_lease(self) -> bool:
        """Whether somebody is refreshing, as far as is known."""
        return self.lease_until is not None and self.lease_until > self.now

    @property
    def is_cooling(self) -> bool:
        """Whether a failure is too fresh for another try."""
        return self.cool_until is not None and self.cool_until > self.now

    def is_alive(self, margin_s: float = 0.0) -> bool:
        """Return whether the token can still be used for more than `margin_s` seconds."""
        if self.token_fingerprint is None:
            return False
        return self.expires_at is None or self.now + margin_s < self.expires_at


Verdict = Literal["serve", "serve_and_refresh", "wait", "refresh", "cooling", "refused", "revoked"]


def judge(row: Authorization, rejected: str | None = None) -> Verdict:
    """Decide what is done for one who asks.

    Args:
        row: The authorization as it was just read.
        rejected: Fingerprint of a token that the API has just refused.
    Returns:
        serve: The token is good.
        serve_and_refresh: It is, and is to be renewed by somebody who does not wait for it.
        wait: Somebody else is renewing it.
        refresh: It has to be renewed first.
        cooling: It cannot be used, and a failure is too fresh for another try.
        refused, revoked: It cannot be renewed.
    """
    if row.state != "active":
        return row.state
    if row.is_lasting:
        return "serve" if row.is_alive() else "refused"
    if row.is_alive() and not is_forced(row, rejected):
        if row.require_at is None or row.now < row.require_at:
            is_due = row.advise_at is not None and row.now >= row.advise_at
            return "serve_and_refresh" if is_due and not row.has_live_lease and not row.is_cooling else "serve"
        if row.is_cooling:
            # The token endpoint is down: what still works is better than nothing.
            return "serve"
    if row.has_live_lease:
        return "wait"
    return "cooling" if row.is_cooling else "refresh"


def is_forced(row: Authorization, rejected: str | None) -> bool:
    """Return whether a token has to be renewed because the API has refused it.

    Args:
        row: The authorization.
        rejected: Fingerprint of the refused token.
    """
    if rejected is None or rejected != row.token_fingerprint:
        return False
    return row.forced_at is None or row.now - row.forced_at >= SETTLING_S


class Windows(NamedTuple):
    """When a token is renewed early; UTC epoch seconds, None for a token of unknown life."""

    expires_at: float | None
    advise_at: float | None
    require_at: float | None


def choose_windows(issued_at: float, expires_at: float | None, jitter: float) -> Windows:
    """Choose when a token is renewed.

    Args:
        issued_at: When it was asked for.
        expires_at: When it ends.
        jitter: Random number in [0, 1), so that grants made together are not renewed together.
    """
    if expires_at is None:
        return Windows(None, None, None)
    life_s = max(0.0, expires_at - issued_at)
    advisory_s = min(ADVISORY_S, life_s * ADVISORY_SHARE) * (1.0 + 0.25 * jitter)
    mandatory_s = min(MANDATORY_S, life_s * MANDATORY_SHARE)
    return Windows(expires_at, expires_at - advisory_s, expires_at - mandatory_s)


class GrantEnd(NamedTuple):
    """When a grant ends; either may be unknown, which is None.

    Attributes:
        grant_ends_at: The end that no renewal moves, UTC epoch seconds.
        idle_limit_s: For how many seconds it may lie idle, where each renewal moves the end.
    """

    grant_ends_at: float | None
    idle_limit_s: float | None


def choose_end(row: Authorization, told_at: float | None, lifetime_s: float | None) -> GrantEnd:
    """Choose when a grant ends, from what the service tells and has told before.

    Services tell one number for two things. The first is taken for an idle limit. Where later ones move with
    each renewal, it is; one that comes nearer is the absolute end.

    Args:
        row: The authorization before this renewal, with what was told before.
        told_at: End of the refresh token, as this answer tells it; None when it does not.
        lifetime_s: Seconds from the consent to the absolute end, where the connection says so.
    """
    if told_at is None:
        return GrantEnd(row.grant_ends_at or _declared_end(row, lifetime_s), row.idle_limit_s)
    left_s = told_at - row.now
    has_moved = row.grant_ends_at is not None and told_at > row.grant_ends_at + _end_tolerance_s(left_s)
    if row.idle_limit_s is None or has_moved:
        return GrantEnd(_declared_end(row, lifetime_s), left_s)
    if left_s < row.idle_limit_s - _end_tolerance_s(row.idle_limit_s):
        return GrantEnd(told_at, row.idle_limit_s)
    # The greatest: renewals may follow so closely that no step between two of them shows.
    return GrantEnd(_declared_end(row, lifetime_s), max(left_s, row.idle_limit_s))


def _end_tolerance_s(life_s: float) -> float:
    """Return by how much two ends may differ that are the same: whole seconds, slow answers, rounding."""
    return min(60.0, life_s * 0.05)


def _declared_end(row: Authorization, lifetime_s: float | None) -> float | None:
    """Return the end that the connection declares, counted from the first token that was stored."""
    if lifetime_s is None:
        return None
    ends_at = (row.created_at if row.refreshed_at is not None else row.now) + lifetime_s
    # In the past, and yet it was renewed: it was authorized anew since.
    return ends_at if ends_at > row.now else None


def is_known_seed(seeds: str | None, digest: str) -> bool:
    """Return whether a pasted refresh token was imported before.

    A process may see a connection as it was a while ago. A token that was replaced must not come back
    through it: it is used up, and would take the place of the grant that is good.

    Args:
        seeds: Column `seed` of the row: what was imported so far.
        digest: SHA-256, in hex, of the pasted token.
    """
    return digest[:_SEED_CHARS] in _split_seeds(seeds)


class Seeded(Protocol):
    """What tells pasted tokens from each other: two columns of a row."""

    @property
    def seed(self) -> str | None:
        """Beginnings of the digests of tokens that were imported."""

    @property
    def state(self) -> str:
        """Whether the grant is active, refused or revoked."""


def is_newly_pasted(row: Seeded, digest: str) -> bool:
    """Return whether a pasted refresh token is to take the place of the grant.

    One that was imported before comes back only where the grant is lost anyway: somebody who has pasted a
    wrong one may paste the right one again.

    Args:
        row: The authorization.
        digest: SHA-256, in hex, of the pasted token.
    """
    if not is_known_seed(row.seed, digest):
        return True
    is_newest = digest[:_SEED_CHARS] == _split_seeds(row.seed)[0]
    return not is_newest and row.state == "refused"


def add_seed(seeds: str | None, digest: str) -> str:
    """Return column `seed` with one more imported token; the newest is first, and four are remembered."""
    newest = digest[:_SEED_CHARS]
    others = [one for one in _split_seeds(seeds) if one != newest]
    return "".join([newest, *others[:3]])


def _split_seeds(seeds: str | None) -> list[str]:
    # A whole digest reads as its first part and three that fit nothing.
    text = seeds or ""
    return [text[start : start + _SEED_CHARS] for start in range(0, len(text), _SEED_CHARS)]


def choose_cool_down(failures: int, retry_after_s: float | None, jitter: float) -> float:
    """Return the seconds without another try, after the given number of failures in a row (>= 1)."""
    backoff_s = min(MAX_COOL_DOWN_S, COOL_DOWN_S * 2 ** min(failures - 1, 10)) * (0.75 + 0.5 * jitter)
    return float(min(3600.0, max(backoff_s, retry_after_s or 0.0)))

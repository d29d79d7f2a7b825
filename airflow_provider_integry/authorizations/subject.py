"""What a token is obtained for and how: a connection's settings, seen by the broker."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field

from airflow_provider_integry.auth.grants import TokenSettings
from airflow_provider_integry.auth.jwt import JwtLogin
from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth.oauth2 import GIVEN_GRANTS, OAuth2Settings
from airflow_provider_integry.authorizations.grant import ID_PREFIX, AuthorizationKey
from airflow_provider_integry.errors import AuthorizationError, NotAuthorizedError
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings, TransportSettings

# Characters of an end user's or account's name.
MAX_NAME = 255
_PUBLIC_ID = re.compile(f"{ID_PREFIX}[0-9a-f]{{32}}")


@dataclass(frozen=True, slots=True)
class Entered:
    """Credentials that somebody enters: there is no endpoint that gives them."""


SubjectSettings = TokenSettings | Entered


@dataclass(frozen=True, slots=True)
class Subject:
    """One authorization and how its tokens are obtained.

    Attributes:
        key: Which authorization.
        conn_type: Type of its connection.
        settings: How tokens are obtained; `Entered` where somebody enters credentials instead.
        transport: How the token endpoint is reached.
        binding: SHA-256 of what the grant was given to.
        is_grant: Whether it cannot be obtained again from the connection alone.
        fingerprint: SHA-256 of all that its tokens depend on.
        seed: Refresh token that is pasted into the connection; None where there is none.
        retry_window_s: Seconds for which a refresh token may be tried again after an answer was lost; 0
            for no limit.
        grant_lifetime_s: Seconds from the consent to the grant's absolute end; None when the connection does
            not say.
    """

    key: AuthorizationKey
    conn_type: str
    settings: SubjectSettings = field(repr=False)
    transport: TransportSettings = field(repr=False)
    binding: str
    is_grant: bool
    fingerprint: str
    seed: Secret | None = None
    retry_window_s: float = 0.0
    grant_lifetime_s: float | None = None

    @property
    def seed_digest(self) -> str | None:
        """SHA-256, in hex, of the pasted refresh token."""
        return hashlib.sha256(self.seed.reveal().encode("utf-8", "surrogatepass")).hexdigest() if self.seed else None

    @property
    def is_entered(self) -> bool:
        """Whether somebody enters credentials, rather than being asked for consent."""
        return isinstance(self.settings, Entered)

    @property
    def has_consent(self) -> bool:
        """Whether somebody can be sent to a consent page for it."""
        settings = self.settings
        if isinstance(settings, OAuth1Consent):
            return True
        if not isinstance(settings, OAuth2Settings) or settings.consent is None:
            return False
        return bool(settings.grant_type == "authorization_code" or settings.consent.authorize_url)


def is_brokered(settings: ConnectionSettings) -> bool:
    """Return whether a connection's tokens come from an endpoint or a consent, and so from the broker."""
    return isinstance(settings.auth, OAuth1Consent | OAuth2Settings | JwtLogin)


def is_served(settings: ConnectionSettings, end_user: str | None, account: str | None) -> bool:
    """Return whether the broker has something to hand out for an authorization."""
    return settings.takes_entered(end_user, account) or is_brokered(settings)


def is_kept(settings: ConnectionSettings, end_user: str | None = None, account: str | None = None) -> bool:
    """Return whether an authorization's readiness is decided by what is kept, rather than by its connection."""
    if settings.takes_entered(end_user, account):
        return True
    if not is_brokered(settings):
        return False
    return build_subject(settings, AuthorizationKey(settings.conn_id)).is_grant


def build_subject(settings: ConnectionSettings, key: AuthorizationKey) -> Subject:
    """Return what the broker renews, or keeps, for one authorization of a connection.

    Raises:
        AuthorizationError: This connection's credentials are not obtained from an endpoint.
        NotAuthorizedError: It acts for itself alone, and an end user or account was given.
    """
    if settings.takes_entered(key.end_user, key.account):
        check_names(key)
        binding = bind_entered(settings)
        return Subject(
            key=key._replace(kind="grant"),
            conn_type=settings.conn_type,
            settings=Entered(),
            transport=settings.transport,
            binding=binding,
            is_grant=True,
            fingerprint=binding,
        )
    auth = settings.auth
    if not isinstance(auth, OAuth1Consent | OAuth2Settings | JwtLogin):
        raise AuthorizationError(
            f"Connection '{settings.conn_id}' of type '{settings.conn_type}' needs no token from an endpoint."
        )
    is_grant = isinstance(auth, OAuth1Consent) or (isinstance(auth, OAuth2Settings) and auth.grant_type in GIVEN_GRANTS)
    is_pasted = isinstance(auth, OAuth2Settings) and auth.grant_type == "refresh_token"
    check_names(key)
    is_own = key.end_user is None and key.account is None
    if not is_grant and not is_own:
        reason = "its grant type obtains tokens for the application itself; leave end_user and account empty."
        raise NotAuthorizedError(settings.conn_id, key.end_user, reason)
    return Subject(
        key=key._replace(kind="grant" if is_grant else "client"),
        conn_type=settings.conn_type,
        settings=auth,
        transport=settings.transport,
        binding=_bind(settings) if is_grant else digest_of(settings),
        is_grant=is_grant,
        fingerprint=digest_of(settings),
        seed=auth.refresh_token if isinstance(auth, OAuth2Settings) and is_pasted and is_own else None,
        retry_window_s=auth.refresh_retry_window_s if isinstance(auth, OAuth2Settings) else 0.0,
        grant_lifetime_s=auth.grant_lifetime_s if isinstance(auth, OAuth2Settings) and is_grant else None,
    )


def check_names(key: AuthorizationKey) -> None:
    """Refuse an end user or account that databases cannot keep; any other text is taken as it is.

    Raises:
        NotAuthorizedError: It is empty, longer than 255 characters, or holds NUL or half of a character.
    """
    for text, what in ((key.end_user, "end_user"), (key.account, "account")):
        if text is None:
            continue
        if not 1 <= len(text) <= MAX_NAME:
            problem = f"{what} has {len(text)} characters; give 1 to {MAX_NAME}."
            raise NotAuthorizedError(key.conn_id, None, problem)
        if what == "account" and text.startswith(ID_PREFIX) and not _PUBLIC_ID.fullmatch(text):
            problem = f"no account's name begins with '{ID_PREFIX}': connected account ids do."
            raise NotAuthorizedError(key.conn_id, None, problem)
        if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
            problem = f"{what} holds a character that no database keeps; give it another name."
            raise NotAuthorizedError(key.conn_id, None, problem)


def check_new_names(key: AuthorizationKey) -> None:
    """Refuse names that nothing new is kept under: those of `check_names`, and public ids.

    Raises:
        NotAuthorizedError: It is such a name.
    """
    check_names(key)
    if key.has_id:
        problem = f"'{key.account}' is a connected account id; name the account as it was named when it was authorized."
        raise NotAuthorizedError(key.conn_id, key.end_user, problem)


def digest_of(settings: ConnectionSettings) -> str:
    """Name all that a connection's tokens depend on, secrets included, without keeping it."""
    parts = [repr((settings.conn_id, settings.auth, settings.transport))]
    parts += [secret.reveal() for secret in settings.secrets]
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def bind_entered(settings: ConnectionSettings) -> str:
    """Name where entered credentials may be sent: with a connection that says otherwise they are not used."""
    return hashlib.sha256(json.dumps(["entered", *settings.bound_to]).encode()).hexdigest()


def _bind(settings: ConnectionSettings) -> str:
    auth = settings.auth
    if isinstance(auth, OAuth1Consent):
        given_to: list[str | None] = [auth.consumer.consumer_key, auth.request_url, auth.authorize_url, auth.access_url]
    else:
        assert isinstance(auth, OAuth2Settings)
        given_to = [auth.client_id, auth.exchange_url, auth.refresh_url, auth.issuer]
    parts = [settings.conn_type, *given_to, settings.base_url]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

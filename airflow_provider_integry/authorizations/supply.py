"""Where a process gets a token from when it has none: an endpoint, the database, or the broker."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple, Protocol
from uuid import uuid4

from airflow_provider_integry.auth.dpop import ProofKey, make_proof_key
from airflow_provider_integry.auth.grants import Obtained, TokenSettings, obtain_token
from airflow_provider_integry.auth.grants import Steps as Conversation
from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.auth.token import Token
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import TransportSettings
from airflow_provider_integry.transport.limits import TOKEN_DEADLINE_S

log = logging.getLogger(__name__)

LEEWAY_S = 60.0
# A token of two minutes is renewed half a minute early, not a whole one: short tokens must not thrash.
LEEWAY_SHARE = 0.25


class Supplied(NamedTuple):
    """A token and how long it may be used without asking again.

    Attributes:
        token: The token, without its refresh token.
        good_until: UTC epoch seconds; None when only the API can tell.
        proof_key: Key that the token is bound to (RFC 9449); None for plain tokens.
        kept: What is kept with the grant beside its tokens.
        entered: What the end user has entered, by field; the token then only names it.
    """

    token: Token
    good_until: float | None
    proof_key: ProofKey | None = None
    kept: Mapping[str, str] = MappingProxyType({})
    entered: Mapping[str, Secret] = MappingProxyType({})


def supply_entered(entered: Mapping[str, Secret], good_until: float) -> Supplied:
    """Return what an end user has entered, named by all of it together."""
    text = json.dumps({name: entered[name].reveal() for name in sorted(entered)})
    return Supplied(Token(Secret(text)), good_until, entered=entered)


class Supplier(Protocol):
    """Gets tokens; called by one caller at a time."""

    def supply(self, rejected: str | None) -> Supplied:
        """Return a token that is good now.

        Args:
            rejected: Fingerprint of a token that the API has just refused.
        Raises:
            IntegryError: There is none.
        """
        ...

    async def asupply(self, rejected: str | None) -> Supplied:
        """Do what `supply` does, without blocking the event loop."""
        ...


class EndpointSupplier:
    """Asks the token endpoint itself and keeps what comes of it in this process.

    Args:
        conn_id: The connection, for the log.
        settings: How tokens are obtained.
        transport: Proxy, certificates and timeouts of the token endpoint.
        now: Clock, UTC epoch seconds.
    """

    def __init__(
        self,
        conn_id: str,
        settings: TokenSettings,
        transport: TransportSettings,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._conn_id = conn_id
        self._settings = settings
        self._transport = transport
        self._now = now
        self._lock = threading.Lock()
        self._refresh_token = settings.refresh_token if isinstance(settings, OAuth2Settings) else None
        self._endpoint: str | None = None
        self._nonce: str | None = None
        # RFC 9449 binds a token to a key, and the token lives in this process alone: so does the key.
        uses_dpop = isinstance(settings, OAuth2Settings) and settings.uses_dpop
        self._proof_key = make_proof_key() if uses_dpop else None

    def supply(self, rejected: str | None) -> Supplied:
        """Return a new token; see `Supplier.supply`."""
        # Lazy for start-up cost: an async process never needs requests.
        from airflow_provider_integry.transport.sync import fetch

        started_at, steps = self._now(), self._start()
        try:
            request = next(steps)
            while True:
                request = steps.send(fetch(request, self._transport, deadline_s=TOKEN_DEADLINE_S))
        except StopIteration as end:
            return self._keep(end.value, started_at)

    async def asupply(self, rejected: str | None) -> Supplied:
        """Return a new token; see `Supplier.asupply`."""
        # Lazy for start-up cost: a sync task never needs aiohttp.
        from airflow_provider_integry.transport.aio import afetch

        started_at, steps = self._now(), self._start()
        try:
            request = next(steps)
            while True:
                request = steps.send(await afetch(request, self._transport, deadline_s=TOKEN_DEADLINE_S))
        except StopIteration as end:
            return self._keep(end.value, started_at)

    def _start(self) -> Conversation:
        return obtain_token(
            self._settings,
            refresh_token=self._refresh_token,
            endpoint=self._endpoint,
            now=self._now,
            unique=lambda: uuid4().hex,
            proof_key=self._proof_key,
            nonce=self._nonce,
        )

    def _keep(self, obtained: Obtained, started_at: float) -> Supplied:
        token = obtained.token
        with self._lock:
            if self._refresh_token and token.refresh_token and token.refresh_token != self._refresh_token:
                self._warn_rotated()
                self._refresh_token = token.refresh_token
            self._endpoint = obtained.endpoint
            self._nonce = obtained.nonce
        good_until = None
        if token.expires_at is not None:
            life_s = max(0.0, token.expires_at - started_at)
            good_until = token.expires_at - min(LEEWAY_S, life_s * LEEWAY_SHARE)
        return Supplied(replace(token, refresh_token=None), good_until, self._proof_key)

    def _warn_rotated(self) -> None:
        log.warning(
            "Connection '%s': the service has replaced the pasted refresh token. The new one is kept until this"
            " process ends; if the service accepts each refresh token only once, the next task has to be given a new"
            " one.",
            self._conn_id,
        )

"""Ask an API through a connection that is an environment variable, synchronously and asynchronously alike."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import pytest

from airflow_provider_integry import errors
from airflow_provider_integry.authorizations.tokens import forget_sources
from airflow_provider_integry.hooks.integry import IntegryHook


class Answer(NamedTuple):
    """What came back: the status, and the JSON where it is JSON."""

    status: int
    json: Any


@dataclass(frozen=True)
class Acme:
    """A connection: its type, what is in columns, what is in `extra`."""

    conn_type: str
    extra: dict[str, Any]
    columns: dict[str, str] = field(default_factory=dict)

    def having(self, **extra: Any) -> Acme:
        """Return the same connection with other fields."""
        return replace(self, extra={**self.extra, **extra})

    def changed(self, name: str) -> Acme:
        """Return the same connection with one character of one field changed."""
        if name in self.columns:
            return replace(self, columns={**self.columns, name: change_one_character(self.columns[name])})
        return self.having(**{name: change_one_character(self.extra[name])})


def change_one_character(text: str) -> str:
    """Replace the letter or digit in the middle by another."""
    index = next(at for at in range(len(text) // 2, len(text)) if text[at].isascii() and text[at].isalnum())
    return text[:index] + ("b" if text[index] == "a" else "a") + text[index + 1 :]


@contextmanager
def hook_of(connection: Acme, url: str, conn_id: str = "api_acme") -> Iterator[IntegryHook]:
    """Write the connection into the environment and give the hook, in a process without tokens."""
    extra = {"allow_http": True, "max_retries": 0, **connection.extra}
    text = json.dumps({"conn_type": connection.conn_type, "host": url, **connection.columns, "extra": extra})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", text)
        hook = IntegryHook(integry_conn_id=conn_id)
        try:
            yield hook
        finally:
            forget_sources()


def ask_sync(hook: IntegryHook, method: str = "GET", path: str = "/resource", **kwargs: Any) -> Answer:
    with hook.get_conn() as session:
        response = session.request(method, path, **kwargs)
        return Answer(response.status_code, response.json() if "json" in response.headers["Content-Type"] else None)


def ask_async(hook: IntegryHook, method: str = "GET", path: str = "/resource", **kwargs: Any) -> Answer:
    async def send() -> Answer:
        async with hook.get_async_conn() as session, session.request(method, path, **kwargs) as response:
            return Answer(response.status, await response.json() if "json" in response.content_type else None)

    return asyncio.run(send())


Ask = Callable[..., Answer]
BOTH = pytest.mark.parametrize("ask", [ask_sync, ask_async], ids=["sync", "async"])


def status_of(ask: Ask, connection: Acme, url: str, *request: Any, **kwargs: Any) -> int:
    """Return the status with which the API, or the token endpoint in its place, answers."""
    with hook_of(connection, url) as hook:
        try:
            return ask(hook, *request, **kwargs).status
        except errors.TokenEndpointError as error:
            return error.status

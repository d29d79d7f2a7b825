"""What a hook takes from Airflow and from a source of credentials, watched on its way in."""

from __future__ import annotations

from airflow_provider_integry.auth.source import CredentialSource, Issued
from airflow_provider_integry.authorizations.echoes import EchoFilter
from airflow_provider_integry.hooks.masking import TaskMasker


class WatchedSource:
    """A source whose every secret is made known first, to the task's log masker and to the echo filter."""

    def __init__(self, inner: CredentialSource, masker: TaskMasker, echoes: EchoFilter) -> None:
        self._inner = inner
        self._masker = masker
        self._echoes = echoes

    def get(self, rejected: str | None = None) -> Issued:
        """Return credentials; see `CredentialSource.get`."""
        return self._watch(self._inner.get(rejected))

    async def aget(self, rejected: str | None = None) -> Issued:
        """Return credentials; see `CredentialSource.aget`."""
        return self._watch(await self._inner.aget(rejected))

    def observe(self, url: str, nonce: str) -> None:
        """Pass a server's nonce on."""
        self._inner.observe(url, nonce)

    def _watch(self, issued: Issued) -> Issued:
        self._masker.mask_credentials(issued.credentials)
        self._echoes.add_credentials(issued.credentials)
        return issued

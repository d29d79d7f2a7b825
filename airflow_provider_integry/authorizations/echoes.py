"""Our own credentials in what an API says: careless servers echo what they were sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from airflow_provider_integry.auth.apply import encode_basic
from airflow_provider_integry.auth.credentials import Basic, Credentials, main_of, secrets_of
from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.secret import MASK, Secret, encoded_forms

# Blanking shorter texts would blank ordinary words.
_SHORTEST = 5


class EchoFilter:
    """Knows the secrets that were sent and blanks them in answers that may be quoted in an error."""

    def __init__(self) -> None:
        self._forms: dict[str, tuple[bytes, ...]] = {}

    def add(self, secrets: Iterable[Secret]) -> None:
        """Remember secrets."""
        for secret in secrets:
            fingerprint = secret.fingerprint()
            if fingerprint not in self._forms:
                forms = (form.encode("utf-8", "surrogatepass") for form in encoded_forms(secret))
                self._forms[fingerprint] = tuple(form for form in forms if len(form) >= _SHORTEST)

    def add_credentials(self, credentials: Credentials) -> None:
        """Remember a credential's secrets, and the Basic header made of them."""
        self.add(secrets_of(credentials))
        main = main_of(credentials)
        if isinstance(main, Basic):
            header = encode_basic(main.username, main.password.reveal())
            self.add([Secret(header.removeprefix("Basic "))])

    def blank(self, response: HttpResponse) -> HttpResponse:
        """Return an answer without them; the JSON of a success is data and stays as it is."""
        body = response.body
        if response.is_success and (response.content_type.endswith("json") or body.lstrip()[:1] in (b"{", b"[")):
            return response
        return replace(response, body=self._blank(body))

    def blank_text(self, text: str | None) -> str | None:
        """Return a text without them."""
        if text is None:
            return None
        return self._blank(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")

    def _blank(self, body: bytes) -> bytes:
        for form in sorted({form for forms in self._forms.values() for form in forms}, key=len, reverse=True):
            body = body.replace(form, MASK.encode())
        return body

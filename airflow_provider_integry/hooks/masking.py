"""Tell Airflow's log masker about secrets, in task processes alone.

A masker that knows thousands of secrets costs seconds and milliseconds per log line, so long-lived
processes that see everybody's tokens (API server, triggerer) never register any: there they live
only as `Secret`.
"""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from airflow.sdk.log import mask_secret

from airflow_provider_integry.auth.apply import encode_basic
from airflow_provider_integry.auth.credentials import Basic, Credentials, secrets_of
from airflow_provider_integry.secret import Secret

# Loaded in the API server and the triggerer, and nowhere else.
_LONG_LIVED = ("airflow.api_fastapi.main", "airflow.jobs.triggerer_job_runner")
# Airflow's masker skips shorter ones.
_SHORTEST = 5


def is_task_process() -> bool:
    """Return whether this process runs one task and ends."""
    return not any(name in sys.modules for name in _LONG_LIVED)


class TaskMasker:
    """Registers each secret once, with the encoded forms in which it may turn up in a log."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def mask(self, secrets: Iterable[Secret]) -> None:
        """Register secrets."""
        if not is_task_process():
            return
        for secret in secrets:
            fingerprint = secret.fingerprint()
            if fingerprint not in self._seen:
                self._seen.add(fingerprint)
                for variant in build_variants(secret.reveal()):
                    mask_secret(variant)

    def mask_credentials(self, credentials: Credentials) -> None:
        """Register a credential's secrets, and the Basic header made of them."""
        self.mask(secrets_of(credentials))
        if isinstance(credentials, Basic):
            header = encode_basic(credentials.username, credentials.password.reveal())
            self.mask([Secret(header.removeprefix("Basic "))])


def build_variants(text: str) -> list[str]:
    """Build the forms of a secret that Airflow's masker does not derive itself.

    The text, its percent- and form-encoding, its JSON and Python escapes, its base64, and the single
    lines of a text with several.
    """
    forms = [
        text,
        quote(text, safe=""),
        quote_plus(text),
        json.dumps(text)[1:-1],
        repr(text)[1:-1],
        b64encode(text.encode()).decode().rstrip("="),
    ]
    if "\n" in text:
        forms += [line for line in text.splitlines() if not line.startswith("-----")]
    return [form for form in dict.fromkeys(forms) if len(form) >= _SHORTEST]

"""Tell Airflow's log masker about secrets, in task processes alone.

A masker that knows thousands of secrets costs seconds and milliseconds per log line, so long-lived
processes that see everybody's tokens (API server, triggerer) never register any: there they live
only as `Secret`.
"""

from __future__ import annotations

import re
import sys
from base64 import b64encode
from collections.abc import Iterable

from airflow.sdk.log import mask_secret

from airflow_provider_integry.auth.apply import encode_basic
from airflow_provider_integry.auth.credentials import Basic, Credentials, main_of, secrets_of
from airflow_provider_integry.secret import Secret, encoded_forms

# Loaded in the API server and the triggerer, and nowhere else.
_LONG_LIVED = ("airflow.api_fastapi.main", "airflow.jobs.triggerer_job_runner")
# Airflow's masker skips shorter ones.
_SHORTEST = 5
# A shorter line of a key is its last one: too little to be worth a pattern, and too common.
_SHORTEST_LINE = 16
_PEM_BREAK = re.compile(r"\\[nr]|\s+")


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
                for variant in build_variants(secret):
                    mask_secret(variant)

    def mask_credentials(self, credentials: Credentials) -> None:
        """Register a credential's secrets, and the Basic header made of them."""
        self.mask(secrets_of(credentials))
        main = main_of(credentials)
        if isinstance(main, Basic):
            header = encode_basic(main.username, main.password.reveal())
            self.mask([Secret(header.removeprefix("Basic "))])


def build_variants(secret: Secret) -> list[str]:
    """Build the forms of a secret that Airflow's masker does not derive itself.

    A key in PEM is masked line by line: its lines stay whole in most encodings, and Airflow compiles
    its pattern anew for each form, which for a long one costs a hundred milliseconds.
    """
    text = secret.reveal()
    if "-----BEGIN" in text:
        pieces = _PEM_BREAK.split(text)
        forms = [piece for piece in pieces if len(piece) >= _SHORTEST_LINE and "-----" not in piece]
        forms.append(b64encode(text.encode()).decode().rstrip("="))
    else:
        forms = [form.rstrip("=") or form for form in encoded_forms(secret)]
        forms += [text, repr(text)[1:-1]]
    return [form for form in dict.fromkeys(forms) if len(form) >= _SHORTEST]

"""Airflow's log masker: what it is told, in which processes, and what it makes of it."""

from __future__ import annotations

import base64
import json
import sys
from types import ModuleType
from urllib.parse import quote, quote_plus

import pytest
from airflow.sdk._shared.secrets_masker import redact
from integration.loopback import CONN_ID, to_json, to_variable
from security.test_t22_t25_urls import raw_connection

from airflow_provider_integry.connection_types import CONNECTION_TYPES
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.hooks.masking import TaskMasker
from airflow_provider_integry.secret import Secret

SECRET = 'canary "7f3a" \\+%/&=é-end'
PEM = f"-----BEGIN PRIVATE KEY-----\n{'Q2FuYXJ5bGluZQ' * 4}\n{'TGluZW51bWJlcjI' * 4}\n-----END PRIVATE KEY-----\n"


def forms_of(text):
    """Return a secret as logs show it, made here with the standard library."""
    raw = text.encode()
    return {
        "itself": text,
        "percent-encoded": quote(text, safe=""),
        "as a form": quote_plus(text),
        "in JSON": json.dumps(text)[1:-1],
        "in JSON beyond ASCII": json.dumps(text, ensure_ascii=False)[1:-1],
        "as Python shows it": repr(text)[1:-1],
        "in base64": base64.b64encode(raw).decode(),
        "in base64 for URLs": base64.urlsafe_b64encode(raw).decode(),
        "as Basic": base64.b64encode(f"ada:{text}".encode()).decode(),
    }


@pytest.mark.parametrize("form", forms_of(SECRET))
def test_t31_every_form_in_which_a_secret_turns_up_is_masked(monkeypatch, answer_with, form):
    server = answer_with()
    monkeypatch.setenv(
        *to_variable(
            raw_connection({"conn_type": "integry_basic", "login": "ada", "password": SECRET}, host=server.url)
        )
    )
    IntegryHook(CONN_ID).get_conn().get("/x")

    masked = redact(f"before {forms_of(SECRET)[form]} after")

    assert masked.startswith("before ***")
    assert masked.endswith(" after")
    assert "7f3a" not in masked


def test_t31_each_line_of_a_private_key_is_masked():
    TaskMasker().mask([Secret(PEM)])

    for line in PEM.splitlines()[1:-1]:
        assert redact(f"a line {line} of it") == "a line *** of it"


def test_t32_tokens_that_follow_each_other_are_masked_whole(monkeypatch, answer_with):
    """Rotated tokens begin alike; none of what is registered here is the beginning of another one.

    Six of them: each further one makes Airflow's masker slower, which is why a process with many registers none.
    """
    tokens = iter(f"eyJhbGciOiJIUzI1NiJ9.canary{number:02}.tail{number:02}xyz" for number in range(50))
    issued = []

    def answer(request):
        if request.path == "/token":
            issued.append(next(tokens))
            return to_json({"access_token": issued[-1], "expires_in": 3600})
        return to_json({}, 401 if len(issued) < 6 else 200)

    server = answer_with(answer)
    fields = {
        "conn_type": "integry_oauth2",
        "client_id": "c",
        "client_secret": "s3cr3t-of-c",
        "exchange_url": f"{server.url}/token",
    }
    monkeypatch.setenv(*to_variable(raw_connection(fields, host=server.url)))
    session = IntegryHook(CONN_ID).get_conn()
    while len(issued) < 6:
        session.get("/x")

    shown = [redact(f"<{token}>") for token in issued]

    assert shown == ["<***>"] * len(issued)


@pytest.mark.parametrize("module", ["airflow.api_fastapi.main", "airflow.jobs.triggerer_job_runner"])
def test_t33_api_server_and_triggerer_register_nothing(monkeypatch, module):
    registered = []
    monkeypatch.setattr("airflow_provider_integry.hooks.masking.mask_secret", registered.append)
    monkeypatch.setitem(sys.modules, module, ModuleType(module))
    masker = TaskMasker()

    masker.mask(Secret(f"token-number-{number}") for number in range(10_000))

    assert registered == []
    monkeypatch.delitem(sys.modules, module)
    TaskMasker().mask([Secret("token-of-a-task")])
    assert registered


# What the field calls secrets, and Airflow's own list does not know: no field of ours has such a name.
UNKNOWN = (
    "code_verifier", "code", "assertion", "client_assertion", "hmac_key", "signing_key", "consumer_key", "session_id",
    "cookie", "device_code", "dpop", "jwt", "signature", "pwd",
)  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN)
def test_t34_secrets_with_names_that_airflow_does_not_know_are_not_shown(name):
    secret = [field.name for kind in CONNECTION_TYPES for field in kind.fields if field.is_secret]

    assert secret
    assert name not in secret

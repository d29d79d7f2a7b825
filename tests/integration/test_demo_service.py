"""The consent page of the demo's own service refuses what a careful one refuses."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest

from scripts.demo.saas.accounts import generate_accounts
from scripts.demo.saas.app import build_app

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CALLBACK = "http://127.0.0.1:1/integry/public/callback/acme"


@pytest.fixture
def accounts():
    return generate_accounts()


@pytest.fixture
def acme(accounts, monkeypatch):
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    return build_app(accounts, 20).test_client()


@pytest.fixture
def query(accounts):
    return {
        "response_type": "code",
        "client_id": accounts.calendar_client_id,
        "redirect_uri": CALLBACK,
        "scope": "calendar.read",
        "state": "s",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }


def decide(acme, query, **fields):
    answer = acme.post("/oauth/authorize", data={**query, **fields})
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}


def trade(acme, accounts, code, verifier=VERIFIER):
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": verifier}
    basic = (accounts.calendar_client_id, accounts.calendar_client_secret)
    return acme.post("/oauth/token", data=form, auth=basic)


def test_the_page_names_the_client_and_refuses_frames(acme, query):
    answer = acme.get("/oauth/authorize", query_string=query)
    assert query["client_id"] in answer.text
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_a_yes_gives_a_code_for_one_use_and_the_account_that_was_chosen(acme, accounts, query):
    code = decide(acme, query, decision="allow", person="Ada Lovelace")["code"]
    answer = trade(acme, accounts, code)
    bearer = {"Authorization": f"Bearer {answer.json['access_token']}"}

    assert acme.get("/calendar/me", headers=bearer).json == {"id": "ada.lovelace", "name": "Ada Lovelace"}
    assert len(acme.get("/calendar/events", headers=bearer).json["events"]) == 5
    assert acme.get("/crm/contacts", headers=bearer).status_code == 403
    assert trade(acme, accounts, code).json["error"] == "invalid_grant"


@pytest.mark.parametrize("fields", [{"decision": "deny"}, {"decision": "allow", "person": "Somebody Else"}, {}])
def test_anything_but_a_yes_of_a_known_person_is_a_no(acme, query, fields):
    assert decide(acme, query, **fields)["error"] == "access_denied"


def test_a_code_needs_the_proof_key_that_it_was_asked_for_with(acme, accounts, query):
    code = decide(acme, query, decision="allow", person="Ada Lovelace")["code"]
    assert trade(acme, accounts, code, verifier="w" * 43).json["error"] == "invalid_grant"


def test_a_redirect_uri_elsewhere_is_refused(acme, query):
    answer = acme.get("/oauth/authorize", query_string={**query, "redirect_uri": "https://evil.example/"})
    assert (answer.status_code, answer.location) == (400, None)


def test_another_client_may_not_ask_for_consent(acme, accounts, query):
    answer = acme.get("/oauth/authorize", query_string={**query, "client_id": accounts.client_id})
    assert answer.location is None or "error=unauthorized_client" in answer.location

"""The consent server of the tests behaves as the RFCs say; what others test against it would prove little otherwise."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from servers.live import LiveServer
from servers.oauth2_consent import ConsentApi, ConsentClient

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
CALLBACK = "http://127.0.0.1:9/callback"
BASIC = ("app", "app-secret")


@pytest.fixture
def api() -> ConsentApi:
    """A server with one client."""
    return ConsentApi(ConsentClient(*BASIC, redirect_uris=(CALLBACK,)), rotation="strict", latency_s=0.0)


@pytest.fixture
def server(api: ConsentApi, serve: Callable[[Any], LiveServer]) -> LiveServer:
    """The server, running."""
    return serve(api.build())


def ask(server: LiveServer, **more: str) -> requests.Response:
    """Open the consent page."""
    params = {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": CALLBACK,
        "scope": "contacts.read",
        "state": "s-1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **more,
    }
    return requests.get(f"{server.url}/authorize", params=params, timeout=5)


def press(server: LiveServer, page: requests.Response, decision: str, **more: str) -> requests.Response:
    """Press a button of the page."""
    fields = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page.text)}
    fields |= {"decision": decision, **more}
    return requests.post(f"{server.url}/authorize", data=fields, timeout=5, allow_redirects=False)


def answer_of(response: requests.Response) -> dict[str, str]:
    """Return the parameters that go to the callback."""
    assert response.status_code == 302, response.text
    assert response.headers["Location"].startswith(CALLBACK + "?")
    return dict(parse_qsl(urlsplit(response.headers["Location"]).query))


def exchange(server: LiveServer, code: str, verifier: str = VERIFIER) -> requests.Response:
    """Trade a code."""
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": verifier}
    return requests.post(f"{server.url}/token", data=data, auth=BASIC, timeout=5)


def test_a_consent_ends_in_tokens_of_the_account_that_allowed_it(api: ConsentApi, server: LiveServer) -> None:
    api.callback_extra, api.answer_extra = {"realmId": "r-7"}, {"instance_url": "https://eu.example.com"}
    page = ask(server)
    answer = answer_of(press(server, page, "allow", user="grace"))
    token = exchange(server, answer["code"]).json()
    me = requests.get(f"{server.url}/me", headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=5)

    assert page.headers["X-Frame-Options"] == "DENY"
    assert (answer["state"], answer["iss"], answer["realmId"]) == ("s-1", server.url, "r-7")
    assert token["refresh_token"]
    assert token["scope"] == "contacts.read"
    assert token["instance_url"] == "https://eu.example.com"
    assert me.json()["name"] == "grace"
    assert dict(api.token_requests) == {"authorization_code": 1}


def test_a_denial_goes_back_as_an_error_with_state_and_issuer(server: LiveServer) -> None:
    answer = answer_of(press(server, ask(server), "deny"))
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "s-1", server.url)


def test_a_wrong_verifier_is_refused_and_a_code_used_twice_revokes_what_it_gave(
    api: ConsentApi, server: LiveServer
) -> None:
    wrong = answer_of(press(server, ask(server), "allow"))["code"]
    assert exchange(server, wrong, "w" * 43).json()["error"] == "invalid_grant"
    code = answer_of(press(server, ask(server), "allow"))["code"]
    token = exchange(server, code).json()["access_token"]
    again = exchange(server, code)
    me = requests.get(f"{server.url}/me", headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert (again.json()["error"], me.status_code, api.code_reuses) == ("invalid_grant", 401, 1)


def test_a_pushed_request_is_used_once(api: ConsentApi, server: LiveServer) -> None:
    api.requires_pushed = True
    assert ask(server).status_code == 400
    data = {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": CALLBACK,
        "state": "pushed",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    pushed = requests.post(f"{server.url}/par", data=data, auth=BASIC, timeout=5)
    assert pushed.status_code == 201
    params = {"client_id": "app", "request_uri": pushed.json()["request_uri"]}
    page = requests.get(f"{server.url}/authorize", params=params, timeout=5)
    answer = answer_of(press(server, page, "allow"))
    assert answer["state"] == "pushed"
    assert exchange(server, answer["code"]).status_code == 200
    assert requests.get(f"{server.url}/authorize", params=params, timeout=5).status_code == 400


def test_a_form_post_answer_is_a_page_that_posts_itself(server: LiveServer) -> None:
    response = press(server, ask(server, response_mode="form_post"), "allow")
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', response.text))
    assert response.status_code == 200
    assert f'action="{CALLBACK}"' in response.text
    assert fields["state"] == "s-1"
    assert fields["code"]
    assert unescape(fields["iss"]) == server.url


def test_a_callback_that_is_not_registered_gets_nothing(server: LiveServer) -> None:
    page = ask(server, redirect_uri="https://elsewhere.example/callback")
    assert page.status_code == 400
    assert "Location" not in page.headers


def test_revoking_the_refresh_token_ends_all_tokens_and_an_unknown_one_is_no_error(
    api: ConsentApi, server: LiveServer
) -> None:
    token = exchange(server, answer_of(press(server, ask(server), "allow"))["code"]).json()
    data = {"token": token["refresh_token"], "token_type_hint": "refresh_token"}
    assert requests.post(f"{server.url}/revoke", data=data, auth=BASIC, timeout=5).status_code == 200
    assert requests.post(f"{server.url}/revoke", data={"token": "unknown"}, auth=BASIC, timeout=5).status_code == 200
    me = requests.get(f"{server.url}/me", headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=5)
    assert me.status_code == 401
    assert api.revocations == [("refresh_token", "refresh_token"), (None, None)]


def test_a_device_gets_its_tokens_after_its_code_was_allowed(api: ConsentApi, server: LiveServer) -> None:
    started = requests.post(f"{server.url}/device_authorization", auth=BASIC, timeout=5).json()
    data = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": started["device_code"]}

    def poll() -> dict[str, Any]:
        return dict(requests.post(f"{server.url}/token", data=data, auth=BASIC, timeout=5).json())

    assert poll()["error"] == "authorization_pending"
    assert poll()["error"] == "slow_down"
    typed = {"user_code": started["user_code"], "decision": "allow", "user": "grace"}
    assert requests.post(f"{server.url}/device", data=typed, timeout=5).status_code == 200
    token = poll()
    me = requests.get(f"{server.url}/me", headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=5)
    assert me.json()["name"] == "grace"
    assert api.desk.slow_downs == 1


def test_the_metadata_names_every_endpoint(server: LiveServer) -> None:
    told = requests.get(f"{server.url}/.well-known/oauth-authorization-server", timeout=5).json()
    assert told["issuer"] == server.url
    assert {name for name in told if name.endswith("_endpoint")} == {
        "authorization_endpoint",
        "token_endpoint",
        "pushed_authorization_request_endpoint",
        "revocation_endpoint",
        "device_authorization_endpoint",
    }

"""What the API server writes down about requests, and what of a request it believes."""

from __future__ import annotations

import re
import time
from html import unescape
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import pytest
import requests

CODE, STATE, SECRET = "canary-code-7f3a91", "canary-state-5c0d22", "canary-secret-1e8b44"
FORGED = {
    "Host": {"Host": "evil.example"},
    "X-Forwarded-Host": {"X-Forwarded-Host": "evil.example"},
    "X-Forwarded-Proto": {"X-Forwarded-Proto": "https", "X-Forwarded-Port": "8443"},
    "Forwarded": {"Forwarded": "for=1.2.3.4;host=evil.example;proto=https"},
    "X-Forwarded-Prefix": {"X-Forwarded-Prefix": "/evil", "X-Script-Name": "/evil"},
    "X-Original-URL": {"X-Original-URL": "http://evil.example/", "X-Rewrite-URL": "http://evil.example/"},
    "others": {"X-Host": "evil.example", "X-Forwarded-Server": "evil.example", "X-HTTP-Host-Override": "evil.example"},
}  # fmt: skip


def wait_for(desk, words):
    """Return the API server's log once it tells of a request."""
    deadline = time.monotonic() + 30
    while words not in desk.site.read_output("api-server"):
        assert time.monotonic() < deadline, f"no line about {words}"
        time.sleep(0.1)
    return desk.site.read_output("api-server")


def test_t12_no_code_state_or_webhook_secret_is_in_the_log_of_the_api_server(desk):
    answers = {"code": CODE, "state": STATE, "iss": "https://auth.example.com", "hmac": SECRET, "id_token": SECRET}
    oauth1 = {"oauth_token": STATE, "oauth_verifier": CODE, "denied": SECRET}
    stranger, ada = desk.visitor(), desk.visitor("ada")
    for visitor in (stranger, ada):
        for found in (answers, oauth1, {"error": SECRET, "error_description": CODE, "state": STATE}):
            for path in ("/public/callback/auth.example.com-0123456789abcdef", "/public/callback/x"):
                assert visitor.open(f"{path}?{urlencode(found)}").status_code == 400
                form = visitor.post(f"{desk.url}/integry{path}", data=found, allow_redirects=False, timeout=30)
                # As a browser does: the form comes back as a query.
                assert form.status_code == 303
                assert visitor.get(urljoin(form.url, form.headers["Location"]), timeout=30).status_code == 400
        hook = (
            f"/public/webhooks/0123456789abcdef?{urlencode({'token': SECRET, 'key': CODE, 'hub.verify_token': STATE})}"
        )
        assert visitor.post(f"{desk.url}/integry{hook}", data=b"{}", timeout=30).status_code == 404
        visitor.open(hook)
    stranger.open("/health?marker=the-last-one")

    log = wait_for(desk, "the-last-one")

    # The access log is on, and prints paths and queries of others.
    assert "/integry/public/callback/auth.example.com-0123456789abcdef" in log
    assert "/integry/public/webhooks/0123456789abcdef" in log
    assert [canary for canary in (CODE, STATE, SECRET) if canary in log] == []


@pytest.mark.parametrize("name", FORGED)
def test_t13_no_header_chooses_where_a_service_sends_browsers_back_to(desk, name):
    ada = desk.visitor("ada")
    csrf = ada.csrf()
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in ada.cookies)

    answer = requests.post(
        f"{desk.url}/integry/authorize",
        data={"csrf": csrf, "conn_id": "crm", "end_user": "customer-1"},
        # By hand: a jar keeps its cookies from another host.
        headers={"Origin": desk.url, "Cookie": cookies, **FORGED[name]},
        allow_redirects=False,
        timeout=30,
    )

    assert answer.status_code == 200, answer.text[:300]
    address = unescape(re.search(r'content="0;url=([^"]+)"', answer.text)[1])
    redirect_uri = dict(parse_qsl(urlsplit(address).query))["redirect_uri"]
    assert redirect_uri.startswith(f"{desk.url}/integry/public/callback/auth.example.com-")
    assert "evil" not in answer.text + str(answer.headers)

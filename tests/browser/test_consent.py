"""Somebody authorizes connections in Airflow's own pages, at services that are not ours, in a real browser."""

from __future__ import annotations

import re
from contextlib import ExitStack
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from integration.consented import fields_of
from servers.live import LiveServer
from servers.oauth1_consent import OAuth1Service
from servers.oauth2_consent import ConsentApi, ConsentClient

expect = pytest.importorskip("playwright.sync_api", reason="There is no Playwright for Python").expect
pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]
OAUTH2 = {
    "grant_type": "authorization_code",
    "client_id": "app",
    "client_secret": "app-secret-of-the-browser",
    "scopes": "contacts.read",
    "user_info_url": "/me",
    "allow_http": True,
}


@pytest.fixture(scope="module")
def services():
    """A service that speaks OAuth 2.0 and one that speaks OAuth 1.0a."""
    with ExitStack() as stack:
        api = ConsentApi(ConsentClient("app", "app-secret-of-the-browser"), rotation="strict", latency_s=0.0)
        oauth2 = stack.enter_context(LiveServer(api.build()))
        old = OAuth1Service()
        oauth1 = stack.enter_context(LiveServer(old.build()))
        yield SimpleNamespace(api=api, oauth2=oauth2, old=old, oauth1=oauth1)


@pytest.fixture(scope="module")
def connected(site, services):
    """Connections to both; each test has its own."""
    oauth2 = {"conn_type": "integry_oauth2", "host": services.oauth2.url}
    issued = {**OAUTH2, "issuer": services.oauth2.url}
    fields = {**fields_of(services.old, services.oauth1.url, "HMAC-SHA1"), "user_info_url": "/me", "allow_http": True}
    connections = {
        "crm": {**oauth2, "extra": issued},
        "calendar": {**oauth2, "extra": issued},
        "forms": {**oauth2, "extra": {**issued, "response_mode": "form_post"}},
        "photos": {"conn_type": "integry_oauth1", "host": services.oauth1.url, "extra": fields},
    }
    for conn_id, columns in connections.items():
        site.add_connection(conn_id, columns)
    return site


def open_list(page):
    """Open the page as people do, by Airflow's navigation; return its frame."""
    page.goto("/")
    page.get_by_role("button", name="Admin").click()
    page.get_by_role("menuitem", name="Authorizations").click()
    return page.frame_locator("iframe")


def row_of(frame, conn_id):
    return frame.locator(f"tr[data-conn-id='{conn_id}']")


def begin(page, frame, conn_id):
    """Click through to the consent page; return its window."""
    with page.context.expect_page() as opened:
        row_of(frame, conn_id).get_by_role("link", name=re.compile("authorize", re.IGNORECASE)).click()
    window = opened.value
    window.get_by_role("button", name=re.compile("Continue to")).click()
    window.wait_for_url(re.compile("/authorize\\?.*(client_id|oauth_token)="))
    return window


@pytest.mark.parametrize("conn_id", ["crm", "photos", "forms"])
def test_somebody_authorizes_a_connection(connected, page, conn_id, screenshots):
    frame = open_list(page)
    expect(row_of(frame, conn_id)).to_contain_text("Pending")

    consent = begin(page, frame, conn_id)
    consent.locator("#allow").click()

    consent.wait_for_url(re.compile("/integry/authorize/result/"))
    expect(consent.locator("main")).to_contain_text("ada")
    assert not urlsplit(consent.url).query
    if screenshots:
        consent.screenshot(path=screenshots / f"consent-result-{conn_id}.png")
    consent.close()
    # The list in Airflow's frame notices by itself.
    expect(row_of(frame, conn_id)).to_contain_text("Ready")
    expect(row_of(frame, conn_id)).to_contain_text("ada")


def test_a_no_is_shown_as_one(connected, page):
    frame = open_list(page)
    consent = begin(page, frame, "calendar")
    consent.locator("#deny").click()

    consent.wait_for_url(re.compile("/integry/authorize/result/"))
    expect(consent.locator("main")).to_contain_text("access_denied")
    consent.close()
    expect(row_of(frame, "calendar")).to_contain_text("Pending")


def test_another_account_takes_the_place_only_after_a_question(connected, page):
    frame = open_list(page)
    consent = begin(page, frame, "crm")
    consent.locator("input[name=user]").fill("bea")
    consent.locator("#allow").click()
    consent.wait_for_url(re.compile("/integry/authorize/result/"))
    expect(consent.locator("main")).to_contain_text("bea")
    expect(row_of(frame, "crm")).to_contain_text("ada")

    consent.get_by_role("button", name=re.compile("replace", re.IGNORECASE)).click()

    consent.wait_for_load_state()
    consent.close()
    expect(row_of(frame, "crm")).to_contain_text("bea")


def test_a_grant_is_tried_and_revoked(connected, services, page):
    frame = open_list(page)
    row_of(frame, "crm").get_by_role("button", name=re.compile("^Test")).click()
    expect(frame.get_by_role("status")).to_contain_text("bea")
    before = len(services.api.revocations)

    row_of(frame, "crm").get_by_role("link", name=re.compile("^Revoke")).click()
    frame.get_by_role("button", name=re.compile("^Revoke")).click()

    expect(row_of(frame, "crm")).to_contain_text("Revoked")
    assert len(services.api.revocations) > before


def test_the_api_servers_log_has_nothing_of_a_consent(connected, services):
    """Last in this file: every flow is over."""
    log = connected.read_output("api-server")
    canaries = {
        "code": list(services.api.codes),
        "challenge": [code.code_challenge for code in services.api.codes.values()],
        "access token": [grant.access_token for grant in services.api.grants],
        "refresh token": [grant.refresh_token for grant in services.api.grants if grant.refresh_token],
        "OAuth 1.0a token": list(services.old.tokens),
        "client secret": [OAUTH2["client_secret"], services.old.consumer_secret],
        "parameters": ["oauth_verifier", "oauth_token", "code_verifier", "code_challenge"],
    }
    ours = "\n".join(line for line in log.splitlines() if "/integry/public" in line or "/integry/authorize" in line)

    assert "/integry/public/callback/" in ours
    assert not re.search(r"\b(state|code|iss)=", ours)
    assert all(canaries.values())
    assert {name: [one for one in texts if one in log] for name, texts in canaries.items()} == {
        name: [] for name in canaries
    }

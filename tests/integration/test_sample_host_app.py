"""The sample host application of the documentation does what its page says."""

from __future__ import annotations

import importlib.util
import json
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from integration.host_api import serving
from integration.host_app import SECRETS, HostApps, who_am_i
from integration.loopback import Server
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.end_users.event_signature import sign_event
from airflow_provider_integry.secret import Secret

SAMPLE = Path(__file__).parents[2] / "docs" / "samples" / "host_app" / "app.py"
BROWSER = Secret("b" * 43)


@pytest.fixture
def apps(tmp_path, monkeypatch):
    engine = create_engine(f"sqlite:///{tmp_path / 'sample.db'}", poolclass=NullPool)
    with Server(who_am_i) as server:
        found = HostApps(engine, monkeypatch, tmp_path, server)
        found.put_workspace("acme", login_url=None)
        found.put_app("crm", "acme_ws")
        yield found
        found.close()
    engine.dispose()


@pytest.fixture
def airflow(apps):
    with serving(apps) as api:
        yield api.url.removesuffix("/integry/public/v1")


@pytest.fixture
def sample(airflow, monkeypatch):
    """Return the module, with `url`."""
    for name, value in (("URL", airflow), ("APP_KEY", "acme"), ("APP_SECRET", SECRETS["acme"])):
        monkeypatch.setenv(f"INTEGRY_{name}", value)
    spec = importlib.util.spec_from_file_location("sample_host_app", SAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with ThreadingHTTPServer(("127.0.0.1", 0), module.HostApp) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        module.url = f"http://127.0.0.1:{server.server_port}"
        yield module
        server.shutdown()
        thread.join()


@pytest.fixture
def browser():
    with requests.Session() as session:
        yield session


def log_in(browser, sample, user, **more):
    return browser.post(f"{sample.url}/login", data={"user": user, **more}, allow_redirects=False, timeout=20)


def test_its_page_carries_the_hash_of_the_signed_in_user_alone(apps, sample, browser):
    assert browser.get(sample.url, allow_redirects=False, timeout=20).headers["Location"] == "/login"
    log_in(browser, sample, "bob")

    page = browser.get(sample.url, timeout=20).text

    assert sample.client.user_hash("bob") in page
    assert sample.client.user_hash("ada") not in page
    assert SECRETS["acme"] not in page
    assert "key-of-ada" not in page


def test_its_login_sends_visitors_of_airflow_back_with_a_token(apps, sample, browser, airflow):
    asked = {"source": "appdir", "return_to": f"{airflow}/integry/public/sign-on", "state": 'a"b'}
    form = browser.get(f"{sample.url}/login", params=asked, timeout=20).text
    assert "a&quot;b" in form

    answers = [
        log_in(browser, sample, "ada", return_to=asked["return_to"], state=asked["state"]),
        # Who is signed in already is sent back at once.
        browser.get(f"{sample.url}/login", params=asked, allow_redirects=False, timeout=20),
    ]

    for answer in answers:
        where, _, query = answer.headers["Location"].partition("?")
        given = {name: values[0] for name, values in parse_qs(query).items()}
        assert (where, given["state"]) == (asked["return_to"], 'a"b')
        principal, identity = apps.identities.by_token(given["token"], needs_user=True)
        assert (principal.end_user, identity.api_key.reveal()) == ("ada", "key-of-ada")


@pytest.mark.parametrize("where", ["https://evil.example/integry/public/sign-on", "//evil.example", "/\\evil.example"])
def test_its_login_sends_nobody_elsewhere(sample, browser, where):
    assert log_in(browser, sample, "ada", return_to=where).headers["Location"] == "/"


def test_its_return_url_fetches_what_a_link_holds_for_the_user_of_its_session(apps, sample, browser):
    def hold(user):
        link = sample.client.link("crm", user, return_url="https://acme.example/done")
        apps.links.claim(parse_qs(urlsplit(link.url).query)["link"][0], BROWSER)
        finished = run_steps(apps.service.enter(*apps.links.enter(link.id, BROWSER), {"password": "good-key"}))
        return parse_qs(urlsplit(finished.url).query)["code"][0]

    log_in(browser, sample, "bob")
    foreign = browser.get(f"{sample.url}/connected", params={"code": hold("ada")}, allow_redirects=False, timeout=20)
    own = browser.get(f"{sample.url}/connected", params={"code": hold("bob")}, allow_redirects=False, timeout=20)

    assert (foreign.status_code, own.status_code) == (400, 303)
    assert [one.end_user for one in sample.client.accounts()] == ["bob"]


def test_it_believes_events_that_are_signed(sample, browser):
    body = json.dumps(
        {
            "id": "ev_1",
            "type": "account.lost",
            "created_at": "2026-11-23T06:00:00Z",
            "app_key": "acme",
            "conn_id": "crm",
            "end_user": "bob",
            "account": None,
            "connected_account_id": "ca_1",
        }
    )
    signed = {"X-Integry-Signature": sign_event(Secret(SECRETS["acme"]), body, int(time.time()))}

    statuses = [
        browser.post(f"{sample.url}/events", data=body, headers=headers, timeout=20).status_code
        for headers in ({}, signed, {"X-Integry-Signature": "t=1,v1=" + "0" * 64})
    ]

    assert statuses == [400, 200, 400]
    assert sample.EVENTS == [{"type": "account.lost", "end_user": "bob", "conn_id": "crm"}]


def test_its_own_api_knows_its_keys(sample, browser):
    answers = [
        browser.get(f"{sample.url}/api/me", headers={"Authorization": f"Bearer {key}"}, timeout=20)
        for key in ("key-of-ada", "other", "")
    ]

    assert [one.status_code for one in answers] == [200, 401, 401]
    assert answers[0].json() == {"id": "ada", "name": "Ada"}

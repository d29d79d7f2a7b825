"""integry.js in a page of the sample host application, in a real browser, against the real API."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import requests
from airflow import settings
from airflow.models.asset import AssetModel
from airflow.models.connection import Connection
from airflow.models.log import Log
from integration.host_api import by_token, serving
from integration.host_app import SECRETS, HostApps, who_am_i
from integration.loopback import Server, connection
from sqlalchemy import create_engine
from sqlalchemy.orm import configure_mappers
from sqlalchemy.pool import NullPool

from browser.linked_pages import BROWSER, build_router

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]
ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "docs" / "samples" / "host_app" / "app.py"


@pytest.fixture(scope="module", autouse=True)
def _tables():
    """Make those tables of Airflow that this process looks into."""
    with warnings.catch_warnings():
        # Airflow 3.2 uses what SQLAlchemy 2.1 has deprecated; here its own warnings are no errors.
        warnings.simplefilter("ignore")
        configure_mappers()
    tables = [Connection.__table__, Log.__table__, AssetModel.__table__]
    Log.metadata.create_all(settings.engine, tables=tables)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Stage:
    """The sample application as a process, and the API that it uses."""

    def __init__(self, apps, api, port, log):
        self.apps, self.api = apps, api
        # Another site than the API's, as browsers see it.
        self.url = f"http://localhost:{port}"
        environment = {
            **os.environ,
            "INTEGRY_URL": api.url.removesuffix("/integry/public/v1"),
            "INTEGRY_APP_KEY": "acme",
            "INTEGRY_APP_SECRET": SECRETS["acme"],
            "PYTHONPATH": str(ROOT),
        }
        self._process = subprocess.Popen([sys.executable, SAMPLE, str(port)], env=environment, stderr=log)

    def wait(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self._process.poll() is None
            try:
                return requests.get(f"{self.url}/login", timeout=5)
            except requests.ConnectionError:
                time.sleep(0.1)
        raise AssertionError("the sample application does not answer")

    def stop(self):
        self._process.terminate()
        self._process.wait(20)


@pytest.fixture
def stage(tmp_path, monkeypatch):
    engine = create_engine(f"sqlite:///{tmp_path / 'embedded.db'}", poolclass=NullPool)
    port = free_port()
    with Server(who_am_i) as server, (tmp_path / "sample.log").open("wb") as log:
        apps = HostApps(engine, monkeypatch, tmp_path, server)
        origin = f"http://localhost:{port}"
        apps.put_workspace(
            "acme",
            login_url=None,
            return_urls=f"{origin}/connected",
            allowed_origins=origin,
            host_connection="own",
            allow_http=True,
        )
        apps.put_app("crm", "acme_ws", listing="listed", app_name="CRM")
        own = {"workspace": "acme_ws", "user_info_url": "/api/me", "account_id_path": "id"}
        apps.put(connection(f"http://127.0.0.1:{port}", "integry_api_key", conn_id="own", **own))
        with serving(apps, build_router(apps)) as api:
            found = Stage(apps, api, port, log)
            try:
                found.wait()
                yield found
            finally:
                found.stop()
        apps.close()
    engine.dispose()


@pytest.fixture
def page(chromium, stage):
    context = chromium.new_context(locale="en-US")
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    yield page
    assert page.problems == []
    context.close()


def log_in(page, stage, user):
    page.goto(f"{stage.url}/login")
    page.click(f"text=I am {user}")
    page.wait_for_selector("text=Connect CRM")


def test_a_signed_in_user_is_connected_without_a_step(stage, page):
    log_in(page, stage, "ada")

    page.wait_for_selector("text=Connected as Ada")
    page.wait_for_selector("text=own: Ada (ready)")
    assert stage.apps.entered("ada", conn_id="own") == "key-of-ada"
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert [one["name"] for one in page.context.cookies()] == ["session"]


def test_a_user_without_a_credential_connects_in_a_window(stage, page, screenshots):
    log_in(page, stage, "bob")
    page.wait_for_selector("text=No credential of your own")

    with page.expect_popup() as opened:
        page.click("text=Connect CRM")
    opened.value.click("#tell")

    # Held until the page in which bob is signed in fetches it.
    page.wait_for_selector("text=crm: Ada (ready)")
    assert opened.value.is_closed()
    assert stage.apps.entered("bob") == "good-key"
    if screenshots:
        page.screenshot(path=screenshots / "embedded_script.png")
    page.click("#accounts >> text=Disconnect")
    page.wait_for_selector("text=crm: Ada (ready)", state="detached")
    assert stage.apps.entered("bob") is None


def test_a_message_about_another_link_is_not_believed_and_the_api_is_asked(stage, page):
    log_in(page, stage, "bob")
    with page.expect_popup() as opened:
        page.click("text=Connect CRM")
    opened.value.click("#lie")
    opened.value.wait_for_selector("text=Done")

    page.evaluate("window.postMessage({type: 'integry.connect', link: null, status: 'connected'}, '*')")

    assert page.inner_text("#accounts") == ""
    assert stage.apps.entered("bob") is None


def test_what_the_window_does_not_tell_the_api_does(stage, page):
    stage.apps.put_workspace(
        "acme",
        login_url=f"{stage.url}/login",
        allowed_origins=stage.url,
        host_connection="own",
        allow_http=True,
        return_urls=None,
    )
    log_in(page, stage, "bob")
    with page.expect_popup() as opened:
        page.click("text=Connect CRM")
    opened.value.wait_for_url("**/connect?link=*")
    link = opened.value.url.partition("link=")[2]
    found = stage.apps.links.look(link)
    stage.apps.links.claim(link, BROWSER)
    stage.apps.links.prove(found.id, BROWSER, stage.apps.user("bob"))
    opened.value.click("#silent")

    page.wait_for_selector("text=crm: Ada (ready)")


def test_who_says_no_or_closes_the_window_is_told_so(stage, page):
    log_in(page, stage, "bob")
    with page.expect_popup() as opened:
        page.click("text=Connect CRM")
    opened.value.click("#deny")
    page.wait_for_selector("#problem >> text=denied: Access was not given.")

    with page.expect_popup() as opened:
        page.click("text=Connect CRM")
    opened.value.wait_for_selector("h1")
    opened.value.close()
    page.wait_for_selector("#problem >> text=closed:")


def test_a_window_that_the_browser_does_not_allow_is_an_error_of_its_own(stage, page):
    log_in(page, stage, "bob")
    page.evaluate("window.open = () => null")
    page.click("text=Connect CRM")

    page.wait_for_selector("#problem >> text=popup_blocked:")


def test_a_page_that_the_workspace_does_not_name_gets_nothing(stage, page):
    stage.apps.put_workspace("acme", allowed_origins="https://acme.example", host_connection="own")
    page.goto(f"{stage.url}/login")
    page.click("text=I am ada")

    page.wait_for_selector("#problem >> text=unreachable:")
    assert stage.apps.entered("ada", conn_id="own") is None


def test_a_token_is_traded_for_a_session_and_every_call_uses_that(stage, page):
    log_in(page, stage, "bob")
    text = by_token("bob")["Authorization"].removeprefix("Bearer ")
    found = page.evaluate(
        """async (given) => {
            const made = new IntegryJS({...given, userId: "bob", appKey: "acme"});
            const apps = await made.apps();
            await made.accounts();
            const other = new IntegryJS({...given, userId: "ada", appKey: "acme"});
            const refused = await other.apps().catch((error) => error.code);
            return [apps.length, refused];
        }""",
        {"token": text, "url": stage.api.url.removesuffix("/integry/public/v1")},
    )

    assert found == [2, "identity"]

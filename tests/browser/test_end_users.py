"""End users connect accounts in a real browser, out of a host application that is the documentation's sample."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from servers.customers import customers
from servers.host_application import APP_KEY, APP_SECRET

from browser.airflow_site import _find_free_port
from browser.conftest import STAND_STILL, TIMEOUT_MS

expect = pytest.importorskip("playwright.sync_api", reason="There is no Playwright for Python").expect
pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
SAMPLE = Path(__file__).parents[2] / "docs" / "samples" / "host_app" / "app.py"
DESKTOP, PHONE = {"width": 1100, "height": 800}, {"width": 360, "height": 740}
START_TIMEOUT_S = 60


@contextmanager
def run_sample(port: int, integry_url: str, folder: Path):
    """Run the sample as its developer does."""
    given = {"INTEGRY_URL": integry_url, "INTEGRY_APP_KEY": APP_KEY, "INTEGRY_APP_SECRET": APP_SECRET}
    home = {"AIRFLOW_HOME": str(folder), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    with (
        (folder / "sample.log").open("wb") as output,
        subprocess.Popen(
            [sys.executable, str(SAMPLE), str(port)],
            env={**os.environ, **home, **given},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _wait_until_up(process, f"http://localhost:{port}/login", folder)
            yield
        finally:
            process.terminate()


def _wait_until_up(process, url, folder):
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.RequestException:
            pass
        assert process.poll() is None, (folder / "sample.log").read_text("utf-8")
        assert time.monotonic() < deadline
        time.sleep(0.1)


# The host application is at another site: `localhost`, while Airflow is at 127.0.0.1.
@pytest.fixture(scope="module")
def place(chromium, tmp_path_factory):
    """Airflow, the sample and two services."""
    port, folder = _find_free_port(), tmp_path_factory.mktemp("end_users")
    sample = f"http://localhost:{port}"
    with ExitStack() as stack:
        found = stack.enter_context(customers(folder, sample=sample))
        stack.enter_context(run_sample(port, found.site.url, folder))
        found.sample, found.public = sample, f"{found.site.url}/integry/public"
        yield found


@pytest.fixture
def somebody(chromium):
    """Makes browsers of people, each with nothing in it."""
    with ExitStack() as stack:

        def make(size=DESKTOP, **options):
            context = chromium.new_context(viewport=size, locale="en-US", **options)
            stack.callback(context.close)
            context.set_default_timeout(TIMEOUT_MS)
            context.add_init_script(STAND_STILL)
            page = context.new_page()
            page.problems = []
            watch(page, page.problems)
            context.on("page", lambda popup: watch(popup, page.problems))
            return page

        yield make


def watch(page, problems):
    """Note what a browser complains of: a policy that refuses something, and errors of scripts."""
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)


@pytest.fixture
def picture(screenshots):
    """Takes a picture, where somebody asked for pictures."""

    def take(page, name):
        if screenshots:
            page.screenshot(path=screenshots / f"end-users-{name}.png", full_page=True)

    return take


def log_in(page, place, user):
    """Log in at the host application."""
    page.goto(f"{place.sample}/login")
    page.get_by_role("button", name=f"I am {user}").click()
    page.wait_for_url(f"{place.sample}/")


def accounts_of(place, user):
    url = f"{place.public}/v1/accounts"
    answer = requests.get(url, params={"end_user": user}, auth=(APP_KEY, APP_SECRET), timeout=60)
    assert answer.status_code == 200, answer.text
    return {one["conn_id"]: (one["account_name"], one["readiness"]) for one in answer.json()["accounts"]}


def test_a_logged_in_user_is_connected_without_seeing_a_step(place, somebody):
    page = somebody()
    seen = []
    page.on("framenavigated", lambda frame: seen.append(urlsplit(frame.url).path))

    log_in(page, place, "ada")

    expect(page.locator("#silent")).to_have_text("Connected as Ada")
    assert accounts_of(place, "ada") == {"acme_api": ("Ada", "ready")}
    assert not [path for path in seen if path.startswith("/integry")]
    assert len(page.context.pages) == 1
    assert page.problems == []


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_a_visitor_finds_an_app_logs_in_consents_and_is_connected(place, somebody, picture, size, scheme):
    page = somebody(size, color_scheme=scheme)
    name = f"marketplace-{scheme}"
    page.goto(f"{place.public}/apps/acme")
    picture(page, name)
    page.get_by_role("link", name=re.compile("Example CRM")).click()
    picture(page, f"{name}-app")
    page.get_by_role("button", name="Connect Example CRM").click()

    # The host application's own login.
    page.get_by_role("button", name="I am bob").click()

    expect(page.get_by_text("Signed in as Bob")).to_be_visible()
    if page.get_by_role("button", name="Reconnect").count():
        page.get_by_role("button", name="Reconnect").click()
    else:
        page.get_by_role("button", name="Connect Example CRM").click()
    page.wait_for_url(re.compile(re.escape(place.crm.url)))
    page.locator("input[name=user]").fill("bob at the CRM")
    page.locator("#allow").click()

    expect(page.get_by_role("heading", name="Connected")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Acme may now use bob at the CRM at Example CRM")
    assert not urlsplit(page.url).query
    picture(page, f"{name}-done")
    assert accounts_of(place, "bob")["crm"] == ("bob at the CRM", "ready")
    page.goto(f"{place.public}/apps/acme/crm")
    picture(page, f"{name}-connected")
    log_in(page, place, "bob")
    expect(page.locator("#accounts")).to_contain_text("crm: bob at the CRM (ready)")
    assert page.problems == []


def test_a_popup_of_the_host_page_takes_credentials_and_tells_it(place, somebody, picture):
    page = somebody()
    log_in(page, place, "bob")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Connect Notes").click()
    popup = opened.value
    expect(popup.get_by_role("heading", name="Connect Notes")).to_be_visible()
    picture(popup, "popup-link")

    # The host application's login knows who is there, and sends the browser back at once.
    popup.get_by_role("button", name="Log in to Acme").click()
    expect(popup.get_by_text("Bob", exact=True)).to_be_visible()
    popup.get_by_role("button", name="Enter credentials").click()
    popup.get_by_label("API key", exact=True).fill("wrong")
    popup.get_by_role("button", name="Connect", exact=True).click()
    expect(popup.get_by_role("alert")).to_be_focused()
    expect(popup.get_by_label("API key", exact=True)).to_have_value("")
    picture(popup, "popup-wrong")
    popup.get_by_label("API key", exact=True).fill("key-of-bea")
    popup.get_by_role("button", name="Show API key").click()
    expect(popup.get_by_label("API key", exact=True)).to_have_attribute("type", "text")
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Connect", exact=True).click()

    expect(page.locator("#accounts")).to_contain_text("notes: bea (ready)")
    expect(page.locator("#problem")).to_be_empty()
    assert accounts_of(place, "bob")["notes"] == ("bea", "ready")
    assert page.problems == []


def make_link(place, user, conn_id, **more):
    answer = requests.post(
        f"{place.public}/v1/links",
        json={"conn_id": conn_id, "end_user": user, **more},
        auth=(APP_KEY, APP_SECRET),
        timeout=60,
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["url"]


def test_a_link_with_a_form_is_gone_through_by_keyboard_on_a_phone(place, somebody, picture):
    page = somebody(PHONE)
    log_in(page, place, "bob")
    link = make_link(place, "bob", "notes", account="second", return_url=f"{place.sample}/connected")
    page.goto(link)
    picture(page, "phone-link")
    assert "link=" not in page.url

    press_to(page, "Log in to Acme")
    expect(page.get_by_role("button", name="Enter credentials")).to_be_visible()
    press_to(page, "Enter credentials")
    expect(page.get_by_label("API key", exact=True)).to_be_visible()
    picture(page, "phone-form")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab_to(page, page.get_by_label("API key", exact=True))
    page.keyboard.type("key-of-ada")
    page.keyboard.press("Enter")

    # The last page leads on to the host application by itself.
    page.wait_for_url(f"{place.sample}/")
    expect(page.locator("#accounts")).to_contain_text("notes: ada (ready)")
    assert page.problems == []


def test_what_a_link_gives_is_fetched_for_who_is_logged_in_at_the_host_application(place, somebody, picture):
    page = somebody()
    log_in(page, place, "bob")
    page.goto(make_link(place, "bob", "crm", binding="code", return_url=f"{place.sample}/connected"))
    page.get_by_role("button", name="Continue to").click()
    page.wait_for_url(re.compile(re.escape(place.crm.url)))
    page.locator("input[name=user]").fill("robert")
    page.locator("#allow").click()
    heading = page.get_by_role("heading", name=re.compile("another account|Hello"))
    expect(heading).to_be_visible()
    picture(page, "other-account")
    if page.get_by_role("button", name="Use robert").count():
        page.get_by_role("button", name="Use robert").click()

    page.wait_for_url(f"{place.sample}/")
    expect(page.locator("#accounts")).to_contain_text("crm: robert (ready)")
    assert accounts_of(place, "bob")["crm"] == ("robert", "ready")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_that_is_shown_can_be_read_and_reached(place, somebody, scheme):
    page = somebody(PHONE, color_scheme=scheme)
    log_in(page, place, "bob")
    link = make_link(place, "bob", "notes", account=f"third-{scheme}")
    for url in (f"{place.public}/apps/acme", f"{place.public}/apps/acme/crm", link, f"{place.public}/apps/nobody"):
        page.goto(url)
        found = page.evaluate(LOOK)

        assert found["headings"] == 1, url
        assert found["language"] == "en"
        assert found["nameless"] == [], url
        assert found["small"] == [], url
        assert [one for one in found["contrasts"] if one["ratio"] < 4.5] == [], url
        assert found["contrasts"]


def tab_to(page, target):
    """Go through a page with the keyboard until something has the focus."""
    for _ in range(30):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"The keyboard does not reach {target}")


def press_to(page, name):
    """Press a button with the keyboard."""
    tab_to(page, page.get_by_role("button", name=name))
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")


# What a page is like for people who see little, or use no mouse: WCAG 2.2, 1.4.3, 2.5.8, 3.1.1, 4.1.2.
LOOK = """() => {
  const channels = (text) => (text.match(/[\\d.]+/g) || []).map(Number)
  const luminance = ([red, green, blue]) => [red, green, blue]
    .map((value) => value / 255)
    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0)
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = channels(getComputedStyle(one).backgroundColor)
      if (colour.length === 3 || colour[3] === 1) return colour
    }
    return [255, 255, 255]
  }
  const contrasts = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement
    const text = walker.currentNode.textContent.trim()
    if (!text || !element.checkVisibility() || ["SCRIPT", "STYLE"].includes(element.tagName)) continue
    const colours = [channels(getComputedStyle(element).color), ground(element)]
    const pair = colours.map(luminance).sort((a, b) => a - b)
    contrasts.push({ text: text.slice(0, 40), ratio: (pair[1] + 0.05) / (pair[0] + 0.05) })
  }
  const reached = [...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, summary")]
    .filter((one) => one.checkVisibility())
  const nameless = reached.filter((one) => !(one.textContent.trim() || one.ariaLabel || (one.labels || []).length))
  const small = reached.filter((one) => !one.closest("p") && one.getBoundingClientRect().height < 24)
  return {
    headings: document.querySelectorAll("h1").length,
    language: document.documentElement.lang,
    nameless: nameless.map((one) => one.outerHTML),
    small: small.map((one) => one.outerHTML),
    contrasts,
  }
}"""

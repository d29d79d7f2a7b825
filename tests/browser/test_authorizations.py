"""The list of authorizations inside Airflow, below a path prefix, in a real browser, by mouse and by keyboard."""

from __future__ import annotations

import re
import time

import pytest
from pages.desk import API, OAUTH, keep_grants, make_grant

from airflow_provider_integry.authorizations.errors_wire import to_wire
from airflow_provider_integry.authorizations.outcomes import dump
from airflow_provider_integry.errors import ReauthorizationNeededError, TokenEndpointUnavailableError
from browser.airflow_site import AirflowSite
from browser.conftest import STAND_STILL, TIMEOUT_MS

expect = pytest.importorskip("playwright.sync_api", reason="There is no Playwright for Python").expect
pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]
PREFIX = "/data/airflow"
TENANTS = 60
LOST = "the grant is lost (invalid_grant). Token endpoint says invalid_grant: the refresh token was revoked."
# Chromium says this of Airflow's own frame.
_OF_AIRFLOW = "An iframe which has both allow-scripts and allow-same-origin"


@pytest.fixture(scope="module")
def site(chromium, tmp_path_factory):
    """Airflow below a prefix, with connections and what is kept of them."""
    with AirflowSite(tmp_path_factory.mktemp("list"), PREFIX).run() as site:
        for conn_id in ("salesforce", "slack", "hubspot"):
            site.add_connection(conn_id, {"conn_type": "integry_oauth2", "host": API, "extra": OAUTH})
        site.add_connection("mailer", {"conn_type": "integry_api_key", "host": API, "password": "k", "extra": {}})
        down = dump(to_wire(TokenEndpointUnavailableError("https://auth.example.com/token", 503, "")))
        lost = dump(to_wire(ReauthorizationNeededError("salesforce", "customer-1", LOST, "invalid_grant")))
        now = time.time()
        keep_grants(
            site.database_url,
            [
                make_grant("salesforce", scopes="contacts.read contacts.write", grant_ends_at=now + 12.5 * 86_400),
                make_grant("salesforce", "customer-1", state="refused", error=lost, error_at=now),
                make_grant("slack", error=down, error_at=now, expires_at=now - 90),
                make_grant("slack", "customer-2", state="revoked", scopes=None, expires_at=None, refreshed_at=None),
                *(make_grant("slack", f"tenant-{number:03}") for number in range(TENANTS)),
            ],
        )
        yield site


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    """What the browser's owner prefers."""
    return request.param


@pytest.fixture
def page(chromium, site, scheme):
    """A page of a new window; whatever it complains of is an error."""
    context = chromium.new_context(
        base_url=site.url, viewport={"width": 1400, "height": 900}, locale="en-US", color_scheme=scheme
    )
    context.set_default_timeout(TIMEOUT_MS)
    context.add_init_script(STAND_STILL)
    page = context.new_page()
    complaints = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert [text for text in complaints if not text.startswith(_OF_AIRFLOW)] == []


def open_list(page):
    """Open the list by Airflow's navigation; return its frame."""
    page.goto(f"{PREFIX}/")
    page.get_by_role("button", name="Admin").click()
    page.get_by_role("menuitem", name="Authorizations").click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Authorizations")).to_be_visible()
    return frame


def color_of(locator, name="background-color"):
    return locator.evaluate(f"element => getComputedStyle(element).getPropertyValue('{name}')")


def test_it_looks_like_a_part_of_airflow(page, scheme, screenshots):
    frame = open_list(page)

    outer = page.locator("html").evaluate("element => getComputedStyle(element).getPropertyValue('--chakra-colors-bg')")
    assert frame.locator("html").evaluate("element => element.classList.contains('dark')") == (scheme == "dark")
    assert frame.locator("html").evaluate("element => element.style.getPropertyValue('--bg')") == outer.strip()
    assert color_of(frame.locator("body"), "font-family") == color_of(page.locator("body"), "font-family")
    # Names of connections that nothing is kept of come first, what needs nothing last.
    expect(frame.locator("tbody tr").first).to_contain_text("hubspot")
    expect(frame.locator(".count")).to_have_text(f"{TENANTS + 6} authorizations")
    if screenshots:
        page.screenshot(path=screenshots / f"authorizations-{scheme}.png")


def test_the_other_theme_is_taken_over_at_once(page, scheme):
    frame = open_list(page)
    other = "dark" if scheme == "light" else "light"
    before = color_of(frame.locator("html"))

    page.locator("html").evaluate(
        f"element => {{ element.classList.remove('{scheme}'); element.classList.add('{other}') }}"
    )

    expect(frame.locator("html")).to_have_class(re.compile(other))
    assert color_of(frame.locator("html")) != before


def test_a_page_of_its_own_follows_the_choice_that_was_made_in_airflow(page, scheme):
    page.goto(f"{PREFIX}/integry/authorizations")
    expect(page.locator("html")).to_have_class(re.compile(rf"\b{scheme}\b"))

    other = "dark" if scheme == "light" else "light"
    page.evaluate(f"localStorage.setItem('theme', '{other}')")
    page.reload()

    expect(page.locator("html")).to_have_class(re.compile(rf"\b{other}\b"))


def test_each_line_says_where_it_stands_in_words(page):
    frame = open_list(page)
    search(frame, "customer-1")
    expect(frame.locator("tbody tr")).to_have_count(1)
    row = frame.locator("tbody tr").first

    expect(row).to_contain_text("Needs reauthorization")
    expect(row).to_contain_text(LOST)
    expect(row.locator(".tag.missing")).to_contain_text("contacts.write")
    expect(row.locator("time").first).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$"))


def search(frame, text):
    frame.get_by_role("searchbox").fill(text)
    frame.get_by_role("button", name="Search").click()


def test_searching_filtering_and_turning_pages(page, screenshots, scheme):
    frame = open_list(page)

    search(frame, "tenant-0")
    expect(frame.locator(".count")).to_contain_text(f"{TENANTS} authorizations")
    expect(frame.locator("tbody tr")).to_have_count(25)
    frame.get_by_role("link", name="Page 3").click()
    expect(frame.locator("tbody tr")).to_have_count(TENANTS - 50)
    expect(frame.get_by_role("navigation", name="Pages")).to_contain_text(f"51 to {TENANTS} of {TENANTS}")
    if screenshots:
        page.screenshot(path=screenshots / f"authorizations-last-page-{scheme}.png")
    frame.get_by_role("link", name="Reset").click()
    expect(frame.get_by_role("searchbox")).to_have_value("")
    # Choosing is enough.
    frame.get_by_label("State").select_option("unreachable")
    expect(frame.locator("tbody tr")).to_have_count(1)
    expect(frame.locator("tbody tr")).to_contain_text("slack")
    frame.get_by_label("State").select_option("pending")
    expect(frame.locator("tbody tr")).to_have_count(1)
    expect(frame.locator("tbody tr")).to_contain_text("hubspot")


def test_a_choice_that_was_quicker_than_the_script_counts_too(page):
    held = []
    page.route("**/pages.js*", lambda route: held.append(route))  # noqa: PLW0108 - built-in methods cannot be given
    page.goto(f"{PREFIX}/integry/authorizations", wait_until="commit")
    page.get_by_label("State").select_option("pending")
    assert held
    held[0].continue_()

    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("hubspot")


def test_everything_can_be_reached_and_done_with_the_keyboard(page):
    page.goto(f"{PREFIX}/integry/authorizations?q=hubspot")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "() => { const e = document.activeElement;"
                " return [e.getAttribute('aria-label') || e.textContent.trim() || e.name || e.tagName,"
                " getComputedStyle(e).outlineStyle !== 'none' || e.className === 'skip'] }"
            )
        )
        if reached[-1][0].startswith("Copy the link"):
            break

    names = [name for name, _ in reached]
    assert names[0] == "Skip to content"
    assert names[-2:] == ["Authorize hubspot", "Copy the link to authorize hubspot"]
    assert all(is_seen for _, is_seen in reached), reached
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Link copied")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    # In a page of its own the link is a plain one, and what continues has the focus.
    expect(page).to_have_url(re.compile(rf"{PREFIX}/integry/authorize\?conn_id=hubspot$"))
    expect(page.get_by_role("button", name="Continue to auth.example.com")).to_be_focused()


def test_the_link_is_copied_whole(page, site):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{PREFIX}/integry/authorizations?q=hubspot")

    page.get_by_role("button", name="Copy the link to authorize hubspot").click()

    expect(page.get_by_role("status")).to_have_text("Link copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"{site.url}/integry/authorize?conn_id=hubspot"


def test_authorize_opens_a_tab_outside_of_airflows_frame(page, screenshots, scheme):
    frame = open_list(page)

    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="Authorize hubspot").click()

    tab = opened.value
    expect(tab.get_by_role("heading", name="Authorize hubspot")).to_be_visible()
    assert tab.evaluate("window.opener") is None
    if screenshots:
        tab.screenshot(path=screenshots / f"authorize-{scheme}.png")


def test_revoking_asks_first_and_stays_in_the_frame(page, site, scheme):
    name = f"to-be-revoked-{scheme}"
    keep_grants(site.database_url, [make_grant("slack", name)])
    frame = open_list(page)
    search(frame, name)
    frame.get_by_role("link", name=f"Revoke slack for {name}").click()
    expect(frame.get_by_role("heading", name="Revoke this authorization?")).to_be_visible()
    frame.get_by_role("link", name="Cancel").click()
    search(frame, name)
    expect(frame.locator("tbody tr")).to_have_count(1)
    expect(frame.locator("tbody tr")).to_contain_text("Ready")

    frame.get_by_role("link", name=f"Revoke slack for {name}").click()
    frame.get_by_role("button", name="Revoke", exact=True).click()

    expect(frame.get_by_role("status")).to_contain_text("The grant is wiped")
    search(frame, name)
    expect(frame.locator("tbody tr")).to_have_count(1)
    expect(frame.locator("tbody tr")).to_contain_text("Revoked")


def test_it_fits_a_telephone(page, screenshots, scheme):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{PREFIX}/integry/authorizations")

    # The table scrolls within itself, the page does not.
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(f"{PREFIX}/integry/authorize?conn_id=hubspot")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    if screenshots:
        page.screenshot(path=screenshots / f"authorize-telephone-{scheme}.png")


def test_lists_forms_and_pages_work_without_scripts(chromium, site):
    context = chromium.new_context(base_url=site.url, java_script_enabled=False, locale="en-US")
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    # All are administrators here.
    page.goto(f"{PREFIX}/auth/token/login")
    page.goto(f"{PREFIX}/integry/authorizations")
    page.get_by_role("searchbox").fill("salesforce")
    page.get_by_label("State").select_option("ready")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr")).to_have_count(1)

    page.get_by_role("link", name="Reauthorize salesforce").click()
    expect(page.get_by_role("button", name="Continue to auth.example.com")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="Revoke salesforce").click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", name="Authorizations")).to_be_visible()
    context.close()

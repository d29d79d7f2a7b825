"""One Airflow and one Chromium for the tests of the forms; skipped where there is no Chromium, but never in CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from browser.airflow_site import AirflowSite

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No sandbox: containers and CI run as root. The rest keeps it from calling home.
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
TIMEOUT_MS = 15_000
# Sections open and dialogs close at once, so that nothing is read or photographed on its way.
STAND_STILL = """addEventListener('DOMContentLoaded', () => {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync('*, *::before, *::after { animation: none !important; transition: none !important }')
    document.adoptedStyleSheets.push(sheet)
})"""


def _do_without(reason: str):
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


# Of the module, not of the session: while Playwright runs, nobody else in this thread can run an event loop.
@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _do_without("There is no Playwright for Python; install it with: pip install playwright")
    with sync_playwright() as playwright:
        path = next((found for name in CHROMIUM if (found := shutil.which(name))), playwright.chromium.executable_path)
        if not Path(path).exists():
            _do_without("There is no Chromium; install it: apt-get install chromium, or playwright install chromium")
        browser = playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(chromium, tmp_path_factory):
    """Airflow's pages."""
    with AirflowSite(tmp_path_factory.mktemp("browser")).run() as site:
        yield site


@pytest.fixture(scope="module")
def window(chromium, site):
    """A browser window; its pages share what Airflow's first one loaded."""
    context = chromium.new_context(base_url=site.url, viewport={"width": 1200, "height": 1000}, locale="en-US")
    context.set_default_timeout(TIMEOUT_MS)
    context.add_init_script(STAND_STILL)
    yield context
    context.close()


@pytest.fixture
def page(window):
    """An empty page."""
    page = window.new_page()
    yield page
    page.close()


@pytest.fixture(scope="session")
def screenshots() -> Path | None:
    """The folder that is to get pictures of the forms; None when nobody asked."""
    folder = os.environ.get("INTEGRY_SCREENSHOTS")
    if not folder:
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder)

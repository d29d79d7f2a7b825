"""All routes: none answers a stranger but those that have to, and every answer carries the same protection."""

from __future__ import annotations

import re

import pytest
import requests
from fastapi.routing import APIRoute
from starlette.routing import Mount

from airflow_provider_integry.web.app import build_app

# Who is not logged in may ask these: the broker's own interface checks a proof.
PUBLIC = {"/health", "/v1/openapi.json"}
# What lies below this is for people and programs without Airflow's login: callbacks check a state and a cookie,
# webhooks what their service signs, the API for host applications what these sign, pages a token of their own.
PUBLIC_PREFIX = "/public/"
OTHERS = ("/public/callback/", "/public/webhooks/", "/public/v1", "/public/static/")
PROVED = {
    "/v1/credentials": 400,
    "/v1/status": 400,
    "/v1/keep-alive": 404,
    "/v1/permits": 400,
    "/v1/webhooks/payload": 400,
    "/v1/polls/open": 400,
    "/v1/polls/plan": 400,
    "/v1/polls/settle": 400,
}


def routes():
    """Return every route of the application as (method, path)."""
    found = []
    for route in build_app().routes:
        if isinstance(route, Mount):
            assert route.path == "/public/static"
            continue
        methods = route.methods if isinstance(route, APIRoute) else route.methods or {"GET"}
        found += [(method, route.path) for method in sorted(methods - {"HEAD"})]
    return found


def filled(path):
    return re.sub(r"\{\w+(?::\w+)?\}", "0123456789abcdef", path)


def public_pages(wanted):
    """Return the paths of the pages for end users that take a method."""
    found = [path for method, path in routes() if method == wanted and path.startswith(PUBLIC_PREFIX)]
    return [path for path in found if not path.startswith(OTHERS)]


@pytest.mark.parametrize(
    ("method", "path"),
    [one for one in routes() if one[1] not in PUBLIC and not one[1].startswith(PUBLIC_PREFIX)],
)
def test_no_route_answers_who_is_not_logged_in(desk, method, path):
    stranger = desk.visitor()

    answer = stranger.request(
        method,
        f"{desk.url}/integry{filled(path)}",
        headers={"Origin": desk.url, "Content-Type": "application/x-www-form-urlencoded"},
        timeout=30,
        allow_redirects=False,
    )

    if path in PROVED:
        assert (answer.status_code, answer.headers["Content-Type"]) == (PROVED[path], "application/problem+json")
        return
    assert answer.status_code in (401, 403)
    assert "You are not logged in" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", public_pages("GET"))
@pytest.mark.parametrize("user", ["root", None])
def test_a_public_page_shows_a_stranger_nothing_and_an_admin_no_more(desk, path, user):
    answer = desk.visitor(user).open(filled(path))

    assert answer.status_code in (400, 404)
    assert "/integry/authorizations" not in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", public_pages("POST"))
@pytest.mark.parametrize("origin", ["own", None, "https://evil.example"])
def test_a_public_page_takes_no_form_without_a_token_of_its_own(desk, path, origin):
    answer = desk.visitor("root").submit(filled(path), {"csrf": "0" * 64}, origin=origin)

    # A login's form comes from another site, and is looked at without a cookie: it has no state.
    assert answer.status_code == (400 if path.endswith("/sign-on") else 403)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0."])
def test_a_wrong_login_is_none(desk, token):
    stranger = desk.visitor()
    stranger.cookies.set("_token", token, path="/")

    assert stranger.open("/authorizations").status_code == 401


def test_the_login_leads_back_to_the_page_that_was_asked_for(desk):
    answer = desk.visitor().open("/authorize?conn_id=crm&end_user=a%26b")

    (link,) = re.findall(r'class="button solid" href="([^"]+)"', answer.text)
    assert link == "/auth/login?next=%2Fintegry%2Fauthorize%3Fconn_id%3Dcrm%26end_user%3Da%2526b"


@pytest.mark.parametrize(
    "path",
    [
        "/authorizations",
        "/authorize?conn_id=crm",
        "/authorize?conn_id=nothing",
        "/revoke?id=0",
        "/no/such/page",
        "/authorize/result/0123",
        "/public/static/integry.css",
        "/health",
    ],
)
@pytest.mark.parametrize("user", ["root", None])
def test_every_answer_is_kept_from_caches_frames_and_referrers(desk, path, user):
    headers = desk.visitor(user).open(path).headers

    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
    }


def test_pages_hold_no_inline_script_or_style_and_load_nothing_from_elsewhere(desk):
    for path in ("/authorizations", "/authorize?conn_id=crm", f"/revoke?id={desk.rows['customer']}"):
        text = desk.visitor("root").open(path).text

        assert not re.findall(r"<script(?![^>]*\bsrc=)", text)
        assert not re.findall(r"<style|\sstyle=|\son\w+=|javascript:", text)
        loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]+)"', text)
        assert all(url.startswith(("/integry/public/static/", "data:")) for url in loaded), loaded


def test_names_with_markup_are_shown_as_they_are_written(desk):
    name = "<script>alert(1)</script>\"'&"
    desk.add_row("crm", name, account_name=name)

    page = desk.visitor("ada").open("/authorizations?conn_id=crm").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    (path,) = {one for one in re.findall(r'href="/integry(/authorize\?[^"]+)"', page) if "script" in one}
    shown = desk.visitor("ada").open(path.replace("&amp;", "&"))
    assert (shown.status_code, "&lt;script&gt;" in shown.text) == (200, True)


def test_the_plugin_is_in_airflows_navigation(desk):
    root = desk.visitor("root")
    answer = requests.get(
        f"{desk.url}/api/v2/plugins", headers={"Authorization": f"Bearer {root.cookies['_token']}"}, timeout=30
    )

    views = [view for plugin in answer.json()["plugins"] for view in plugin["external_views"]]
    (view,) = [view for view in views if view["name"] == "Authorizations"]
    # Relative, so that a path prefix holds.
    assert (view["href"], view["url_route"], view["category"]) == (
        "integry/authorizations",
        "authorizations",
        "admin",
    )
    for icon in (view["icon"], view["icon_dark_mode"]):
        found = requests.get(f"{desk.url}/{icon}", timeout=30)
        assert (found.status_code, found.headers["Content-Type"]) == (200, "image/svg+xml")

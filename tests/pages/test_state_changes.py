"""Changes: by POST alone, from Airflow's own pages alone, by the person and the browser that opened them."""

from __future__ import annotations

import pytest

from airflow_provider_integry.web.app import build_app

CHANGES = ["/authorize", "/link", "/test", "/revoke", "/authorize/result/0123456789abcdef/confirm"]
ELSEWHERE = [
    None,
    "null",
    "",
    "https://evil.example",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "http://127.0.0.1.evil.example",
    "{url}.evil.example",
    "{url}@evil.example",
    "https://{host}",
    "file://",
]


def fields(desk, csrf):
    return {
        "csrf": csrf,
        "conn_id": "crm",
        "end_user": "customer-1",
        "id": str(desk.rows["customer"]),
        "answer": "replace",
    }


def test_the_list_of_changes_is_complete():
    posts = {route.path for route in build_app().routes if "POST" in (getattr(route, "methods", None) or ())}

    ours = {path for path in posts if not path.startswith(("/v1/", "/public/"))}
    assert ours == {path.replace("0123456789abcdef", "{consent_id}") for path in CHANGES}


@pytest.mark.parametrize("path", CHANGES)
def test_no_get_changes_anything(desk, path):
    ada = desk.visitor("ada")

    answer = ada.open(path, params=fields(desk, ada.csrf()))

    assert answer.status_code in (200, 405)
    assert desk.state_of(desk.rows["customer"]) == "active"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("origin", ELSEWHERE)
@pytest.mark.parametrize("path", CHANGES)
def test_a_change_that_comes_from_elsewhere_is_refused(desk, path, origin):
    ada = desk.visitor("ada")
    named = origin.format(url=desk.url, host=desk.url.partition("://")[2]) if origin is not None else None

    answer = ada.submit(path, fields(desk, ada.csrf()), origin=named)

    assert (answer.status_code, "This request came from elsewhere" in answer.text) == (403, True)
    assert desk.state_of(desk.rows["customer"]) == "active"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
@pytest.mark.parametrize("path", CHANGES)
def test_a_browser_that_says_so_is_believed(desk, path, site):
    ada = desk.visitor("ada")

    answer = ada.submit(path, fields(desk, ada.csrf()), **{"Sec-Fetch-Site": site})

    assert answer.status_code == 403
    assert desk.state_of(desk.rows["customer"]) == "active"


def other_users(desk, ada):
    return desk.visitor("bob").csrf("/authorize?conn_id=shop")


def same_cookie_of_another_user(desk, ada):
    bob = desk.visitor("bob")
    bob.cookies.set("integry_csrf", ada.cookies["integry_csrf"], path="/integry")
    return bob.csrf("/authorize?conn_id=shop")


def another_browsers(desk, ada):
    return desk.visitor("ada").csrf()


@pytest.mark.parametrize(
    "make",
    [
        lambda desk, ada: "",
        lambda desk, ada: "0" * 64,
        lambda desk, ada: ada.csrf()[:-1],
        lambda desk, ada: ada.csrf() + "0",
        lambda desk, ada: ada.csrf().upper(),
        lambda desk, ada: "é☃",
        lambda desk, ada: ada.cookies["integry_csrf"],
        other_users,
        same_cookie_of_another_user,
        another_browsers,
    ],
)
@pytest.mark.parametrize("path", CHANGES)
def test_a_form_without_its_token_is_refused(desk, path, make):
    ada = desk.visitor("ada")
    ada.csrf()

    answer = ada.submit(path, fields(desk, make(desk, ada)))

    assert (answer.status_code, "This form is no longer valid" in answer.text) == (403, True)
    assert desk.state_of(desk.rows["customer"]) == "active"


@pytest.mark.parametrize("path", CHANGES)
def test_a_token_without_its_cookie_is_refused(desk, path):
    ada = desk.visitor("ada")
    given = fields(desk, ada.csrf())
    del ada.cookies["integry_csrf"]

    assert ada.submit(path, given).status_code == 403


def test_a_form_is_read_within_bounds(desk):
    ada = desk.visitor("ada")
    given = fields(desk, ada.csrf())

    assert ada.submit("/revoke", {**given, "more": "x" * 70_000}).status_code == 413
    assert ada.submit("/revoke", {**given, **{f"field{number}": "x" for number in range(200)}}).status_code == 400
    assert ada.submit("/revoke", b"\xff\xfe=%ff").status_code == 400
    assert desk.state_of(desk.rows["customer"]) == "active"


def test_cookies_are_for_our_pages_and_no_script_or_other_site(desk):
    answer = desk.visitor("ada").open("/authorizations")

    (cookie,) = [one for one in answer.raw.headers.getlist("set-cookie") if one.startswith("integry_")]
    name, *attributes = [part.strip() for part in cookie.split(";")]
    assert len(name.partition("=")[2]) == 43
    assert {one.lower() for one in attributes} == {"httponly", "path=/integry", "samesite=lax"}


def test_what_fits_is_done(desk):
    row_id = desk.add_row("crm", "to-be-revoked")
    ada = desk.visitor("ada")

    answer = ada.submit("/revoke", {"csrf": ada.csrf(), "id": str(row_id)}, **{"Sec-Fetch-Site": "same-origin"})

    assert (answer.status_code, desk.state_of(row_id)) == (303, "revoked")


def test_continuing_leads_to_the_service_with_a_cookie_that_is_for_this_browser(desk):
    ada = desk.visitor("ada")

    answer = ada.submit("/authorize", {"csrf": ada.csrf(), "conn_id": "crm", "end_user": "customer-1"})

    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0;url=https://auth.example.com/authorize?' in answer.text
    (cookie,) = [one for one in answer.raw.headers.getlist("set-cookie") if one.startswith("integry_consent_")]
    assert {"httponly", "samesite=lax", "path=/integry", "max-age=600"} <= {
        part.strip().lower() for part in cookie.split(";")
    }

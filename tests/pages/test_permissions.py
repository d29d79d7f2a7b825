"""Who sees what, and who may do what: Airflow's auth manager decides, for each connection and team."""

from __future__ import annotations

import re

import pytest

from pages.desk import rows_of

ABSENT = "/authorize?conn_id=there_is_no_such_connection"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("root", ["crm", "crm", "deals", "deals", "from_env", "gone", "hidden", "shop"]),
        ("ada", ["crm", "from_env", "gone", "shop"]),
        ("bob", ["shop"]),
        ("sue", ["deals"]),
        ("ops", ["deals"]),
        ("nobody", []),
    ],
)
def test_everybody_sees_the_connections_that_they_may_read(desk, user, expected):
    page = desk.visitor(user).open("/authorizations").text

    assert sorted(set(rows_of(page))) == sorted(set(expected))
    total = re.search(r'class="count">([\d,]+)', page)
    assert (int(total[1]) if total else 0) == len(rows_of(page))


def test_rows_of_a_team_are_for_that_team_alone(desk):
    sue, ops = (desk.visitor(user).open("/authorizations").text for user in ("sue", "ops"))

    assert ("customer-9" in sue, "customer-7" in sue) == (True, False)
    assert ("customer-9" in ops, "customer-7" in ops) == (False, True)


@pytest.mark.parametrize(
    "query", ["q=hidden", "q=account", "readiness=ready", "conn_id=hidden", "page=2", "q=customer-9"]
)
def test_no_search_or_filter_finds_what_may_not_be_seen(desk, query):
    page = desk.visitor("ada").open(f"/authorizations?{query}").text

    assert set(rows_of(page)) <= {"crm", "from_env", "gone", "shop"}
    assert "Account of hidden" not in page
    assert "customer-9" not in page.replace('value="customer-9"', "")


@pytest.mark.parametrize(
    "path",
    [
        "/authorize?conn_id=hidden",
        "/authorize?conn_id=deals",
        "/authorize?conn_id=integry_installation",
        "/authorize?conn_id=hidden&end_user=customer-1",
    ],
)
def test_what_may_not_be_seen_answers_as_what_is_not_there(desk, path):
    ada = desk.visitor("ada")

    absent, hidden = ada.open(ABSENT), ada.open(path)

    assert (hidden.status_code, hidden.content) == (404, absent.content)
    assert _comparable(hidden) == _comparable(absent)


def test_rows_that_may_not_be_seen_answer_as_rows_that_are_not_there(desk):
    ada = desk.visitor("ada")

    answers = [
        ada.open(f"/revoke?id={number}") for number in (desk.rows["hidden"], desk.rows["sales"], 999_999, "x", "")
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize("path", ["/authorize", "/test", "/revoke"])
def test_changes_of_what_may_not_be_seen_answer_as_of_what_is_not_there(desk, path):
    ada = desk.visitor("ada")
    csrf = ada.csrf()

    hidden = ada.submit(path, {"csrf": csrf, "conn_id": "hidden", "id": str(desk.rows["hidden"])})
    absent = ada.submit(path, {"csrf": csrf, "conn_id": "no_such_connection", "id": "999999"})

    assert (hidden.status_code, hidden.content) == (404, absent.content)
    assert desk.state_of(desk.rows["hidden"]) == "active"


def test_who_may_read_sees_no_button_that_changes_anything(desk):
    page = desk.visitor("ada").open("/authorizations?conn_id=shop").text

    assert rows_of(page) == ["shop"]
    for sign in ("/authorize?", "/revoke?", '/test"'):
        assert sign not in page
    authorize = desk.visitor("ada").open("/authorize?conn_id=shop")
    assert (authorize.status_code, "Continue to" in authorize.text) == (200, False)


@pytest.mark.parametrize("path", ["/authorize", "/test", "/revoke"])
def test_who_may_read_may_change_nothing(desk, path):
    ada = desk.visitor("ada")

    answer = ada.submit(path, {"csrf": ada.csrf(), "conn_id": "shop", "id": str(desk.rows["shop"])})

    assert (answer.status_code, "You may not change this connection" in answer.text) == (403, True)
    assert desk.state_of(desk.rows["shop"]) == "active"
    assert desk.visitor("ada").open(f"/revoke?id={desk.rows['shop']}").status_code == 403


def test_who_may_edit_sees_the_buttons_and_what_will_be_connected(desk):
    ada = desk.visitor("ada")

    page = ada.open("/authorizations?conn_id=crm").text
    authorize = ada.open("/authorize?conn_id=crm&end_user=customer-1").text

    assert "/integry/authorize?conn_id=crm&amp;end_user=customer-1" in page
    assert f"/integry/revoke?id={desk.rows['customer']}" in page
    assert re.search(rf"<code>{desk.url}/integry/public/callback/auth\.example\.com-[0-9a-f]{{16}}</code>", authorize)
    for sign in ("Continue to auth.example.com", "contacts.read", "contacts.write", "customer-1"):
        assert sign in authorize


def test_the_grant_of_a_connection_that_is_gone_can_be_revoked(desk):
    ada = desk.visitor("ada")

    asked = ada.open(f"/revoke?id={desk.rows['gone']}")
    answer = ada.submit("/revoke", {"csrf": ada.csrf(), "id": str(desk.rows["gone"])})

    assert "Its connection is gone" in asked.text
    assert (answer.status_code, answer.headers["Location"]) == (303, "/integry/authorizations")
    assert desk.state_of(desk.rows["gone"]) == "revoked"
    shown = ada.open("/authorizations")
    assert "The grant is wiped" in shown.text
    # It is said once.
    assert "The grant is wiped" not in ada.open("/authorizations").text


def test_a_message_is_for_the_one_who_caused_it(desk):
    ada, bob = desk.visitor("ada"), desk.visitor("bob")
    ada.submit("/test", {"csrf": ada.csrf(), "conn_id": "from_env"})
    sealed = ada.cookies["integry_message"]

    bob.cookies.set("integry_message", sealed, path="/integry")

    assert "from_env" not in bob.open("/authorizations").text
    assert "from_env" not in sealed


def _comparable(answer):
    return {name: value for name, value in answer.headers.items() if name.lower() != "date"}

"""Callbacks: one that fits ends an authorization; any other causes no request at all, and says what is wrong."""

from __future__ import annotations

import json
import re
from html import unescape
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

import pytest
import requests
from airflow import settings as airflow_settings
from integration.desk import AIRFLOW, CLIENT, Desk, local
from servers.oauth2_consent import ConsentApi, ConsentClient
from sqlalchemy import select, update

from airflow_provider_integry.authorizations.airflow_store import (
    local_consents,
    local_refresher,
)
from airflow_provider_integry.authorizations.consent import CALLBACK_PATH, cookie_name
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.tables import consent as consent_table
from airflow_provider_integry.errors import ConfigurationError, ConsentDeniedError
from airflow_provider_integry.hooks.integry import IntegryHook

PUSHING = frozenset({"pushed_authorization_request_endpoint"})


@pytest.fixture
def desk(serve, set_connection):
    api = ConsentApi(ConsentClient(*CLIENT), rotation="strict", latency_s=0.0)
    # Pushed parameters would not be in the addresses that are looked at here.
    api.unoffered = PUSHING
    found = Desk(api, serve(api.build()), set_connection)
    yield found
    with airflow_settings.engine.begin() as database:
        database.execute(consent_table.delete())


def test_a_consent_becomes_a_grant_that_tasks_can_use(desk):
    begun = desk.begin()
    location, _ = desk.consent(begun)

    answer = desk.come_back(location, begun)

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/authorize/result/{begun.consent_id}")
    outcome = desk.outcome(begun)
    assert (outcome.outcome, outcome.message, outcome.account_id) == ("ready", None, "id-of-ada")
    row = desk.row()
    assert (row.state, row.generation, row.account_id, row.scopes) == ("active", 1, "id-of-ada", "contacts.read")
    handed = run_steps(local_refresher().hand_out(desk.subject()))
    api = requests.get(
        f"{desk.server.url}/me", headers={"Authorization": f"Bearer {handed.secrets.access_token.reveal()}"}, timeout=5
    )
    assert (api.status_code, desk.exchanges) == (200, 1)


def test_an_end_users_consent_is_another_grant(desk):
    begun = desk.begin("acme")
    desk.come_back(desk.consent(begun, user="bea")[0], begun)

    assert (desk.row("acme").account_id, desk.row()) == ("id-of-bea", None)


def test_what_was_asked_for_is_in_the_address_of_the_consent_page(desk):
    desk.connect(authorize_params={"prompt": "consent", "access_type": "offline"}, resource="https://api.example.com")
    first, second = (dict(parse_qsl(urlsplit(desk.begin().url).query)) for _ in range(2))

    assert (first["response_type"], first["client_id"], first["scope"]) == ("code", "app", "contacts.read")
    assert (first["prompt"], first["access_type"], first["resource"]) == (
        "consent",
        "offline",
        "https://api.example.com",
    )
    assert first["code_challenge_method"] == "S256"
    assert re.fullmatch(r"[\w-]{43}", first["code_challenge"])
    assert re.fullmatch(r"[\w-]{43}", first["state"])
    assert (first["state"], first["code_challenge"]) != (second["state"], second["code_challenge"])
    assert first["redirect_uri"] == second["redirect_uri"]
    assert re.fullmatch(rf"{AIRFLOW}{CALLBACK_PATH}/127\.0\.0\.1-[0-9a-f]{{16}}", first["redirect_uri"])


def test_the_redirect_uri_is_another_one_for_each_server_and_the_same_for_clients_of_one(desk):
    def redirect_uri(**fields):
        desk.connect(**fields)
        return dict(parse_qsl(urlsplit(desk.begin().url).query))["redirect_uri"]

    page, token = f"{desk.server.url}/authorize", f"{desk.server.url}/token"
    same = {redirect_uri(), redirect_uri(client_id="app", scopes="other")}
    others = {
        redirect_uri(authorize_url=page, exchange_url=token, issuer=""),
        redirect_uri(authorize_url=page, exchange_url="http://127.0.0.1:9/token", issuer=""),
    }

    assert len(same) == 1
    assert len(same | others) == 3


def test_parameters_are_pushed_where_the_server_takes_that(desk):
    desk.api.requires_pushed, desk.api.unoffered = True, frozenset()

    begun = desk.begin()
    answer = desk.come_back(desk.consent(begun)[0], begun)

    query = dict(parse_qsl(urlsplit(begun.url).query))
    assert set(query) == {"client_id", "request_uri"}
    assert (answer.status_code, desk.outcome(begun).outcome) == (303, "ready")


def test_an_answer_may_come_as_a_form(desk):
    desk.connect(response_mode="form_post")
    begun = desk.begin()
    _, page = desk.consent(begun)
    form = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page.text)}
    action = unescape(re.search(r'action="([^"]+)"', page.text).group(1))

    # As a browser does it: without the cookie, because the form comes from another site, and then with it.
    posted = desk.call(("POST", local(f"{action}?"), urlencode(form).encode()))[0]
    answer = desk.call(("GET", urljoin(local(f"{action}?"), posted.headers["Location"])), begun=begun)[0]

    assert (posted.status_code, posted.headers["Cache-Control"]) == (303, "no-store")
    assert (answer.status_code, desk.outcome(begun).outcome, desk.exchanges) == (303, "ready", 1)


def test_a_no_is_shown_as_one_and_causes_no_exchange(desk):
    begun = desk.begin()
    location, _ = desk.consent(begun, "deny")

    answer = desk.come_back(location, begun)

    assert (answer.status_code, desk.exchanges, desk.row()) == (303, 0, None)
    outcome = desk.outcome(begun)
    assert (outcome.outcome, "access_denied" in outcome.message) == ("denied", True)


def test_two_callbacks_at_the_same_moment_cause_one_exchange(desk):
    begun = desk.begin()
    path = local(desk.consent(begun)[0])

    answers = desk.call(("GET", path), ("GET", path), ("GET", path), begun=begun)

    assert sorted(answer.status_code for answer in answers) == [303, 400, 400]
    assert (desk.exchanges, desk.api.code_reuses, desk.outcome(begun).outcome) == (1, 0, "ready")


def test_reauthorizing_with_another_account_asks_first(desk):
    first = desk.begin()
    desk.come_back(desk.consent(first)[0], first)
    before = desk.row()

    second = desk.begin()
    desk.come_back(desk.consent(second, user="bea")[0], second)

    outcome = desk.outcome(second)
    assert (outcome.outcome, outcome.account_id, outcome.message) == ("other_account", "id-of-bea", before.account_name)
    assert desk.row().account_id == "id-of-ada"
    assert not run_steps(local_consents().answer(second.consent_id, is_yes=True, user="mallory"))
    assert desk.row().account_id == "id-of-ada"
    assert run_steps(local_consents().answer(second.consent_id, is_yes=True, user="ada"))
    assert (desk.row().account_id, desk.row().generation) == ("id-of-bea", before.generation + 1)
    assert not run_steps(local_consents().answer(second.consent_id, is_yes=True, user="ada"))
    assert desk.outcome(second).outcome == "ready"


def test_who_does_not_want_another_account_keeps_the_old_one(desk):
    first = desk.begin()
    desk.come_back(desk.consent(first)[0], first)
    second = desk.begin()
    desk.come_back(desk.consent(second, user="bea")[0], second)

    assert run_steps(local_consents().answer(second.consent_id, is_yes=False, user="ada"))
    assert not run_steps(local_consents().answer(second.consent_id, is_yes=True, user="ada"))

    assert (desk.row().account_id, desk.outcome(second).outcome, desk.outcome(second).sealed) == (
        "id-of-ada",
        "declined",
        None,
    )
    # What is not wanted is given back to the service; the grant that stays is not.
    assert [(one.user, one.is_dead) for one in desk.api.grants] == [("ada", False), ("bea", True)]


def test_the_same_account_takes_the_place_of_its_old_grant_without_a_question(desk):
    for _ in range(2):
        begun = desk.begin()
        desk.come_back(desk.consent(begun)[0], begun)

    assert (desk.row().generation, desk.outcome(begun).outcome) == (2, "ready")


def test_declared_values_of_callback_and_answer_are_kept_with_the_grant(desk):
    desk.api.callback_extra = {"realmId": "4620816365"}
    desk.api.answer_extra = {"instance_url": "https://eu7.example.com", "nested": {"n": 7}}
    kept = {
        "realm": "callback.realmId",
        "instance_url": "answer.instance_url",
        "n": "answer.nested.n",
        "no": "answer.x",
    }
    desk.connect(kept_values=kept)
    begun = desk.begin()
    desk.come_back(desk.consent(begun)[0], begun)

    secrets = local_refresher().read_secrets(desk.row())
    assert dict(secrets.kept) == {"realm": "4620816365", "instance_url": "https://eu7.example.com", "n": "7"}


def test_kept_values_outlive_a_refresh(desk):
    desk.api.callback_extra = {"realmId": "4620816365"}
    desk.connect(kept_values={"realm": "callback.realmId"})
    begun = desk.begin()
    desk.come_back(desk.consent(begun)[0], begun)
    token = desk.row().token_fingerprint

    run_steps(local_refresher().hand_out(desk.subject(), token))

    row = desk.row()
    assert (row.token_fingerprint != token, row.account_id) == (True, "id-of-ada")
    assert dict(local_refresher().read_secrets(row).kept) == {"realm": "4620816365"}


def test_an_account_that_cannot_be_looked_up_costs_no_grant(desk):
    desk.connect(user_info_url="/nowhere")
    begun = desk.begin()
    desk.come_back(desk.consent(begun)[0], begun)

    outcome = desk.outcome(begun)
    assert (outcome.outcome, "could not be looked up" in outcome.message) == ("ready", True)
    assert desk.row().state == "active"


def test_nothing_of_a_consent_is_kept_in_clear(desk):
    begun = desk.begin()
    state = dict(parse_qsl(urlsplit(begun.url).query))["state"]
    with airflow_settings.engine.connect() as database:
        waiting = json.dumps([list(map(str, row)) for row in database.execute(select(consent_table))])
    desk.come_back(desk.consent(begun)[0], begun)

    assert state not in waiting
    assert begun.browser_key.reveal() not in waiting
    assert desk.outcome(begun).sealed is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"issuer": "", "exchange_url": "http://127.0.0.1:9/token"}, "authorize_url"),
        ({"authorize_url": "file:///etc/passwd"}, "authorize_url"),
        ({"authorize_url": "http://169.254.169.254/latest"}, "authorize_url"),
        ({"signed_callback": {"hash": "md5"}}, "signed_callback"),
        ({"kept_values": {"x": "a b"}}, "kept_values"),
    ],
)
def test_a_wrong_field_is_named_before_anybody_is_sent_anywhere(desk, fields, field):
    desk.connect(**fields)

    with pytest.raises(ConfigurationError, match=field):
        desk.begin()


# -- hostile callbacks -----------------------------------------------------------------------------

MARKUP = "<script>alert(1)</script>"


def changed(location, **new):
    """Change parameters of a callback; None removes one."""
    parts = urlsplit(location)
    query = {**dict(parse_qsl(parts.query)), **new}
    return parts._replace(query=urlencode({name: value for name, value in query.items() if value is not None})).geturl()


def raw(location, extra):
    return f"{location}&{extra}"


# Name, and how the good callback is spoilt. Each is refused with status 400, before anything is taken.
REFUSED = {
    "no state": lambda url: changed(url, state=None),
    "empty state": lambda url: changed(url, state=""),
    "wrong state": lambda url: changed(url, state="x" * 43),
    "cut state": lambda url: changed(url, state=dict(parse_qsl(urlsplit(url).query))["state"][:-1]),
    "longer state": lambda url: changed(url, state=dict(parse_qsl(urlsplit(url).query))["state"] + "A"),
    "state in other case": lambda url: changed(url, state=dict(parse_qsl(urlsplit(url).query))["state"].swapcase()),
    "state with space": lambda url: changed(url, state=" " + dict(parse_qsl(urlsplit(url).query))["state"]),
    "state with newline": lambda url: changed(url, state=dict(parse_qsl(urlsplit(url).query))["state"] + "\n"),
    "state with NUL": lambda url: changed(url, state=dict(parse_qsl(urlsplit(url).query))["state"] + "\x00"),
    "unicode state": lambda url: changed(url, state="ⓢⓣⓐⓣⓔ" * 8),
    "half a character": lambda url: raw(changed(url, state=None), "state=%ED%A0%80"),
    "not UTF-8": lambda url: raw(changed(url, state=None), "state=%FF%FE"),
    "state of SQL": lambda url: changed(url, state="' OR 1=1 --"),
    "state pattern": lambda url: changed(url, state="%"),
    "state of markup": lambda url: changed(url, state=MARKUP),
    "state of 513": lambda url: changed(url, state="x" * 513),
    "state of 30 KB": lambda url: changed(url, state="x" * 30_000),
    "state of 60 KB": lambda url: changed(url, state="x" * 60_000),
    "state twice": lambda url: raw(url, "state=" + quote(dict(parse_qsl(urlsplit(url).query))["state"])),
    "two states": lambda url: raw(url, "state=other"),
    "other state first": lambda url: url.replace("?", "?state=other&", 1),
    "state as list": lambda url: raw(changed(url, state=None), "state[]=x"),
    "code twice": lambda url: raw(url, "code=other"),
    "error twice": lambda url: raw(url, "error=a&error=b"),
    "iss twice": lambda url: raw(url, "iss=https://evil.example"),
    "51 parameters": lambda url: raw(url, "&".join(f"a{number}=1" for number in range(51))),
    "nothing": lambda url: urlsplit(url)._replace(query="").geturl(),
    "only code": lambda url: changed(url, state=None, iss=None),
    "only iss": lambda url: changed(url, state=None, code=None),
    "error without state": lambda url: changed(url, state=None, code=None, error="access_denied"),
    "oauth token of another kind": lambda url: changed(url, state=None, oauth_token="x", oauth_verifier="y"),
    "state as oauth token": lambda url: changed(
        url, state=None, oauth_token=dict(parse_qsl(urlsplit(url).query))["state"], oauth_verifier="y"
    ),
    "other service's address": lambda url: url.replace("/callback/", "/callback/evil."),
    "address in other case": lambda url: (
        url.replace("/callback/127", "/callback/%3127")
        .upper()
        .replace(AIRFLOW.upper(), AIRFLOW)
        .replace("/INTEGRY/PUBLIC/CALLBACK", "/integry/public/callback")
    ),
    "shorter address": lambda url: re.sub(r"-([0-9a-f]{15})[0-9a-f]\?", r"-\1?", url),
    "longer address": lambda url: url.replace("?", "0?", 1),
}
# These name an authorization that was begun here: it is over afterwards, and shown as failed or denied.
ENDED = {
    "no code": (lambda url: changed(url, code=None), "failed"),
    "empty code": (lambda url: changed(url, code=""), "failed"),
    "code of 9 KB": (lambda url: changed(url, code="x" * 9000), "failed"),
    "code with newline": (lambda url: changed(url, code="a\nb"), "failed"),
    "code with NUL": (lambda url: changed(url, code="a\x00b"), "failed"),
    "code beyond ASCII": (lambda url: changed(url, code="çödé"), "failed"),
    "no iss": (lambda url: changed(url, iss=None), "failed"),
    "empty iss": (lambda url: changed(url, iss=""), "failed"),
    "wrong iss": (lambda url: changed(url, iss="https://evil.example"), "failed"),
    "iss with slash": (lambda url: changed(url, iss=dict(parse_qsl(urlsplit(url).query))["iss"] + "/"), "failed"),
    "iss of suffix host": (
        lambda url: changed(url, iss=dict(parse_qsl(urlsplit(url).query))["iss"] + ".evil"),
        "failed",
    ),
    "iss in other case": (lambda url: changed(url, iss=dict(parse_qsl(urlsplit(url).query))["iss"].upper()), "failed"),
    "iss with half a character": (lambda url: raw(changed(url, iss=None), "iss=%F0%9F%98%80"), "failed"),
    "denied": (lambda url: changed(url, code=None, error="access_denied"), "denied"),
    "error beside a code": (lambda url: changed(url, error="access_denied"), "denied"),
    "error of markup": (lambda url: changed(url, code=None, error=MARKUP, error_description=MARKUP), "denied"),
    "error of 20 KB": (lambda url: changed(url, code=None, error="x", error_description="y" * 20_000), "denied"),
    "error of other languages": (
        lambda url: changed(url, code=None, error="拒否", error_description="\u202eevil"),
        "denied",
    ),
    "error with newlines": (lambda url: changed(url, code=None, error="a\nb", error_description="c\r\nd: e"), "denied"),
    "error from elsewhere": (lambda url: changed(url, code=None, error="x", iss="https://evil.example"), "failed"),
    "error without iss": (lambda url: changed(url, code=None, error="x", iss=None), "failed"),
    "temporarily unavailable": (lambda url: changed(url, code=None, error="temporarily_unavailable"), "denied"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_callback_that_fits_nothing_is_refused(desk, name):
    begun = desk.begin()
    good, _ = desk.consent(begun)

    answer = desk.come_back(REFUSED[name](good), begun)

    assert answer.status_code in (400, 414), answer.text[:300]
    assert (desk.exchanges, desk.row(), desk.outcome(begun).outcome) == (0, None, "pending")
    assert MARKUP not in answer.text
    assert "refused" in answer.text or answer.status_code == 414
    # It did no harm: the good one still works.
    assert (desk.come_back(good, begun).status_code, desk.exchanges) == (303, 1)


@pytest.mark.parametrize("name", ENDED)
def test_a_bad_answer_ends_its_authorization_without_an_exchange(desk, name):
    spoil, expected = ENDED[name]
    begun = desk.begin()
    good, _ = desk.consent(begun)

    answer = desk.come_back(spoil(good), begun)

    outcome = desk.outcome(begun)
    assert (answer.status_code, outcome.outcome) == (303, expected), answer.text[:300]
    assert (desk.exchanges, desk.row()) == (0, None)
    assert len(outcome.message) < 500
    assert outcome.message.isprintable()
    # The state is spent: the good one comes too late.
    assert (desk.come_back(good, begun).status_code, desk.exchanges) == (400, 0)


@pytest.mark.parametrize("where", ["query", "form"])
@pytest.mark.parametrize("next_url", ["//evil.example", "/\\evil.example", "https:evil.example", "javascript:alert(1)"])
def test_nothing_in_a_callback_says_where_the_browser_goes(desk, where, next_url):
    begun = desk.begin()
    good, _ = desk.consent(begun)
    names = ("next", "redirect", "redirect_uri", "return_to", "url")
    extra = urlencode(dict.fromkeys(names, next_url))
    if where == "form":
        parts = urlsplit(good)
        posted = desk.call(("POST", local(f"{AIRFLOW}{parts.path}?next=//evil"), f"{parts.query}&{extra}".encode()))[0]
        # To the same page, whatever its path is for a browser.
        assert posted.headers["Location"].startswith("?")
        target = urljoin(local(good), posted.headers["Location"])
        answer = desk.call(("GET", target), begun=begun)[0]
    else:
        answer = desk.come_back(raw(good, extra), begun)

    assert answer.headers["Location"] == f"/authorize/result/{begun.consent_id}"


def test_a_callback_without_the_cookie_of_its_browser_is_refused(desk):
    begun, other = desk.begin(), desk.begin()
    good, _ = desk.consent(begun)
    cookie = cookie_name(begun.consent_id)

    without = desk.call(("GET", local(good)))[0]
    with_flag = desk.call(("GET", local(good)), cookies={cookie: "1"})[0]
    of_other = desk.call(("GET", local(good)), cookies={cookie: other.browser_key.reveal()})[0]
    under_other_name = desk.call(
        ("GET", local(good)), cookies={cookie_name(other.consent_id): begun.browser_key.reveal()}
    )[0]

    assert [one.status_code for one in (without, with_flag, of_other, under_other_name)] == [400] * 4
    assert "another browser" in without.text
    assert (desk.exchanges, desk.come_back(good, begun).status_code) == (0, 303)


def test_a_code_of_another_authorization_is_of_no_use_with_this_state(desk):
    """An attacker puts the code of an own session beside the victim's state: the proof key does not fit."""
    begun, attackers = desk.begin(), desk.begin()
    good, _ = desk.consent(begun)
    code = dict(parse_qsl(urlsplit(desk.consent(attackers, user="mallory")[0]).query))["code"]

    desk.come_back(changed(good, code=code), begun)

    assert (desk.outcome(begun).outcome, desk.row()) == ("failed", None)


def test_a_callback_that_was_used_is_refused(desk):
    begun = desk.begin()
    good, _ = desk.consent(begun)

    assert [desk.come_back(good, begun).status_code for _ in range(3)] == [303, 400, 400]
    assert (desk.exchanges, desk.api.code_reuses) == (1, 0)


def test_a_callback_that_comes_too_late_is_refused(desk):
    begun = desk.begin()
    good, _ = desk.consent(begun)
    with airflow_settings.engine.begin() as database:
        database.execute(update(consent_table).values(created_at=consent_table.c.created_at - 601.0))

    answer = desk.come_back(good, begun)

    assert (answer.status_code, "ten minutes" in answer.text, desk.exchanges) == (400, True, 0)


@pytest.mark.parametrize("change", [{"client_id": "another"}, {"base_url": "other"}, None])
def test_a_connection_that_changes_meanwhile_ends_the_authorization(desk, change, monkeypatch):
    begun = desk.begin()
    good, _ = desk.consent(begun)
    if change is None:
        monkeypatch.delenv("AIRFLOW_CONN_CRM")
    elif "client_id" in change:
        desk.connect(**change)
    else:
        desk.put(f"{desk.server.url}/v2", **connection_fields(desk))

    answer = desk.come_back(good, begun)

    assert (answer.status_code, desk.exchanges) == (303, 0)
    assert desk.outcome(begun).outcome == "failed"
    assert (
        "does not exist" in desk.outcome(begun).message if change is None else "changed" in desk.outcome(begun).message
    )


def connection_fields(desk):
    return {
        "conn_type": "integry_oauth2",
        "conn_id": "crm",
        "grant_type": "authorization_code",
        "client_id": CLIENT[0],
        "client_secret": CLIENT[1],
        "issuer": desk.server.url,
    }


def test_a_form_that_is_too_long_is_refused(desk):
    begun = desk.begin()
    path = local(desk.consent(begun)[0])

    answer = desk.call(("POST", path, b"state=" + b"x" * 1_000_000), begun=begun)[0]

    assert (answer.status_code, desk.exchanges, desk.outcome(begun).outcome) == (400, 0, "pending")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_other_methods_are_not_there(desk, method):
    begun = desk.begin()

    answer = desk.call((method, local(desk.consent(begun)[0])), begun=begun)[0]

    assert (answer.status_code, desk.exchanges) == (405, 0)


def test_who_says_no_is_told_apart_from_a_failure(desk):
    error = ConsentDeniedError("crm", "access_denied", "Ada said no.")

    assert str(error) == "Connection 'crm': the service did not give its consent (access_denied). It says: Ada said no."


def test_tasks_find_the_kept_values_with_the_token(desk):
    desk.api.callback_extra = {"realmId": "4620816365"}
    desk.connect(kept_values={"realm": "callback.realmId"})
    begun = desk.begin("acme")
    desk.come_back(desk.consent(begun)[0], begun)

    assert IntegryHook("crm", end_user="acme").kept_values == {"realm": "4620816365"}

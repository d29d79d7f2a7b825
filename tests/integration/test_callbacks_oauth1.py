"""Callbacks of OAuth 1.0a, against oauthlib's own server."""

from __future__ import annotations

from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests
from airflow import settings as airflow_settings
from integration.consented import fields_of
from integration.desk import AIRFLOW, Desk, local
from servers.oauth1_consent import AUTHORIZE, OAuth1Service

from airflow_provider_integry.authorizations.airflow_store import local_refresher
from airflow_provider_integry.authorizations.consent import CALLBACK_PATH
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.tables import consent as consent_table
from airflow_provider_integry.hooks.integry import IntegryHook


class OAuth1Desk(Desk):
    """The same with a service that speaks OAuth 1.0a."""

    def connect(self, **fields):
        given = {**fields_of(self.api, self.server.url, "HMAC-SHA1"), "user_info_url": "/me", **fields}
        self.put(self.server.url, "integry_oauth1", conn_id="crm", **given)

    def consent(self, begun, decision="allow", **more):
        token = dict(parse_qsl(urlsplit(begun.url).query))["oauth_token"]
        data = {"oauth_token": token, "answer": decision}
        answer = requests.post(f"{self.server.url}{AUTHORIZE}", data=data, timeout=5, allow_redirects=False)
        return answer.headers["Location"], answer


@pytest.fixture
def desk(serve, set_connection):
    service = OAuth1Service()
    found = OAuth1Desk(service, serve(service.build()), set_connection)
    yield found
    with airflow_settings.engine.begin() as database:
        database.execute(consent_table.delete())


def changed(location, **new):
    parts = urlsplit(location)
    query = {**dict(parse_qsl(parts.query)), **new}
    return parts._replace(query=urlencode({name: value for name, value in query.items() if value is not None})).geturl()


def test_a_consent_becomes_a_grant_that_signs_requests(desk):
    begun = desk.begin()
    location, _ = desk.consent(begun)

    answer = desk.come_back(location, begun)

    assert answer.status_code == 303, answer.text
    outcome = desk.outcome(begun)
    assert (outcome.outcome, outcome.message, outcome.account_id) == ("ready", None, desk.row().account_id)
    assert desk.row().expires_at is None
    assert run_steps(local_refresher().hand_out(desk.subject())).secrets.token_secret
    assert IntegryHook("crm").get_conn().get("/me").status_code == 200
    assert len(desk.api.tokens) == 1
    assert desk.api.callbacks[0].startswith(f"{AIRFLOW}{CALLBACK_PATH}/127.0.0.1-")


@pytest.mark.parametrize("denial", ["denied", "problem", "verifier", "silence"])
def test_a_no_leaves_nothing_behind(desk, denial):
    desk.api.denial = denial
    begun = desk.begin()
    location, _ = desk.consent(begun, "deny")

    answer = desk.come_back(location, begun)

    assert answer.status_code == 303
    # A service that says nothing of a no cannot be told from a broken answer.
    assert desk.outcome(begun).outcome == ("failed" if denial == "silence" else "denied")
    assert (desk.row(), desk.api.tokens) == (None, {})


SPOILT = {
    "no token": lambda url: changed(url, oauth_token=None),
    "other token": lambda url: changed(url, oauth_token="x"),
    "cut token": lambda url: changed(url, oauth_token=parse_qs(urlsplit(url).query)["oauth_token"][0][:-1]),
    "token of 600": lambda url: changed(url, oauth_token="x" * 600),
    "token as state": lambda url: changed(url, oauth_token=None, state=parse_qs(urlsplit(url).query)["oauth_token"][0]),
    "other address": lambda url: url.replace("/callback/", "/callback/evil."),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_callback_that_fits_nothing_is_refused(desk, name):
    begun = desk.begin()
    good, _ = desk.consent(begun)

    answer = desk.come_back(SPOILT[name](good), begun)

    assert (answer.status_code, desk.api.tokens, desk.outcome(begun).outcome) == (400, {}, "pending")
    assert desk.come_back(good, begun).status_code == 303
    assert len(desk.api.tokens) == 1


def test_two_callbacks_at_the_same_moment_cause_one_exchange(desk):
    begun = desk.begin()
    path = local(desk.consent(begun)[0])

    answers = desk.call(("GET", path), ("GET", path), begun=begun)

    assert sorted(answer.status_code for answer in answers) == [303, 400]
    assert (len(desk.api.tokens), desk.outcome(begun).outcome) == (1, "ready")


def test_a_callback_from_another_browser_is_refused(desk):
    begun = desk.begin()
    good, _ = desk.consent(begun)

    assert desk.call(("GET", local(good)))[0].status_code == 400
    assert desk.api.tokens == {}


@pytest.mark.parametrize("spoil", [{"oauth_verifier": None}, {"oauth_verifier": ""}, {"oauth_verifier": "wrong"}])
def test_a_verifier_that_is_missing_or_wrong_gives_no_grant(desk, spoil):
    begun = desk.begin()
    good, _ = desk.consent(begun)

    desk.come_back(changed(good, **spoil), begun)

    assert (desk.outcome(begun).outcome, desk.row(), desk.api.tokens) == ("failed", None, {})


def test_a_service_that_does_not_confirm_the_callback_is_not_gone_to(desk):
    desk.api.confirms = False

    with pytest.raises(Exception, match="oauth_callback_confirmed"):
        desk.begin()

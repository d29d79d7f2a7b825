"""Attacks on consent: what a browser brings back was made by somebody else, or comes to the wrong place."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import pytest
import requests
from airflow import settings as airflow_settings
from integration.desk import AIRFLOW, CLIENT, Desk, local
from servers.oauth2_consent import ConsentApi, ConsentClient

from airflow_provider_integry.authorizations.consent import cookie_name
from airflow_provider_integry.authorizations.tables import consent

MARKUP = "<script>alert(1)</script>\"'&"


class TwoServices:
    """A service that people trust, and one that is a thief's; both are connected here.

    Attributes:
        honest, evil: What a browser does at each.
    """

    def __init__(self, serve, put):
        self.put = put
        self.honest = self._connect(serve)
        self.evil = self._connect(serve)
        # The thief begins and ends under the id of its own connection.
        self.use(self.evil)

    def use(self, desk):
        """Make connection `crm` the one of this service, as two connections would be."""
        desk.connect()
        return desk

    def _connect(self, serve):
        api = ConsentApi(ConsentClient(*CLIENT), rotation="strict", latency_s=0.0)
        api.unoffered = frozenset({"pushed_authorization_request_endpoint"})
        # The thief's does not say who it is; an honest one of before RFC 9207 does not either.
        api.sends_issuer = False
        return Desk(api, serve(api.build()), self.put)

    @property
    def token_requests(self):
        return self.honest.exchanges, self.evil.exchanges


@pytest.fixture
def services(serve, set_connection):
    yield TwoServices(serve, set_connection)
    with airflow_settings.engine.begin() as database:
        database.execute(consent.delete())


@pytest.fixture
def desk(services):
    return services.use(services.honest)


def parameters(url):
    return dict(parse_qsl(urlsplit(url).query))


def at(server_url, url):
    """Return an authorization request as another service would pass it on: same parameters, another page."""
    parts = urlsplit(server_url)
    return urlunsplit(urlsplit(url)._replace(scheme=parts.scheme, netloc=parts.netloc))


def test_t01_a_service_that_sends_people_on_to_another_one_gains_nothing(services):
    """The thief's consent page forwards the victim to the honest one, with the honest client and our own state."""
    honest = services.use(services.honest)
    honest_address = parameters(honest.begin().url)["redirect_uri"]
    evil = services.use(services.evil)
    begun = evil.begin()
    asked = parameters(begun.url)
    forwarded = {**asked, "redirect_uri": honest_address}
    page = f"{honest.server.url}/authorize?{urlencode(forwarded)}"
    location, answer = honest.consent(begun._replace(url=page))
    assert location is not None, answer.text

    # The code of the victim's account comes to the honest service's address, with a state of the thief's.
    came = evil.come_back(location, begun)

    assert (came.status_code, services.token_requests) == (400, (0, 0))
    assert "address of another service" in came.text
    assert parameters(location)["code"] not in came.text
    assert evil.row() is None


def test_t01_a_stolen_answer_is_of_no_use_at_the_thiefs_own_address(services):
    """A code of the honest service beside the state of the thief, at the address of the thief."""
    honest = services.use(services.honest)
    victims = honest.begin()
    code = parameters(honest.consent(victims)[0])["code"]
    evil = services.use(services.evil)
    begun = evil.begin()
    asked = parameters(begun.url)
    location = f"{asked['redirect_uri']}?{urlencode({'state': asked['state'], 'code': code})}"

    evil.come_back(location, begun)

    # It went to nobody but the service whose authorization it was said to be, which knows no such code.
    assert honest.exchanges == 0
    assert (evil.row(), evil.outcome(begun).outcome) == (None, "failed")


def test_t02_a_consent_page_that_is_sent_to_somebody_else_connects_nobody(desk):
    """An attacker begins, and has a victim press the button of the service's page."""
    begun = desk.begin(user="mallory")
    location, _ = desk.consent(begun, user="victim")

    # The victim's browser has no cookie of this attempt, or one of an attempt of its own.
    own = desk.begin(user="victim")
    without = desk.call(("GET", local(location)))[0]
    with_own = desk.call(("GET", local(location)), begun=own)[0]

    assert [without.status_code, with_own.status_code] == [400, 400]
    assert (desk.exchanges, desk.row(), desk.outcome(begun).outcome) == (0, None, "pending")


def test_t06_a_posted_answer_needs_the_cookie_as_well(desk):
    desk.connect(response_mode="form_post")
    begun, other = desk.begin(), desk.begin()
    page = desk.consent(begun)[1].text
    form = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page)}
    action = unescape(re.search(r'action="([^"]+)"', page).group(1))
    posted = desk.call(("POST", local(f"{action}?"), urlencode(form).encode()))[0]
    wanted, back = cookie_name(begun.consent_id), urljoin(local(f"{action}?"), posted.headers["Location"])

    refused = [
        desk.call(("GET", back), cookies=cookies)[0].status_code
        for cookies in ({}, {wanted: ""}, {wanted: "1"}, {wanted: other.browser_key.reveal()})
    ]

    assert "set-cookie" not in posted.headers
    assert (refused, desk.exchanges) == ([400] * 4, 0)
    assert desk.call(("GET", back), begun=begun)[0].status_code == 303


@pytest.mark.parametrize(("pkce", "is_sent"), [("S256", True), ("none", False)])
def test_t07_a_verifier_is_sent_where_a_challenge_was_and_nowhere_else(desk, pkce, is_sent):
    desk.connect(pkce=pkce)
    begun = desk.begin()
    desk.come_back(desk.consent(begun)[0], begun)
    (form,) = [one.everything for one in desk.server.seen if one.path == "/token"]

    assert ("code_challenge" in parameters(begun.url)) is is_sent
    assert ("code_verifier" in form) is is_sent


ELSEWHERE = (
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example",
    "javascript:alert(1)", "%2f%2fevil.example", "/%09/evil.example", "/%5cevil.example",
    "http://127.0.0.1:8080@evil.example/", "http://127.0.0.1:8080.evil.example/", ".evil.example", "@evil.example",
)  # fmt: skip


@pytest.mark.parametrize("name", ["next", "redirect_uri", "return_url", "return_to", "url", "goto", "RelayState", "rd"])
def test_t09_no_parameter_of_a_callback_is_an_address(desk, name):
    for elsewhere in ELSEWHERE:
        begun = desk.begin()
        good, _ = desk.consent(begun)

        answer = desk.come_back(f"{good}&{urlencode({name: elsewhere})}", begun)

        assert answer.headers["Location"] == f"/authorize/result/{begun.consent_id}"


def test_t10_what_an_error_says_is_escaped_short_and_spends_the_state(desk):
    begun = desk.begin()
    good, _ = desk.consent(begun)
    said = {"error": MARKUP, "error_description": MARKUP * 200, "state": parameters(good)["state"]}
    where = good.partition("?")[0]

    answer = desk.come_back(f"{where}?{urlencode(said)}", begun)
    flood = desk.come_back(f"{where}?{urlencode({**said, 'error_description': 'x' * 60_000})}", begun)
    again = desk.come_back(good, begun)

    assert (answer.status_code, flood.status_code, again.status_code, desk.exchanges) == (303, 400, 400, 0)
    outcome = desk.outcome(begun)
    assert outcome.outcome == "denied"
    assert len(outcome.message) < 500
    assert "<script>" not in answer.text + flood.text + again.text


def test_t11_a_callback_leads_to_a_clean_address(desk):
    begun = desk.begin()
    good, _ = desk.consent(begun)

    answer = desk.come_back(good, begun)

    secrets = [parameters(good)[name] for name in ("code", "state")]
    headers = str(answer.headers) + answer.text
    assert answer.status_code == 303
    assert not any(secret in headers for secret in secrets)
    assert answer.headers["Location"] == f"/authorize/result/{begun.consent_id}"
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    # The cookie that bound it to this browser is taken away.
    assert f'{cookie_name(begun.consent_id)}=""' in answer.headers["set-cookie"]


def test_the_services_are_two(services):
    assert services.honest.server.url != services.evil.server.url
    assert requests.get(f"{services.honest.server.url}/authorize", timeout=5).status_code in (400, 405)
    assert AIRFLOW.startswith("http://127.0.0.1")

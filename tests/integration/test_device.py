"""The device flow against an authorization server: a code is shown, somebody enters it, and the grant is kept."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
import requests
from integration.granted import build_granted
from servers.live import Fault

from airflow_provider_integry.authorizations.airflow_store import local_journal, local_refresher, local_store
from airflow_provider_integry.authorizations.device import DeviceListener, authorize_device
from airflow_provider_integry.authorizations.events import AirflowEvents
from airflow_provider_integry.authorizations.steps import Pause, run_steps
from airflow_provider_integry.errors import (
    AuthorizationError,
    ConnectionConfigError,
    ConsentDeniedError,
    DeviceCodeExpiredError,
    InvalidClientError,
    TokenResponseError,
)
from airflow_provider_integry.hooks.integry import IntegryHook


class Person:
    """Somebody who reads the code, and enters it when it was asked for so often."""

    def __init__(self, granted, *, decision="allow", user="ada", after_polls=0, replaces=False, timeout_s=None):
        self.granted, self.decision, self.user = granted, decision, user
        self.after_polls, self.replaces = after_polls, replaces
        self.shown, self.ticks, self.questions = [], [], []
        self.timeout_s = timeout_s
        self.polls_before = granted.server.count("/token")

    def tick(self, left_s):
        self.ticks.append(left_s)
        if self.decision and self.granted.server.count("/token") - self.polls_before >= self.after_polls:
            fields = {"user_code": self.shown[-1].user_code, "decision": self.decision, "user": self.user}
            self.decision = None
            assert requests.post(self.shown[-1].verification_uri, data=fields, timeout=5).status_code == 200

    def ask(self, before, after):
        self.questions.append((before, after))
        return self.replaces

    def authorize(self):
        granted = self.granted
        listener = DeviceListener(self.shown.append, self.tick, self.ask, self.timeout_s)
        return run_steps(
            authorize_device(
                local_store(),
                local_journal(),
                AirflowEvents(),
                granted.settings,
                granted.subject,
                listener,
                owner="tester",
            )
        )


@pytest.fixture
def granted(serve, set_connection):
    return build_granted(serve, set_connection, scopes="contacts.read")


def test_a_code_that_is_entered_becomes_a_grant_that_tasks_can_use(granted):
    person = Person(granted, after_polls=1)

    row = person.authorize()

    [code] = person.shown
    assert code.verification_uri == f"{granted.server.url}/device"
    assert code.verification_uri_complete == f"{granted.server.url}/device?user_code={code.user_code}"
    assert (row.state, row.generation, row.scopes) == ("active", 1, "contacts.read")
    assert (row.account_id, row.account_name) == ("id-of-ada", "ada")
    assert [one.status for one in granted.server.requests("/token")] == [400, 200]
    assert granted.api.desk.slow_downs == 0
    assert person.ticks == sorted(person.ticks, reverse=True)
    handed = run_steps(local_refresher().hand_out(granted.subject))
    headers = {"Authorization": f"Bearer {handed.secrets.access_token.reveal()}"}
    assert requests.get(f"{granted.server.url}/me", headers=headers, timeout=5).json()["name"] == "ada"
    granted.api.expire_access_tokens()
    renewed = run_steps(local_refresher().hand_out(granted.subject, row.token_fingerprint))
    assert renewed.row.token_fingerprint != row.token_fingerprint


def test_the_endpoint_can_be_filled_in_and_no_issuer_is_asked_then(granted):
    granted.connect(
        issuer=None,
        authorize_url=f"{granted.server.url}/authorize",
        exchange_url=f"{granted.server.url}/token",
        device_url=f"{granted.server.url}/device_authorization",
    )
    assert Person(granted).authorize().state == "active"
    assert granted.server.requests("/.well-known/oauth-authorization-server") == []


def test_the_other_spelling_and_what_is_left_out_are_understood(granted):
    desk = granted.api.desk
    desk.uri_name, desk.has_complete = "verification_url", False
    person = Person(granted)
    person.authorize()
    assert person.shown[0].verification_uri_complete is None


def test_what_the_answer_tells_is_kept_and_says_where_to_ask_for_the_account(granted):
    granted.api.answer_extra = {"instance_url": granted.server.url, "secret": "of nobody's interest"}
    granted.connect(kept_values={"instance": "answer.instance_url"}, user_info_url="{instance}/me")

    row = Person(granted).authorize()

    assert row.account_name == "ada"
    hook = IntegryHook("crm")
    assert hook.kept_values == {"instance": granted.server.url}
    assert hook.find(verify=True).describe() == "Connected as ada (id id-of-ada)."
    assert asyncio.run(IntegryHook("crm").afind(verify=True)).describe() == "Connected as ada (id id-of-ada)."


def test_a_denial_keeps_nothing(granted):
    with pytest.raises(ConsentDeniedError, match="access_denied"):
        Person(granted, decision="deny").authorize()
    assert granted.row() is None


def test_a_code_that_nobody_enters_expires(granted):
    granted.api.desk.lifetime_s = 2
    with pytest.raises(DeviceCodeExpiredError):
        Person(granted, decision=None).authorize()
    assert granted.row() is None


def test_whoever_waits_need_not_wait_that_long(granted):
    started = time.monotonic()
    with pytest.raises(AuthorizationError, match="nobody has entered the code in 2 s"):
        Person(granted, decision=None, timeout_s=2.0).authorize()
    assert time.monotonic() - started < 4.0


def test_a_service_that_is_down_for_a_moment_is_asked_again_less_often(granted):
    granted.server.misbehave("/token", Fault(1, 503), Fault(1, drops=True))
    waits = []

    row = run_with_pauses(granted, waits)

    assert row.state == "active"
    # One second as the service says, then twice and four times that.
    assert [round(one) for one in waits] == [1, 2, 4]


def run_with_pauses(granted, waits):
    """Authorize with a clock that pauses set forward."""
    offset = [0.0]

    def now():
        return time.time() + offset[0]

    person = Person(granted, after_polls=2)
    listener = DeviceListener(person.shown.append, person.tick, person.ask)
    steps = authorize_device(
        local_store(), local_journal(), AirflowEvents(), granted.settings, granted.subject, listener, owner="t", now=now
    )
    granted.api.desk.interval_s = 1
    step, is_first = next(steps), True
    try:
        while True:
            if isinstance(step, Pause):
                if is_first:
                    waits.append(0.0)
                is_first = False
                waits[-1] += step.seconds
                offset[0] += step.seconds
                step = steps.send(None)
                continue
            is_first = True
            try:
                found = run_steps(_just(step))
            except Exception as error:  # noqa: BLE001 - as the pumps do
                step = steps.throw(error)
            else:
                step = steps.send(found)
    except StopIteration as end:
        return end.value


def _just(step):
    return (yield step)


def test_a_service_that_wants_to_be_asked_less_often_is(granted):
    granted.server.misbehave("/token", Fault(2, 400, {"Content-Type": "application/json"}, b'{"error": "slow_down"}'))
    waits = []
    assert run_with_pauses(granted, waits).state == "active"
    assert [round(one) for one in waits] == [1, 6, 11]


# -- another account -------------------------------------------------------------------------------


@pytest.mark.parametrize("replaces", [True, False])
def test_another_account_takes_the_place_only_when_somebody_says_so(granted, replaces):
    first = Person(granted).authorize()
    person = Person(granted, user="bea", replaces=replaces)

    if replaces:
        assert person.authorize().account_name == "bea"
    else:
        with pytest.raises(ConsentDeniedError, match="the grant of another account stays"):
            person.authorize()

    assert person.questions == [("ada (id id-of-ada)", "bea (id id-of-bea)")]
    assert granted.row().generation == first.generation + (1 if replaces else 0)
    assert granted.row().account_name == ("bea" if replaces else "ada")


def test_the_same_account_again_is_no_question(granted):
    Person(granted).authorize()
    person = Person(granted)
    assert (person.authorize().generation, person.questions) == (2, [])


def test_a_grant_is_kept_although_nobody_could_be_asked_whose_it_is(granted):
    granted.server.fail("/me", 500)
    row = Person(granted).authorize()
    assert (row.state, row.account_id) == ("active", None)


# -- what is refused -------------------------------------------------------------------------------


def test_without_a_device_endpoint_nothing_is_asked_for(granted):
    granted.api.unoffered = frozenset({"device_authorization_endpoint"})
    with pytest.raises(TokenResponseError, match="names no device_authorization_endpoint; fill in field 'device_url'"):
        Person(granted).authorize()
    granted.connect(
        issuer=None, authorize_url=f"{granted.server.url}/authorize", exchange_url=f"{granted.server.url}/token"
    )
    with pytest.raises(ConnectionConfigError, match="device_url"):
        Person(granted).authorize()


def test_a_client_that_the_service_does_not_know_is_told_so(granted):
    granted.api.client = replace(granted.api.client, client_secret="another")
    with pytest.raises(InvalidClientError):
        Person(granted).authorize()


def test_no_redirect_is_followed_with_the_clients_secret(granted, serve):
    stranger = build_granted(serve, lambda *_, **__: None)
    granted.server.misbehave("/device_authorization", Fault(1, 307, {"Location": f"{stranger.server.url}/token"}))
    with pytest.raises(TokenResponseError, match="redirects are not followed"):
        Person(granted).authorize()
    assert stranger.server.count() == 0

"""The Python client of host applications' servers, against the real API."""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from integration.host_api import serving
from integration.host_app import SECRETS, HostApps, who_am_i
from integration.loopback import Server
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.end_users.event_signature import sign_event
from airflow_provider_integry.errors import (
    ConnectFailedError,
    EventSignatureError,
    HostApiError,
    HostApiUnavailableError,
    UrlNotAllowedError,
)
from airflow_provider_integry.host import HostClient
from airflow_provider_integry.secret import Secret

BROWSER = Secret("b" * 43)


@pytest.fixture
def apps(tmp_path, monkeypatch):
    engine = create_engine(f"sqlite:///{tmp_path / 'client.db'}", poolclass=NullPool)
    with Server(who_am_i) as server:
        found = HostApps(engine, monkeypatch, tmp_path, server)
        found.put_workspace("acme", host_connection="own", login_url=None)
        found.put_app("crm", "acme_ws", listing="listed", accounts_per_user="several")
        found.put_app("own", "acme_ws")
        yield found
        found.close()
    engine.dispose()


@pytest.fixture
def client(apps):
    with serving(apps) as api:
        yield HostClient(api.url.removesuffix("/integry/public/v1"), "acme", SECRETS["acme"], allow_http=True)


def test_accounts_are_created_listed_asked_for_tried_and_ended(client):
    made = client.create("u1", app_auth={"api_key": "good-key"})
    assert (made.conn_id, made.end_user, made.readiness, made.account_name) == ("own", "u1", "ready", "Ada")
    other = client.create("u1", conn_id="crm", fields={"password": "other-key"}, account="work", verify=False)

    assert [one.id for one in client.accounts()] == [made.id, other.id]
    assert [one.id for one in client.accounts("crm", "u1", "ready")] == [other.id]
    assert client.account(made.id) == made
    found = client.statuses([("own", "u1"), ("own", "u2")] * 300)
    assert [one and one.id for one in found] == [made.id, None] * 300
    assert client.test(made.id).is_ok
    assert client.make_default(other.id).is_default
    client.disconnect(made.id)
    assert client.account(made.id).readiness == "revoked"
    assert [app.conn_id for app in client.apps()] == ["crm", "own"]
    assert client.app("crm").kind == "form"


def test_what_is_refused_is_an_error_with_its_reason(client):
    with pytest.raises(HostApiError) as caught:
        client.create("u1", app_auth={"api_key": "wrong-key"})
    assert (caught.value.name, caught.value.status) == ("implicit-authorization", 422)
    assert caught.value.reason == "refused"
    with pytest.raises(HostApiError) as missing:
        client.account("ca_" + "0" * 32)
    assert (missing.value.name, missing.value.status, missing.value.retryable) == ("not-found", 404, False)


def test_more_than_a_part_is_read_to_the_end(apps, client, monkeypatch):
    monkeypatch.setattr("airflow_provider_integry.host.MAX_PAGE", 2)
    made = [client.create(f"u{number}", conn_id="crm", fields={"password": "k"}, verify=False) for number in range(5)]

    assert [one.id for one in client.accounts()] == [one.id for one in made]


def _ask_three_times(client):
    for _ in range(3):
        client.apps()


def test_too_many_requests_are_waited_for_and_only_so_long(apps, monkeypatch):
    monkeypatch.setenv("AIRFLOW__INTEGRY__API_REQUESTS_PER_MINUTE", "40")
    with serving(apps) as api:
        url = api.url.removesuffix("/integry/public/v1")
        patient = HostClient(url, "acme", SECRETS["acme"], allow_http=True)
        for _ in range(41):
            patient.apps()
        hasty = HostClient(url, "acme", SECRETS["acme"], allow_http=True, wait_s=0.0)
        with pytest.raises(HostApiUnavailableError) as caught:
            _ask_three_times(hasty)
    assert (caught.value.name, caught.value.retryable) == ("rate-limit", True)


def test_a_link_of_binding_code_ends_where_its_user_is_signed_in(apps, client):
    link = client.link("crm", "u1", return_url="https://acme.example/done", state="abc")
    assert client.link_state(link.id).status == "open"
    apps.links.claim(parse_qs(urlsplit(link.url).query)["link"][0], BROWSER)
    finished = run_steps(apps.service.enter(*apps.links.enter(link.id, BROWSER), {"password": "good-key"}))
    query = {name: values[0] for name, values in parse_qs(urlsplit(finished.url).query).items()}
    assert (query["status"], query["state"], client.link_state(link.id).status) == ("held", "abc", "held")

    account = client.redeem(query["code"], "u1")

    assert (account.end_user, account.readiness) == ("u1", "ready")
    assert client.link_state(link.id).connected_account_id == account.id
    with pytest.raises(HostApiError):
        client.redeem(query["code"], "u1")


def test_a_code_that_another_user_brings_back_connects_nobody(apps, client):
    link = client.link("crm", "u1", return_url="https://acme.example/done")
    apps.links.claim(parse_qs(urlsplit(link.url).query)["link"][0], BROWSER)
    finished = run_steps(apps.service.enter(*apps.links.enter(link.id, BROWSER), {"password": "good-key"}))
    code = parse_qs(urlsplit(finished.url).query)["code"][0]

    with pytest.raises(HostApiError) as caught:
        client.redeem(code, "u2")
    assert caught.value.status == 404
    with pytest.raises(HostApiError):
        client.redeem(code, "u1")
    assert list(client.accounts()) == []


def test_a_revoked_link_is_of_no_use(apps, client):
    link = client.link("crm", "u1", return_url="https://acme.example/done")
    client.revoke_link(link.id)

    assert client.link_state(link.id).status == "revoked"


def test_tokens_and_hashes_are_those_that_airflow_takes(apps, client):
    assert apps.identities.by_hash("acme", "ü/1", client.user_hash("ü/1")).end_user == "ü/1"
    principal, identity = apps.identities.by_token(client.identity_token("u1", name="Ada", api_key="k"))
    assert (principal.end_user, identity.name, identity.api_key.reveal()) == ("u1", "Ada", "k")


def test_a_login_page_sends_browsers_back_to_airflow_alone(apps, client):
    base = client._base
    url = client.sign_on_url(f"{base}/sign-on", "a b", "u1")
    query = parse_qs(urlsplit(url).query)
    assert (url.partition("?")[0], query["state"]) == (f"{base}/sign-on", ["a b"])
    assert apps.identities.by_token(query["token"][0])[0].end_user == "u1"
    for wrong in (
        "https://evil.example/integry/public/sign-on",
        base.replace("http://", "http://x@") + "/sign-on",
        base.replace("/integry/public", ".evil.example/integry/public/sign-on"),
        f"{base}/../../sign-on",
        f"{base}/%2e%2e/sign-on",
        f"{base}\\sign-on",
        f"{base}x/sign-on",
        "/sign-on",
        "javascript:alert(1)",
        "",
    ):
        with pytest.raises(HostApiError):
            client.sign_on_url(wrong, None, "u1")


def test_an_event_is_believed_when_it_is_signed(client):
    body = json.dumps(
        {
            "id": "ev_1",
            "type": "account.connected",
            "created_at": "2026-11-23T06:00:00.000+00:00",
            "app_key": "acme",
            "conn_id": "crm",
            "end_user": "u1",
            "account": None,
            "connected_account_id": "ca_1",
            "more": "later versions may say more",
        }
    )
    signed = {"x-integry-signature": sign_event(Secret(SECRETS["acme"]), body, int(time.time()))}

    event = client.verify_event(signed, body.encode())
    assert (event.type, event.end_user, event.connected_account_id) == ("account.connected", "u1", "ca_1")
    other = body.replace('"acme"', '"globex"')
    foreign = {"X-Integry-Signature": sign_event(Secret(SECRETS["acme"]), other, int(time.time()))}
    for headers, given in (({}, body), (signed, body + " "), (foreign, other)):
        with pytest.raises(EventSignatureError):
            client.verify_event(headers, given.encode())


def test_its_secret_stays_inside(client):
    assert SECRETS["acme"] not in repr(client)
    with pytest.raises(ConnectFailedError) as caught:
        HostClient("http://127.0.0.1:9", "acme", SECRETS["acme"], allow_http=True).apps()
    assert SECRETS["acme"] not in str(caught.value)
    with pytest.raises(UrlNotAllowedError):
        HostClient("http://airflow.example", "acme", SECRETS["acme"])
    with pytest.raises(HostApiError) as wrong:
        HostClient(client._base, "acme", "x" * 40, allow_http=True).apps()
    assert (wrong.value.name, wrong.value.status) == ("identity", 401)

"""Every connector of the catalog with a service that behaves as its table says, from the form to the errors."""

from __future__ import annotations

import json
import warnings

import pytest
from airflow import settings as airflow_settings
from airflow.models.asset import AssetModel
from airflow.models.connection import Connection
from airflow.models.log import Log
from airflow.sdk._shared.secrets_masker import reset_secrets_masker
from catalog import paging
from catalog.play import Play
from catalog.table import ACCOUNT, names, read_table
from sqlalchemy.orm import configure_mappers

from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth.oauth2 import OAuth2Settings
from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.tables import authorization, metadata
from airflow_provider_integry.authorizations.tokens import forget_sources
from airflow_provider_integry.connectors import list_connectors, load_connector
from airflow_provider_integry.errors import AuthorizationError, HttpStatusError, ServerError, ThrottledError

TABLES = {name: read_table(name) for name in names()}
# Airflow's own API is played by Airflow itself in the system tests.
ELSEWHERE = {"airflow"}
CASES = [pytest.param(name, kind, id=f"{name}-{kind}") for name, table in TABLES.items() for kind in table.auth]
ASKED = [
    pytest.param(name, kind, id=f"{name}-{kind}")
    for name, table in TABLES.items()
    for kind, auth in table.auth.items()
    if {"authorize", "oauth1"} & set(auth)
]
CONSENTS = [
    pytest.param(name, kind, id=f"{name}-{kind}")
    for name, table in TABLES.items()
    for kind, auth in table.auth.items()
    if auth.get("token", {}).get("refreshes")
]
# The activities are played in full with the first type of each table.
FURTHER = [
    pytest.param(name, kind, id=f"{name}-{kind}")
    for name, table in TABLES.items()
    for kind in table.auth
    if kind != table.main_type
]
ROUTES = [
    pytest.param(name, number, id=f"{name}-{route.activity}-{number}")
    for name, table in TABLES.items()
    for number, route in enumerate(table.routes)
    if route.activity
]
FAILURES = [
    pytest.param(name, number, id=f"{name}-{failure.activity}-{failure.status}")
    for name, table in TABLES.items()
    for number, failure in enumerate(table.failures)
]


@pytest.fixture(scope="module", autouse=True)
def _tables():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        configure_mappers()
    metadata.create_all(airflow_settings.engine)
    tables = [Connection.__table__, Log.__table__, AssetModel.__table__]
    Log.metadata.create_all(airflow_settings.engine, tables=tables)


@pytest.fixture(autouse=True)
def _new_process(_tables):
    yield
    forget_sources()
    reset_secrets_masker()
    with airflow_settings.engine.begin() as database:
        database.execute(authorization.delete())


@pytest.fixture
def play(monkeypatch):
    """Begin a play: ``play("slack", "integry_oauth2")``; it fails where the service got what it does not document."""
    running: list[Play] = []

    def set_connection(raw):
        columns = {"conn_type": raw.conn_type, "host": raw.host, "login": raw.login, "password": raw.password}
        value = {**columns, "extra": json.loads(raw.extra)}
        monkeypatch.setenv(f"AIRFLOW_CONN_{raw.conn_id.upper()}", json.dumps(value))

    def begin(name, conn_type):
        running.append(Play(TABLES[name], conn_type, set_connection).__enter__())
        return running[-1]

    yield begin
    for one in running:
        one.__exit__(None, None, None)
        assert not one.service.refusals


def test_each_connector_has_a_table_that_covers_all_it_does():
    shipped = {entry.name for entry in list_connectors()} - ELSEWHERE

    assert shipped == set(TABLES)
    for name, table in TABLES.items():
        connector = load_connector(name)
        assert set(connector.connection_types or ()) == set(table.auth), name
        assert set(connector.activities) == {route.activity for route in table.routes if route.activity}, name
        assert len(connector.activities) >= 3, name
        assert connector.user_info is not None, name
        assert table.failures, name


@pytest.mark.parametrize(("name", "conn_type"), CASES)
def test_the_form_needs_no_more_than_what_belongs_to_the_account(play, name, conn_type):
    one = play(name, conn_type)
    settings, documented = one.read_form(), TABLES[name].auth[conn_type]
    account = (settings.base_url or "").split("/")[2:3]

    def shown(url):
        return url.replace(f"//{account[0]}/", f"//{ACCOUNT}/") if url and account else url

    auth = settings.auth
    if isinstance(auth, OAuth2Settings):
        assert shown(auth.exchange_url) == documented["token"]["url"]
        assert shown(auth.consent and auth.consent.authorize_url) == documented.get("authorize", {}).get("url")
    if isinstance(auth, OAuth1Consent):
        found = {key: shown(getattr(auth, key)) for key in ("request_url", "authorize_url", "access_url")}
        assert found == {key: documented["oauth1"][key] for key in found}


@pytest.mark.parametrize(("name", "conn_type"), CASES)
def test_an_account_is_connected_and_named(play, name, conn_type):
    one = play(name, conn_type)
    whoami = TABLES[name].whoami

    consent = one.connect()

    if consent is not None:
        assert (consent.outcome, consent.message) == ("ready", None)
        assert (consent.account_id, consent.account_name) == (whoami["id"], whoami["name"])
    findings = one.hook().find(verify=True)
    assert (findings.readiness, findings.reason) == (Readiness.READY, "")
    assert (findings.account.id, findings.account.name) == (whoami["id"], whoami["name"])


@pytest.mark.parametrize(("name", "conn_type"), ASKED)
def test_a_no_on_the_consent_page_is_told_as_a_no(play, name, conn_type):
    one = play(name, conn_type)

    consent = one.connect("deny")

    assert consent.outcome == "denied"


@pytest.mark.parametrize(("name", "number"), ROUTES)
def test_each_activity_sends_what_is_documented_and_returns_what_comes(play, name, number):
    table = TABLES[name]
    route = table.routes[number]
    one = play(name, table.main_type)
    one.connect()

    given = one.hook().run(route.activity, route.inputs)

    if route.gives is not None:
        assert given == route.gives
    elif route.records is not None:
        assert given == [paging.make_record(route, index + 1) for index in range(paging.total_of(route))]
        assert one.service.served[route.activity] == (route.paging or {"asked": 1}).get("asked", paging.PAGES)
    else:
        assert given == route.answer


@pytest.mark.parametrize(("name", "conn_type"), FURTHER)
def test_activities_run_with_each_further_connection_type(play, name, conn_type):
    table = TABLES[name]
    activities = [route for route in table.routes if route.activity]
    one = play(name, conn_type)
    one.connect()

    for route in (activities[0], activities[-1]):
        one.hook().run(route.activity, route.inputs)

        assert one.service.served[route.activity] >= 1


@pytest.mark.parametrize(("name", "number"), FAILURES)
def test_an_error_is_told_in_the_words_of_the_service(play, name, number):
    table = TABLES[name]
    failure = table.failures[number]
    route = next(route for route in table.routes if route.activity == failure.activity)
    one = play(name, table.main_type)
    one.connect()
    one.service.failure = failure
    kinds = {429: ThrottledError} if failure.status == 429 else {}
    kind = ServerError if failure.status >= 500 else kinds.get(failure.status, HttpStatusError)

    with pytest.raises(kind) as caught:
        one.hook().run(route.activity, route.inputs)

    assert caught.value.status == failure.status
    assert failure.says in str(caught.value)
    if failure.waits_s is not None:
        # A header that tells minutes alone tells up to one too few.
        assert failure.waits_s - 75 < caught.value.retry_after_s <= failure.waits_s


@pytest.mark.parametrize(("name", "conn_type"), CASES)
def test_a_wrong_credential_is_refused_in_the_words_of_the_service(play, name, conn_type):
    table = TABLES[name]
    route = next(route for route in table.routes if route.activity)
    one = play(name, conn_type)
    one.connect()
    wrong = {key: f"{value}x" for key, value in one.form.items() if key in table.auth[conn_type].get("wrong", ())}
    one.fill_in(**wrong)
    one.service.close()

    with pytest.raises((AuthorizationError, HttpStatusError)) as caught:
        one.hook().run(route.activity, route.inputs)

    # Where a token could not be renewed, it is the grant that is spoken of.
    if "wrong" in table.auth[conn_type]:
        assert table.refused["says"] in str(caught.value)


@pytest.mark.parametrize(("name", "conn_type"), CONSENTS)
def test_a_token_that_has_ended_is_renewed(play, name, conn_type):
    table = TABLES[name]
    one = play(name, conn_type)
    one.connect()
    one.service.forget_tokens()

    findings = one.hook().find(verify=True)

    assert (findings.readiness, one.service.refreshes) == (Readiness.READY, 1)
    assert one.service.authorization.inner.family_revocations == 0
    assert findings.account.id == table.whoami["id"]

"""Consent by OAuth 1.0a at oauthlib's own server, and the grants that come of it where there is a database."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest
import requests
from integration.consented import CALLBACK, authorize, fields_of, moment, send
from integration.wide import change_one_character
from requests_oauthlib import OAuth1 as RequestsOAuth1
from servers.oauth1_consent import METHODS, OAuth1Service, give_consent

from airflow_provider_integry import errors
from airflow_provider_integry.auth.grants import Obtained
from airflow_provider_integry.auth.oauth1_consent import (
    build_access_request,
    build_oauth1_authorize_url,
    build_temporary_request,
    parse_access,
    parse_temporary,
)
from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.airflow_store import local_journal, local_store
from airflow_provider_integry.authorizations.direct import find_subject
from airflow_provider_integry.authorizations.granting import Given, store_grant
from airflow_provider_integry.authorizations.keep_alive import GrantKeeper
from airflow_provider_integry.authorizations.manage import check_grant, check_importable, revoke_grant
from airflow_provider_integry.authorizations.messages import KeepAliveRequest
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.tokens import forget_sources
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import RawConnection, parse_connection


class Heard:
    """Writes down what it is told."""

    def __init__(self):
        self.words = []

    def __getattr__(self, name):
        return lambda *_: self.words.append(name)


@pytest.fixture
def service(rsa_pair):
    return OAuth1Service(public_pem=rsa_pair.public_pem)


@pytest.fixture
def server(serve, service):
    return serve(service.build())


@pytest.fixture
def connect(service, server, rsa_pair, monkeypatch):
    """Write the connection into the environment, and return its settings."""

    def write(method="HMAC-SHA1", conn_id="photos", **more):
        key = {"private_key": rsa_pair.private_pem} if method.startswith("RSA") else {}
        extra = {**fields_of(service, server.url, method), "max_retries": 0, "user_info_url": "/me", **key, **more}
        written = {"conn_type": "integry_oauth1", "host": server.url, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(written))
        return parse_connection(RawConnection(conn_id, **written))

    return write


def keep(settings, granted, end_user=None, **changed):
    """Store what a consent has led to, as its end does."""
    token = replace(granted.token, **changed)
    subject = find_subject(settings, end_user, None)
    given = Given(Obtained(token), time.time(), dict(granted.answer))
    return run_steps(store_grant(local_store(), local_journal(), Heard(), subject, given, owner="tester"))


def ask_sync(path="/resource", end_user=None):
    forget_sources()
    return IntegryHook("photos", end_user).get_conn().get(path).status_code


def ask_async(path="/resource", end_user=None):
    forget_sources()

    async def get():
        async with IntegryHook("photos", end_user).get_async_conn() as session, session.get(path) as answer:
            return answer.status

    return asyncio.run(get())


BOTH = pytest.mark.parametrize("ask", [ask_sync, ask_async], ids=["sync", "async"])


# -- the conversation ------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("placement", ["header", "query"])
@pytest.mark.parametrize("method", METHODS)
def test_a_consent_leads_to_a_grant_that_signs_and_to_no_other(connect, service, method, placement, ask):
    if (method, placement) == ("PLAINTEXT", "query"):
        # oauthlib's server decodes a signature in the query twice.
        service.consumer_secret = "c0nsumer-91c4"
    settings = connect(method, placement=placement)
    granted = authorize(settings)
    assert service.callbacks == [CALLBACK]
    assert granted.answer["user_id"] == "1815"

    keep(settings, granted)
    assert ask() == 200
    keep(settings, granted, access_token=Secret(change_one_character(granted.token.access_token.reveal())))
    assert ask() == 401
    keep(settings, granted, token_secret=Secret(change_one_character(granted.token.token_secret.reveal())))
    # The RSA methods sign with the private key alone (RFC 5849 section 3.4.3).
    assert ask() == (200 if method.startswith("RSA") else 401)


def test_endpoints_that_take_forms_or_get_are_called_like_that(connect, server):
    assert authorize(connect(placement="body")).token.token_secret
    assert authorize(connect(exchange_method="GET")).token.token_secret
    assert authorize(connect(exchange_method="GET", placement="query")).token.token_secret
    assert [one.method for one in server.requests("/token")] == ["POST", "GET", "GET"]


@pytest.mark.parametrize("denial", ["denied", "problem", "verifier"])
def test_a_no_asks_for_no_token(connect, server, service, denial):
    service.denial = denial
    with pytest.raises(errors.ConsentDeniedError):
        authorize(connect(), "deny")
    assert server.count("/token") == 0


def test_a_service_that_sends_nobody_word_of_a_no_is_told_apart_from_a_yes(connect, server, service):
    service.denial = "silence"
    with pytest.raises(errors.CallbackError, match="says no"):
        authorize(connect(), "deny")
    assert server.count("/token") == 0


def test_a_service_that_does_not_confirm_the_callback_is_sent_no_browser(connect, server, service):
    service.confirms = False
    with pytest.raises(errors.TokenResponseError, match="oauth_callback_confirmed"):
        authorize(connect())
    assert server.count("/authorize") == 0
    assert authorize(connect(unconfirmed_callback=True)).token.token_secret


def test_wrong_application_secrets_are_told_as_such(connect, service):
    with pytest.raises(errors.ConsumerRefusedError, match="consumer secret"):
        authorize(connect(consumer_secret=change_one_character(service.consumer_secret)))


def test_a_verifier_is_good_once_and_for_its_own_token(connect):
    settings = connect()
    auth = settings.auth
    first, second = (parse_temporary(send(build_temporary_request(auth, CALLBACK, **moment())), auth) for _ in range(2))
    verifier = Secret(give_consent(build_oauth1_authorize_url(auth, first))["oauth_verifier"][0])
    give_consent(build_oauth1_authorize_url(auth, second))

    def trade(temporary):
        request = build_access_request(auth, temporary, verifier, **moment())
        return parse_access(send(request), auth, temporary, verifier)

    with pytest.raises(errors.ConsentUsedUpError):
        trade(second)
    assert trade(first).token.token_secret
    with pytest.raises(errors.TokenEndpointError):
        trade(first)


# -- kept grants -----------------------------------------------------------------------------------------


def test_nobody_has_authorized_yet(connect):
    connect()
    hook = IntegryHook("photos")

    assert hook.readiness() is Readiness.PENDING
    for use in (lambda: hook.get_conn().get("/me"), lambda: hook.auth, hook.get_token):
        with pytest.raises(errors.NotAuthorizedError, match="nobody has done so yet") as caught:
            use()
        assert "/integry/authorize?conn_id=photos" in caught.value.link


def test_a_kept_grant_serves_every_way_of_using_a_hook(connect, server):
    settings = connect()
    row = keep(settings, authorize(settings))
    hook = IntegryHook("photos")

    assert (row.is_grant, row.is_lasting, row.expires_at, row.advise_at) == (True, True, None, None)
    assert hook.get_conn().get("/me").json()["name"] == "ada"
    assert isinstance(hook.auth, RequestsOAuth1)
    assert requests.get(f"{server.url}/me", auth=hook.auth, timeout=10).json()["name"] == "ada"
    assert (hook.readiness(), hook.readiness(verify=True)) == (Readiness.READY, Readiness.READY)
    assert hook.find(verify=True).account.name == "ada"
    assert asyncio.run(hook.afind(verify=True)).account.name == "ada"
    with pytest.raises(errors.AuthorizationError, match="no single token"):
        hook.get_token()


def test_the_test_button_says_where_to_go(connect, server):
    connect()
    is_good, message = IntegryHook("photos").test_connection()

    assert is_good
    assert "'Authorizations'" in message
    assert server.count() == 0


@BOTH
def test_end_users_have_grants_of_their_own(connect, service, ask):
    settings = connect()
    for user in ("ada", "grace"):
        service.user = user
        keep(settings, authorize(settings), end_user=user)

    assert [IntegryHook("photos", user).find(verify=True).account.name for user in ("ada", "grace")] == ["ada", "grace"]
    assert ask(end_user="ada") == 200
    with pytest.raises(errors.NotAuthorizedError):
        ask(end_user="nobody")


@BOTH
def test_a_refusal_renews_nothing_and_loses_nothing(connect, server, service, ask):
    settings = connect()
    row = keep(settings, authorize(settings))
    before = server.count("/token")
    service.revoke_all()

    assert [ask(), ask()] == [401, 401]
    assert (server.count("/resource"), server.count("/token")) == (2, before)
    after = local_store().find(row.digest)
    assert (after.state, after.version, after.generation) == ("active", row.version, row.generation)


def test_a_refusal_says_that_somebody_has_to_authorize_again_and_where(connect, service, tmp_path):
    connector = tmp_path / "photos.yaml"
    connector.write_text(
        "name: photos\ntitle: P\nactivities:\n  me:\n    kind: action\n    method: GET\n    path: /me\n"
    )
    settings = connect(connector=str(connector))
    keep(settings, authorize(settings), end_user="ada l")
    assert IntegryHook("photos", "ada l").run("me")["name"] == "ada"
    service.revoke_all()

    with pytest.raises(errors.CredentialsRejectedError) as caught:
        IntegryHook("photos", "ada l").run("me")
    assert caught.value.link.endswith("/integry/authorize?conn_id=photos&end_user=ada+l")
    assert f"Authorize it again: {caught.value.link}" in str(caught.value)


def test_an_edited_connection_makes_its_grant_unusable_and_its_secret_may_change(connect, server):
    settings = connect()
    keep(settings, authorize(settings))
    for changed in (
        {"consumer_key": "consumer-2"},
        {"access_url": f"{server.url}/token?"},
        {"request_url": f"{server.url}/initiate?"},
        {"authorize_url": f"{server.url}/authorize?"},
    ):
        connect(**changed)
        with pytest.raises(errors.NotAuthorizedError, match="were changed"):
            ask_sync()
        assert IntegryHook("photos").readiness() is Readiness.NEEDS_REAUTHORIZATION
    connect(realm="R", authorize_params={"scope": "read"}, unconfirmed_callback=True)
    assert ask_sync() == 200


def test_a_pasted_token_needs_no_consent(connect, service):
    granted = authorize(connect())
    pasted = {
        "oauth_token": granted.token.access_token.reveal(),
        "oauth_token_secret": granted.token.token_secret.reveal(),
    }
    connect(**pasted)

    assert ask_sync() == 200
    assert local_store().count() == 0


@BOTH
def test_a_revoked_grant_is_gone_until_somebody_authorizes_again(connect, ask):
    settings = connect()
    row = keep(settings, authorize(settings))
    subject = find_subject(settings, None, None)
    check_grant(settings)
    revoke_grant(local_store(), local_journal(), subject.key, None, owner="tester")

    with pytest.raises(errors.NotAuthorizedError, match="revoked"):
        ask()
    assert local_store().find(row.digest).sealed is None
    assert IntegryHook("photos").readiness() is Readiness.REVOKED
    keep(settings, authorize(settings))
    assert ask() == 200


def test_no_refresh_token_can_be_imported(connect):
    with pytest.raises(errors.AuthorizationError, match="has no refresh tokens"):
        check_importable(connect())


def test_keeping_grants_alive_leaves_it_alone(connect, server):
    # Lazy: the engine is replaced when a test process forks.
    from airflow import settings as airflow_settings
    from sqlalchemy import update

    from airflow_provider_integry.authorizations.airflow_store import local_refresher
    from airflow_provider_integry.authorizations.tables import authorization as table

    settings = connect()
    row = keep(settings, authorize(settings))
    with airflow_settings.engine.begin() as database:
        database.execute(update(table).values(refreshed_at=table.c.refreshed_at - 4e7))
    before = server.count()

    async def resolve(_):
        return find_subject(settings, None, None)

    keeper = GrantKeeper(local_refresher(), resolve)
    listed = asyncio.run(keeper.step(KeepAliveRequest(3600.0, 1e6)))
    named = asyncio.run(keeper.step(KeepAliveRequest(3600.0, 1e6, after_id=0, pending=[row.id])))

    for told in (listed, named):
        assert (told.renewed, told.failed, told.lost, told.skipped, told.pending) == (0, [], [], [], [])
    assert server.count() == before
    assert local_store().find(row.digest).version == row.version
    assert ask_sync() == 200

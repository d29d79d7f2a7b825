"""JWTs signed here with every kind of key, and logins by cookie or in two steps."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from integration.wide import BOTH, Acme, ask_async, ask_sync, hook_of, status_of
from servers.fixtures import KeyPair
from servers.sessions import CookieApi, SignedApi, TwoStepApi

from airflow_provider_integry import errors

PASSWORD = "pässwörd ☃ {username}+&="
ALGORITHMS = ["RS256", "RS512", "PS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


def make_pair(algorithm: str, rsa_pair: KeyPair) -> tuple[KeyPair, str]:
    """Return a new key pair for an algorithm, and what joserfc calls its kind."""
    if algorithm in CURVES:
        return KeyPair(ec.generate_private_key(CURVES[algorithm])), "EC"
    if algorithm == "EdDSA":
        return KeyPair(ed25519.Ed25519PrivateKey.generate()), "OKP"
    return rsa_pair, "RSA"


# -- signed here -----------------------------------------------------------------------------------


def signing(private_pem: str, algorithm: str, **extra: Any) -> Acme:
    fields = {"algorithm": algorithm, "key_id": "kid-2", "issuer": "team-1", "subject": "ada"}
    audience = {"audience": "appstoreconnect-v1", "lifetime_s": 900}
    return Acme("integry_jwt", {"private_key": private_pem, **fields, **audience, **extra})


# RFC 9864 gives EdDSA on this curve a name of its own, which joserfc would rather see.
@pytest.mark.filterwarnings("ignore:.*EdDSA.*")
@BOTH
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_is_accepted_by_kid_and_another_key_or_kid_is_not(
    serve, rsa_pair, other_rsa_pair, algorithm, ask
):
    right, kind = make_pair(algorithm, rsa_pair)
    wrong, _ = make_pair(algorithm, other_rsa_pair)
    server = serve(SignedApi({"kid-2": (algorithm, right.public_pem, kind), "kid-x": ("RS256", "", "RSA")}).build())
    connection = signing(right.private_pem, algorithm)

    assert status_of(ask, connection, server.url) == 200
    assert status_of(ask, connection.having(private_key=wrong.private_pem), server.url) == 401
    for name in ("key_id", "audience"):
        assert (name, status_of(ask, connection.changed(name), server.url)) == (name, 401)


@BOTH
def test_a_jwt_is_signed_once_and_used_until_shortly_before_its_end(serve, ec_pair, ask):
    api = SignedApi({"kid-2": ("ES256", ec_pair.public_pem, "EC")})
    server = serve(api.build())

    with hook_of(signing(ec_pair.private_pem, "ES256"), server.url) as hook:
        assert [ask(hook).status for _ in range(5)] == [200] * 5
    assert (len(api.seen), len(set(api.seen))) == (5, 1)
    claims = jwt.decode(api.seen[0], options={"verify_signature": False})
    assert claims["exp"] - time.time() == pytest.approx(900, abs=15)


@BOTH
def test_a_jwt_is_replaced_before_it_is_refused(serve, ec_pair, ask):
    api = SignedApi({"kid-2": ("ES256", ec_pair.public_pem, "EC")})
    server = serve(api.build())

    # The least life is five seconds, of which the last quarter is not used.
    with hook_of(signing(ec_pair.private_pem, "ES256", lifetime_s=5), server.url) as hook:
        assert ask(hook).status == 200
        time.sleep(4.2)
        assert ask(hook).status == 200
    assert (len(set(api.seen)), server.count("/resource", status=401)) == (2, 0)


@BOTH
def test_further_claims_arrive(serve, ec_pair, ask):
    api = SignedApi({"kid-2": ("ES256", ec_pair.public_pem, "EC")})
    server = serve(api.build())
    claims = {"scope": ["GET /v1/apps"], "bid": "com.acme"}

    assert status_of(ask, signing(ec_pair.private_pem, "ES256", claims=claims), server.url) == 200
    decoded = jwt.decode(api.seen[0], options={"verify_signature": False})
    assert {name: decoded[name] for name in claims} == claims


# -- a login that sets a cookie --------------------------------------------------------------------


def cookie_login(user: str = "ada", password: str = PASSWORD, **extra: Any) -> Acme:
    body = {"CompanyDB": "ACME", "UserName": "{username}", "Password": "{password}"}
    fields = {"jwt_source": "login", "login_url": "/Login", "login_body": body, "cookie_name": "B1SESSION"}
    return Acme("integry_jwt", {**fields, **extra}, {"login": user, "password": password})


@BOTH
def test_the_cookie_of_a_login_is_sent_afterwards(serve, ask):
    api = CookieApi({"ada": PASSWORD})
    server = serve(api.build())
    connection = cookie_login()

    with hook_of(connection, server.url) as hook:
        assert [ask(hook).status for _ in range(3)] == [200] * 3
    assert server.count("/Login") == 1
    assert all("authorization" not in one.headers for one in server.seen)
    assert server.requests("/resource")[0].headers["cookie"] == f"B1SESSION={next(iter(api.sessions))}"
    for name in ("login", "password"):
        assert (name, status_of(ask, connection.changed(name), server.url)) == (name, 401)


@BOTH
def test_after_a_session_has_ended_the_login_is_repeated_and_the_request_sent_once_more(serve, ask):
    api = CookieApi({"ada": PASSWORD})
    server = serve(api.build())

    with hook_of(cookie_login(), server.url) as hook:
        assert ask(hook).status == 200
        api.sessions.clear()
        server.forget()
        assert ask(hook, "POST", json={"a": 1}).status == 200
    assert [(one.path, one.status) for one in server.seen] == [("/resource", 401), ("/Login", 200), ("/resource", 200)]


@BOTH
def test_a_session_of_which_the_cookie_tells_its_age_is_renewed_before_it_ends(serve, ask):
    server = serve(CookieApi({"ada": PASSWORD}, max_age_s=1).build())

    with hook_of(cookie_login(), server.url) as hook:
        assert ask(hook).status == 200
        time.sleep(1.0)
        assert ask(hook).status == 200
    assert (server.count("/Login"), server.count("/resource", status=401)) == (2, 0)


@BOTH
def test_the_cookies_of_two_connections_are_never_mixed(serve, ask):
    api = CookieApi({"ada": PASSWORD, "bob": "another one"})
    server = serve(api.build())

    with (
        hook_of(cookie_login(), server.url, "api_ada") as ada,
        hook_of(cookie_login("bob", "another one"), server.url, "api_bob") as bob,
    ):
        accounts = [ask(hook).json["account"] for hook in (ada, bob, ada, bob, ada)]
    assert accounts == ["ada", "bob", "ada", "bob", "ada"]
    assert server.count("/Login") == 2


@pytest.mark.parametrize(("first", "second"), [(ask_sync, ask_async), (ask_async, ask_sync)])
def test_sync_and_async_share_one_session(serve, first, second):
    server = serve(CookieApi({"ada": PASSWORD}).build())

    with hook_of(cookie_login(), server.url) as hook:
        assert [first(hook).status, second(hook).status] == [200, 200]
    assert server.count("/Login") == 1


@BOTH
def test_cookies_of_the_caller_and_of_a_load_balancer_stand_beside_the_session(serve, ask):
    server = serve(CookieApi({"ada": PASSWORD}).build())

    with hook_of(cookie_login(), server.url) as hook:
        assert ask(hook, headers={"Cookie": "lang=en; B1SESSION=stale"}).status == 200
    sent = server.requests("/resource")[0].headers["cookie"]
    assert (sent.count("B1SESSION"), "lang=en" in sent, "stale" in sent) == (1, True, False)


@BOTH
def test_a_login_that_sets_no_such_cookie_names_it(serve, ask):
    server = serve(CookieApi({"ada": PASSWORD}).build())

    with (
        hook_of(cookie_login(cookie_name="JSESSIONID"), server.url) as hook,
        pytest.raises(errors.TokenResponseError, match="JSESSIONID"),
    ):
        ask(hook)
    assert server.count("/resource") == 0


# -- two steps -------------------------------------------------------------------------------------


def two_steps(**extra: Any) -> Acme:
    fields = {"jwt_source": "login", "login_url": "/login", "second_url": "/session"}
    more = {"second_body": {"account": 7, "session": "{token}"}, "second_path": "data.workToken"}
    return Acme("integry_jwt", {**fields, **more, **extra}, {"login": "ada", "password": PASSWORD})


@BOTH
@pytest.mark.parametrize("is_bearer_enough", [True, False])
def test_the_first_token_is_traded_for_the_second_and_only_that_is_used(serve, is_bearer_enough, ask):
    server = serve(TwoStepApi("ada", PASSWORD, is_bearer_enough=is_bearer_enough).build())
    connection = two_steps()

    with hook_of(connection, server.url) as hook:
        assert [ask(hook).status for _ in range(3)] == [200] * 3
    assert [one.path for one in server.seen] == ["/login", "/session", "/resource", "/resource", "/resource"]
    for name in ("login", "password"):
        assert (name, status_of(ask, connection.changed(name), server.url)) == (name, 401)
    assert server.count("/session") == 1


@BOTH
def test_both_steps_are_repeated_when_the_api_refuses_the_second_token(serve, ask):
    api = TwoStepApi("ada", PASSWORD)
    server = serve(api.build())

    with hook_of(two_steps(), server.url) as hook:
        assert ask(hook).status == 200
        api.second_key = api.first_key + "0"
        server.forget()
        assert ask(hook).status == 200
    assert [one.path for one in server.seen] == ["/resource", "/login", "/session", "/resource"]


@BOTH
def test_a_second_step_that_is_refused_is_an_error_without_the_first_token(serve, ask):
    server = serve(TwoStepApi("ada", PASSWORD).build())

    with (
        hook_of(two_steps(second_body={"account": 8}), server.url) as hook,
        pytest.raises(errors.TokenEndpointError) as caught,
    ):
        ask(hook)

    first = server.requests("/session")[0].headers["authorization"].removeprefix("Bearer ")
    assert (caught.value.status, first in f"{caught.value} {vars(caught.value)}") == (403, False)
    assert server.count("/resource") == 0


@BOTH
def test_the_second_token_is_renewed_before_it_ends(serve, ask):
    api = TwoStepApi("ada", PASSWORD, life_s=2.4)
    server = serve(api.build())

    with hook_of(two_steps(), server.url) as hook:
        assert ask(hook).status == 200
        time.sleep(1.9)
        assert ask(hook).status == 200
    assert (server.count("/login"), server.count("/resource", status=401)) == (2, 0)

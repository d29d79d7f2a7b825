"""OAuth 2.0 beyond one endpoint and one secret: assertions, discovery, and what real endpoints want otherwise."""

from __future__ import annotations

import base64
import time
from typing import Any
from urllib.parse import unquote_plus

import pytest
from flask import Flask, jsonify, request
from integration.kept import let_settle
from integration.wide import BOTH, Acme, hook_of, status_of
from servers.assertions import AssertionApi, KeyClient
from servers.oauth2 import Client, OAuth2Api
from servers.oauth2_shapes import ShapedApi

from airflow_provider_integry import errors

CLIENT, SECRET = "client-1", "client-s3cret-91c4"
SCOPE = "contacts.read contacts.write"


def oauth2(**extra: Any) -> Acme:
    return Acme("integry_oauth2", {"client_id": CLIENT, **extra})


def with_secret(url: str, **extra: Any) -> Acme:
    return oauth2(exchange_url=f"{url}/token", client_secret=SECRET, **extra)


# -- assertions (RFC 7523), against Authlib and joserfc ---------------------------------------------

SIGNED = [("RS256", "RSA"), ("ES256", "EC")]
SIGNS = pytest.mark.parametrize(("algorithm", "kind"), SIGNED, ids=[name for name, _ in SIGNED])


@pytest.fixture
def pairs(rsa_pair, other_rsa_pair, ec_pair, other_ec_pair) -> dict[str, Any]:
    """Right and wrong key of each kind."""
    return {"RSA": (rsa_pair, other_rsa_pair), "EC": (ec_pair, other_ec_pair)}


@BOTH
@SIGNS
def test_private_key_jwt_authenticates_the_client_and_another_key_does_not(serve, pairs, algorithm, kind, ask):
    right, wrong = pairs[kind]
    api = AssertionApi(KeyClient(CLIENT, right.public_pem, kind), key_id="kid-1")
    server = serve(api.build())
    signs = {"client_auth": "private_key_jwt", "algorithm": algorithm, "key_id": "kid-1", "scopes": SCOPE}
    connection = oauth2(exchange_url=f"{server.url}/token", private_key=right.private_pem, **signs)

    assert status_of(ask, connection, server.url) == 200
    for other in (connection.changed("client_id"), connection.having(private_key=wrong.private_pem)):
        assert status_of(ask, other, server.url) in (400, 401)
    assert status_of(ask, connection.changed("key_id"), server.url) in (400, 401)
    header, claims = api.assertions[0]
    assert (header["alg"], header["kid"]) == (algorithm, "kid-1")
    assert (claims["iss"], claims["sub"], claims["aud"]) == (CLIENT, CLIENT, f"{server.url}/token")
    assert "client_secret" not in server.seen[0].body.decode()


@BOTH
def test_every_assertion_is_good_for_one_use_and_each_has_its_own_jti(serve, rsa_pair, ask):
    api = AssertionApi(KeyClient(CLIENT, rsa_pair.public_pem))
    server = serve(api.build())
    connection = oauth2(
        exchange_url=f"{server.url}/token", private_key=rsa_pair.private_pem, client_auth="private_key_jwt"
    )

    with hook_of(connection, server.url) as hook:
        for _ in range(4):
            assert ask(hook).status == 200
            api.tokens.clear()
            let_settle()
    assert len({claims["jti"] for _, claims in api.assertions}) == 4
    assert all(claims["exp"] - time.time() <= 60 for _, claims in api.assertions)


@BOTH
def test_the_audience_of_an_assertion_is_the_issuer_as_one_text(serve, rsa_pair, ask):
    api = AssertionApi(KeyClient(CLIENT, rsa_pair.public_pem), audience="https://login.example.com/tenant")
    server = serve(api.build())
    connection = oauth2(
        exchange_url=f"{server.url}/token", private_key=rsa_pair.private_pem, client_auth="private_key_jwt"
    )

    assert status_of(ask, connection.having(issuer="https://login.example.com/tenant"), server.url) == 200
    assert status_of(ask, connection.having(issuer="https://login.example.com/tenant/"), server.url) in (400, 401)
    assert status_of(ask, connection, server.url) in (400, 401)
    assert status_of(ask, connection.having(assertion_audience=str(api.audience)), server.url) == 200


@BOTH
@SIGNS
def test_a_jwt_is_traded_for_a_token_of_the_account_it_names(serve, pairs, algorithm, kind, ask):
    right, wrong = pairs[kind]
    api = AssertionApi(KeyClient(CLIENT, right.public_pem, kind))
    server = serve(api.build())
    grant = {"grant_type": "jwt_bearer", "client_auth": "none", "algorithm": algorithm, "subject": "ada@example.com"}
    connection = oauth2(
        exchange_url=f"{server.url}/token",
        private_key=right.private_pem,
        scopes=SCOPE,
        assertion_claims={"scope": "a b"},
        **grant,
    )

    with hook_of(connection, server.url) as hook:
        assert ask(hook) == (200, {"account": "ada@example.com", "method": "GET"})
        api.tokens.clear()
        assert ask(hook).status == 200
    for name in ("client_id", "subject"):
        assert (name, status_of(ask, connection.changed(name), server.url) in (400, 401)) == (name, True)
    assert status_of(ask, connection.having(private_key=wrong.private_pem), server.url) in (400, 401)
    claims = api.assertions[0][1]
    assert (claims["iss"], claims["sub"], claims["scope"]) == (CLIENT, "ada@example.com", "a b")
    assert server.requests("/token")[0].body.decode().count("contacts.read+contacts.write") == 1


@BOTH
def test_a_traded_jwt_and_the_clients_own_are_two_and_the_claims_belong_to_the_first(serve, rsa_pair, ask):
    api = AssertionApi(KeyClient(CLIENT, rsa_pair.public_pem))
    server = serve(api.build())
    grant = {
        "grant_type": "jwt_bearer",
        "client_auth": "private_key_jwt",
        "assertion_claims": {"sub": "ada@example.com"},
    }
    connection = oauth2(exchange_url=f"{server.url}/token", private_key=rsa_pair.private_pem, **grant)

    assert status_of(ask, connection, server.url) == 200
    assert sorted(claims["sub"] for _, claims in api.assertions) == ["ada@example.com", CLIENT]
    assert len({claims["jti"] for _, claims in api.assertions}) == 2


# -- discovery (RFC 8414) --------------------------------------------------------------------------


def build_issuer(api: OAuth2Api, documents: dict[str, Any]) -> Flask:
    """Add metadata documents to Authlib's server; ``{url}`` in them is the server's own."""
    app = api.build()

    def show() -> Any:
        url = request.host_url.rstrip("/")
        return jsonify({name: value.replace("{url}", url) for name, value in documents[request.path].items()})

    for path in documents:
        app.add_url_rule(path, path, show)
    before = app.before_request_funcs[None][0]
    app.before_request_funcs[None][0] = lambda: None if request.path.startswith(("/.well", "/tenant")) else before()
    return app


def document(issuer: str, endpoint: str = "{url}/token") -> dict[str, str]:
    return {"issuer": issuer, "token_endpoint": endpoint}


PLACES = [
    ("", "/.well-known/oauth-authorization-server", 1),
    ("/", "/.well-known/oauth-authorization-server", 1),
    ("", "/.well-known/openid-configuration", 2),
    ("/tenant/7", "/.well-known/oauth-authorization-server/tenant/7", 1),
    ("/tenant/7", "/.well-known/openid-configuration/tenant/7", 2),
    ("/tenant/7", "/tenant/7/.well-known/openid-configuration", 3),
]


@BOTH
@pytest.mark.parametrize(("path", "place", "asked"), PLACES, ids=[f"{path} {place}" for path, place, _ in PLACES])
def test_the_token_endpoint_is_found_from_the_issuer_and_remembered(serve, path, place, asked, ask):
    api = OAuth2Api(Client(CLIENT, SECRET))
    server = serve(build_issuer(api, {place: document("{url}" + path)}))

    with hook_of(oauth2(issuer=server.url + path, client_secret=SECRET), server.url) as hook:
        assert ask(hook).status == 200
        assert [one.path for one in server.seen][:asked][-1] == place
        assert [one.path for one in server.seen][asked:] == ["/token", "/resource"]
        api.expire_access_tokens()
        assert ask(hook).status == 200
    assert [one.path for one in server.seen][asked + 2 :] == ["/resource", "/token", "/resource"]
    # Nothing that proves who asks goes to the documents.
    assert all("authorization" not in one.headers and not one.body for one in server.seen[:asked])


@BOTH
@pytest.mark.parametrize(
    "wrong",
    [
        document("https://other.example.com"),
        document("{url}/"),
        document("{url}").fromkeys(["issuer"], "{url}"),
        document("{url}", "ftp://127.0.0.1/token"),
        document("{url}", "http://169.254.169.254/token"),
        document("{url}", "/token"),
    ],
    ids=["another issuer", "a slash more", "no endpoint", "no http", "metadata address", "relative"],
)
def test_a_document_that_is_not_the_issuers_or_leads_nowhere_is_refused_and_no_secret_is_sent(serve, wrong, ask):
    server = serve(build_issuer(OAuth2Api(Client(CLIENT, SECRET)), {PLACES[0][1]: wrong}))

    with (
        hook_of(oauth2(issuer=server.url, client_secret=SECRET), server.url) as hook,
        pytest.raises(errors.TokenResponseError),
    ):
        ask(hook)

    assert (server.count("/token"), server.count("/resource")) == (0, 0)
    assert not any("authorization" in one.headers for one in server.seen)


@BOTH
def test_an_endpoint_that_is_filled_in_is_used_without_asking_the_issuer(serve, ask):
    server = serve(build_issuer(OAuth2Api(Client(CLIENT, SECRET)), {PLACES[0][1]: document("{url}", "{url}/other")}))

    assert status_of(ask, with_secret(server.url, issuer=server.url), server.url) == 200
    assert [one.path for one in server.seen] == ["/token", "/resource"]


@BOTH
def test_an_issuer_that_is_down_is_worth_asking_again_later(serve, ask):
    server = serve(build_issuer(OAuth2Api(Client(CLIENT, SECRET)), {PLACES[0][1]: document("{url}")}))
    server.fail(PLACES[0][1], 503, body=b"<html>down</html>")
    connection = oauth2(issuer=server.url, client_secret=SECRET)

    with hook_of(connection, server.url) as hook:
        with pytest.raises(errors.TokenEndpointUnavailableError):
            ask(hook)
        let_settle()
        assert ask(hook).status == 200


@BOTH
def test_discovery_follows_no_redirect(serve, ask):
    elsewhere = serve(build_issuer(OAuth2Api(Client(CLIENT, SECRET)), {PLACES[0][1]: document("{url}")}))
    server = serve(build_issuer(OAuth2Api(Client(CLIENT, SECRET)), {}))
    server.fail(PLACES[0][1], 302, Location=f"{elsewhere.url}{PLACES[0][1]}")

    with (
        hook_of(oauth2(issuer=server.url, client_secret=SECRET), server.url) as hook,
        pytest.raises(errors.TokenResponseError),
    ):
        ask(hook)
    assert elsewhere.seen == []


@BOTH
def test_a_private_key_client_needs_nothing_but_issuer_and_key(serve, rsa_pair, ask):
    api = AssertionApi(KeyClient(CLIENT, rsa_pair.public_pem))
    api.documents[PLACES[0][1]] = {}
    server = serve(api.build())
    api.documents[PLACES[0][1]] = {"issuer": server.url, "token_endpoint": f"{server.url}/token"}
    api.audience = server.url
    connection = oauth2(issuer=server.url, private_key=rsa_pair.private_pem, client_auth="private_key_jwt")

    assert status_of(ask, connection, server.url) == 200
    assert api.assertions[0][1]["aud"] == server.url


# -- what endpoints want otherwise -----------------------------------------------------------------


@BOTH
def test_a_refresh_goes_to_the_refresh_url_alone(serve, ask):
    api = ShapedApi(lambda given: given.get("refresh_token") == "r3fresh-5d7e", path="/refresh")
    server = serve(api.build())
    grant = {"grant_type": "refresh_token", "refresh_token": "r3fresh-5d7e", "refresh_url": f"{server.url}/refresh"}
    connection = with_secret(server.url, **grant)

    with hook_of(connection, server.url) as hook:
        assert ask(hook).status == 200
        api.issued.clear()
        assert ask(hook).status == 200
    assert (server.count("/refresh"), server.count("/token")) == (2, 0)
    assert status_of(ask, connection.changed("refresh_token"), server.url) == 401


def has(**wanted: str) -> Any:
    """Return a check that a request has exactly these parameters."""
    return lambda given: given == wanted


CC = "client_credentials"
SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "GET with the secret in the query": (
        {"method": "GET", "accepts": has(grant_type=CC, client_id=CLIENT, client_secret=SECRET)},
        {"exchange_method": "GET", "client_auth": "client_secret_post"},
    ),
    "JSON body": (
        {"body": "json", "accepts": has(grant_type=CC, client_id=CLIENT, client_secret=SECRET, scope="a,b")},
        {"exchange_format": "json", "client_auth": "client_secret_post", "scopes": "a b", "scope_separator": "comma"},
    ),
    "renamed parameters, one dropped": (
        {"accepts": has(app_key=CLIENT, app_secret=SECRET)},
        {
            "client_auth": "client_secret_post",
            "param_names": {"client_id": "app_key", "client_secret": "app_secret", "grant_type": ""},
        },
    ),
    "another grant type": (
        {"accepts": has(grant_type="account_credentials", account_id="7", client_id=CLIENT, client_secret=SECRET)},
        {
            "client_auth": "client_secret_post",
            "exchange_params": {"grant_type": "account_credentials", "account_id": 7},
        },
    ),
    "headers beside": (
        {
            "accepts": lambda given: (
                given["client_secret"] == SECRET
                and request.headers.get("X-Tenant") == "acme"
                and request.headers.getlist("Accept") == ["application/vnd.acme+json"]
            )
        },
        {
            "client_auth": "client_secret_post",
            "exchange_headers": {"X-Tenant": "acme", "Accept": "application/vnd.acme+json"},
        },
    ),
    "audience and resource": (
        {
            "accepts": has(
                grant_type=CC, client_id=CLIENT, client_secret=SECRET, audience="https://api/", resource="urn:x"
            )
        },
        {"client_auth": "client_secret_post", "audience": "https://api/", "resource": "urn:x"},
    ),
    "token at a nested path": (
        {
            "accepts": lambda given: given["client_secret"] == SECRET,
            "renders": lambda token: {"code": 0, "data": {"auth": [{"key": token, "ttl": "3600"}]}},
        },
        {
            "client_auth": "client_secret_post",
            "answer_path": "data.auth[0].key",
            "expires_path": "data.auth[0].ttl",
        },
    ),
    "the whole body is the token": (
        {"accepts": lambda given: given["client_secret"] == SECRET, "renders": lambda token: token + "\n"},
        {"client_auth": "client_secret_post", "lifetime_s": 600},
    ),
    "a form with an odd token type": (
        {
            "accepts": lambda given: given["client_secret"] == SECRET,
            "renders": lambda token: f"access_token={token}&token_type=User+Access+Token&expires=3600",
        },
        {"client_auth": "client_secret_post"},
    ),
    "another prefix on the API": (
        {"accepts": lambda given: given["client_secret"] == SECRET, "prefix": "Token token="},
        {"client_auth": "client_secret_post", "header_prefix": "Token token="},
    ),
}


@BOTH
@pytest.mark.parametrize(("options", "extra"), SHAPES.values(), ids=SHAPES)
def test_an_endpoint_that_deviates_gets_what_it_wants_and_one_changed_character_is_refused(serve, options, extra, ask):
    server = serve(ShapedApi(**options).build())
    connection = with_secret(server.url, **extra)

    assert status_of(ask, connection, server.url) == 200
    assert status_of(ask, connection.changed("client_secret"), server.url) == 401
    assert server.count("/resource") == 1


@BOTH
def test_an_endpoint_that_deviates_refuses_the_standard_way(serve, ask):
    for name in ("GET with the secret in the query", "JSON body", "renamed parameters, one dropped"):
        server = serve(ShapedApi(**SHAPES[name][0]).build())
        assert status_of(ask, with_secret(server.url, client_auth="client_secret_post"), server.url) >= 400


@BOTH
def test_a_secret_in_the_query_is_in_no_error(serve, ask):
    server = serve(ShapedApi(lambda given: False, method="GET").build())
    connection = with_secret(server.url, exchange_method="GET", client_auth="client_secret_post")

    with hook_of(connection, server.url) as hook, pytest.raises(errors.InvalidClientError) as caught:
        ask(hook)

    assert SECRET in server.seen[0].query
    assert SECRET not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


@BOTH
@pytest.mark.parametrize(
    ("unit", "lifetime", "life_s", "pause_s", "fetched"),
    [
        ("milliseconds", 2000, 2.0, 1.6, 2),
        ("milliseconds", 600_000, 600, 0.0, 1),
        ("minutes", 1, 60, 1.1, 1),
        ("seconds", "3600.0", 3600, 0.0, 1),
    ],
)
def test_a_lifetime_counts_the_unit_that_the_connection_says(serve, unit, lifetime, life_s, pause_s, fetched, ask):
    accepts = has(grant_type=CC, client_id=CLIENT, client_secret=SECRET)
    server = serve(
        ShapedApi(accepts, lambda token: {"access_token": token, "expires_in": lifetime}, life_s=life_s).build()
    )
    connection = with_secret(server.url, client_auth="client_secret_post", expires_unit=unit)

    with hook_of(connection, server.url) as hook:
        assert ask(hook).status == 200
        time.sleep(pause_s)
        assert ask(hook).status == 200
    # Renewed before it was sent, not after the API refused it.
    assert (server.count("/token"), server.count("/resource", status=401)) == (fetched, 0)


ODD = "pä ss+%=&/☃"


def basic_accepts(decodes: bool) -> Any:
    """Return a check of Basic authentication that takes one encoding alone."""

    def accepts(given: dict[str, str]) -> bool:
        text = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        client, _, secret = text.partition(":")
        if decodes:
            client, secret = unquote_plus(client), unquote_plus(secret)
        return (client, secret, given) == (CLIENT, ODD, {"grant_type": CC})

    return accepts


@BOTH
@pytest.mark.parametrize("wanted", ["rfc6749", "raw"])
@pytest.mark.parametrize("sent", ["rfc6749", "raw"])
def test_basic_of_one_encoding_is_accepted_by_a_server_that_wants_that_one_alone(serve, wanted, sent, ask):
    server = serve(ShapedApi(basic_accepts(decodes=wanted == "rfc6749")).build())
    connection = oauth2(exchange_url=f"{server.url}/token", client_secret=ODD, basic_encoding=sent)

    assert status_of(ask, connection, server.url) == (200 if sent == wanted else 401)

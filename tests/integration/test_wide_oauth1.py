"""OAuth 1.0a in every place, with every method, against RFC 5849 written down a second time."""

from __future__ import annotations

from typing import Any

import pytest
from integration.wide import BOTH, Acme, ask_sync, hook_of, status_of
from servers.oauth1 import Consumer, OAuth1Api, TokenCredential
from servers.oauth1_stdlib import StrictOAuth1Api, build_base_string, split_form

CONSUMER, TOKEN = "consumer-1", "token-1"
CONSUMER_SECRET, TOKEN_SECRET = "c0nsumer/+%=&-91c4", "t0ken secret ☃ 5d7e"
METHODS = ["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "RSA-SHA1", "RSA-SHA256", "RSA-SHA512", "PLAINTEXT"]
PLACES = ["header", "query", "body"]
FORM = {"method": "POST", "path": "/resource?filter[name]=a%20b", "data": {"a b": "é&=+☃", "x": ["2", "1"], "": ""}}
JSON = {"method": "POST", "path": "/resource", "json": {"a": "é", "b": [1]}}
QUERY = {"method": "GET", "path": "/resource?filter[name]=ada&q=%20+", "params": {"a b": "é&=+☃", "x": ["2", "1"]}}
# RFC 5849 section 3.5.2: the body carries the parameters only where it is a form.
REQUESTS = {"header": (QUERY, FORM, JSON), "query": (QUERY, FORM, JSON), "body": (FORM,)}


def build_server(place: str, method: str, public_pem: str, **options: Any) -> StrictOAuth1Api:
    return StrictOAuth1Api(
        place, method, CONSUMER, CONSUMER_SECRET, TOKEN, TOKEN_SECRET, public_pem=public_pem, **options
    )


def build_connection(place: str, method: str, private_pem: str, **extra: Any) -> Acme:
    key = {"private_key": private_pem} if method.startswith("RSA") else {"consumer_secret": CONSUMER_SECRET}
    grant = {"oauth_token": TOKEN, "oauth_token_secret": TOKEN_SECRET}
    options = {"consumer_key": CONSUMER, "signature_method": method, "placement": place}
    return Acme("integry_oauth1", {**options, **grant, **key, **extra})


@BOTH
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("place", PLACES)
def test_each_method_in_each_place_is_accepted_and_one_changed_character_is_not(
    serve, rsa_pair, other_rsa_pair, place, method, ask
):
    server = serve(build_server(place, method, rsa_pair.public_pem).build())
    connection = build_connection(place, method, rsa_pair.private_pem)
    is_rsa = method.startswith("RSA")
    # The RSA methods sign with the private key alone (RFC 5849 section 3.4.3).
    parts = ["consumer_key", "oauth_token", *([] if is_rsa else ["consumer_secret", "oauth_token_secret"])]
    wrong = [connection.changed(name) for name in parts]
    if is_rsa:
        wrong.append(connection.having(private_key=other_rsa_pair.private_pem))

    for request in REQUESTS[place]:
        assert status_of(ask, connection, server.url, **request) == 200
    assert [status_of(ask, one, server.url, **REQUESTS[place][-1]) for one in wrong] == [401] * len(wrong)


@BOTH
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("place", PLACES)
def test_authlib_accepts_each_place_too(serve, rsa_pair, place, method, ask):
    consumer = Consumer(CONSUMER, CONSUMER_SECRET, rsa_pair.public_pem)
    server = serve(OAuth1Api(consumer, TokenCredential(TOKEN, TOKEN_SECRET)).build())
    connection = build_connection(place, method, rsa_pair.private_pem)

    form = {"method": "POST", "path": "/resource?a=1", "data": {"b": "2", "c": "é +"}}
    assert status_of(ask, connection, server.url, **form) == 200
    assert status_of(ask, connection.changed("oauth_token"), server.url, **form) == 401


@BOTH
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("method", ["HMAC-SHA256", "RSA-SHA256", "PLAINTEXT"])
def test_the_realm_is_sent_in_the_header_alone_and_is_never_signed(serve, rsa_pair, method, place, ask):
    api = build_server(place, method, rsa_pair.public_pem)
    server = serve(api.build())
    connection = build_connection(place, method, rsa_pair.private_pem, realm="123_SB1")

    assert status_of(ask, connection, server.url, **FORM) == 200
    assert api.realms == ["123_SB1" if place == "header" else None]
    assert ("realm" in server.seen[0].query + server.seen[0].body.decode()) is False


@BOTH
@pytest.mark.parametrize("place", ["header", "query"])
@pytest.mark.parametrize(
    ("method", "hash_name"),
    [
        ("HMAC-SHA1", "sha1"),
        ("RSA-SHA1", "sha1"),
        ("PLAINTEXT", "sha1"),
        ("HMAC-SHA256", "sha256"),
        ("RSA-SHA256", "sha256"),
        ("HMAC-SHA512", "sha512"),
    ],
)
def test_a_body_that_is_no_form_is_signed_by_its_hash(serve, rsa_pair, method, hash_name, place, ask):
    server = serve(build_server(place, method, rsa_pair.public_pem, body_hash=hash_name).build())
    connection = build_connection(place, method, rsa_pair.private_pem, body_hash=True)
    picture = {"method": "PUT", "path": "/resource", "data": b"\x00\xff\xfe", "headers": {"Content-Type": "image/png"}}

    for request in (JSON, picture, QUERY, FORM):
        assert status_of(ask, connection, server.url, **request) == 200
    assert status_of(ask, connection.having(body_hash=False), server.url, **JSON) == 401


@BOTH
def test_a_body_that_was_changed_on_the_way_is_refused_by_its_hash(serve, rsa_pair, ask):
    app = build_server("header", "HMAC-SHA1", rsa_pair.public_pem, body_hash="sha1").build()
    server = serve(lambda environ, start: app({**environ, "wsgi.input": Tampered(environ)}, start))
    connection = build_connection("header", "HMAC-SHA1", rsa_pair.private_pem, body_hash=True)

    assert status_of(ask, connection, server.url, **JSON) == 401


class Tampered:
    """A body of which a middle box has changed one letter."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._body = environ["wsgi.input"]

    def read(self, *size: int) -> bytes:
        return self._body.read(*size).replace(b"a", b"b")


@BOTH
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256", "RSA-SHA256", "PLAINTEXT"])
def test_a_request_that_is_sent_again_is_signed_anew_without_doubled_parameters(serve, rsa_pair, method, place, ask):
    server = serve(build_server(place, method, rsa_pair.public_pem).build())
    server.fail("/resource", 503, times=2, Retry_After="0")
    connection = build_connection(place, method, rsa_pair.private_pem, max_retries=3)
    request = {"method": "PUT", "path": "/resource?own=1", "data": {"a b": "é&=+☃", "x": ["2", "1"]}}

    assert status_of(ask, connection, server.url, **request) == 200
    sent = server.requests("/resource")
    assert [one.status for one in sent] == [503, 503, 200]
    for one in sent:
        names = [name for name, _ in split_form(one.query) + split_form(one.body.decode())]
        assert sorted({*names, "x"}) == sorted([*dict.fromkeys(names)])
        assert (names.count("own"), names.count("a b"), names.count("x")) == (1, 1, 2)
        assert int(one.headers["content-length"]) == len(one.body)
    nonces = {nonce_of(one) for one in sent}
    assert len(nonces) == 3


def nonce_of(seen: Any) -> str:
    pairs = dict(split_form(seen.query) + split_form(seen.body.decode()))
    return pairs.get("oauth_nonce") or seen.headers["authorization"].split('oauth_nonce="')[1].split('"')[0]


@BOTH
@pytest.mark.parametrize("place", ["header", "query"])
def test_two_legged_requests_name_no_token(serve, place, ask):
    server = serve(StrictOAuth1Api(place, "HMAC-SHA256", CONSUMER, CONSUMER_SECRET).build())
    fields = {"consumer_key": CONSUMER, "consumer_secret": CONSUMER_SECRET, "placement": place}
    connection = Acme("integry_oauth1", {**fields, "signature_method": "HMAC-SHA256"})

    assert status_of(ask, connection, server.url) == 200
    assert status_of(ask, connection.changed("consumer_secret"), server.url) == 401
    assert all("oauth_token" not in one.everything for one in server.seen)


@BOTH
def test_a_json_body_cannot_carry_the_parameters_and_nothing_is_sent(serve, rsa_pair, ask):
    server = serve(build_server("body", "HMAC-SHA1", rsa_pair.public_pem).build())

    with (
        hook_of(build_connection("body", "HMAC-SHA1", rsa_pair.private_pem), server.url) as hook,
        pytest.raises(Exception, match="placement") as caught,
    ):
        ask(hook, **JSON)

    assert type(caught.value).__name__ == "CredentialFormatError"
    assert server.seen == []


def test_the_servers_base_string_is_the_one_of_rfc_5849_section_3_4_1_1():
    given = "oauth_consumer_key=9djdj82h48djs9d2&oauth_token=kkk9d7dh3k39sjv7&oauth_signature_method=HMAC-SHA1"
    times = "oauth_timestamp=137131201&oauth_nonce=7d8f3e4a"
    pairs = split_form(f"b5=%3D%253D&a3=a&c%40=&a2=r%20b&c2&a3=2+q&{given}&{times}")

    assert build_base_string("POST", "http://example.com/request", pairs) == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D"
        "%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3D"
        "HMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )


def test_a_session_may_be_used_for_many_requests_in_a_row(serve, rsa_pair):
    server = serve(build_server("query", "HMAC-SHA1", rsa_pair.public_pem).build())

    with hook_of(build_connection("query", "HMAC-SHA1", rsa_pair.private_pem), server.url) as hook:
        assert [ask_sync(hook, **QUERY).status for _ in range(10)] == [200] * 10

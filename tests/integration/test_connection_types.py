"""Each connection type, through the hook, against a server that verifies it with code that is not ours.

The connection is an environment variable, as a URI or as JSON. One changed character of any part of
the credential must turn 200 into 401; an expired token must be renewed, and the request repeated once.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from integration.kept import let_settle
from servers.jwt_api import JwtApi
from servers.keys import build_basic_api, build_key_api, build_pair_api
from servers.live import LiveServer
from servers.oauth1 import METHODS, Consumer, OAuth1Api, TokenCredential
from servers.oauth2 import Client, OAuth2Api

from airflow_provider_integry import errors
from airflow_provider_integry.authorizations.tokens import forget_sources
from airflow_provider_integry.hooks.integry import IntegryHook

KEY = "k3y-5f0c9e1b77-d2a4"
SECRET = "s3cret/+%=&-91c4"
SHARED = "a shared secret of thirty-two bytes or more"
PASSWORD = "pässwörd ☃ %41+&=:/"


@dataclass(frozen=True)
class Case:
    """A connection that works, and what of it is a credential.

    Attributes:
        conn_type: Connection type.
        columns: `login` and `password`.
        extra: Fields in `extra`.
        credentials: Names in `columns` or `extra` of which one changed character must be refused.
        written: How the environment variable is written.
    """

    conn_type: str
    columns: dict[str, str]
    extra: dict[str, Any]
    credentials: tuple[str, ...]
    written: str = "json"

    def changed(self, name: str) -> Case:
        """Return the same connection with one character of one part changed."""
        parts = self.columns if name in self.columns else self.extra
        changed = {**parts, name: change_one_character(parts[name])}
        columns, extra = (changed, self.extra) if name in self.columns else (self.columns, changed)
        return Case(self.conn_type, columns, extra, self.credentials, self.written)


def change_one_character(text: str) -> str:
    """Replace the middle character by its neighbour in the alphabet, or the digits of an escape by others."""
    index = len(text) // 2
    while not (text[index].isascii() and text[index].isalnum()):
        index += 1
    return text[:index] + ("b" if text[index] == "a" else "a") + text[index + 1 :]


def write_uri(conn_type: str, host: str, columns: dict[str, str], extra: dict[str, Any]) -> str:
    """Write a connection as a URI by hand, as the documentation shows it; every value is text."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in extra.items()}
    login, password = (quote(columns.get(name, ""), safe="") for name in ("login", "password"))
    return f"{conn_type.replace('_', '-')}://{login}:{password}@{quote(host, safe='')}/?{urlencode(texts)}"


Connect = Callable[..., IntegryHook]


@pytest.fixture(autouse=True)
def _fresh_process() -> Iterator[None]:
    """Forget the tokens of earlier tests, as a new task process would."""
    forget_sources()
    yield
    forget_sources()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Return ``connect(case, host)``: write the environment variable and give the hook."""
    hooks: list[IntegryHook] = []

    def make(case: Case, host: str) -> IntegryHook:
        extra = {"allow_http": True, "max_retries": 0, **case.extra}
        if case.written == "uri":
            text = write_uri(case.conn_type, host, case.columns, extra)
        else:
            text = json.dumps({"conn_type": case.conn_type, "host": host, **case.columns, "extra": extra})
        monkeypatch.setenv("AIRFLOW_CONN_API_ACME", text)
        hooks.append(IntegryHook(integry_conn_id="api_acme"))
        return hooks[-1]

    yield make
    for hook in hooks:
        with suppress(errors.ConfigurationError):
            hook.get_conn().close()


def get_status(hook: IntegryHook, path: str = "/resource") -> int:
    return hook.get_conn().get(path).status_code


def get_async_status(hook: IntegryHook, method: str = "GET", url: str = "/resource", **kwargs: Any) -> int:
    async def ask() -> int:
        async with hook.get_async_conn() as session, session.request(method, url, **kwargs) as response:
            return response.status

    return asyncio.run(ask())


BOTH_SESSIONS = pytest.mark.parametrize("ask", [get_status, get_async_status], ids=["sync", "async"])


def check_case(connect: Connect, server: LiveServer, case: Case) -> None:
    """Ask for 200 as it is, and for a refusal with each part changed; the good one last once more."""
    assert get_status(connect(case, server.url)) == 200
    for name in case.credentials:
        hook = connect(case.changed(name), server.url)
        assert (name, refused_with(hook, get_status)) == (name, 401)
        assert (name, refused_with(hook, get_async_status)) == (name, 401)
    assert get_async_status(connect(case, server.url)) == 200
    assert get_status(connect(case, server.url)) == 200


def refused_with(hook: IntegryHook, ask: Callable[[IntegryHook], int]) -> int:
    """Return the status with which API or token endpoint refuse."""
    try:
        return ask(hook)
    except errors.TokenEndpointError as error:
        return error.status


# -- API keys --------------------------------------------------------------------------------------

KEY_CASES = [
    ({}, ("header", "Authorization", "Bearer ")),
    ({"key_prefix": "none"}, ("header", "Authorization", "")),
    ({"key_prefix": "Token token="}, ("header", "Authorization", "Token token=")),
    ({"key_name": "X-Api-Key"}, ("header", "X-Api-Key", "")),
    ({"key_name": "X-Api-Key", "key_prefix": "Key"}, ("header", "X-Api-Key", "Key ")),
    ({"key_location": "query"}, ("query", "api_key", "")),
    ({"key_location": "query", "key_name": "access key"}, ("query", "access key", "")),
    ({"key_location": "query", "key_name": "auth", "key_prefix": "v1="}, ("query", "auth", "v1=")),
    ({"key_location": "cookie", "key_name": "sid"}, ("cookie", "sid", "")),
    ({"key_location": "cookie", "key_name": "sid", "key_prefix": "v1="}, ("cookie", "sid", "v1=")),
]


@pytest.mark.parametrize("written", ["json", "uri"])
@pytest.mark.parametrize("conn_type", ["integry_api_key", "integry_api_key_url"])
@pytest.mark.parametrize(("extra", "place"), KEY_CASES)
def test_an_api_key_goes_where_the_connection_says(serve, connect, conn_type, extra, place, written):
    server = serve(build_key_api(KEY, *place))

    check_case(connect, server, Case(conn_type, {"password": KEY}, extra, ("password",), written))


@pytest.mark.parametrize("key", [SECRET, "with space", "é☃", "a#b?c/d"])
def test_a_key_in_the_query_may_hold_any_text(serve, connect, key):
    server = serve(build_key_api(key, "query", "api_key"))

    check_case(connect, server, Case("integry_api_key", {"password": key}, {"key_location": "query"}, (), "uri"))


def test_a_key_in_the_query_stands_beside_the_callers_own_parameters(serve, connect):
    server = serve(build_key_api(KEY, "query", "api_key"))
    hook = connect(Case("integry_api_key", {"password": KEY}, {"key_location": "query"}, ()), server.url)

    arrived = hook.get_conn().get("/echo?a=1&b=%20x", params={"c": "é"}).json()

    assert arrived["args"] == {"a": ["1"], "b": [" x"], "c": ["é"], "api_key": [KEY]}


# -- pairs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["json", "uri"])
@pytest.mark.parametrize(
    ("extra", "headers"),
    [({}, ()), ({"key_header": "X-Id", "second_header": "X-Sign"}, ("X-Id", "X-Sign"))],
)
def test_a_pair_goes_into_two_headers(serve, connect, extra, headers, written):
    server = serve(build_pair_api(KEY, SECRET, *headers))
    case = Case(
        "integry_api_key_secret",
        {},
        {"api_key": KEY, "api_secret": SECRET, **extra},
        ("api_key", "api_secret"),
        written,
    )

    check_case(connect, server, case)


@pytest.mark.parametrize("written", ["json", "uri"])
def test_a_pair_goes_as_basic(serve, connect, written):
    server = serve(build_basic_api(KEY, SECRET))
    extra = {"api_key": KEY, "api_secret": SECRET, "pair_style": "basic"}

    check_case(connect, server, Case("integry_api_key_secret", {}, extra, ("api_key", "api_secret"), written))


# -- Basic -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["json", "uri"])
@pytest.mark.parametrize("conn_type", ["integry_basic", "integry_basic_url"])
@pytest.mark.parametrize(
    ("username", "password"), [("ada", "open sesame"), ("ädä@example.com", PASSWORD), ("ada", "with:colon")]
)
def test_basic_is_utf8(serve, connect, conn_type, username, password, written):
    server = serve(build_basic_api(username, password))

    case = Case(conn_type, {"login": username, "password": password}, {}, ("login", "password"), written)
    check_case(connect, server, case)


def test_basic_may_have_an_empty_password(serve, connect):
    server = serve(build_basic_api("api-token", ""))

    check_case(connect, server, Case("integry_basic", {"login": "api-token"}, {}, ("login",)))


# -- OAuth 1.0a ------------------------------------------------------------------------------------


@pytest.fixture
def oauth1(rsa_pair) -> OAuth1Api:
    return OAuth1Api(Consumer("consumer-1", SECRET, rsa_pair.public_pem), TokenCredential("token-1", SECRET + "t"))


def oauth1_case(method: str, private_pem: str, written: str = "json", **extra: Any) -> Case:
    is_rsa = method.startswith("RSA")
    fields = {
        "consumer_key": "consumer-1",
        "oauth_token": "token-1",
        "oauth_token_secret": SECRET + "t",
        "signature_method": method,
        **({"private_key": private_pem.replace("\n", "\\n")} if is_rsa else {"consumer_secret": SECRET}),
        **extra,
    }
    # The RSA methods sign with the key alone (RFC 5849 section 3.4.3).
    secrets = () if is_rsa else ("consumer_secret", "oauth_token_secret")
    return Case("integry_oauth1", {}, fields, ("consumer_key", "oauth_token", *secrets), written)


@pytest.mark.parametrize("written", ["json", "uri"])
@pytest.mark.parametrize("method", METHODS)
def test_oauth1_signs_with_each_method(serve, connect, oauth1, rsa_pair, method, written):
    server = serve(oauth1.build())

    check_case(connect, server, oauth1_case(method, rsa_pair.private_pem, written))


@pytest.mark.parametrize("method", [one for one in METHODS if one.startswith("RSA")])
def test_oauth1_with_another_private_key_is_refused(serve, connect, oauth1, other_rsa_pair, method):
    server = serve(oauth1.build())

    assert get_status(connect(oauth1_case(method, other_rsa_pair.private_pem), server.url)) == 401


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "request_",
    [
        {"method": "GET", "url": "/resource", "params": {"a b": "é&=+☃", "x": ["2", "1"], "empty": ""}},
        {"method": "GET", "url": "/resource?filter%5Bname%5D=ada&q=%20+"},
        {"method": "GET", "url": "/resource?filter[name]=ada"},
        {"method": "GET", "url": "/resource", "params": {"filter[name]": "ada"}},
        {"method": "POST", "url": "/resource", "data": {"a b": "é&=+☃", "x": ["2", "1"], "empty": ""}},
        {"method": "POST", "url": "/resource?a=1", "data": {"a": "2"}},
        {"method": "POST", "url": "/resource", "json": {"a": "é"}},
        {"method": "POST", "url": "/resource", "data": b"\x00\xff", "headers": {"Content-Type": "image/png"}},
        {"method": "POST", "url": "/resource", "files": {"f": ("n.txt", b"content")}},
        {"method": "PUT", "url": "/resource", "data": {"a": "1"}},
        {"method": "PATCH", "url": "/resource", "json": [1]},
        {"method": "DELETE", "url": "/resource"},
        {"method": "POST", "url": "/resource"},
    ],
    ids=lambda one: f"{one['method']} {sorted(set(one) - {'method'})} {one['url']}",
)
def test_oauth1_signs_every_kind_of_request(serve, connect, oauth1, rsa_pair, method, request_):
    server = serve(oauth1.build())
    hook = connect(oauth1_case(method, rsa_pair.private_pem), server.url)

    assert hook.get_conn().request(**request_).status_code == 200
    if "files" not in request_:
        assert get_async_status(hook, **request_) == 200


def test_oauth1_never_uses_a_nonce_twice(serve, connect, oauth1, rsa_pair):
    server = serve(oauth1.build())
    session = connect(oauth1_case("HMAC-SHA256", rsa_pair.private_pem), server.url).get_conn()

    assert {session.get("/resource").status_code for _ in range(20)} == {200}


def test_oauth1_signs_each_attempt_anew(serve, connect, oauth1, rsa_pair):
    server = serve(oauth1.build())
    server.fail("/resource", 503, times=2, Retry_After="0")
    hook = connect(oauth1_case("HMAC-SHA1", rsa_pair.private_pem, max_retries=3), server.url)

    assert get_status(hook) == 200
    assert len({one.headers["authorization"] for one in server.requests("/resource")}) == 3


def test_oauth1_sends_the_realm_and_leaves_it_out_of_the_signature(serve, connect, oauth1, rsa_pair):
    server = serve(oauth1.build())

    assert get_status(connect(oauth1_case("HMAC-SHA256", rsa_pair.private_pem, realm="123_SB1"), server.url)) == 200
    assert oauth1.realms == ["123_SB1"]


# -- JWT, signed here ------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["json", "uri"])
@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256"])
def test_a_jwt_made_here_is_accepted(serve, connect, rsa_pair, ec_pair, algorithm, written):
    private = {"HS256": SHARED, "RS256": rsa_pair.private_pem, "ES256": ec_pair.private_pem}[algorithm]
    public = {"HS256": SHARED, "RS256": rsa_pair.public_pem, "ES256": ec_pair.public_pem}[algorithm]
    api = JwtApi(public, [algorithm], audience="aud-1", issuer="iss-1")
    server = serve(api.build())
    extra = {
        "private_key": private.replace("\n", " ").strip(),
        "algorithm": algorithm,
        "issuer": "iss-1",
        "audience": "aud-1",
        "subject": "ada",
        "lifetime_s": 60,
    }
    credentials = ("private_key", "issuer", "audience") if algorithm == "HS256" else ("issuer", "audience")

    check_case(connect, server, Case("integry_jwt", {}, extra, credentials, written))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_jwt_of_another_private_key_is_refused(
    serve, connect, rsa_pair, other_rsa_pair, ec_pair, other_ec_pair, algorithm
):
    public, other = (
        (rsa_pair.public_pem, other_rsa_pair) if algorithm == "RS256" else (ec_pair.public_pem, other_ec_pair)
    )
    server = serve(JwtApi(public, [algorithm]).build())
    extra = {"private_key": other.private_pem, "algorithm": algorithm}

    assert get_status(connect(Case("integry_jwt", {}, extra, ()), server.url)) == 401


def test_a_jwt_made_here_goes_where_the_connection_says(serve, connect):
    server = serve(JwtApi(SHARED, header="X-Auth", prefix="").build())
    extra = {"private_key": SHARED, "header_name": "X-Auth", "header_prefix": "none"}

    check_case(connect, server, Case("integry_jwt", {}, extra, ("private_key",)))


# -- JWT, from a login -----------------------------------------------------------------------------


def login_case(path: str, login_format: str, written: str = "json", **extra: Any) -> Case:
    fields = {"jwt_source": "login", "login_url": path, "login_format": login_format, **extra}
    return Case("integry_jwt", {"login": "ada", "password": PASSWORD}, fields, ("login", "password"), written)


@pytest.fixture
def jwt_api() -> JwtApi:
    return JwtApi(SHARED, password=PASSWORD)


@pytest.mark.parametrize("written", ["json", "uri"])
@pytest.mark.parametrize(
    ("path", "login_format"), [("/login", "json"), ("/login/form", "form"), ("/login/basic", "basic")]
)
@pytest.mark.parametrize(
    ("answer", "extra"),
    [
        ("plain", {}),
        ("oauth", {}),
        ("text", {}),
        ("nested", {"answer_path": "data.session.jwt", "expires_path": "data.session.until"}),
    ],
)
def test_a_jwt_from_a_login_is_accepted(serve, connect, jwt_api, path, login_format, answer, extra, written):
    jwt_api.answer = answer
    server = serve(jwt_api.build())

    check_case(connect, server, login_case(path, login_format, written, **extra))


@pytest.mark.parametrize("answer", ["plain", "oauth"])
def test_a_jwt_from_a_login_is_fetched_once_while_it_lives(serve, connect, jwt_api, answer):
    jwt_api.answer = answer
    server = serve(jwt_api.build())
    hook = connect(login_case("/login", "json"), server.url)

    assert [get_status(hook) for _ in range(5)] == [200] * 5
    assert get_status(connect(login_case("/login", "json"), server.url)) == 200
    assert (server.count("/login"), server.count("/resource")) == (1, 6)


def test_a_jwt_that_has_expired_is_fetched_again_before_it_is_sent(serve, connect, jwt_api):
    jwt_api.lifetime_s = -5
    server = serve(jwt_api.build())
    hook = connect(login_case("/login", "json"), server.url)
    get_status(hook)
    jwt_api.lifetime_s = 300
    server.forget()

    assert get_status(hook) == 200
    assert (server.count("/login"), server.count("/resource")) == (1, 1)


@BOTH_SESSIONS
def test_a_jwt_that_the_api_refuses_is_fetched_again_and_the_request_is_sent_once_more(serve, connect, jwt_api, ask):
    server = serve(jwt_api.build())
    hook = connect(login_case("/login", "json"), server.url)
    assert ask(hook) == 200
    jwt_api.revoke_issued()
    server.forget()

    assert ask(hook) == 200
    assert [one.status for one in server.requests("/resource")] == [401, 200]
    assert server.count("/login") == 1


# -- OAuth 2.0 -------------------------------------------------------------------------------------

CLIENT_ID = "client-1"
PLAIN_SECRET = "client-s3cret-91c4"


def oauth2_case(url: str, written: str = "json", secret: str = PLAIN_SECRET, **extra: Any) -> Case:
    fields = {"exchange_url": f"{url}/token", "client_id": CLIENT_ID, "client_secret": secret, **extra}
    credentials = tuple(name for name in ("client_id", "client_secret", "refresh_token") if fields.get(name))
    return Case("integry_oauth2", {}, fields, credentials, written)


@pytest.mark.parametrize("written", ["json", "uri"])
@pytest.mark.parametrize("client_auth", ["client_secret_basic", "client_secret_post"])
def test_client_credentials(serve, connect, client_auth, written):
    server = serve(OAuth2Api(Client(CLIENT_ID, PLAIN_SECRET, client_auth)).build())
    case = oauth2_case(server.url, written, client_auth=client_auth, scopes="contacts.read contacts.write")

    assert get_status(connect(case, server.url)) == 200
    for name in case.credentials:
        # Authlib answers 400 `invalid_client` where the client did not authenticate by Basic (RFC 6749 5.2).
        with pytest.raises(errors.InvalidClientError):
            get_status(connect(case.changed(name), server.url))
    assert get_status(connect(case, server.url)) == 200


@pytest.mark.parametrize("odd", ["a b", "pä☃", "50%+&=/:"])
@pytest.mark.parametrize("basic_encoding", ["rfc6749", "raw"])
def test_client_secrets_with_odd_characters_arrive_in_both_encodings(serve, connect, odd, basic_encoding):
    api = OAuth2Api(Client(CLIENT_ID, odd), decodes_basic=basic_encoding == "rfc6749")
    server = serve(api.build())

    assert get_status(connect(oauth2_case(server.url, secret=odd, basic_encoding=basic_encoding), server.url)) == 200


def test_an_access_token_with_one_changed_character_is_refused(serve, connect):
    server = serve(OAuth2Api(Client(CLIENT_ID, PLAIN_SECRET)).build())
    token = connect(oauth2_case(server.url), server.url).get_token()
    case = Case("integry_api_key", {"password": token}, {}, ("password",))

    check_case(connect, server, case)


@pytest.mark.parametrize("written", ["json", "uri"])
@pytest.mark.parametrize("rotation", ["none", "strict"])
@pytest.mark.parametrize("client_auth", ["client_secret_basic", "client_secret_post", "none"])
def test_a_pasted_refresh_token(serve, connect, client_auth, rotation, written):
    api = OAuth2Api(Client(CLIENT_ID, PLAIN_SECRET, client_auth), rotation=rotation)
    server = serve(api.build())
    extra = {"grant_type": "refresh_token", "refresh_token": api.authorize(), "client_auth": client_auth}
    secret = "" if client_auth == "none" else PLAIN_SECRET
    case = oauth2_case(server.url, written, secret, **extra)

    for name in case.credentials:
        with pytest.raises((errors.InvalidClientError, errors.ReauthorizationNeededError)):
            get_status(connect(case.changed(name), server.url))
    hook = connect(case, server.url)
    assert get_status(hook) == 200
    assert hook.get_conn().get("/resource").json()["account"] == "ada"


def test_a_refresh_token_with_one_changed_character_needs_a_new_authorization(serve, connect):
    api = OAuth2Api(Client(CLIENT_ID, PLAIN_SECRET))
    server = serve(api.build())
    case = oauth2_case(server.url, grant_type="refresh_token", refresh_token=api.authorize())

    with pytest.raises(errors.ReauthorizationNeededError) as caught:
        get_status(connect(case.changed("refresh_token"), server.url))

    assert caught.value.cause == "invalid_grant"
    assert "authorize again" in str(caught.value)
    assert server.count("/resource") == 0


@BOTH_SESSIONS
@pytest.mark.parametrize("rotation", ["none", "strict"])
def test_a_token_that_the_api_refuses_is_refreshed_and_the_request_is_sent_once_more(serve, connect, rotation, ask):
    api = OAuth2Api(Client(CLIENT_ID, PLAIN_SECRET), rotation=rotation)
    server = serve(api.build())
    case = oauth2_case(server.url, grant_type="refresh_token", refresh_token=api.authorize())
    hook = connect(case, server.url)
    assert ask(hook) == 200

    for _ in range(3):
        let_settle()
        api.expire_access_tokens()
        server.forget()

        assert ask(hook) == 200
        assert [one.status for one in server.requests("/resource")] == [401, 200]
        assert server.count("/token") == 1
    assert api.family_revocations == 0


def test_twenty_threads_with_hooks_of_their_own_cause_one_refresh_where_each_refresh_token_works_once(serve, connect):
    api = OAuth2Api(Client(CLIENT_ID, PLAIN_SECRET), rotation="strict", latency_s=0.2)
    server = serve(api.build())
    case = oauth2_case(server.url, grant_type="refresh_token", refresh_token=api.authorize())
    hooks = [connect(case, server.url) for _ in range(20)]
    assert [get_status(hook) for hook in hooks] == [200] * 20
    assert server.count("/token") == 1
    api.expire_access_tokens()
    server.forget()
    statuses: list[int] = []

    threads = [threading.Thread(target=lambda one=hook: statuses.append(get_status(one))) for hook in hooks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 20
    assert server.count("/token") == 1
    assert (server.count("/resource", status=200), api.family_revocations) == (20, 0)


def test_a_token_that_is_about_to_expire_is_refreshed_before_it_is_sent(serve, connect):
    api = OAuth2Api(Client(CLIENT_ID, PLAIN_SECRET), lifetime_s=0.001)
    server = serve(api.build())
    hook = connect(oauth2_case(server.url), server.url)
    hook.get_token()
    api.lifetime_s = 3600
    server.forget()

    assert get_status(hook) == 200
    assert (server.count("/token"), server.count("/resource")) == (1, 1)


def test_a_token_of_unknown_life_is_used_until_the_api_refuses_it(serve, connect):
    api = OAuth2Api(Client(CLIENT_ID, PLAIN_SECRET), lifetime_s=None)
    server = serve(api.build())
    hook = connect(oauth2_case(server.url), server.url)

    assert [get_status(hook) for _ in range(3)] == [200] * 3
    assert server.count("/token") == 1
    api.expire_access_tokens()
    assert get_status(hook) == 200
    assert server.count("/token") == 2


def test_an_api_that_goes_on_refusing_is_asked_twice_and_no_more(serve, connect):
    server = serve(OAuth2Api(Client(CLIENT_ID, PLAIN_SECRET)).build())
    hook = connect(oauth2_case(server.url, max_retries=5), server.url)
    server.fail("/resource", 401, times=100)

    assert hook.get_conn().get("/resource").status_code == 401
    assert (server.count("/resource"), server.count("/token")) == (2, 2)


def test_a_revoked_grant_is_reported_and_not_asked_for_again_and_again(serve, connect):
    api = OAuth2Api(Client(CLIENT_ID, PLAIN_SECRET))
    server = serve(api.build())
    case = oauth2_case(server.url, grant_type="refresh_token", refresh_token=api.authorize(), max_retries=5)
    hook = connect(case, server.url)
    assert get_status(hook) == 200
    api.revoke_all()
    server.forget()

    for _ in range(3):
        with pytest.raises(errors.ReauthorizationNeededError):
            get_status(hook)
    assert (server.count("/resource"), server.count("/token")) == (1, 1)


def test_a_token_endpoint_that_redirects_gets_no_secret_sent_elsewhere(serve, connect):
    elsewhere = serve(OAuth2Api(Client(CLIENT_ID, PLAIN_SECRET, "client_secret_post")).build())
    server = serve(OAuth2Api(Client(CLIENT_ID, PLAIN_SECRET, "client_secret_post")).build())
    server.fail("/token", 307, times=10, Location=f"{elsewhere.url}/token")
    hook = connect(oauth2_case(server.url, client_auth="client_secret_post"), server.url)

    with pytest.raises(errors.TokenResponseError):
        get_status(hook)
    assert elsewhere.seen == []


# -- what all have in common -----------------------------------------------------------------------


@pytest.mark.parametrize("host", ["", None])
def test_an_empty_base_url_is_refused_and_named(connect, host):
    hook = connect(Case("integry_basic", {"login": "ada", "password": KEY}, {}, ()), host)

    with pytest.raises(errors.MissingFieldError) as caught:
        hook.get_conn()

    assert caught.value.field == "host"
    assert "Base URL" in str(caught.value)


def test_nothing_is_sent_to_another_host(serve, connect):
    server, other = serve(build_basic_api("ada", KEY)), serve(build_basic_api("ada", KEY))
    session = connect(Case("integry_basic", {"login": "ada", "password": KEY}, {}, ()), server.url).get_conn()

    with pytest.raises(errors.HostNotAllowedError):
        session.get(f"{other.url}/resource")
    with pytest.raises(errors.TransportError):
        session.get("/redirect", params={"to": f"{other.url}/resource"})
    assert other.seen == []


def test_a_redirect_inside_the_host_is_followed_with_the_credential(serve, connect):
    server = serve(build_basic_api("ada", KEY))
    hook = connect(Case("integry_basic", {"login": "ada", "password": KEY}, {}, ()), server.url)

    assert hook.get_conn().get("/redirect", params={"to": "/resource"}).status_code == 200


@pytest.mark.parametrize("written", ["json", "uri"])
def test_the_test_button_names_the_account(serve, connect, written):
    server = serve(build_basic_api("ada", KEY))
    extra = {"user_info_url": "/me", "account_id_path": "id", "account_name_path": "email"}
    case = Case("integry_basic", {"login": "ada", "password": KEY}, extra, ("password",), written)

    assert connect(case, server.url).test_connection()[0] is True
    ok, message = connect(case, server.url).test_connection()
    assert (ok, "ada@example.com" in message) == (True, True)
    ok, message = connect(case.changed("password"), server.url).test_connection()
    assert ok is False
    assert KEY not in message

"""Where the session's requests go, and where they do not: redirects, foreign URLs, proxies, TLS."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from contextlib import closing
from urllib.parse import parse_qs

import pytest
import requests
from integration.loopback import Answer, connection, oauth2
from servers.keys import build_basic_api, build_key_api, build_pair_api
from servers.oauth1 import Consumer, OAuth1Api, TokenCredential

from airflow_provider_integry.errors import (
    CertificateError,
    ConnectFailedError,
    HostNotAllowedError,
    RedirectRefusedError,
    TransportError,
)

SECRET = "canary-4b1d9e"
STATUSES = [301, 302, 303, 307, 308]
OAUTH1 = {
    "consumer_key": "ck",
    "consumer_secret": f"cs-{SECRET}",
    "oauth_token": f"ot-{SECRET}",
    "oauth_token_secret": f"os-{SECRET}",
}
PAIR = {"api_key": f"k-{SECRET}", "api_secret": f"s-{SECRET}"}


def build_oauth1_api():
    consumer = Consumer("ck", OAUTH1["consumer_secret"], "")
    return OAuth1Api(consumer, TokenCredential(OAUTH1["oauth_token"], OAUTH1["oauth_token_secret"])).build()


# What each mechanism needs besides the base URL.
MECHANISMS = {
    "authorization": ("integry_api_key", {"password": SECRET}),
    "own header": ("integry_api_key", {"password": SECRET, "key_name": "X-Api-Key"}),
    "two headers": ("integry_api_key_secret", PAIR),
    "query": ("integry_api_key", {"password": SECRET, "key_location": "query"}),
    "cookie": ("integry_api_key", {"password": SECRET, "key_location": "cookie"}),
    "basic": ("integry_basic", {"login": "ada", "password": SECRET}),
    "oauth1": ("integry_oauth1", OAUTH1),
    "jwt": ("integry_jwt", {"private_key": SECRET * 3}),
    "oauth1 query": ("integry_oauth1", {**OAUTH1, "placement": "query"}),
    "oauth1 body": ("integry_oauth1", {**OAUTH1, "placement": "body"}),
    "hmac": (
        "integry_api_key_secret",
        {
            **PAIR,
            "pair_style": "hmac",
            "string_to_sign": "{timestamp}{path}",
            "sign_headers": {"X-Key": "{key}", "X-Signature": "{signature}"},
        },
    ),
}
APPS = {
    "authorization": lambda: build_key_api(SECRET, "header", "Authorization", "Bearer "),
    "own header": lambda: build_key_api(SECRET, "header", "X-Api-Key"),
    "two headers": lambda: build_pair_api(PAIR["api_key"], PAIR["api_secret"]),
    "query": lambda: build_key_api(SECRET, "query", "api_key"),
    "cookie": lambda: build_key_api(SECRET, "cookie", "api_key"),
    "basic": lambda: build_basic_api("ada", SECRET),
    "oauth1": build_oauth1_api,
    "oauth1 query": build_oauth1_api,
}


def redirect(to, status=302):
    return Answer(status, headers={"Location": to})


# -- redirects --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("mechanism", sorted(MECHANISMS))
def test_a_redirect_to_elsewhere_is_refused_and_nothing_arrives_there(answer_with, open_session, mechanism, status):
    sink = answer_with()
    conn_type, fields = MECHANISMS[mechanism]
    for location in (f"{sink.url}/x", f"http://localhost:{sink.port}/x", f"//127.0.0.1:{sink.port}/x"):
        server = answer_with(redirect(location, status))

        with pytest.raises(RedirectRefusedError) as caught:
            open_session(server.url, conn_type, **fields).request("POST", "/x", data={"note": SECRET})

        assert (len(server.requests), sink.connections) == (1, 0)
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("mechanism", sorted(APPS))
def test_a_redirect_within_the_origin_is_signed_again(serve, open_session, mechanism, status):
    server = serve(APPS[mechanism]())
    conn_type, fields = MECHANISMS[mechanism]

    response = open_session(server.url, conn_type, **fields).request(
        "GET", "/redirect", params={"to": "/me?x=1", "status": status}
    )

    assert response.status == 200
    assert [one.path for one in server.seen] == ["/redirect", "/me"]
    assert server.seen[1].everything.count("api_key=") <= 1


@pytest.mark.parametrize("mechanism", sorted(MECHANISMS))
def test_a_redirect_to_a_listed_host_takes_the_credential_along(answer_with, open_session, mechanism):
    other = answer_with()
    server = answer_with(redirect(f"{other.url}/y", 307))
    conn_type, fields = MECHANISMS[mechanism]

    session = open_session(server.url, conn_type, allowed_hosts=f"127.0.0.1:{other.port}", **fields)

    assert session.request("POST", "/x", data={"a": "1"}).status == 200
    first, second = server.requests[0], other.requests[0]
    assert {*parse_qs(second.body.decode())} == {*parse_qs(first.body.decode())}
    assert {name.lower() for name in second.headers} == {name.lower() for name in first.headers}
    assert set(second.query) == set(first.query)


def test_a_post_that_is_redirected_follows_the_standard(answer_with, open_session):
    server = answer_with(redirect("/see", 303), Answer(), redirect("/again", 307), Answer())
    session = open_session(server.url)

    session.request("POST", "/x", json={"a": 1})
    session.request("POST", "/x", json={"a": 1})

    assert [(request.method, request.path, request.body != b"") for request in server.requests] == [
        ("POST", "/x", True),
        ("GET", "/see", False),
        ("POST", "/x", True),
        ("POST", "/again", True),
    ]
    assert server.requests[1].headers["Content-Type"] is None


def test_a_stream_is_not_sent_to_a_second_place(answer_with, open_session):
    server = answer_with(redirect("/again", 307), Answer())
    session = open_session(server.url)

    async def parts():
        yield b"part"

    with pytest.raises(TransportError):
        session.request("POST", "/x", data=iter([b"part"]) if session.kind == "sync" else parts())
    assert [request.path for request in server.requests] == ["/x"]


def test_a_stream_is_dropped_where_the_redirect_asks_for_a_page(answer_with, open_session):
    server = answer_with(redirect("/see", 303), Answer())
    session = open_session(server.url)

    async def parts():
        yield b"part"

    session.request("POST", "/x", data=iter([b"part"]) if session.kind == "sync" else parts())

    assert [(request.method, request.path, request.body) for request in server.requests] == [
        ("POST", "/x", b"part"),
        ("GET", "/see", b""),
    ]
    assert server.requests[1].headers["Transfer-Encoding"] is None


def test_a_redirect_loop_ends(answer_with, open_session):
    server = answer_with(redirect("/x"))

    with pytest.raises(RedirectRefusedError, match="too many"):
        open_session(server.url).request("GET", "/x")
    assert len(server.requests) == 11


def test_redirects_are_given_back_to_who_does_not_want_them_followed(answer_with, open_session):
    server = answer_with(redirect("http://other.example/"))

    assert open_session(server.url).request("GET", "/x", allow_redirects=False).status == 302


def test_head_is_not_followed_by_default(answer_with, open_session):
    server = answer_with(redirect("http://other.example/"))
    client = open_session(server.url)

    if client.kind == "sync":
        assert client.session.head("/x").status_code == 302
    else:

        async def head():
            async with client.session.head("/x") as response:
                return response.status

        assert client.loop.run_until_complete(head()) == 302


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, {"seen=1"}), ({"key_location": "cookie", "key_name": "sid"}, {"seen=1", "sid=key-1"})],
)
def test_a_cookie_that_comes_with_a_redirect_is_kept(answer_with, open_session, fields, expected):
    answer = Answer(302, headers={"Location": "/home", "Set-Cookie": "seen=1"})
    server = answer_with(answer, Answer())

    open_session(f"http://localhost:{server.port}", **fields).request("GET", "/login")

    assert set(server.requests[1].headers["Cookie"].split("; ")) == expected


def test_each_redirect_may_renew_the_token(token_server, answer_with, open_session):
    session = open_session(oauth2(token_server))
    session.request("GET", "/me")
    token_server.api_answer = redirect("/me")
    token_server.revoke()

    with pytest.raises(RedirectRefusedError, match="too many"):
        session.request("GET", "/start")
    assert token_server.token_requests == 2


# -- foreign URLs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/x",
        "http://localhost:{port}/x",
        "//127.0.0.1:{port}/x",
        "http://127.0.0.1:{port}\\@good.example/",
        "http://good.example\\@127.0.0.1:{port}/",
        "http://good.example@127.0.0.1:{port}/",
        "http://2130706433:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://127.1:{port}/",
        "http://①②⑦.⓪.⓪.①:{port}/",
        "http://127.0.0.1:{port}\t/x",
        "http://127.0.0.1:{port}x/",
        "http://[/",
        "http://",
        "ftp://127.0.0.1:{port}/x",
        "file:///etc/passwd",
    ],
)
def test_a_foreign_url_is_refused_before_a_connection_is_made(answer_with, open_session, url):
    own, sink = answer_with(), answer_with()

    with pytest.raises(HostNotAllowedError, match="nothing was sent"):
        open_session(own.url).request("GET", url.format(port=sink.port))
    assert (own.connections, sink.connections) == (0, 0)


def test_what_only_looks_like_a_foreign_url_is_a_path(answer_with, open_session):
    own, sink = answer_with(), answer_with()

    open_session(own.url).request("GET", f"http:\\\\127.0.0.1:{sink.port}\\x")

    assert (len(own.requests), sink.connections) == (1, 0)


def test_a_prepared_request_to_a_foreign_host_is_refused(answer_with, open_sync):
    own, sink = answer_with(), answer_with()
    session = open_sync(own.url).session

    with pytest.raises(HostNotAllowedError):
        session.send(session.prepare_request(requests.Request("GET", f"{sink.url}/x")))
    assert sink.connections == 0


def test_a_listed_host_is_allowed_with_its_port_alone(answer_with, open_session):
    own, other, sink = answer_with(), answer_with(), answer_with()
    session = open_session(own.url, allowed_hosts=f"127.0.0.1:{other.port}, files.example")

    assert session.request("GET", f"{other.url}/x").status == 200
    with pytest.raises(HostNotAllowedError):
        session.request("GET", f"{sink.url}/x")
    assert sink.connections == 0


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254", "0.0.0.0"]
)
def test_a_name_that_leads_to_a_metadata_service_is_refused(monkeypatch, open_session, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    peer = (address, 80, 0, 0) if ":" in address else (address, 80)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(family, socket.SOCK_STREAM, 6, "", peer)])
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was tried"))

    with pytest.raises(HostNotAllowedError, match="never called"):
        open_session("http://api.evil.example").request("GET", "/x")


# -- the environment --------------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", sorted(APPS))
@pytest.mark.parametrize("place", ["HOME", "NETRC"])
def test_a_netrc_file_changes_nothing(serve, open_session, monkeypatch, tmp_path, mechanism, place):
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password hunter2\ndefault login mallory password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv(place, str(tmp_path if place == "HOME" else netrc))
    server = serve(APPS[mechanism]())
    conn_type, fields = MECHANISMS[mechanism]

    assert open_session(server.url, conn_type, **fields).request("GET", "/me").status == 200
    assert base64.b64encode(b"mallory:hunter2").decode() not in server.seen[0].everything


def test_a_netrc_file_does_not_reach_the_token_endpoint(token_server, open_session, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login mallory password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    open_session(oauth2(token_server, client_auth="client_secret_post")).request("GET", "/me")

    assert token_server.requests[0].headers["Authorization"] is None


def test_proxies_of_the_environment_are_not_used(token_server, answer_with, open_session, monkeypatch):
    proxy = answer_with()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv(name.lower(), proxy.url)

    assert open_session(oauth2(token_server)).request("GET", "/me").status == 200
    assert proxy.connections == 0


# -- proxies ----------------------------------------------------------------------------------------


def test_the_connections_proxy_gets_the_request_and_its_own_credentials(answer_with, open_session):
    target, proxy = answer_with(), answer_with(Answer(200, b"by proxy"))
    session = open_session(target.url, proxy_url=f"http://ada:p%40ss@127.0.0.1:{proxy.port}")

    assert session.request("GET", "/x?a=1").body == b"by proxy"

    request = proxy.requests[0]
    assert (request.target, target.connections) == (f"{target.url}/x?a=1", 0)
    assert request.headers["Proxy-Authorization"] == "Basic " + base64.b64encode(b"ada:p@ss").decode()
    assert request.headers["Authorization"] == "Bearer key-1"


def test_token_requests_take_the_proxy_too(answer_with, open_session):
    token = Answer(200, b'{"access_token": "t1", "expires_in": 60}', {"Content-Type": "application/json"})
    target, proxy = answer_with(), answer_with(token, Answer())

    open_session(oauth2(target, proxy_url=proxy.url)).request("GET", "/me")

    assert [request.target for request in proxy.requests] == [f"{target.url}/token", f"{target.url}/me"]
    assert target.connections == 0


def test_a_tunnel_shows_the_proxy_no_credential(tls_server, tls_files, tunnel, open_session):
    session = open_session(tls_server.url, ca_file=tls_files["ca"], proxy_url=tunnel.url)

    assert session.request("GET", "/x").status == 200
    assert tunnel.heads[0].startswith(f"CONNECT 127.0.0.1:{tls_server.port} ")
    assert "key-1" not in tunnel.heads[0]


def test_a_proxy_that_refuses_is_a_typed_error(answer_with, open_session):
    proxy = answer_with(Answer(407))
    session = open_session("https://api.example.com", proxy_url=proxy.url, max_retries=0)

    with pytest.raises(ConnectFailedError):
        session.request("GET", "/x")
    assert proxy.requests[0].method == "CONNECT"


def test_a_proxy_that_is_down_is_a_typed_error(open_session):
    with closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", 0))
        proxy_url = f"http://ada:hunter2@127.0.0.1:{holder.getsockname()[1]}"

        with pytest.raises(ConnectFailedError) as caught:
            open_session("https://api.example.com", proxy_url=proxy_url, max_retries=0).request("GET", "/x")
    assert "hunter2" not in str(caught.value)


# -- TLS --------------------------------------------------------------------------------------------


def test_a_certificate_of_an_unknown_authority_is_refused(tls_server, open_session):
    with pytest.raises(CertificateError, match="CA file") as caught:
        open_session(tls_server.url).request("GET", "/x")

    assert not caught.value.retryable
    assert tls_server.requests == []


def test_the_environments_authorities_do_not_count(tls_server, tls_files, open_session, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, tls_files["ca"])

    with pytest.raises(CertificateError):
        open_session(tls_server.url).request("GET", "/x")


def test_a_ca_file_makes_it_trusted(tls_server, tls_files, open_session):
    assert open_session(tls_server.url, ca_file=tls_files["ca"]).request("GET", "/x").status == 200


def test_a_certificate_of_another_host_is_refused(answer_with, tls_files, open_session):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_files["other_cert"], tls_files["other_key"])
    server = answer_with(tls=context)

    with pytest.raises(CertificateError):
        open_session(server.url, ca_file=tls_files["ca"]).request("GET", "/x")


def test_a_client_certificate_is_shown_where_it_is_asked_for(answer_with, tls_files, open_session):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_files["cert"], tls_files["key"])
    context.load_verify_locations(tls_files["ca"])
    context.verify_mode = ssl.CERT_REQUIRED
    server = answer_with(tls=context)
    two_files = {"client_cert_file": tls_files["client_cert"], "client_key_file": tls_files["client_key"]}

    for files in (two_files, {"client_cert_file": tls_files["client_both"]}):
        assert open_session(server.url, ca_file=tls_files["ca"], **files).request("GET", "/x").status == 200
    with pytest.raises(TransportError):
        open_session(server.url, ca_file=tls_files["ca"], max_retries=0).request("GET", "/x")
    assert len(server.requests) == 2


def test_token_requests_trust_the_same_authorities(tls_server, tls_files, open_session):
    tls_server.script(Answer(200, b'{"access_token": "t1", "expires_in": 60}'), Answer())

    session = open_session(oauth2(tls_server, ca_file=tls_files["ca"]))

    assert session.request("GET", "/me").status == 200


@pytest.mark.parametrize(
    "files",
    [
        {"ca_file": "/nowhere/ca.pem"},
        {"ca_file": __file__},
        {"client_cert_file": "/nowhere/cert.pem"},
        {"client_cert_file": __file__},
        {"ca_file": "{ca}", "client_cert_file": "{client_cert}", "client_key_file": "/nowhere/key.pem"},
        {"ca_file": "{ca}", "client_cert_file": "{client_cert}", "client_key_file": "{key}"},
    ],
)
@pytest.mark.parametrize("is_token", [False, True])
def test_a_certificate_file_that_cannot_be_used_is_a_typed_error(tls_server, tls_files, open_session, files, is_token):
    fields = {name: path.format(**tls_files) for name, path in files.items()}
    raw = oauth2(tls_server, **fields) if is_token else connection(tls_server.url, **fields)

    with pytest.raises(CertificateError):
        open_session(raw).request("GET", "/x")
    assert tls_server.requests == []


def test_a_redirect_from_https_to_http_is_refused(tls_server, tls_files, answer_with, open_session):
    sink = answer_with()
    tls_server.script(redirect(f"{sink.url}/x"))
    session = open_session(tls_server.url, ca_file=tls_files["ca"], allowed_hosts=f"127.0.0.1:{sink.port}")

    with pytest.raises(RedirectRefusedError, match="https to http"):
        session.request("GET", "/x")
    assert sink.connections == 0


def test_https_against_a_server_that_speaks_http_is_a_typed_error(answer_with, open_session):
    server = answer_with()

    with pytest.raises(CertificateError):
        open_session(server.url.replace("http:", "https:")).request("GET", "/x")


@pytest.fixture
def tls_server(answer_with, tls_files):
    """A server with a certificate of our own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_files["cert"], tls_files["key"])
    return answer_with(tls=context)


class Tunnel:
    """An HTTP proxy that tunnels one connection at a time and keeps the heads of what it is asked."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        try:
            while True:
                client, _ = self._listener.accept()
                with client:
                    self._tunnel(client)
        except OSError:
            return

    def _tunnel(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        self.heads.append(head.decode("latin-1"))
        host, port = self.heads[-1].split()[1].split(":")
        with socket.create_connection((host, int(port))) as target:
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=_pump, args=(target, client), daemon=True)
            back.start()
            _pump(client, target)
            back.join(5)


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def tunnel():
    with closing(Tunnel()) as proxy:
        yield proxy

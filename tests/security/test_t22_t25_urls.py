"""URLs that lead where no credential may go: a guard below the clients sees that nobody tries."""

from __future__ import annotations

import socket
import threading
from contextlib import closing

import pytest
from airflow import settings as airflow_settings
from integration.desk import CLIENT, Desk
from integration.loopback import CONN_ID, connection, to_json, to_variable
from security.guarded import SocketGuard
from security.hostile_urls import NEVER, REAL
from servers.oauth2_consent import ConsentApi, ConsentClient

from airflow_provider_integry import urls
from airflow_provider_integry.authorizations.tables import consent
from airflow_provider_integry.errors import HostNotAllowedError, IntegryError, UrlNotAllowedError
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.settings import parse_connection
from airflow_provider_integry.urls import check_url

OAUTH2 = {"conn_type": "integry_oauth2", "client_id": "c", "client_secret": "canary-4b1d9e"}
API = "https://api.example.com"
# Every field that holds a URL which is called: type, and the other fields that it needs.
FIELDS = {
    "host": {"conn_type": "integry_api_key", "password": "canary-4b1d9e"},
    "user_info_url": {"conn_type": "integry_api_key", "password": "canary-4b1d9e", "host": API},
    "exchange_url": {**OAUTH2, "host": API},
    "issuer": {**OAUTH2, "host": API},
    "refresh_url": {**OAUTH2, "host": API, "exchange_url": API, "refresh_token": "r", "grant_type": "refresh_token"},
    "login_url": {"conn_type": "integry_jwt", "jwt_source": "login", "login": "a", "password": "p", "host": API},
}  # fmt: skip
OAUTH1 = {"conn_type": "integry_oauth1", "consumer_key": "c", "consumer_secret": "s", "host": API}
CODE = {"grant_type": "authorization_code"}
LATER = {
    "authorize_url": {**OAUTH2, "host": API, **CODE, "exchange_url": f"{API}/t"},
    "par_url": {**OAUTH2, "host": API, **CODE, "exchange_url": f"{API}/t", "issuer": API},
    "revoke_url": {**OAUTH2, "host": API, **CODE, "issuer": API},
    "device_url": {
        **OAUTH2,
        "host": API,
        **CODE,
        "exchange_url": f"{API}/t",
        "issuer": API,
    },
    "request_url": {**OAUTH1, "authorize_url": f"{API}/a", "access_url": f"{API}/t"},
    "access_url": {**OAUTH1, "authorize_url": f"{API}/a", "request_url": f"{API}/t"},
}


def raw_connection(fields, **more):
    given = {**fields, **more}
    return connection(given.pop("host", None), given.pop("conn_type"), max_retries=0, timeout_s=2, **given)


def attempt(work, *args, **options):
    """Return the error of ours that came of it, None where it went well; anything else is raised."""
    try:
        work(*args, **options)
    except IntegryError as error:
        return error
    return None


def test_the_corpora_are_as_large_as_they_claim():
    assert len(set(NEVER)) >= 150
    assert len(set(REAL)) >= 200


@pytest.mark.parametrize("field", FIELDS)
def test_t22_no_connection_is_made_to_an_address_that_is_never_called(monkeypatch, field):
    """As the URL of a connection: it is refused, or leads to where nobody has pointed it."""
    taken = []
    for url in NEVER:
        monkeypatch.setenv(*to_variable(raw_connection(FIELDS[field], **{field: url})))
        with SocketGuard().watching() as guard:
            error = attempt(use_connection)
        assert "canary" not in str(error)
        if error is None or guard.tried:
            taken.append((url, guard.tried))
    assert taken == []


def use_connection():
    hook = IntegryHook(CONN_ID)
    with hook.get_conn() as session:
        session.get("/me")
    hook.find(verify=True)


@pytest.mark.parametrize("field", LATER)
def test_t22_no_field_takes_an_address_that_is_never_called(field):
    """URLs that are called later, or by a browser: refused as soon as the connection is read."""
    typed = [url for url in NEVER if url.strip()]
    taken = [url for url in typed if attempt(parse_connection, raw_connection(LATER[field], **{field: url})) is None]

    assert taken == []


def test_t23_every_client_goes_where_the_guard_looked(answer_with, open_session):
    """As the URL of one request: what is not refused goes to the connection's own server, and nowhere else."""
    own = answer_with()
    session = open_session(own.url, timeout_s=2, max_retries=0)
    refused = 0
    for url in NEVER:
        with SocketGuard().watching() as guard:
            guard.allowed = {own.port}
            refused += isinstance(attempt(session.request, "GET", url), HostNotAllowedError)
        assert (guard.tried, guard.names) == ([], []), url
    # The others have no scheme that a client knows: they are paths.
    assert refused >= 150
    assert refused + len(own.requests) >= len(NEVER) - 5


def test_t22_a_name_that_resolves_there_is_refused_before_and_after_connecting(monkeypatch, open_session):
    """A name server that says one thing to the check and another to the client: nothing is sent."""
    listener = socket.create_server(("127.0.0.2", 0))
    port = listener.getsockname()[1]
    received = []

    def take():
        while True:
            try:
                taken, _ = listener.accept()
            except OSError:
                return
            with taken:
                received.append(taken.recv(1000))

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    answers = iter(["127.0.0.1"])
    real = socket.getaddrinfo

    def rebind(host, *args, **options):
        return real(next(answers, "127.0.0.2") if host == "rebind.example" else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    networks = (*urls._METADATA_NETWORKS, urls.ipaddress.ip_network("127.0.0.2"))
    monkeypatch.setattr(urls, "_METADATA_NETWORKS", networks)
    with closing(listener):
        session = open_session(f"http://rebind.example:{port}", timeout_s=2, max_retries=0)
        errors = [attempt(session.request, "GET", "/x") for _ in range(2)]
        assert all(errors)
        # aiohttp connects to what was checked, requests looks up a name for itself and is checked once more.
        assert any(isinstance(error, HostNotAllowedError) for error in errors) or session.kind == "async", errors
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    assert b"".join(received) == b""


def test_t22_real_addresses_of_services_are_not_refused():
    refused = [url for url in REAL if isinstance(attempt(check_url, url, "URL"), UrlNotAllowedError)]

    assert refused == []


def test_t24_a_url_that_a_service_names_gets_no_credential_elsewhere(serve, set_connection, answer_with):
    """The service's answer names the API's address: the account is looked up there, unless it is somebody else's."""
    sink = answer_with(to_json({"id": "evil"}))
    api = ConsentApi(ConsentClient(*CLIENT), rotation="strict", latency_s=0.0)
    api.unoffered = frozenset({"pushed_authorization_request_endpoint"})
    fields = {"kept_values": {"instance": "answer.instance_url"}, "user_info_url": "{instance}/me"}
    desk = Desk(api, serve(api.build()), set_connection, **fields)
    own, other = desk.server.url, f"127.0.0.1:{sink.port}"
    odd = (f"{own}@{other}", f"//{other}", f"{own}\\@{other}")
    for elsewhere in (sink.url, f"http://localhost:{sink.port}", "http://169.254.169.254", *odd):
        api.answer_extra = {"instance_url": elsewhere}
        begun = desk.begin()
        with SocketGuard().watching() as guard:
            guard.allowed = {desk.server.port}
            desk.come_back(desk.consent(begun)[0], begun)
        outcome = desk.outcome(begun)
        assert (guard.tried, sink.connections) == ([], 0), elsewhere
        assert (outcome.outcome, outcome.account_id) == ("ready", None), outcome
        assert "could not be looked up" in outcome.message
    with airflow_settings.engine.begin() as database:
        database.execute(consent.delete())


@pytest.mark.parametrize("field", [*FIELDS, *LATER])
def test_t25_http_is_refused_unless_the_connection_allows_it(monkeypatch, field):
    fields = {**FIELDS, **LATER}[field]
    monkeypatch.setenv(*to_variable(raw_connection(fields, **{field: "http://api.example.com/x"}, allow_http=False)))

    with SocketGuard().watching() as guard:
        error = attempt(use_connection)

    assert (guard.tried, guard.names) == ([], [])
    assert error is not None
    assert "http" in str(error)

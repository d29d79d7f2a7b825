"""What an end user enters takes the place of a connection's own account, or is refused with the field's name."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from airflow_provider_integry.auth.credentials import ApiKey, ApiKeyPair, Basic
from airflow_provider_integry.auth.hmac_signing import HmacSigned
from airflow_provider_integry.auth.jwt import JwtLogin, JwtSigning
from airflow_provider_integry.auth_settings import Unfilled
from airflow_provider_integry.authorizations.crypto import seal, unseal
from airflow_provider_integry.authorizations.entered import MAX_CHARS, account_fields, fill, refill
from airflow_provider_integry.authorizations.grant import ENTERED_TYPES, AuthorizationKey, GrantSecrets
from airflow_provider_integry.authorizations.proof import derive_key
from airflow_provider_integry.authorizations.subject import build_subject, check_names, check_new_names
from airflow_provider_integry.connection_types import CONNECTION_TYPES
from airflow_provider_integry.errors import (
    AuthorizationError,
    ConnectionConfigError,
    EnteredFieldError,
    MissingFieldError,
    NotAuthorizedError,
)
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import RawConnection, parse_connection

OWN = "own-canary-5f0c9e1b77-that-is-long-enough-to-sign"
HERS = "hers-canary-83a1d0c2f4-that-is-long-enough-to-sign"
HOST = "https://api.example.com/v1"
PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)


def raw(conn_type, extra=None, host=HOST, **columns):
    return RawConnection("app", conn_type, host=host, extra=extra or {}, **columns)


# A connection with an account of its own, what an end user enters, and what comes of it.
CASES = {
    "integry_api_key": (
        raw("integry_api_key", password=OWN),
        {"password": HERS},
        ApiKey(Secret(HERS), "header", "Authorization", "Bearer "),
    ),
    "integry_api_key_url": (
        raw("integry_api_key_url", password=OWN, schema="own", port=8443),
        {"host": "https://hers.example.com/api", "password": HERS},
        ApiKey(Secret(HERS), "header", "Authorization", "Bearer "),
    ),
    "integry_api_key_secret": (
        raw("integry_api_key_secret", {"api_key": OWN, "api_secret": OWN}),
        {"api_key": HERS, "api_secret": HERS},
        ApiKeyPair(Secret(HERS), Secret(HERS)),
    ),
    "hmac": (
        raw(
            "integry_api_key_secret",
            {
                "api_key": OWN,
                "api_secret": OWN,
                "pair_style": "hmac",
                "string_to_sign": "{timestamp}",
                "sign_headers": {"X-Signature": "{signature}"},
            },
        ),
        {"api_key": "hers", "api_secret": HERS},
        HmacSigned(Secret("hers"), Secret(HERS), "{timestamp}", {"X-Signature": "{signature}"}),
    ),
    "integry_basic": (raw("integry_basic", login="own", password=OWN), {"login": "ada", "password": HERS}, None),
    "integry_basic_url": (
        raw("integry_basic_url", login="own", password=OWN),
        {"host": "https://hers.example.com", "login": "ada", "password": HERS},
        None,
    ),
    "signed": (
        raw("integry_jwt", {"private_key": OWN, "issuer": "own", "audience": "api"}),
        {"private_key": HERS, "issuer": "ada"},
        JwtSigning(Secret(HERS), issuer="ada", audience="api"),
    ),
    "login": (
        raw("integry_jwt", {"jwt_source": "login", "login_url": "/login"}, login="own", password=OWN),
        {"login": "ada", "password": HERS},
        None,
    ),
}
CASE = pytest.mark.parametrize(("app", "entered", "expected"), CASES.values(), ids=CASES)


def unfilled(app):
    """Return the same connection without an account of its own."""
    names = {item.name for item in account_fields(parse_connection(app))}
    columns = {name: None for name in ("host", "login", "password") if name in names}
    extra = {name: value for name, value in app.extra.items() if name not in names}
    values = {name: getattr(app, name) for name in ("host", "login", "password", "port", "schema")}
    return RawConnection("app", app.conn_type, **{**values, **columns}, extra=extra)


@CASE
def test_what_is_entered_takes_the_place_of_the_connections_own(app, entered, expected):
    filled = fill(app, entered)

    assert expected is None or filled.auth == expected
    assert HERS in {secret.reveal() for secret in filled.secrets}
    assert OWN not in repr([secret.reveal() for secret in filled.secrets])
    assert filled.base_url == entered.get("host", HOST)
    assert HERS not in repr(filled)


def test_user_names_and_logins_are_replaced_together():
    assert fill(*CASES["integry_basic"][:2]).auth == Basic("ada", Secret(HERS))
    login = fill(*CASES["login"][:2]).auth
    assert isinstance(login, JwtLogin)
    assert (login.username, login.password, login.url) == ("ada", Secret(HERS), f"{HOST}/login")


@CASE
def test_nothing_of_the_connections_own_account_is_left_where_nothing_is_entered_in_its_place(app, entered, expected):
    needed = {item.name for item in account_fields(parse_connection(app)) if item.required}
    filled = fill(app, {name: text for name, text in entered.items() if name in needed})

    assert OWN not in repr([secret.reveal() for secret in filled.secrets])


@CASE
def test_a_connection_without_an_account_of_its_own_is_read_and_filled_in(app, entered, expected):
    empty = unfilled(app)
    found = parse_connection(empty, allow_unfilled=True)

    assert isinstance(found.auth, Unfilled)
    with pytest.raises(MissingFieldError):
        found.check_filled()
    with pytest.raises(MissingFieldError):
        parse_connection(empty)
    assert fill(empty, entered).auth == refill(found, entered).auth == fill(app, entered).auth
    assert account_fields(found) == account_fields(parse_connection(app))
    key = AuthorizationKey("app", None, "ada")
    assert build_subject(found, key).binding == build_subject(parse_connection(app), key).binding


@CASE
def test_tasks_and_broker_read_the_same_secrets_so_that_proofs_fit(app, entered, expected):
    keys = [derive_key(Secret("installation"), parse_connection(app, allow_unfilled=one)) for one in (True, False)]
    assert keys[0].fingerprint == keys[1].fingerprint


def test_only_types_without_consent_ask_end_users_for_fields():
    asking = {one.name for one in CONNECTION_TYPES if any(item.is_account for item in one.fields)}
    assert asking == set(ENTERED_TYPES)
    with pytest.raises(AuthorizationError, match="no fields that an end user could fill in"):
        fill(raw("integry_oauth1", {"consumer_key": "a", "consumer_secret": "b"}), {"password": "x"})


@pytest.mark.parametrize(
    ("app", "needed", "optional"),
    [
        (CASES["integry_api_key"][0], ["password"], []),
        (CASES["integry_api_key_url"][0], ["host", "password"], []),
        (CASES["integry_api_key_secret"][0], ["api_key", "api_secret"], []),
        (CASES["integry_basic"][0], ["login"], ["password"]),
        (CASES["integry_basic_url"][0], ["host", "login"], ["password"]),
        (CASES["signed"][0], ["private_key"], ["issuer", "subject", "key_id"]),
        (CASES["login"][0], ["login", "password"], []),
    ],
)
def test_the_form_of_each_type_says_what_is_needed(app, needed, optional):
    fields = account_fields(parse_connection(app))
    assert [item.name for item in fields if item.required] == needed
    assert [item.name for item in fields if not item.required] == optional
    assert all(item.required_when is None and not item.description.startswith(("sign:", "login:")) for item in fields)


def test_what_is_neither_needed_nor_secret_is_the_connections_where_it_is_left_empty():
    app = raw("integry_jwt", {"private_key": OWN, "issuer": "app", "key_id": "kid-1"})
    auth = fill(app, {"private_key": HERS, "key_id": "kid-2", "issuer": ""}).auth
    assert isinstance(auth, JwtSigning)
    assert (auth.issuer, auth.key_id) == ("app", "kid-2")


def test_an_empty_password_is_empty_and_not_the_connections():
    assert fill(CASES["integry_basic"][0], {"login": "ada", "password": ""}).auth == Basic("ada", Secret(""))


def test_a_key_in_pem_may_have_lines():
    app = raw("integry_jwt", {"algorithm": "ES256"})
    for text in (PEM, PEM.replace("\n", "\r\n"), PEM.replace("\n", "\\n")):
        assert isinstance(fill(app, {"private_key": text}).auth, JwtSigning)


KEY = CASES["integry_api_key"][0]


@pytest.mark.parametrize(
    ("app", "entered", "field", "said"),
    [
        (KEY, {}, "password", "is empty, and needed; fill in 'API key'"),
        (KEY, {"password": "  "}, "password", "is empty"),
        (KEY, {"password": HERS, "key_name": "X-Other"}, "key_name", "is not asked for; fill in: password"),
        (KEY, {"password": HERS, "host": "https://evil.example.com"}, "host", "is not asked for"),
        (KEY, {"password": HERS, "allowed_hosts": "evil.example.com"}, "allowed_hosts", "is not asked for"),
        (KEY, {"password": HERS, "x" * 100: "y"}, "x" * 39 + "…", "is not asked for"),
        (KEY, {"password": "x" * (MAX_CHARS + 1)}, "password", f"is longer than {MAX_CHARS} characters"),
        (KEY, {"password": "a\nb"}, "password", "holds a line break or another control character"),
        (KEY, {"password": "a\x00b"}, "password", "control character"),
        (KEY, {"password": "key-1\n"}, "password", "holds a line break"),
        (KEY, {"password": "a\ud800"}, "password", "holds half of a character"),
        (KEY, {"password": "☃-key"}, "password", ""),
        (KEY, {"password": "***"}, "password", "a masked value"),
        (KEY, {"password": 7}, "password", "is no text"),
        (KEY, {"password": ["a"]}, "password", "is no text"),
        (CASES["integry_basic"][0], {"login": "a:b", "password": HERS}, "login", "holds a colon"),
        (CASES["signed"][0], {"private_key": "short"}, "private_key", ""),
        (CASES["signed"][0], {"private_key": HERS, "issuer": "a\rb"}, "issuer", "control character"),
        (CASES["login"][0], {"login": "ada"}, "password", "is empty, and needed"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_fields_name(app, entered, field, said):
    with pytest.raises(EnteredFieldError) as caught:
        fill(app, entered)
    assert caught.value.field == field
    assert said in caught.value.problem
    for value in (HERS, OWN, "x" * 200):
        assert value not in str(caught.value)


def test_what_is_wrong_with_the_connection_is_no_end_users_fault():
    with pytest.raises(ConnectionConfigError, match="field 'key_name'"):
        fill(raw("integry_api_key", {"key_name": "a b"}), {"password": HERS})


# -- base URLs that end users type -----------------------------------------------------------------

URLS = ("integry_api_key_url", {"password": OWN})
REFUSED = [
    *("http://hers.example.com", "ftp://hers.example.com", "file:///etc/passwd", "gopher://hers.example.com/"),
    *("https://user@hers.example.com", "https://user:pass@hers.example.com", "https://api.example.com@evil.example"),
    *("https://127.0.0.1", "https://127.1", "https://2130706433", "https://0x7f000001", "https://0177.0.0.1"),
    *("https://①②⑦.⓪.⓪.①", "https://127.0.0.1:8080", "https://0.0.0.0", "https://10.0.0.1", "https://10.255.255.255"),
    *("https://172.16.0.1", "https://172.31.255.255", "https://192.168.1.1", "https://100.64.0.1"),
    *("https://100.127.255.255", "https://100.100.100.200", "https://169.254.169.254", "https://168.63.129.16"),
    *("https://192.0.0.192", "https://192.0.2.1", "https://198.18.0.1", "https://198.51.100.1", "https://203.0.113.9"),
    *("https://224.0.0.1", "https://240.0.0.1", "https://255.255.255.255", "https://192.88.99.1"),
    *("https://[::1]", "https://[::]", "https://[::127.0.0.1]", "https://[::ffff:127.0.0.1]"),
    *("https://[::ffff:10.0.0.1]", "https://[::ffff:169.254.169.254]", "https://[64:ff9b::a00:1]"),
    *("https://[64:ff9b::a9fe:a9fe]", "https://[2002:7f00:1::]", "https://[2002:a00:1::]", "https://[fc00::1]"),
    *("https://[fd00:ec2::254]", "https://[fec0::1]", "https://[fe80::1]", "https://[fe80::1%25eth0]"),
    *("https://[ff02::1]", "https://[2001:db8::1]", "https://[2001::1]", "https://[100::1]", "https://[3fff::1]"),
    *("https://localhost", "https://LOCALHOST.", "https://localhost:8443", "https://a.localhost", "https://intranet"),
    *("https://printer.local", "https://db.internal", "https://metadata.google.internal", "https://metadata"),
    *("https://nas.lan", "https://router.home.arpa", "https://x.corp", "https://kubernetes.default.svc.test"),
    *("https://good.example.com\\@127.0.0.1", "https://good.example.com\t", "https://exämple.com", "https://"),
    *("https://h:0", "https://h:99999", "https://a..b", "javascript:alert(1)", "//hers.example.com/x?y=1"),
    *("https://hers.example.com/?next=1", "https://hers.example.com/#top", "https://[::1", "https://1.2.3", " "),
]


@pytest.mark.parametrize("url", REFUSED)
def test_a_base_url_that_is_not_public_https_is_refused(url):
    with pytest.raises(EnteredFieldError) as caught:
        fill(raw(*URLS[:1], password=OWN), {"host": url, "password": HERS})
    assert caught.value.field in ("host", "schema")


@pytest.mark.parametrize(
    "url",
    [
        *("https://hers.example.com", "https://hers.example.com:8443/api/v2", "https://acme.my.vendor.com/"),
        *("https://8.8.8.8", "https://[2606:4700:4700::1111]/v1", "https://[64:ff9b::808:808]", "hers.example.com/v1"),
        *("https://xn--exmple-cua.com", "https://acme-corp.example", "https://local.example.com"),
    ],
)
def test_a_public_base_url_is_taken_and_held_to_public_addresses(url):
    filled = fill(raw("integry_api_key_url"), {"host": url, "password": HERS})
    assert filled.base_url is not None
    assert filled.base_url.startswith("https://")
    assert filled.transport.is_public_only
    assert not filled.allow_http


def test_hosts_that_the_connection_lists_are_known_to_its_editor():
    app = raw("integry_api_key_url", {"allowed_hosts": "127.0.0.1:8080", "allow_http": True}, host=None)
    filled = fill(app, {"host": "http://127.0.0.1:8080/api", "password": HERS})
    assert (filled.base_url, filled.transport.is_public_only) == ("http://127.0.0.1:8080/api", False)
    for other in ("http://127.0.0.1:8081", "https://127.0.0.1:8081", "http://hers.example.com"):
        with pytest.raises(EnteredFieldError):
            fill(app, {"host": other, "password": HERS})


def test_secret_headers_go_to_no_host_that_an_end_user_has_chosen():
    extra = {"secret_headers": json.dumps({"X-App": OWN}), "allowed_hosts": "acme.vendor.com"}
    app = raw("integry_api_key_url", extra, host=None)
    with pytest.raises(EnteredFieldError, match="may not have this connection's secret headers") as caught:
        fill(app, {"host": "https://evil.example.com", "password": HERS})
    assert OWN not in str(caught.value)
    assert fill(app, {"host": "https://acme.vendor.com/x", "password": HERS}).secret_headers


# -- what is kept ----------------------------------------------------------------------------------


def binding(app, end_user="ada"):
    return build_subject(parse_connection(app, allow_unfilled=True), AuthorizationKey("app", None, end_user)).binding


def test_an_edited_connection_does_not_send_what_was_entered_elsewhere():
    key, login = CASES["integry_api_key"][0], CASES["login"][0]
    assert binding(key) == binding(raw("integry_api_key", {"key_name": "X-New", "max_retries": 1}, password="other"))
    assert binding(key) == binding(key, "bob")
    changed = [
        raw("integry_api_key", host="https://evil.example.com", password=OWN),
        raw("integry_basic", login="own", password=OWN),
        raw("integry_api_key_url", password=OWN),
    ]
    moved = [
        raw("integry_jwt", {**login.extra, "login_url": "https://evil.example.com/login"}, login="a", password=OWN),
        raw("integry_jwt", {**login.extra, "second_url": "/second"}, login="a", password=OWN),
        raw("integry_jwt", {"private_key": OWN}),
    ]
    assert len({binding(one) for one in (key, login, *changed, *moved)}) == 8
    # Whose URL it is belongs to the end user.
    own = CASES["integry_api_key_url"][0]
    assert binding(own) == binding(raw("integry_api_key_url", password=OWN, host="https://other.example.com"))


def test_the_connections_own_account_is_never_kept():
    settings = parse_connection(KEY)
    assert not settings.takes_entered(None, None)
    assert settings.takes_entered("ada", None)
    assert settings.takes_entered(None, "second")
    with pytest.raises(AuthorizationError):
        build_subject(settings, AuthorizationKey("app"))


@pytest.mark.parametrize("account", ["ca_", "ca_1", "ca_" + "g" * 32, "ca_" + "0" * 33, "ca_" + "A" * 32])
def test_no_account_is_called_like_a_connected_account_id(account):
    with pytest.raises(NotAuthorizedError, match="connected account ids do"):
        check_names(AuthorizationKey("app", None, "ada", account))


def test_nothing_new_is_kept_under_a_connected_account_id():
    key = AuthorizationKey("app", None, "ada", "ca_" + "0" * 32)
    check_names(key)
    check_new_names(key._replace(account="CA_1"))
    with pytest.raises(NotAuthorizedError, match="is a connected account id"):
        check_new_names(key)


@pytest.mark.usefixtures("fernet_key")
def test_what_was_entered_is_sealed_and_opened_at_its_own_place_alone():
    secrets = GrantSecrets(entered={"login": Secret("ada"), "password": Secret(HERS)})
    sealed = seal(secrets, "place-1")
    assert HERS not in sealed
    assert unseal(sealed, "place-1") == secrets

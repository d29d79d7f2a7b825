"""How real services deviate (`PROTOCOLS.md`, section 1), each as fields of a connection and answers played by hand.

The number of a row is the number in that table; 0 is the count of key forms above it. What is only about
consent, callbacks and stored grants is not here. `NOT_DECLARABLE` says honestly what fields cannot express.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from airflow_provider_integry import errors
from airflow_provider_integry.auth.apply import apply
from airflow_provider_integry.auth.token import Token
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.authorizations.supply import EndpointSupplier, Supplied
from airflow_provider_integry.authorizations.tokens import forget_sources, source_for
from airflow_provider_integry.settings import ConnectionSettings, RawConnection, parse_connection
from airflow_provider_integry.transport.retry import Outcome, RetryPolicy, Send, exchange

NOW = 1_700_000_000.0
URL = "https://api.example.com/v1/things?a=1"
TOKEN_URL = "https://auth.example.com/token"
JSON, FORM, TEXT, HTML = "application/json", "application/x-www-form-urlencoded", "text/plain", "text/html"


def make_pem(key: Any) -> str:
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain).decode()


EC_KEY, RSA_KEY = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
EC_PEM, RSA_PEM = make_pem(EC_KEY), make_pem(RSA_KEY)


@dataclass(frozen=True)
class Row:
    """One deviation.

    Attributes:
        number, provider, what: Which row, whose, and in words.
        fields: `extra` of the connection; this is all that a data engineer writes.
        conn_type, columns: The rest of the connection.
        answers: What the server says, in order: a body, or (body, content type, status, headers).
        asks: Expected of the last token request: `method`, `url`, `params`, `json`, headers by name.
        token: Expected of the token: `access_token`, `life_s`, `refresh_token`, `scopes`, `token_type`.
        sends: Expected headers of an API request, by name; None is a header that must not be there.
        query: Expected query of an API request.
        raises: Expected error class, and values of its fields.
        settings: Expected attributes of the parsed connection, by dotted name.
        renews: Answers of the API, each (body, content type, status), and whether they bring a new token.
    """

    number: int
    provider: str
    what: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    conn_type: str = "integry_oauth2"
    columns: Mapping[str, str] = field(default_factory=dict)
    answers: tuple[Any, ...] = ()
    asks: Mapping[str, Any] | None = None
    token: Mapping[str, Any] | None = None
    sends: Mapping[str, Any] | None = None
    query: Mapping[str, str] | None = None
    raises: tuple[type[Exception], Mapping[str, Any]] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    renews: tuple[tuple[tuple[Any, ...], bool], ...] = ()

    @property
    def name(self) -> str:
        return f"#{self.number} {self.provider}: {self.what}"


CC = {"client_id": "ci", "client_secret": "cs", "exchange_url": TOKEN_URL}
POST = {**CC, "client_auth": "client_secret_post"}
REFRESH = {**CC, "grant_type": "refresh_token", "refresh_token": "r-1"}
REFRESH_POST = {**REFRESH, "client_auth": "client_secret_post"}
BASIC = "Basic " + base64.b64encode(b"ci:cs").decode()
GOOD = {"access_token": "t-1", "token_type": "Bearer", "expires_in": 3600}
OAUTH1 = {"consumer_key": "ck", "consumer_secret": "cs", "oauth_token": "to", "oauth_token_secret": "ts"}


def life(number: int, provider: str, what: str, answer: Any, life_s: float | None, **fields: Any) -> Row:
    """Return a row about how long a token lives."""
    return Row(number, provider, what, {**CC, **fields}, answers=(answer,), token={"life_s": life_s})


def refused(
    number: int, provider: str, what: str, answer: Any, cause: type[Exception], fields: Any = REFRESH, **facts: Any
) -> Row:
    """Return a row about an answer that is an error."""
    return Row(number, provider, what, fields, answers=(answer,), raises=(cause, facts))


def kept(number: int, provider: str, what: str, answer: Any, refresh_token: str) -> Row:
    """Return a row about which refresh token counts from now on."""
    return Row(number, provider, what, REFRESH, answers=(answer,), token={"refresh_token": refresh_token})


def key(what: str, fields: Mapping[str, Any], sends: Mapping[str, Any], query: Mapping[str, str] | None = None) -> Row:
    """Return a row about where a key goes."""
    return Row(0, "count", what, fields, "integry_api_key", {"password": "k-1"}, sends=sends, query=query)


TOKEN_ANSWERS = [
    Row(
        1,
        "GitHub",
        "the answer is a form",
        REFRESH,
        answers=(("access_token=gho_1&scope=repo%2Cgist&token_type=bearer", FORM),),
        asks={"Accept": "application/json"},
        token={"access_token": "gho_1", "scopes": ("repo", "gist")},
    ),
    Row(
        1,
        "GitHub",
        "a form that calls itself text",
        REFRESH,
        answers=(("access_token=gho_1&scope=&token_type=bearer", TEXT),),
        token={"access_token": "gho_1", "life_s": None},
    ),
    Row(
        4,
        "Slack v2",
        "the token is the user's alone",
        {**REFRESH, "answer_path": "authed_user.access_token"},
        answers=(
            {"ok": True, "authed_user": {"access_token": "xoxp-1", "refresh_token": "xoxe-1", "expires_in": 43200}},
        ),
        token={"access_token": "xoxp-1", "refresh_token": "xoxe-1", "life_s": 43200},
    ),
    Row(
        4,
        "Slack v2",
        "the user's token expires apart from the bot's",
        {**REFRESH, "answer_path": "authed_user.access_token"},
        answers=({"ok": True, "access_token": "xoxb-1", "expires_in": 9, "authed_user": {"access_token": "xoxp-1"}},),
        token={"access_token": "xoxp-1", "life_s": None},
    ),
    kept(5, "Slack", "rotation is optional", {"ok": True, "access_token": "xoxb-1"}, "r-1"),
    life(6, "Salesforce", "no lifetime in the answer", {"access_token": "t", "issued_at": "1700000000000"}, None),
    life(6, "Salesforce", "lifetime from the connection", {"access_token": "t"}, 7200, lifetime_s=7200),
    life(10, "Mailchimp", "expires_in 0 is no expiry", {"access_token": "t", "expires_in": 0, "scope": None}, None),
    kept(12, "Xero", "the refresh token rotates", {**GOOD, "refresh_token": "r-2"}, "r-2"),
    Row(
        14,
        "HubSpot",
        "tokens of 300 characters and 30 minutes",
        REFRESH,
        answers=({"access_token": "C" * 300, "expires_in": 1800, "refresh_token": "r-1"},),
        token={"access_token": "C" * 300, "life_s": 1800},
    ),
    life(19, "Facebook", "a form in plain text with 'expires'", ("access_token=E1&expires=5183999", TEXT), 5183999),
    kept(21, "Google", "a refresh does not repeat the refresh token", GOOD, "r-1"),
    kept(24, "Microsoft", "a new refresh token each time", {**GOOD, "refresh_token": "r-2"}, "r-2"),
    Row(
        34,
        "eBay",
        "an odd token type",
        REFRESH,
        answers=({"access_token": "v^1.1#i", "expires_in": 7200, "token_type": "User Access Token"},),
        token={"token_type": "User Access Token", "life_s": 7200},
        sends={"Authorization": "Bearer v^1.1#i"},
    ),
    kept(35, "Zoom", "only the newest refresh token works", {**GOOD, "refresh_token": "r-2"}, "r-2"),
    kept(37, "Atlassian", "the refresh token rotates", {**GOOD, "refresh_token": "r-2"}, "r-2"),
    kept(41, "Box", "a new refresh token each time", {**GOOD, "refresh_token": "r-2"}, "r-2"),
    Row(
        42,
        "Plentymarkets",
        "camelCase",
        REFRESH,
        answers=({"accessToken": "t-1", "refreshToken": "r-2", "expiresIn": 86400, "tokenType": "Bearer"},),
        token={"access_token": "t-1", "refresh_token": "r-2", "life_s": 86400},
    ),
    Row(
        42,
        "Braintree",
        "nested, with a date",
        REFRESH,
        answers=({"credentials": {"accessToken": "t-1", "refreshToken": "r-2", "expiresAt": "2023-11-14T23:13:20Z"}},),
        token={"access_token": "t-1", "refresh_token": "r-2", "life_s": 3600},
    ),
    Row(
        42,
        "Sentry",
        "status 201",
        {**REFRESH, "exchange_format": "json"},
        answers=(({"token": "t-1", "refreshToken": "r-2", "expiresAt": "2023-11-14T23:13:20.000000Z"}, JSON, 201),),
        token={"access_token": "t-1", "refresh_token": "r-2", "life_s": 3600},
    ),
    kept(43, "Figma", "a refresh brings no refresh token", {"access_token": "t", "expires_in": 90}, "r-1"),
    life(46, "Jobber", "no lifetime, 3600 s by documentation", {"access_token": "t"}, 3600, lifetime_s=3600),
    life(46, "Workday", "the answer's own lifetime is preferred", GOOD, 3600, lifetime_s=60),
    life(53, "Fiserv", "milliseconds", {"access_token": "t", "expires_in": 900000}, 900, expires_unit="milliseconds"),
    life(53, "PayPal", "a lifetime as text", {"access_token": "t", "expires_in": "32400"}, 32400),
    *[
        life(
            53, "PayPal", f"expires_in {text} is safe", (f'{{"access_token": "t", "expires_in": {text}}}', JSON), life_s
        )
        for text, life_s in [("3599.9", 3599.9), ('""', None), ("null", None), ("-1", None), ("1e400", None)]
    ],
    Row(
        55,
        "Avanan",
        "GET, and the whole body is the token",
        {**POST, "exchange_method": "GET"},
        answers=(("eyJhb.x-1\n", TEXT),),
        asks={
            "method": "GET",
            "url": f"{TOKEN_URL}?grant_type=client_credentials&client_id=ci&client_secret=cs",
            "params": {},
        },
        token={"access_token": "eyJhb.x-1"},
    ),
    life(65, "expires_at", "ISO", {"access_token": "t", "expires_at": "2023-11-14T23:13:20Z"}, 3600),
    life(65, "expires_at", "ISO elsewhere", {"access_token": "t", "expires_at": "2023-11-15T01:13:20+02:00"}, 3600),
    life(65, "expires_at", "epoch seconds", {"access_token": "t", "expires_at": 1_700_003_600}, 3600),
    life(65, "expires_at", "epoch milliseconds", {"access_token": "t", "expires_at": "1700003600000"}, 3600),
    life(65, "expires_at", "unreadable beside expires_in", {**GOOD, "expires_at": "in an hour"}, 3600),
    life(65, "expires_at", "expires_in is preferred", {**GOOD, "expires_at": 1_700_009_999}, 3600),
    Row(66, "damage", "a byte order mark", CC, answers=((b'\xef\xbb\xbf{"access_token":"t"}', JSON),), token={}),
    *[
        Row(67, "scope", what, {**CC, "scopes": "a b"}, answers=({**GOOD, "scope": value},), token={"scopes": scopes})
        for what, value, scopes in [
            ("as a list", ["a", "b"], ("a", "b")),
            ("with commas", "a,b", ("a", "b")),
            ("a subset", "a", ("a",)),
            ("others", "x y", ("x", "y")),
        ]
    ],
    *[
        Row(
            68,
            "token_type",
            what,
            CC,
            answers=({"access_token": "t-1", **answer},),
            sends={"Authorization": "Bearer t-1"},
        )
        for what, answer in [
            ("missing", {}),
            ("in lower case", {"token_type": "bearer"}),
            ("in capitals", {"token_type": "BEARER"}),
            ("JWT", {"token_type": "JWT"}),
            ("odd", {"token_type": "urn:x"}),
        ]
    ],
]

ERRORS = [
    refused(
        2, "GitHub", "bad_verification_code with 200", {"error": "bad_verification_code"}, errors.InvalidGrantError
    ),
    refused(
        2,
        "GitHub",
        "incorrect_client_credentials with 200",
        {"error": "incorrect_client_credentials"},
        errors.InvalidClientError,
        status=200,
    ),
    refused(
        2,
        "GitHub",
        "redirect_uri_mismatch with 200",
        ("error=redirect_uri_mismatch&error_description=no", FORM),
        errors.TokenEndpointError,
        error="redirect_uri_mismatch",
    ),
    refused(5, "Slack", "200 with ok false", {"ok": False, "error": "invalid_refresh_token"}, errors.InvalidGrantError),
    refused(
        5,
        "Slack",
        "a code of its own",
        {"ok": False, "error": "team_access_not_granted"},
        errors.TokenEndpointError,
        error="team_access_not_granted",
    ),
    refused(
        14,
        "HubSpot",
        "status in place of error",
        ({"status": "BAD_REFRESH_TOKEN", "message": "missing or unknown"}, JSON, 400),
        errors.InvalidGrantError,
    ),
    refused(
        19,
        "Facebook",
        "an error object",
        ({"error": {"message": "expired", "type": "OAuthException", "code": 190}}, JSON, 400),
        errors.TokenEndpointError,
        error="OAuthException",
        description="expired",
    ),
    refused(
        22,
        "Google",
        "a grant that has died silently",
        ({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, JSON, 400),
        errors.InvalidGrantError,
        description="Token has been expired or revoked.",
    ),
    refused(
        24,
        "Microsoft",
        "classified by error, the code is kept for people",
        ({"error": "invalid_grant", "error_description": "AADSTS70008: expired", "error_codes": [70008]}, JSON, 400),
        errors.InvalidGrantError,
        description="AADSTS70008: expired",
    ),
    refused(
        38,
        "Auth0",
        "invalid_grant with 403",
        ({"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."}, JSON, 403),
        errors.InvalidGrantError,
        status=403,
    ),
    refused(
        66,
        "damage",
        "HTML 502",
        ("<html><body>Bad Gateway</body></html>", HTML, 502),
        errors.TokenEndpointUnavailableError,
        retryable=True,
    ),
    refused(66, "damage", "HTML 200", ("<html>Log in</html>", HTML), errors.TokenResponseError, retryable=False),
    refused(66, "damage", "a JSON list", ("[]", JSON), errors.TokenResponseError),
    refused(66, "damage", "cut off", ('{"access_token": "t', JSON), errors.TokenResponseError),
    refused(66, "damage", "a key twice", ('{"access_token":"a","access_token":"b"}', JSON), errors.TokenResponseError),
    refused(
        73,
        "throttling",
        "429 with Retry-After",
        ({}, JSON, 429, {"Retry-After": "17"}),
        errors.TokenEndpointUnavailableError,
        retry_after_s=17.0,
    ),
    refused(
        73,
        "throttling",
        "503 with Retry-After",
        ("", TEXT, 503, {"Retry-After": "5"}),
        errors.TokenEndpointUnavailableError,
        retry_after_s=5.0,
    ),
]

TOKEN_REQUESTS = [
    Row(
        5,
        "Slack",
        "scopes with commas",
        {**POST, "scopes": "chat:write users:read", "scope_separator": "comma"},
        asks={
            "params": {
                "grant_type": "client_credentials",
                "scope": "chat:write,users:read",
                "client_id": "ci",
                "client_secret": "cs",
            }
        },
    ),
    Row(
        6,
        "Salesforce",
        "a JWT for the login host",
        {
            "client_id": "ci",
            "client_auth": "none",
            "grant_type": "jwt_bearer",
            "private_key": RSA_PEM,
            "exchange_url": "https://acme.my.salesforce.com/services/oauth2/token",
            "assertion_audience": "https://login.salesforce.com",
            "subject": "ada@example.com",
        },
        asks={
            "url": "https://acme.my.salesforce.com/services/oauth2/token",
            "assertion": {"iss": "ci", "sub": "ada@example.com", "aud": "https://login.salesforce.com"},
        },
    ),
    Row(
        19,
        "Facebook",
        "fb_exchange_token by GET",
        {
            **REFRESH_POST,
            "exchange_method": "GET",
            "param_names": {"refresh_token": "fb_exchange_token"},
            "exchange_params": {"grant_type": "fb_exchange_token"},
        },
        asks={
            "method": "GET",
            "url": f"{TOKEN_URL}?grant_type=fb_exchange_token&fb_exchange_token=r-1&client_id=ci&client_secret=cs",
        },
    ),
    Row(
        20,
        "Instagram",
        "refresh by GET with the token alone",
        {
            **REFRESH,
            "client_auth": "none",
            "client_secret": "",
            "exchange_method": "GET",
            "param_names": {"refresh_token": "access_token", "client_id": ""},
            "exchange_params": {"grant_type": "ig_refresh_token"},
        },
        asks={"method": "GET", "url": f"{TOKEN_URL}?grant_type=ig_refresh_token&access_token=r-1"},
    ),
    Row(
        26,
        "X",
        "Basic client",
        REFRESH,
        asks={"Authorization": BASIC, "params": {"grant_type": "refresh_token", "refresh_token": "r-1"}},
    ),
    Row(
        35,
        "Zoom",
        "parameters in the query of a POST",
        {
            **CC,
            "exchange_url": f"{TOKEN_URL}?grant_type=account_credentials&account_id=7",
            "param_names": {"grant_type": ""},
        },
        asks={
            "method": "POST",
            "url": f"{TOKEN_URL}?grant_type=account_credentials&account_id=7",
            "params": {},
            "Authorization": BASIC,
        },
    ),
    Row(
        36,
        "Reddit",
        "secret by Basic, and a user agent",
        {**CC, "user_agent": "linux:acme:v1 (by /u/ada)"},
        asks={"Authorization": BASIC},
        settings={"transport.user_agent": "linux:acme:v1 (by /u/ada)"},
    ),
    Row(
        37,
        "Atlassian",
        "audience in a JSON body",
        {**POST, "exchange_format": "json", "audience": "api.atlassian.com"},
        asks={
            "json": {
                "grant_type": "client_credentials",
                "audience": "api.atlassian.com",
                "client_id": "ci",
                "client_secret": "cs",
            }
        },
    ),
    Row(
        43,
        "Wix",
        "JSON body",
        {**REFRESH_POST, "exchange_format": "json"},
        asks={
            "json": {"grant_type": "refresh_token", "refresh_token": "r-1", "client_id": "ci", "client_secret": "cs"}
        },
    ),
    Row(
        43,
        "Figma",
        "refresh at another URL",
        {**REFRESH, "refresh_url": "https://api.figma.com/v1/oauth/refresh"},
        asks={"url": "https://api.figma.com/v1/oauth/refresh"},
    ),
    Row(
        43,
        "Clover",
        "refresh at another URL in JSON without a secret",
        {
            **REFRESH,
            "client_auth": "none",
            "refresh_url": "https://api.clover.com/oauth/v2/refresh",
            "exchange_format": "json",
            "param_names": {"grant_type": ""},
        },
        asks={"url": "https://api.clover.com/oauth/v2/refresh", "json": {"refresh_token": "r-1", "client_id": "ci"}},
    ),
    Row(
        45,
        "Dropbox",
        "either Basic or body, never both",
        POST,
        asks={
            "Authorization": None,
            "params": {"grant_type": "client_credentials", "client_id": "ci", "client_secret": "cs"},
        },
    ),
    refused(
        45,
        "Google",
        "no silent probing with other ways",
        ({"error": "invalid_client"}, JSON, 401),
        errors.InvalidClientError,
        fields=POST,
    ),
    Row(
        45,
        "Stripe",
        "the client secret as Bearer at the token endpoint",
        {**REFRESH, "client_auth": "client_secret_bearer"},
        asks={
            "Authorization": "Bearer cs",
            "params": {"grant_type": "refresh_token", "refresh_token": "r-1"},
        },
    ),
    Row(
        46,
        "Stripe App",
        "the client secret as Basic user name without a password",
        {**REFRESH, "client_auth": "client_secret_basic_user"},
        asks={
            "Authorization": "Basic " + base64.b64encode(b"cs:").decode(),
            "params": {"grant_type": "refresh_token", "refresh_token": "r-1"},
        },
    ),
    Row(
        50,
        "Dropbox Sign",
        "an empty name drops a parameter",
        {**POST, "scopes": "a", "param_names": {"scope": ""}},
        asks={"params": {"grant_type": "client_credentials", "client_id": "ci", "client_secret": "cs"}},
    ),
    Row(
        69,
        "Basic",
        "form-encoded first",
        {**CC, "client_secret": "a b/é", "basic_encoding": "rfc6749"},
        asks={"Authorization": "Basic " + base64.b64encode(b"ci:a+b%2F%C3%A9").decode()},
    ),
    Row(
        69,
        "Basic",
        "raw, in UTF-8",
        {**CC, "client_secret": "a b/☃", "basic_encoding": "raw"},
        asks={"Authorization": "Basic " + base64.b64encode("ci:a b/☃".encode()).decode()},
    ),
    Row(
        72,
        "DPoP",
        "the nonce of a refusal is used, once",
        {**CC, "dpop": True},
        answers=(
            ({"error": "use_dpop_nonce"}, JSON, 400, {"DPoP-Nonce": "n-1"}),
            ({"access_token": "t-1", "token_type": "DPoP"}, JSON, 200, {"DPoP-Nonce": "n-2"}),
        ),
        asks={"proof": {"htm": "POST", "htu": TOKEN_URL, "nonce": "n-1"}},
        token={"token_type": "DPoP"},
    ),
    refused(
        72,
        "DPoP",
        "and not twice",
        (
            ({"error": "use_dpop_nonce"}, JSON, 400, {"DPoP-Nonce": "n-1"}),
            ({"error": "use_dpop_nonce"}, JSON, 400, {"DPoP-Nonce": "n-2"}),
        ),
        errors.TokenEndpointError,
        fields={**CC, "dpop": True},
        error="use_dpop_nonce",
    ),
    refused(
        72,
        "DPoP",
        "a nonce beside another refusal asks for nothing",
        ({"error": "invalid_grant"}, JSON, 400, {"DPoP-Nonce": "n-1"}),
        errors.InvalidGrantError,
        fields={**REFRESH, "dpop": True},
    ),
]

PLACES = [
    key("Bearer", {}, {"Authorization": "Bearer k-1"}),
    key("x-api-key", {"key_name": "x-api-key"}, {"x-api-key": "k-1", "Authorization": None}),
    key("bare Authorization", {"key_prefix": "none"}, {"Authorization": "k-1"}),
    key("Token x", {"key_prefix": "Token"}, {"Authorization": "Token k-1"}),
    key("Token token=x", {"key_prefix": "Token token="}, {"Authorization": "Token token=k-1"}),
    key("Key x", {"key_prefix": "Key"}, {"Authorization": "Key k-1"}),
    key("AccessKey x", {"key_prefix": "AccessKey"}, {"Authorization": "AccessKey k-1"}),
    key("Basic <key>", {"key_prefix": "Basic"}, {"Authorization": "Basic k-1"}),
    key(
        "in the query",
        {"key_location": "query", "key_name": "apikey"},
        {"Authorization": None},
        {"a": "1", "apikey": "k-1"},
    ),
    Row(
        12,
        "Xero",
        "the tenant in a header",
        {**REFRESH, "headers": {"Xero-Tenant-Id": "tenant-7"}},
        settings={"headers": (("Xero-Tenant-Id", "tenant-7"),)},
    ),
    Row(
        17,
        "Shopify",
        "a header of its own",
        {"key_name": "X-Shopify-Access-Token"},
        "integry_api_key_url",
        {"password": "shpat_1"},
        sends={"X-Shopify-Access-Token": "shpat_1", "Authorization": None},
    ),
    Row(27, "Trello", "HMAC-SHA1", OAUTH1, "integry_oauth1", sends={"Authorization": re.compile('method="HMAC-SHA1"')}),
    Row(
        28,
        "SmugMug",
        "PLAINTEXT",
        {**OAUTH1, "signature_method": "PLAINTEXT"},
        "integry_oauth1",
        sends={"Authorization": re.compile('oauth_signature="cs%26ts"')},
    ),
    Row(
        28,
        "Garmin",
        "HMAC-SHA1 in the query",
        {**OAUTH1, "placement": "query"},
        "integry_oauth1",
        sends={"Authorization": None},
        query={"a": "1", "oauth_signature_method": "HMAC-SHA1"},
    ),
    Row(
        29,
        "NetSuite",
        "HMAC-SHA256, a realm that is not the host",
        {**OAUTH1, "signature_method": "HMAC-SHA256", "realm": "123_SB1"},
        "integry_oauth1",
        {"host": "https://123-sb1.suitetalk.api.netsuite.com"},
        sends={"Authorization": re.compile('^OAuth realm="123_SB1",.*method="HMAC-SHA256"')},
    ),
    Row(
        30,
        "Jira Server",
        "RSA-SHA1 with a PEM",
        {**OAUTH1, "signature_method": "RSA-SHA1", "private_key": RSA_PEM.replace("\n", "\\n")},
        "integry_oauth1",
        sends={"Authorization": re.compile('method="RSA-SHA1"')},
    ),
    Row(
        31,
        "Etsy",
        "x-api-key beside Bearer",
        {**REFRESH, "secret_headers": {"x-api-key": "id:secret"}},
        answers=(GOOD,),
        sends={"Authorization": "Bearer t-1", "x-api-key": "id:secret"},
    ),
    Row(
        33,
        "Amazon SP-API",
        "x-amz-access-token",
        {**REFRESH_POST, "header_name": "x-amz-access-token", "header_prefix": "none"},
        answers=(GOOD,),
        sends={"x-amz-access-token": "t-1", "Authorization": None},
    ),
    Row(
        56,
        "SAP B1",
        "a login cookie that lives 1700 s",
        {
            "jwt_source": "login",
            "login_url": "/b1s/v1/Login",
            "cookie_name": "B1SESSION",
            "lifetime_s": 1700,
            "login_body": {"CompanyDB": "ACME", "UserName": "{username}", "Password": "{password}"},
        },
        "integry_jwt",
        {"login": "manager", "password": "p-1"},
        answers=(({}, JSON, 200, {"Set-Cookie": "B1SESSION=s-1;HttpOnly;SameSite=None"}),),
        asks={"json": {"CompanyDB": "ACME", "UserName": "manager", "Password": "p-1"}},
        token={"life_s": 1700},
        sends={"Cookie": "B1SESSION=s-1", "Authorization": None},
    ),
    Row(
        58,
        "App Store Connect",
        "ES256 with kid, made here",
        {
            "private_key": EC_PEM,
            "algorithm": "ES256",
            "key_id": "2X9R4HXF34",
            "issuer": "57246542",
            "audience": "appstoreconnect-v1",
            "lifetime_s": 900,
        },
        "integry_jwt",
        token={"life_s": 900, "claims": {"iss": "57246542", "aud": "appstoreconnect-v1", "exp": NOW + 900}},
    ),
    Row(
        61,
        "ADP",
        "a client certificate",
        {**CC, "client_cert_file": "/etc/integry/adp.pem", "client_key_file": "/etc/integry/adp.key"},
        settings={
            "transport.client_cert_file": "/etc/integry/adp.pem",
            "transport.client_key_file": "/etc/integry/adp.key",
        },
    ),
    Row(
        70,
        "Clock",
        "iat is half a minute back",
        {"private_key": EC_PEM, "algorithm": "ES256"},
        "integry_jwt",
        token={"claims": {"iat": NOW - 30}},
    ),
]

EXPIRED = [
    Row(
        19,
        "Facebook",
        "the API's 400 with code 190 means that the token has expired",
        {**REFRESH, "expired_statuses": "400", "expired_when": "error.code == `190`"},
        renews=(
            (({"error": {"message": "expired", "type": "OAuthException", "code": 190}}, JSON, 400), True),
            (({"error": {"message": "bad field", "type": "OAuthException", "code": 100}}, JSON, 400), False),
            (({"error": {"code": 190}}, JSON, 403), False),
            (("<html>", HTML, 400), False),
            (({}, JSON, 401), True),
        ),
    ),
    Row(
        33,
        "Amazon SP-API",
        "the API's 403 means that the token has expired",
        {**REFRESH_POST, "expired_statuses": "403"},
        renews=((({"errors": [{"code": "Unauthorized"}]}, JSON, 403), True), (({}, JSON, 400), False)),
    ),
    Row(7, "Salesforce", "and 403 does not where nobody declares it", REFRESH, renews=((({}, JSON, 403), False),)),
]

NOT_DECLARABLE = {
    "#6 Salesforce: the signature of the answer is verified": "no field declares how an answer is signed",
    "#39 Hydra: a refresh may be tried again with the old token for a while": "there is no window to declare",
    "#47 Bullhorn: the second step after a refresh, with its arguments in the query": "second steps follow logins only",
    "#55 Avanan: signed headers on the token request": "hmac signs requests to the API only",
}
ROWS = [*TOKEN_ANSWERS, *ERRORS, *TOKEN_REQUESTS, *PLACES, *EXPIRED]


@pytest.fixture(autouse=True)
def _new_process():
    yield
    forget_sources()


def parse(row: Row) -> ConnectionSettings:
    columns = {"host": "https://api.example.com/v1", **row.columns}
    return parse_connection(RawConnection("acme", row.conn_type, **columns, extra=json.dumps(dict(row.fields))))


def build_response(answer: Any) -> HttpResponse:
    parts = answer if isinstance(answer, tuple) else (answer,)
    body, kind, status, headers = (*parts, *({}, JSON, 200, {})[len(parts) :])
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return HttpResponse(status, (("Content-Type", kind), *headers.items()), raw, TOKEN_URL)


def play(row: Row, settings: ConnectionSettings) -> tuple[list[HttpRequest], Token]:
    """Lead the conversation, with the row's answers; return what was asked and what came of it."""
    answers = list(row.answers) or [GOOD]
    # A refusal of several answers is written as a tuple of tuples.
    if len(answers) == 1 and isinstance(answers[0], tuple) and isinstance(answers[0][0], tuple):
        answers = list(answers[0])
    steps, asked = EndpointSupplier("acme", settings.auth, settings.transport, now=lambda: NOW)._start(), []
    try:
        asked.append(next(steps))
        while True:
            assert answers, "asked more often than there are answers"
            asked.append(steps.send(build_response(answers.pop(0))))
    except StopIteration as end:
        return asked, end.value.token


def sign(row: Row, settings: ConnectionSettings, token: Token | None) -> HttpRequest:
    """Return a request to the API as it would be sent."""
    source = source_for(settings)
    if token is not None:
        inner = getattr(source, "_inner", source)
        inner._held, inner._now = Supplied(token, token.expires_at), lambda: NOW
    url = f"{row.columns.get('host', 'https://api.example.com/v1')}/things?a=1"
    return apply(HttpRequest("GET", url), source.get().credentials, timestamp=NOW, nonce="nonce-1")


def check_asked(request: HttpRequest, asks: Mapping[str, Any]) -> None:
    body = (request.body or b"").decode()
    found = {
        "method": request.method,
        "url": request.url,
        "params": dict(parse_qsl(body, keep_blank_values=True)),
        "json": json.loads(body) if body.startswith("{") else None,
    }
    for name, expected in asks.items():
        if name == "proof":
            claims = jwt.decode(request.header("DPoP"), options={"verify_signature": False})
            assert {key: claims[key] for key in expected} == expected
        elif name == "assertion":
            options = {"verify_aud": False, "verify_iat": False, "verify_exp": False}
            text = dict(parse_qsl(body))["assertion"]
            claims = jwt.decode(text, RSA_KEY.public_key(), algorithms=["RS256"], options=options)
            assert {key: claims[key] for key in expected} == expected
        else:
            assert (name, found[name] if name in found else request.header(name)) == (name, expected)


def check_token(token: Token, expected: Mapping[str, Any]) -> None:
    reveal = {
        "access_token": token.access_token.reveal,
        "life_s": lambda: None if token.expires_at is None else pytest.approx(token.expires_at - NOW),
        "refresh_token": lambda: token.refresh_token and token.refresh_token.reveal(),
        "scopes": lambda: token.scopes,
        "token_type": lambda: token.token_type,
    }
    for name, value in expected.items():
        if name == "claims":
            claims = jwt.decode(token.access_token.reveal(), options={"verify_signature": False})
            assert {key: claims[key] for key in value} == value
        else:
            assert (name, value) == (name, reveal[name]())
    assert not token.is_expired(NOW)


def check_sent(request: HttpRequest, row: Row) -> None:
    for name, expected in (row.sends or {}).items():
        value = request.header(name)
        if isinstance(expected, re.Pattern):
            assert expected.search(value or "")
        else:
            assert (name, value) == (name, expected)
    if row.query is not None:
        found = dict(parse_qsl(urlsplit(request.url).query))
        assert {name: found.get(name) for name in row.query} == row.query


def renews(settings: ConnectionSettings, answer: HttpResponse) -> bool:
    """Return whether a session would ask for a new token after an answer of the API."""
    is_expired = settings.transport.expiry.covers(answer.status, answer.body)
    conversation = exchange(RetryPolicy(), "POST")
    next(conversation)
    try:
        step = conversation.send(Outcome(0.1, status=answer.status, is_expired=is_expired, fingerprint="f-1"))
    except StopIteration:
        return False
    return step == Send(rejected="f-1")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_deviation_is_a_matter_of_fields(row):
    settings = parse(row)
    for path, expected in row.settings.items():
        found: Any = settings
        for part in path.split("."):
            found = getattr(found, part)
        assert (path, found) == (path, expected)
    if row.raises:
        with pytest.raises(row.raises[0]) as caught:
            play(row, settings)
        assert {name: getattr(caught.value, name) for name in row.raises[1]} == row.raises[1]
        return
    for answer, is_renewed in row.renews:
        assert (answer, is_renewed) == (answer, renews(settings, build_response(answer)))
    token = None
    if row.answers or row.asks or row.token is not None:
        asked, token = play(row, settings)
        check_asked(asked[-1], row.asks) if row.asks else None
        check_token(token, row.token or {})
    if row.sends is not None or row.query is not None:
        check_sent(sign(row, settings, token), row)


@pytest.mark.parametrize("statuses", [(401, 200), (401, 401)])
def test_row_7_of_salesforce_a_refused_token_is_renewed_once_and_never_in_a_loop(statuses):
    conversation = exchange(RetryPolicy(max_retries=3), "POST")

    assert next(conversation) == Send()
    assert conversation.send(Outcome(0.1, status=statuses[0], fingerprint="f-1")) == Send(rejected="f-1")
    with pytest.raises(StopIteration):
        conversation.send(Outcome(0.2, status=statuses[1], fingerprint="f-2"))


def test_at_least_fifty_rows_are_played_and_nine_of_ten_need_no_python(capsys):
    numbered = {row.name for row in ROWS if row.number}
    named = numbered | NOT_DECLARABLE.keys()
    share = len(numbered) / len(named)
    providers = {(row.number, row.provider) for row in ROWS if row.number}
    with capsys.disabled():
        print(
            f" {len(numbered)} of {len(named)} deviations ({share:.0%}) of {len(providers)} services are fields ",
            end="",
        )

    assert len(numbered) == len([row for row in ROWS if row.number]), "two rows have one name"
    assert len(providers) >= 50
    assert share >= 0.9

"""Requests signed with key and secret, in six real-world styles, each verified by the standard library."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

import pytest
from integration.wide import BOTH, Acme, hook_of, status_of
from servers import hmac_api
from servers.hmac_api import Pair, Scheme, build_hmac_api

from airflow_provider_integry import errors

KEY = "k3y-5f0c9e1b77"
TEXT = "s3cret/+%=&-é-91c4"
BASE64 = base64.b64encode(bytes(range(7, 39))).decode()
HEX = bytes(range(7, 39)).hex()


class Style(NamedTuple):
    """A vendor's way: what verifies it, the secret as the vendor writes it, and the fields that declare it."""

    scheme: Scheme
    secret: str
    extra: dict[str, Any]


STYLES = {
    "timestamp, method, path and body in hex": Style(
        hmac_api.exchange_hex,
        TEXT,
        {
            "string_to_sign": "{timestamp}{method}{path_and_query}{body}",
            "sign_headers": {
                "CB-ACCESS-KEY": "{key}",
                "CB-ACCESS-SIGN": "{signature}",
                "CB-ACCESS-TIMESTAMP": "{timestamp}",
            },
        },
    ),
    "lines with the body's hash in base64": Style(
        hmac_api.lines_base64,
        TEXT,
        {
            "string_to_sign": "{method}\\n{path}\\n{body_hash}",
            "sign_headers": {"Authorization": 'HMAC-SHA512 Credential="{key}", Signature="{signature}"'},
            "hash_name": "sha512",
            "signature_encoding": "base64",
            "body_hash_encoding": "base64",
        },
    ),
    "sorted query": Style(
        hmac_api.sorted_query,
        TEXT,
        {
            "string_to_sign": "{key}|{sorted_query}",
            "sign_headers": {"X-App": "{key}", "X-Signature": "{signature}"},
            "hash_name": "sha1",
        },
    ),
    "base64 secret with milliseconds and nonce": Style(
        hmac_api.base64_secret_milliseconds,
        BASE64,
        {
            "string_to_sign": "{key}:{timestamp}:{nonce}:{method}:{path}",
            "sign_headers": {
                "X-Key": "{key}",
                "X-Time": "{timestamp}",
                "X-Nonce": "{nonce}",
                "X-Sign": "{signature}",
            },
            "key_encoding": "base64",
            "time_format": "milliseconds",
            "signature_encoding": "base64url",
        },
    ),
    "HTTP date, host and content type": Style(
        hmac_api.http_date,
        TEXT,
        {
            "string_to_sign": "{method}\\n{host}\\n{path}\\n{content_type}\\n{timestamp}",
            "sign_headers": {"Authorization": "APIAuth {key}:{signature}", "X-Date": "{timestamp}"},
            "time_format": "http_date",
            "signature_encoding": "base64",
        },
    ),
    "ISO time, URL and hash under a hexadecimal secret": Style(
        hmac_api.iso_time_in_hex_secret,
        HEX,
        {
            "string_to_sign": "{timestamp}{url}{body_hash}",
            "sign_headers": {"X-Key": "{key}", "X-Timestamp": "{timestamp}", "X-Signature": "v1={signature}"},
            "key_encoding": "hex",
            "time_format": "iso8601",
        },
    ),
}
REQUESTS = [
    {"method": "GET", "path": "/resource"},
    {"method": "GET", "path": "/resource?z=1&filter[name]=a%20b", "params": {"a b": "é&=+☃", "x": ["2", "1"], "e": ""}},
    {"method": "POST", "path": "/resource?b=2&a=1", "json": {"a": "é", "{key}": "{secret}"}},
    {"method": "PUT", "path": "/resource", "data": {"a b": "é&=+☃", "x": ["2", "1"]}},
    {"method": "PATCH", "path": "/resource", "data": b"\x00\xff\xfe", "headers": {"Content-Type": "image/png"}},
    {"method": "DELETE", "path": "/resource"},
]
STYLE = pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)


def build_connection(style: Style, **extra: Any) -> Acme:
    pair = {"api_key": KEY, "api_secret": style.secret, "pair_style": "hmac"}
    return Acme("integry_api_key_secret", {**pair, **style.extra, **extra})


@BOTH
@STYLE
def test_each_style_signs_every_kind_of_request_and_one_changed_character_is_refused(serve, style, ask):
    server = serve(build_hmac_api(Pair(KEY, style.secret), style.scheme))
    connection = build_connection(style)

    assert [status_of(ask, connection, server.url, **request) for request in REQUESTS] == [200] * len(REQUESTS)
    for name in ("api_key", "api_secret"):
        assert (name, status_of(ask, connection.changed(name), server.url, **REQUESTS[2])) == (name, 401)


@BOTH
@STYLE
def test_another_style_is_refused(serve, style, ask):
    others = [other for other in STYLES.values() if other is not style and other.secret == style.secret]
    server = serve(build_hmac_api(Pair(KEY, style.secret), style.scheme))

    for other in others:
        headers = {"Authorization": "none"} if "Authorization" not in other.extra["sign_headers"] else {}
        assert status_of(ask, build_connection(other, headers=headers), server.url) == 401


@BOTH
@STYLE
def test_a_request_that_is_sent_again_is_signed_anew_and_carries_each_header_once(serve, style, ask):
    server = serve(build_hmac_api(Pair(KEY, style.secret), style.scheme))
    server.fail("/resource", 503, times=2, Retry_After="0")

    connection = build_connection(style, max_retries=3)
    assert status_of(ask, connection, server.url, method="PUT", path="/resource?b=2&a=1", json={"a": 1}) == 200
    assert [one.status for one in server.requests("/resource")] == [503, 503, 200]
    for one in server.seen:
        values = [one.headers[name.lower()] for name in style.extra["sign_headers"]]
        # Werkzeug joins a header that arrives twice with a comma.
        assert sum(value.count(KEY) for value in values) == 1


@BOTH
def test_a_nonce_works_once_and_each_request_has_its_own(serve, ask):
    style = STYLES["base64 secret with milliseconds and nonce"]
    server = serve(build_hmac_api(Pair(KEY, style.secret), style.scheme))
    server.fail("/resource", 503, times=2, Retry_After="0")

    with hook_of(build_connection(style, max_retries=3), server.url) as hook:
        assert [ask(hook).status for _ in range(3)] == [200] * 3
    assert len({one.headers["x-nonce"] for one in server.seen}) == 5


@BOTH
def test_the_secret_travels_in_no_request(serve, ask):
    for style in STYLES.values():
        server = serve(build_hmac_api(Pair(KEY, style.secret), style.scheme))
        assert status_of(ask, build_connection(style), server.url, **REQUESTS[2]) == 200
        assert style.secret not in server.seen[0].everything


@BOTH
def test_a_secret_in_another_encoding_than_declared_is_refused_and_named_before_anything_is_sent(serve, ask):
    style = STYLES["ISO time, URL and hash under a hexadecimal secret"]
    server = serve(build_hmac_api(Pair(KEY, style.secret), style.scheme))

    with (
        hook_of(build_connection(style._replace(secret=TEXT)), server.url) as hook,
        pytest.raises(errors.ConnectionConfigError) as caught,
    ):
        ask(hook)

    assert caught.value.field == "api_secret"
    assert TEXT not in str(caught.value)
    assert server.seen == []

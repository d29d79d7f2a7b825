"""Published test vectors, byte for byte (`PROTOCOLS.md`, section 2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import re
import string
from urllib.parse import quote, unquote, urlencode

import jwt as pyjwt
import pytest
import requests
from authlib.oauth1.rfc5849.signature import construct_base_string
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from oauthlib.oauth1.rfc5849 import signature as oauthlib_signature
from requests_oauthlib import OAuth1 as RequestsOAuth1

from airflow_provider_integry.auth.apply import encode_basic
from airflow_provider_integry.auth.callback_signature import CallbackSignature, verify_callback
from airflow_provider_integry.auth.credentials import OAuth1
from airflow_provider_integry.auth.jwt import JwtSigning, mint_jwt
from airflow_provider_integry.auth.keys import check_signing_key
from airflow_provider_integry.auth.oauth1 import build_client, sign
from airflow_provider_integry.auth.pkce import build_challenge, build_verifier
from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.secret import Secret

FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
PHOTOS = "dpf43f3p2l4k3l03"
PHOTOS_SECRET = Secret("kd94hf93k423kf44")


def parse_header(header: str) -> dict[str, str]:
    """Return the parameters of an `Authorization: OAuth` header, read without oauthlib."""
    return {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', header)}


def signature_of(request: HttpRequest, credentials: OAuth1, timestamp: int, nonce: str) -> str:
    signed = sign(request, credentials, timestamp=timestamp, nonce=nonce)
    return parse_header(signed.header("Authorization") or "")["oauth_signature"]


def signature_without_version(client, url, method, body=None, headers=None) -> str:
    """Sign as RFC 5849's examples do: they leave out `oauth_version`, which is optional."""

    class NoVersion(type(client)):
        def get_oauth_params(self, request):
            return [pair for pair in super().get_oauth_params(request) if pair[0] != "oauth_version"]

    client.__class__ = NoVersion
    _, signed, _ = client.sign(url, http_method=method, body=body, headers=headers or {})
    return parse_header(signed["Authorization"])["oauth_signature"]


class TestOAuth1:
    def test_o1_the_temporary_credentials_request_of_rfc_5849(self):
        client = build_client(OAuth1(PHOTOS, PHOTOS_SECRET), timestamp=137131200, nonce="wIjqoS")
        client.callback_uri = "http://printer.example.com/ready"

        actual = signature_without_version(client, "https://photos.example.net/initiate", "POST")

        assert actual == "74KNZJeDHnMBp0EMJ9ZHt/XKycU="

    def test_o2_the_token_request_of_rfc_5849(self):
        credentials = OAuth1(PHOTOS, PHOTOS_SECRET, Secret("hh5s93j4hdidpola"), Secret("hdhd0244k9j7ao03"))
        client = build_client(credentials, timestamp=137131201, nonce="walatlh")
        client.verifier = "hfdp7dh39dks9884"

        actual = signature_without_version(client, "https://photos.example.net/token", "POST")

        assert actual == "gKgrFCywp7rO0OXSjdot/IHF7IU="

    def test_o3_the_resource_request_of_rfc_5849(self):
        credentials = OAuth1(PHOTOS, PHOTOS_SECRET, Secret("nnch734d00sl2jdk"), Secret("pfkkdhi9sl3r4s00"))
        client = build_client(credentials, timestamp=137131202, nonce="chapoH")

        actual = signature_without_version(
            client, "http://photos.example.net/photos?file=vacation.jpg&size=original", "GET"
        )

        assert actual == "MdpQcU8iPSUjWoN/UDMsK2sui9I="

    @pytest.mark.parametrize(
        ("method", "expected"),
        [
            ("HMAC-SHA1", "r6/TJjbCOr97/+UU0NsvSne7s5g="),
            ("HMAC-SHA256", "ypAxjNip++Dm0fTM+gCl8wAo6ufSnseu1WHxL7py3BU="),
            (
                "HMAC-SHA512",
                "aApdjtDvkpOUgVhy366EAF+WZK5xcnpbPqCHYYPFOkvm0mbF2V5hXpRCK0YW7d9rK+K7Qnj3X5HnxAbvFR/x6Q==",
            ),
        ],
    )
    def test_o4_and_o7_the_request_of_section_3_4_1_1_with_each_hash(self, method, expected):
        # The name of the method is signed too, so that O7 differs from O4 in more than the hash.
        credentials = OAuth1(
            "9djdj82h48djs9d2",
            Secret("j49sk3j29djd"),
            Secret("kkk9d7dh3k39sjv7"),
            Secret("dh893hdasih9"),
            signature_method=method,
        )
        client = build_client(credentials, timestamp=137131201, nonce="7d8f3e4a")

        actual = signature_without_version(
            client,
            "http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
            "POST",
            body="c2&a3=2+q",
            headers=dict(FORM),
        )

        assert actual == expected

    def test_o4_the_base_string_of_section_3_4_1_1(self):
        expected = (
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540"
            "%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3D"
            "HMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        )
        key = b"j49sk3j29djd&dh893hdasih9"

        digest = hmac.new(key, expected.encode(), hashlib.sha1).digest()

        assert base64.b64encode(digest).decode() == "r6/TJjbCOr97/+UU0NsvSne7s5g="

    @pytest.mark.parametrize(
        ("version", "expected"), [("1", "tnnArxj06cWHq44gCs1OSKk/jLY="), ("1.1", "hCtSmYh+iHYCEqBWrE7C7hYmtUk=")]
    )
    def test_o5_and_o6_the_status_update_of_the_twitter_guide(self, version, expected):
        credentials = OAuth1(
            "xvz1evFS4wEEPTGEFPHBog",
            Secret("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw"),
            Secret("370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
            Secret("LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"),
        )
        body = urlencode({"status": "Hello Ladies + Gentlemen, a signed OAuth request!"}, quote_via=quote)
        request = HttpRequest(
            "POST",
            f"https://api.twitter.com/{version}/statuses/update.json?include_entities=true",
            FORM,
            body.encode(),
        )

        actual = signature_of(request, credentials, 1318622958, "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg")

        assert actual == expected

    @pytest.mark.parametrize(
        ("url", "host", "expected"),
        [
            ("http://EXAMPLE.COM:80/r%20v/X?id=123", None, "http://example.com/r%20v/X"),
            ("HTTP://EXAMPLE.COM:80/r%20v/X?id=123", None, "http://example.com/r%20v/X"),
            ("https://www.example.net:8080/?q=1", None, "https://www.example.net:8080/"),
            ("https://www.example.net:443", None, "https://www.example.net/"),
        ],
    )
    def test_o10_the_base_string_uri(self, url, host, expected):
        assert oauthlib_signature.base_string_uri(url, host) == expected

    def test_plaintext_is_both_secrets_encoded(self):
        credentials = OAuth1("ck", Secret("a&b"), Secret("t"), Secret("c%d"), signature_method="PLAINTEXT")

        assert signature_of(HttpRequest("GET", "https://h/x"), credentials, 1, "n") == "a%26b&c%25d"

    def test_the_realm_is_in_the_header_and_not_in_the_signature(self):
        plain = OAuth1("ck", Secret("cs"), Secret("t"), Secret("ts"), signature_method="HMAC-SHA256")
        with_realm = OAuth1(
            "ck", Secret("cs"), Secret("t"), Secret("ts"), signature_method="HMAC-SHA256", realm="123_SB1"
        )
        request = HttpRequest("GET", "https://123-sb1.example.com/x")
        header = sign(request, with_realm, timestamp=1, nonce="n").header("Authorization") or ""

        assert header.startswith('OAuth realm="123_SB1", ')
        assert parse_header(header)["oauth_signature"] == signature_of(request, plain, 1, "n")


def _random_text(rng: random.Random, alphabet: str, most: int) -> str:
    return "".join(rng.choices(alphabet, k=rng.randint(0, most)))


_ODD = string.ascii_letters + string.digits + " -._~!*'();:@&=+$,/?%#[]|\"<>é☃\u00a0"


def _random_request(rng: random.Random) -> requests.PreparedRequest:
    method = rng.choice(["GET", "POST", "PUT", "PATCH", "DELETE"])
    host = rng.choice(["h.example", "H.Example:80", "h.example:8080", "[::1]:8443"])
    path = quote(_random_text(rng, _ODD, 12))
    params = [(_random_text(rng, _ODD, 6) or "p", _random_text(rng, _ODD, 10)) for _ in range(rng.randint(0, 4))]
    form = [(_random_text(rng, _ODD, 6) or "f", _random_text(rng, _ODD, 10)) for _ in range(rng.randint(1, 4))]
    body = {"data": form} if method != "GET" and rng.random() < 0.5 else {}
    if method != "GET" and not body and rng.random() < 0.3:
        body = {"json": {"k": "v"}}
    url = f"{rng.choice(['http', 'https'])}://{host}/{path}"
    return requests.Request(method, url, params=params, **body).prepare()


def test_ten_thousand_random_requests_get_the_signature_that_requests_oauthlib_gives_them():
    rng = random.Random(5849)

    for _ in range(10_000):
        prepared = _random_request(rng)
        credentials = OAuth1(
            _random_text(rng, _ODD, 12) or "ck",
            Secret(_random_text(rng, _ODD, 12) or "cs"),
            Secret(_random_text(rng, _ODD, 12)) if rng.random() < 0.8 else None,
            Secret(_random_text(rng, _ODD, 12)) if rng.random() < 0.8 else None,
            signature_method=rng.choice(["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"]),
        )
        timestamp, nonce = rng.randint(1, 2_000_000_000), f"n{rng.random()}"
        body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
        ours = sign(
            HttpRequest(prepared.method, prepared.url, tuple(prepared.headers.items()), body),
            credentials,
            timestamp=timestamp,
            nonce=nonce,
        )

        theirs = prepared.copy()
        RequestsOAuth1(
            credentials.consumer_key,
            client_secret=credentials.consumer_secret.reveal(),
            resource_owner_key=credentials.token.reveal() if credentials.token else None,
            resource_owner_secret=credentials.token_secret.reveal() if credentials.token_secret else None,
            signature_method=credentials.signature_method,
            timestamp=str(timestamp),
            nonce=nonce,
        )(theirs)

        expected = theirs.headers["Authorization"]
        expected = expected.decode() if isinstance(expected, bytes) else expected
        assert parse_header(expected) == parse_header(ours.header("Authorization") or "")


def test_two_thousand_random_requests_verify_with_the_base_string_of_authlib():
    rng = random.Random(5849)
    hashes = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256", "HMAC-SHA512": "sha512"}

    for _ in range(2_000):
        method = rng.choice(list(hashes))
        params = [(_random_text(rng, _ODD, 6) or "p", _random_text(rng, _ODD, 10)) for _ in range(rng.randint(0, 4))]
        url = f"https://h.example:8443/{quote(_random_text(rng, _ODD, 8))}?{urlencode(params)}"
        credentials = OAuth1("ck", Secret("c&s"), Secret("t/1"), Secret("t s"), signature_method=method)
        signed = sign(HttpRequest("GET", url), credentials, timestamp=1_700_000_000, nonce="n")

        oauth = re.findall(r'(oauth_\w+)="([^"]*)"', signed.header("Authorization") or "")
        base = construct_base_string("GET", url, [*params, *oauth])
        digest = hmac.new(b"c%26s&t%20s", base.encode(), hashes[method]).digest()

        assert dict(oauth)["oauth_signature"] == quote(base64.b64encode(digest).decode(), safe="")


# RFC 7515, appendix A
A_PAYLOAD = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
A1_INPUT = (
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
A1_KEY = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
A1_SIGNATURE = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
A2_KEY = {
    "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS"
    "-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg6"
    "65xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuX"
    "poQ",
    "e": "AQAB",
    "d": "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO"
    "-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2Qv"
    "Xt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOop"
    "znQ",
}
A2_SIGNATURE = (
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ"
    "cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e"
    "OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)
A3_X = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
A3_Y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
A3_D = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
A3_SIGNATURE = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"


def _int(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _signing_input(header: bytes) -> bytes:
    return f"{_b64url(header)}.{_b64url(A_PAYLOAD)}".encode()


def _pem(key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="module")
def a2_pem() -> str:
    n, e, d = (_int(A2_KEY[name]) for name in "ned")
    p, q = rsa.rsa_recover_prime_factors(n, e, d)
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), rsa.RSAPublicNumbers(e, n)
    )
    return _pem(numbers.private_key())


@pytest.fixture(scope="module")
def a3_pem() -> str:
    public = ec.EllipticCurvePublicNumbers(_int(A3_X), _int(A3_Y), ec.SECP256R1())
    return _pem(ec.EllipticCurvePrivateNumbers(_int(A3_D), public).private_key())


class TestJwt:
    def test_j1_the_hs256_example_verifies_and_has_expired(self):
        key = base64.urlsafe_b64decode(A1_KEY + "==")
        token = f"{A1_INPUT}.{A1_SIGNATURE}"

        assert pyjwt.decode(token, key, algorithms=["HS256"], options={"verify_exp": False})["iss"] == "joe"
        with pytest.raises(pyjwt.ExpiredSignatureError):
            pyjwt.decode(token, key, algorithms=["HS256"])

    def test_j1_the_hs256_example_is_signed_byte_for_byte(self):
        key = base64.urlsafe_b64decode(A1_KEY + "==")

        assert _b64url(hmac.new(key, A1_INPUT.encode(), hashlib.sha256).digest()) == A1_SIGNATURE

    def test_j1_a_jwt_made_here_with_hs256_is_the_hmac_of_its_first_two_parts(self):
        secret = "a shared secret of more than 32 bytes"
        text = mint_jwt(JwtSigning(Secret(secret), issuer="joe"), now=1300819080).access_token.reveal()
        head, signature = text.rsplit(".", 1)

        assert _b64url(hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest()) == signature

    def test_j2_the_rs256_example_is_signed_byte_for_byte(self, a2_pem):
        key = check_signing_key(Secret(a2_pem), "RS256")
        algorithm = pyjwt.get_algorithm_by_name("RS256")
        signing_input = _signing_input(b'{"alg":"RS256"}')

        signature = algorithm.sign(signing_input, algorithm.prepare_key(key.reveal()))

        assert _b64url(signature) == A2_SIGNATURE

    def test_j2_a_jwt_made_here_with_rs256_is_the_same_every_time(self, a2_pem):
        settings = JwtSigning(check_signing_key(Secret(a2_pem), "RS256"), "RS256", issuer="joe")

        assert mint_jwt(settings, now=1.5).access_token == mint_jwt(settings, now=1.9).access_token

    def test_j3_the_es256_example_verifies(self, a3_pem):
        algorithm = pyjwt.get_algorithm_by_name("ES256")
        public = serialization.load_pem_private_key(a3_pem.encode(), None).public_key()
        signing_input = _signing_input(b'{"alg":"ES256"}')

        assert algorithm.verify(signing_input, public, base64.urlsafe_b64decode(A3_SIGNATURE + "=="))

    def test_j3_a_jwt_made_here_with_es256_has_64_raw_bytes_of_signature_and_verifies(self, a3_pem):
        settings = JwtSigning(check_signing_key(Secret(a3_pem), "ES256"), "ES256", issuer="joe")
        text = mint_jwt(settings, now=1300819080).access_token.reveal()
        public = serialization.load_pem_private_key(a3_pem.encode(), None).public_key()

        assert len(base64.urlsafe_b64decode(text.rsplit(".", 1)[1] + "==")) == 64
        claims = pyjwt.decode(text, public, algorithms=["ES256"], options={"verify_exp": False})
        assert claims == {"iss": "joe", "iat": 1300819050, "exp": 1300819380}
        assert json.loads(base64.urlsafe_b64decode(text.split(".")[0] + "==")) == {"alg": "ES256", "typ": "JWT"}


@pytest.mark.parametrize(
    ("username", "password", "expected"),
    [
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("test", "123£", "Basic dGVzdDoxMjPCow=="),
    ],
)
def test_b1_basic_of_rfc_7617_in_utf8(username, password, expected):
    assert encode_basic(username, password) == expected


class TestPkce:
    # Appendix B gives them as numbers: 116, 24, 223, 180 ... 141, 121.
    OCTETS = bytes.fromhex("7418dfb49799e0254ffa607dd8adbbba16d4254d69d6bff05b58055853848d79")
    VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

    def test_p1_the_verifier_is_made_of_the_octets_of_rfc_7636_appendix_b(self):
        assert build_verifier(self.OCTETS).reveal() == self.VERIFIER

    def test_p1_the_challenge_of_rfc_7636_appendix_b(self):
        assert build_challenge(Secret(self.VERIFIER)) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_h1_the_signed_callback_of_shopify_s_documentation():
    parameters = "code=0907a61c0c8d55e99db179b68161bc00&shop=some-shop.myshopify.com&timestamp=1337178173"
    signature = "4712bf92ffc2917d15a2f5a273e39f0116667419aa4b6ac0b3baaf26fa3c4d20"

    assert verify_callback(f"hmac={signature}&{parameters}", CallbackSignature(Secret("hush"))) == {
        "code": "0907a61c0c8d55e99db179b68161bc00",
        "shop": "some-shop.myshopify.com",
        "timestamp": "1337178173",
    }

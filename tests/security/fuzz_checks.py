"""What has to hold for each hostile input; every check raises `AssertionError`, or whatever was not expected."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
from dataclasses import replace
from random import Random
from typing import Any
from urllib.parse import urlsplit

import jwt as pyjwt
from oauthlib.oauth1.rfc5849 import signature as oauthlib_signature
from security.fuzz_inputs import CANARY, choose, make_jwt_claims, make_jwt_header, mutate
from servers.oauth1_stdlib import FORM, build_base_string, escape, split_form, split_header

from airflow_provider_integry.auth.credentials import OAuth1
from airflow_provider_integry.auth.jwt import JwtSigning, mint_jwt
from airflow_provider_integry.auth.oauth1 import sign
from airflow_provider_integry.auth.token import TokenShape, parse_token_response, read_jwt_expiry
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.authorizations.proof import AUDIENCE, ProofError, ProofKey, check_proof
from airflow_provider_integry.connectors.load import parse_connector
from airflow_provider_integry.errors import AuthorizationError, ConfigurationError, ConnectorFormatError
from airflow_provider_integry.secret import Secret

NOW = 1_700_000_030.0
KEY = hashlib.sha256(b"a key of the fuzzer").digest()
PROOF_KEY = ProofKey(Secret(KEY.hex()), "00000000")
CLAIMS = {"sub": "acme", "end_user": "u"}


def check_token_response(made: tuple[bytes, str | None, int, str | None, str | None]) -> str:
    """Read an answer of a token endpoint: a usable token, or an error of two kinds that shows nothing."""
    body, content_type, status, token_path, expires_path = made
    headers = (("Content-Type", content_type),) if content_type is not None else ()
    response = HttpResponse(status, headers, body, "https://auth.example.com/token?x=1")
    shape = TokenShape(token_path, expires_path, 60.0) if token_path or expires_path else None
    try:
        token = parse_token_response(response, requested_at=NOW, shape=shape, sent=[Secret(CANARY)])
    except (AuthorizationError, ConfigurationError) as error:
        _check_words(error, CANARY)
        return type(error).__name__
    assert token.access_token.reveal()
    assert token.expires_at is None or math.isfinite(token.expires_at)
    assert token.refresh_expires_at is None or math.isfinite(token.refresh_expires_at)
    assert token.is_expired(NOW) in (True, False)
    other = replace(token, access_token=Secret("x"), refresh_token=Secret("y") if token.refresh_token else None)
    assert repr(token).replace(token.fingerprint, "") == repr(other).replace(other.fingerprint, "")
    return "a token"


def _check_words(error: Exception, secret: str | None = None) -> None:
    """See that what an error says has an end, and shows no secret that was sent."""
    assert 0 < len(str(error)) < 5000
    assert secret is None or secret not in f"{error} {error!r} {error.args}"


def check_connector(content: bytes) -> str:
    """Read a connector file: a connector, or one kind of error with a place in the file."""
    try:
        text = content.decode("utf-8", "surrogateescape")
        connector = parse_connector(text, "fuzz.yaml")
    except ConnectorFormatError as error:
        _check_words(error)
        return "refused"
    assert connector.name
    return "a connector"


def check_oauth1_signature(made: dict[str, Any]) -> str:
    """Sign a request, and compare with RFC 5849 written down once more and with what oauthlib's server side finds."""
    token = made["token"]
    credentials = OAuth1(
        made["consumer"],
        Secret(made["consumer_secret"]),
        Secret(token) if token else None,
        Secret(made["token_secret"]) if token else None,
        made["signature_method"],
        made["realm"],
        placement=made["placement"],
    )
    body = made["form"].encode() if made["form"] is not None else None
    headers = (("Content-Type", FORM),) if body is not None else ()
    plain = HttpRequest(made["method"], made["url"], headers, body)
    try:
        signed = sign(plain, credentials, timestamp=made["timestamp"], nonce=made["nonce"])
    except ConfigurationError:
        # What oauthlib would sign otherwise than the RFC.
        is_decoded_twice = made["placement"] != "header" and re.search(
            "%[0-9A-Fa-f]{2}", made["consumer"] + (token or "")
        )
        assert urlsplit(made["url"]).path.endswith(";") or is_decoded_twice
        return "refused"
    assert signed.body == body or made["placement"] == "body"
    form = (signed.body or b"").decode()
    parts = urlsplit(signed.url)
    header = split_header(signed.header("Authorization") or "")
    pairs = [*header, *split_form(parts.query), *split_form(form)]
    given = dict(pair for pair in pairs if pair[0] == "oauth_signature")["oauth_signature"]
    counted = [pair for pair in pairs if pair[0] not in ("realm", "oauth_signature")]
    base = build_base_string(made["method"], _base_uri(signed.url), counted)
    token_secret = made["token_secret"] if token else ""
    expected = _signature_of(base, made["signature_method"], made["consumer_secret"], token_secret)
    assert hmac.compare_digest(given, expected), (given, expected, base)
    _compare_with_oauthlib(signed, form, base)
    return made["signature_method"]


def _compare_with_oauthlib(signed: HttpRequest, form: str, base: str) -> None:
    authorization = signed.header("Authorization")
    headers = {"Authorization": authorization} if authorization else {}
    collected = oauthlib_signature.collect_parameters(
        uri_query=urlsplit(signed.url).query, body=split_form(form), headers=headers
    )
    theirs = oauthlib_signature.signature_base_string(
        signed.method,
        oauthlib_signature.base_string_uri(signed.url),
        oauthlib_signature.normalize_parameters(collected),
    )
    assert theirs == base, (theirs, base)


def _base_uri(url: str) -> str:
    """Return a URL as RFC 5849 section 3.4.1.2 wants it: lower case, without default port and query."""
    parts = urlsplit(url)
    port = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(port)}{parts.path or '/'}"


def _signature_of(base: str, method: str, consumer_secret: str, token_secret: str) -> str:
    key = f"{escape(consumer_secret)}&{escape(token_secret)}"
    if method == "PLAINTEXT":
        return key
    digest = hmac.new(key.encode(), base.encode(), method.partition("-")[2].lower()).digest()
    return base64.b64encode(digest).decode()


def make_proof(random: Random) -> str:
    """Return a JWT that a stranger might send: a good one, a forged one, or one that was damaged."""
    parts = [json.dumps(make_jwt_header(random)).encode(), json.dumps(make_jwt_claims(random)).encode()]
    signing = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    kind = random.randrange(6)
    key = KEY if kind else choose(random, b"", b"k" * 32, KEY.hex().encode())
    digest = hmac.new(key, signing.encode(), hashlib.sha512 if kind == 1 else hashlib.sha256).digest()
    signature = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    text = f"{signing}.{signature if kind != 2 else ''}"
    return mutate(random, text.encode()).decode("utf-8", "replace") if random.randrange(3) == 0 else text


def check_jwt(proof: str) -> str:
    """Check a proof: accepted only where PyJWT's strictest reading and a signature made by hand agree."""
    _compare_expiry(proof)
    try:
        nonce = check_proof(proof, PROOF_KEY, CLAIMS, now=NOW)
    except ProofError as error:
        return error.reason
    assert isinstance(nonce, str)
    head, _, signature = proof.rpartition(".")
    digest = hmac.new(KEY, head.encode(), hashlib.sha256).digest()
    assert hmac.compare_digest(base64.urlsafe_b64decode(signature + "=="), digest)
    header = pyjwt.get_unverified_header(proof)
    assert header["alg"] == "HS256"
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    body = pyjwt.decode(proof, KEY, algorithms=["HS256"], audience=AUDIENCE, options=options)
    assert {name: body[name] for name in CLAIMS} == CLAIMS
    assert body.get("account") is None
    assert body["exp"] + 30 >= NOW >= body["iat"] - 30
    return "accepted"


def _compare_expiry(text: str) -> None:
    """Compare the expiry that is read out of a token with what PyJWT finds in it."""
    found = read_jwt_expiry(text)
    assert found is None or math.isfinite(found)
    try:
        theirs = pyjwt.decode(text, options={"verify_signature": False, "verify_aud": False}).get("exp")
    except (pyjwt.PyJWTError, ValueError, TypeError, RecursionError, AttributeError):
        return
    if isinstance(theirs, int) and not isinstance(theirs, bool) and abs(theirs) < 2**53:
        assert found == theirs


def make_minted(random: Random) -> dict[str, Any]:
    """Return the settings of a JWT that is to be signed here."""
    claims = make_jwt_claims(random)
    further = {name: claims[name] for name in claims if name not in ("iat", "exp", "aud", "sub", "iss", "nbf", "jti")}
    return {
        "algorithm": choose(random, "HS256", "HS384", "HS512"),
        "key": base64.b64encode(random.randbytes(48)).decode(),
        "issuer": choose(random, None, "app-1", "é"),
        "audience": choose(random, None, "https://api.example.com"),
        "key_id": choose(random, None, "k-1", "../../k"),
        "claims": further,
        "now": random.randrange(1, 2**33),
    }


def check_minted(made: dict[str, Any]) -> str:
    """Sign a JWT and have PyJWT verify it; one that cannot be signed is a typed error."""
    settings = JwtSigning(
        Secret(made["key"]),
        made["algorithm"],
        issuer=made["issuer"],
        audience=made["audience"],
        key_id=made["key_id"],
        claims=made["claims"],
    )
    try:
        token = mint_jwt(settings, now=float(made["now"]))
    except ConfigurationError:
        return "refused"
    options: Any = {"verify_exp": False, "verify_iat": False}
    text = token.access_token.reveal()
    body = pyjwt.decode(text, made["key"], algorithms=[made["algorithm"]], audience=made["audience"], options=options)
    assert body["exp"] == token.expires_at == made["now"] + 300
    assert body["iat"] == made["now"] - 30
    assert pyjwt.get_unverified_header(text).get("kid") == made["key_id"]
    assert read_jwt_expiry(text) == token.expires_at
    return "verified"

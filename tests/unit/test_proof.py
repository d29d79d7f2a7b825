"""Keys of proofs: what they depend on, and what they do not."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import jwt
import pytest
from airflow.sdk import Connection

from airflow_provider_integry.authorizations.proof import (
    KEEP_ALIVE_CLAIMS,
    LEEWAY_S,
    LIFETIME_S,
    ProofError,
    ReplayGuard,
    build_claims,
    check_proof,
    derive_keep_alive_key,
    derive_key,
    make_unknown_key,
    sign_proof,
)
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import parse_connection, read_connection

INSTALLATION = Secret("installation-secret")
EXTRA = {
    "exchange_url": "https://auth.example.com/token",
    "client_id": "client",
    "client_secret": "own-secret",
    "grant_type": "refresh_token",
    "refresh_token": "pasted",
    "lifetime_s": 1,
    "allow_http": True,
    "extra_secret_headers": {"X-B": "two", "X-A": "one"},
}
NOW = 1_800_000_000.0


def parse(extra, conn_id="acme", conn_type="integry_oauth2"):
    columns = {"conn_type": conn_type, "host": "https://api.example.com", "extra": json.dumps(extra)}
    return parse_connection(read_connection(Connection.from_json(json.dumps(columns), conn_id=conn_id)))


def known_extra():
    from airflow_provider_integry.connection_types import CONNECTION_TYPES

    (oauth2,) = (item for item in CONNECTION_TYPES if item.name == "integry_oauth2")
    names = {field.name for field in oauth2.fields}
    return {name: value for name, value in EXTRA.items() if name in names}


def fingerprint(extra, conn_id="acme", secret=INSTALLATION):
    return derive_key(secret, parse(extra, conn_id)).fingerprint


def test_the_order_of_extra_does_not_matter():
    extra = known_extra()

    assert fingerprint(dict(reversed(extra.items()))) == fingerprint(extra)


def test_a_connection_from_json_and_the_same_from_a_uri_have_one_key():
    extra = {name: value for name, value in known_extra().items() if not isinstance(value, dict)}
    query = urlencode({name: str(value).lower() if value is True else value for name, value in extra.items()})
    by_uri = Connection.from_uri(conn_id="acme", uri=f"integry-oauth2://https%3A%2F%2Fapi.example.com?{query}")

    texts = {name: str(value) for name, value in extra.items()}

    keys = {derive_key(INSTALLATION, parse_connection(read_connection(by_uri))).key.reveal()}
    keys |= {derive_key(INSTALLATION, parse(form)).key.reveal() for form in (extra, texts)}

    assert len(keys) == 1


@pytest.mark.parametrize("refresh_token", ["", "a newer one", None])
def test_the_refresh_token_is_left_out_because_it_is_emptied_once_it_is_imported(refresh_token):
    extra = {**known_extra(), "refresh_token": refresh_token}

    assert fingerprint(extra) == fingerprint(known_extra())


def test_everything_else_that_matters_makes_another_key():
    extra = known_extra()
    keys = [
        fingerprint(extra),
        fingerprint({**extra, "client_secret": "another"}),
        fingerprint(extra, conn_id="acme2"),
        fingerprint(extra, secret=Secret("another installation")),
        derive_keep_alive_key(INSTALLATION).fingerprint,
        make_unknown_key().fingerprint,
    ]

    assert len(set(keys)) == len(keys)


def test_no_connection_s_name_makes_it_the_keeper():
    named_so = derive_key(INSTALLATION, parse(known_extra(), conn_id="keep-alive"))

    with pytest.raises(ProofError, match="signature"):
        check_proof(
            sign_proof(named_so, KEEP_ALIVE_CLAIMS, now=NOW, nonce="n"),
            derive_keep_alive_key(INSTALLATION),
            KEEP_ALIVE_CLAIMS,
            now=NOW,
        )


def test_a_key_is_not_shown():
    key = derive_key(INSTALLATION, parse(known_extra()))

    assert key.key.reveal() not in repr(key)
    assert key.fingerprint not in key.key.reveal()


@pytest.mark.parametrize(
    ("offset_s", "outcome"),
    [
        (-LEEWAY_S - 1, "expired"),
        (-LEEWAY_S, "nonce"),
        (0, "nonce"),
        (LIFETIME_S + LEEWAY_S, "nonce"),
        (LIFETIME_S + LEEWAY_S + 1, "expired"),
    ],
)
def test_a_proof_is_good_for_a_minute_and_a_little(offset_s, outcome):
    key, claims = derive_key(INSTALLATION, parse(known_extra())), build_claims("acme", "1", None)
    proof = sign_proof(key, claims, now=NOW, nonce="nonce")

    try:
        found = check_proof(proof, key, claims, now=NOW + offset_s)
    except ProofError as error:
        # Who has the right key is told.
        found = error.reason if error.is_genuine else "hidden"

    assert found == outcome


@pytest.mark.parametrize("claim", ["aud", "sub", "iat", "exp", "jti"])
def test_every_claim_is_needed(claim):
    key = derive_key(INSTALLATION, parse(known_extra()))
    raw = bytes.fromhex(key.key.reveal())
    body = jwt.decode(
        sign_proof(key, {"sub": "acme"}, now=NOW, nonce="n"), options={"verify_signature": False}, algorithms=["HS256"]
    )
    del body[claim]

    with pytest.raises(ProofError) as caught:
        check_proof(jwt.encode(body, raw, "HS256"), key, {"sub": "acme"}, now=NOW)
    assert not caught.value.is_genuine


def test_a_nonce_is_forgotten_only_when_its_proof_has_ended():
    guard = ReplayGuard()
    guard.check("one", NOW)

    with pytest.raises(ProofError, match="replayed"):
        guard.check("one", NOW + LIFETIME_S + 2 * LEEWAY_S - 1)
    guard.check("two", NOW + LIFETIME_S + 2 * LEEWAY_S + 1)
    guard.check("one", NOW + LIFETIME_S + 2 * LEEWAY_S + 1)


def test_the_guard_keeps_to_its_limit():
    guard = ReplayGuard(limit=3)

    for number in range(10):
        guard.check(str(number), NOW)

    assert list(guard._seen) == ["7", "8", "9"]

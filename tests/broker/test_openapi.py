"""The OpenAPI document describes what is really read and answered, and nothing that is sent breaks the server."""

from __future__ import annotations

import json
import time
from uuid import uuid4

import jsonschema
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from airflow_provider_integry.authorizations.proof import KEEP_ALIVE_CLAIMS, build_claims, sign_proof
from broker.proofs import installation_key, key_of, sign

PATHS = ("/v1/credentials", "/v1/status", "/v1/keep-alive")


@pytest.fixture(scope="module")
def document(installation):
    response = requests.get(f"{installation.url}/v1/openapi.json", timeout=10)
    assert response.status_code == 200
    return response.json()


def check(document, schema, value):
    """Hold a value against a schema of the document."""
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def test_the_document_is_valid(document):
    validate(document)


def test_every_route_has_its_bodies_its_problems_and_its_proof(document):
    found = {
        path: (
            sorted(operation["post"]["responses"]),
            operation["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2],
            operation["post"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2],
            operation["post"]["security"],
        )
        for path, operation in document["paths"].items()
        if path != "/health"
    }

    every = ["200", "400", "401", "404", "409", "413", "500", "503"]
    assert found == {
        "/v1/credentials": (every, "CredentialsRequest", "CredentialsAnswer", [{"proof": []}]),
        "/v1/status": (every, "StatusRequest", "StatusAnswer", []),
        "/v1/permits": (every, "PermitRequest", "PermitAnswer", [{"proof": []}]),
        "/v1/keep-alive": (every, "KeepAliveRequest", "KeepAliveAnswer", [{"proof": []}]),
        "/v1/webhooks/payload": (every, "PayloadRequest", "PayloadAnswer", [{"proof": []}]),
        "/v1/polls/open": (every, "PollOpenRequest", "PollAnswer", [{"proof": []}]),
        "/v1/polls/plan": (every, "PollPlanRequest", "PollAnswer", [{"proof": []}]),
        "/v1/polls/settle": (every, "PollSettleRequest", "PollAnswer", [{"proof": []}]),
        "/v1/end-users": (every, "EndUsersRequest", "EndUsersAnswer", [{"proof": []}]),
    }
    assert document["components"]["securitySchemes"]["proof"]["scheme"] == "bearer"


def test_problems_are_of_their_media_type(document):
    kinds = {
        tuple(answer["content"])
        for operation in document["paths"].values()
        for method in operation.values()
        for status, answer in method["responses"].items()
        if status != "200"
    }

    assert kinds == {("application/problem+json",)}


@pytest.mark.parametrize("path", PATHS)
def test_real_answers_are_as_described(installation, document, path):
    key = key_of(installation, "acme")
    claims = build_claims("acme", None, None)
    body, proof = {
        "/v1/credentials": ({"conn_id": "acme"}, sign(key, claims)),
        "/v1/status": (
            {
                "authorizations": [
                    {"conn_id": "acme", "proof": sign(key, claims)},
                    {"conn_id": "none", "proof": "x"},
                ]
            },
            None,
        ),
        "/v1/keep-alive": ({"idle_s": 3600, "warn_s": 1e9}, sign(installation_key(installation), KEEP_ALIVE_CLAIMS)),
    }[path]
    operation = document["paths"][path]["post"]

    response = installation.post(path, body, proof)

    check(document, operation["requestBody"]["content"]["application/json"]["schema"], body)
    assert response.status_code == 200
    check(document, operation["responses"]["200"]["content"]["application/json"]["schema"], response.json())


@pytest.mark.parametrize(
    ("path", "body", "proof", "status"),
    [
        ("/v1/credentials", b"{", "", 400),
        ("/v1/credentials", b'{"conn_id": "acme"}', "x", 404),
        ("/v1/credentials", b" " * (2 * 1024 * 1024 + 1), "", 413),
        ("/v1/status", b"[]", None, 400),
        ("/v1/keep-alive", b"{}", "x", 404),
    ],
)
def test_real_problems_are_as_described(installation, document, path, body, proof, status):
    response = installation.post(path, body, proof)

    described = document["paths"][path]["post"]["responses"][str(status)]["content"]
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")
    check(document, described["application/problem+json"]["schema"], response.json())
    assert response.json()["status"] == status


# -- whatever is sent --------------------------------------------------------------------------------

_ODD = [
    "",
    "\x00",
    "acme",
    "ACME",
    " acme",
    "a/../b",
    "é",
    "é",
    "💥",
    "x" * 300,
    "%00",
    "__proto__",
    "integry_installation",
]
_TEXT = st.one_of(st.sampled_from(_ODD), st.text(max_size=30))
_NUMBER = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -1, 2**63, 1e308]),
)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBER, _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXT, inner, max_size=4)),
    max_leaves=8,
)


def _field(strategy):
    return st.one_of(strategy, strategy, _JSON)


_CREDENTIALS = st.fixed_dictionaries(
    {"conn_id": _field(_TEXT)},
    optional={"end_user": _field(_TEXT), "account": _field(_TEXT), "rejected": _field(_TEXT), "more": _JSON},
)
_STATUS = st.fixed_dictionaries(
    {
        "authorizations": _field(
            st.lists(
                st.fixed_dictionaries({"conn_id": _field(_TEXT), "proof": _field(_TEXT)}, optional={"end_user": _TEXT}),
                max_size=4,
            )
        )
    }
)
_KEEP_ALIVE = st.fixed_dictionaries(
    {"idle_s": _field(st.floats(3600, 1e10)), "warn_s": _field(st.floats(0, 1e10))},
    optional={"after_id": _field(st.integers(0, 2**63 - 1)), "pending": _field(st.lists(st.integers(0, 2**63 - 1)))},
)
_POLL = st.fixed_dictionaries(
    {"conn_id": _TEXT, "activity": _field(st.sampled_from(["made", "x" * 65])), "inputs": _field(st.just("00"))},
    optional={"end_user": _field(_TEXT), "account": _field(_TEXT), "name": _field(_TEXT)},
)
_CONSUMER = st.fixed_dictionaries(
    {}, optional={"trigger_id": _field(st.integers(0, 9)), "dag_id": _field(_TEXT), "map_index": _field(st.just(-1))}
)
_WHOSE = {"poll": _field(_POLL), "consumer": _field(_CONSUMER), "holder": _field(st.just("ab"))}
_BODIES = {
    "/v1/credentials": _CREDENTIALS,
    "/v1/status": _STATUS,
    "/v1/keep-alive": _KEEP_ALIVE,
    "/v1/webhooks/payload": st.fixed_dictionaries(
        {"conn_id": _field(_TEXT), "webhook": _field(st.just("changed")), "delivery": _field(st.just("ab"))},
        optional={"end_user": _field(_TEXT), "account": _field(_TEXT)},
    ),
    "/v1/polls/open": st.fixed_dictionaries({**_WHOSE, "hold_s": _field(st.floats(0, 1e6))}),
    "/v1/polls/plan": st.fixed_dictionaries(
        {
            **_WHOSE,
            "version": _field(st.integers(0, 3)),
            "state": _field(st.dictionaries(_TEXT, _JSON, max_size=2)),
            "events": _field(st.lists(st.lists(_JSON, max_size=2), max_size=2)),
            "hold_s": _field(st.floats(0, 1e6)),
        }
    ),
    "/v1/polls/settle": st.fixed_dictionaries(_WHOSE),
}
_ALLOWED = {200, 400, 401, 404, 409, 413, 503}


def _prove(installation, path, body):
    """Prove as well as can be, so that what is behind the proof is reached too."""
    if path == "/v1/keep-alive":
        return sign(installation_key(installation), KEEP_ALIVE_CLAIMS)
    if path.startswith("/v1/polls/"):
        body = body["poll"] if isinstance(body["poll"], dict) else {}
    texts = [body.get(name) for name in ("conn_id", "end_user", "account")]
    claims = build_claims(*(one if isinstance(one, str) else None for one in texts)) if texts[0] is not None else {}
    return sign_proof(key_of(installation, "acme"), claims, now=time.time(), nonce=uuid4().hex)


@pytest.mark.parametrize("path", sorted(_BODIES))
def test_no_body_whatever_breaks_the_server(installation, document, path):
    session = requests.Session()
    responses = document["paths"][path]["post"]["responses"]

    @settings(max_examples=150)
    @given(body=_BODIES[path], is_proved=st.booleans())
    def send(body, is_proved):
        proof = _prove(installation, path, body) if is_proved else "x"
        response = installation.post(path, body, proof, session=session)
        assert response.status_code in _ALLOWED
        assert "Traceback" not in response.text
        kind = response.headers["Content-Type"]
        check(document, responses[str(response.status_code)]["content"][kind]["schema"], response.json())

    send()


@pytest.mark.parametrize("path", PATHS)
def test_no_bytes_whatever_break_the_server(installation, path):
    session = requests.Session()

    @settings(max_examples=100)
    @given(
        body=st.one_of(
            st.binary(max_size=200),
            st.sampled_from(
                [b"[" * 100_000, b'{"conn_id":"\xff"}', b'{"conn_id":"\\ud800"}', b"\xef\xbb\xbf{}", b"null"]
            ),
            _JSON.map(lambda value: json.dumps(value).encode()),
        ),
        headers=st.dictionaries(
            st.sampled_from(["Authorization", "Content-Type", "Content-Encoding", "X-Forwarded-Prefix"]),
            st.one_of(
                st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
                st.sampled_from(["Bearer", "Bearer ", "Basic eDp4", "Bearer a.b.c", "Bearer eyJhbGciOiJub25lIn0.e30."]),
            ),
            max_size=3,
        ),
    )
    def send(body, headers):
        response = session.post(f"{installation.url}{path}", data=body, headers=headers, timeout=20)
        assert response.status_code in _ALLOWED

    send()

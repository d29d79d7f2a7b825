"""Every route but health and the description of the API wants a proof."""

from __future__ import annotations

import json

import pytest
import requests
from broker.rig import Rig

# What a request of any kind may need, whatever the route: unknown fields are left alone.
BODY = {
    "conn_id": "acme",
    "authorizations": [{"conn_id": "acme", "proof": ""}],
    "idle_s": 1,
    "warn_s": 1,
    "bucket": "crm",
    "ask": {"wanted": 1, "permit_id": "p", "lease_s": 1},
    "webhook": "changed",
    "delivery": "ab",
    "poll": {"conn_id": "acme", "activity": "changed", "inputs": "ab"},
    "consumer": {"trigger_id": 1},
    "holder": "ab",
    "hold_s": 1,
    "version": 1,
    "state": {},
    "events": [],
    "include": ["ready"],
}
OPEN = {"/health", "/v1/openapi.json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A broker process with a connection that has a pasted refresh token."""
    rig = Rig(tmp_path_factory.mktemp("routes"))
    # Nobody listens there: nobody is to be asked.
    rig.connect("acme", "http://127.0.0.1:1", grant_type="refresh_token", refresh_token="pasted-1")
    rig.migrate()
    try:
        yield rig, f"http://127.0.0.1:{rig.start_server()}/integry"
    finally:
        rig.stop()


def operations(url):
    """Return method and path of every operation."""
    document = requests.get(f"{url}/v1/openapi.json", timeout=10).json()
    return [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]


def test_the_description_names_the_routes_of_the_broker(server):
    _, url = server
    assert {("POST", "/v1/credentials"), ("POST", "/v1/status"), ("GET", "/health")} <= set(operations(url))


@pytest.mark.parametrize("proof", ["", "x", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhY21lIn0."])
def test_every_other_route_refuses_without_a_proof(server, proof):
    rig, url = server
    asked = [(method, path) for method, path in operations(url) if path not in OPEN]
    assert asked
    for method, path in asked:
        headers = {"Authorization": f"Bearer {proof}"} if proof else {}
        body = {**BODY, "authorizations": [{"conn_id": "acme", "proof": proof}]}
        answer = requests.request(method, f"{url}{path}", json=body, headers=headers, timeout=20)
        has_nothing = answer.status_code == 200 and json.loads(answer.content) == {"authorizations": [None]}
        assert answer.status_code in (401, 403, 404) or has_nothing, (method, path, answer.status_code, answer.text)
    assert rig.rows() == []

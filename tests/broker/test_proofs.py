"""Who may ask the broker, over HTTP: every proof but the right one is refused, and refusals tell nothing."""

from __future__ import annotations

import itertools
import statistics
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from servers.live import LiveServer
from servers.oauth2 import Client, OAuth2Api

from airflow_provider_integry.authorizations.proof import AUDIENCE, KEEP_ALIVE_CLAIMS, ProofKey, build_claims
from airflow_provider_integry.secret import Secret
from broker.proofs import Installation, installation_key, key_of, sign

ACME = {"sub": "acme"}
END_USERS = (
    None,
    "1",
    "01",
    " 1",
    "1 ",
    "a/../b",
    "a%2Fb",
    "A",
    "a",
    "Ünï",
    unicodedata.normalize("NFD", "Ünï"),
    "a\x01b",
)
_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def body_of(**changes):
    """Return the claims of a good proof, changed."""
    now = int(time.time())
    claims = {**ACME, "aud": AUDIENCE, "iat": now, "exp": now + 60, "jti": uuid4().hex, **changes}
    return {name: value for name, value in claims.items() if value is not ...}


def raw_key(installation, conn_id="acme"):
    return bytes.fromhex(key_of(installation, conn_id).key.reveal())


def forge(installation, headers=None, algorithm="HS256", key=None, **changes):
    """Sign a proof in any way."""
    return jwt.encode(body_of(**changes), raw_key(installation) if key is None else key, algorithm, headers)


def swap_header(proof, header):
    """Keep claims and signature below another header."""
    _, claims, signature = proof.split(".")
    return ".".join((jwt.utils.base64url_encode(header).decode(), claims, signature))


FORGED = {
    "none at all": lambda one: None,
    "empty": lambda one: "",
    "no JWT": lambda one: "abc",
    "three dots": lambda one: "...",
    "another key": lambda one: forge(one, key=b"k" * 32),
    "an empty key": lambda one: forge(one, key=b"\x00" * 32),
    "the installation's secret itself": lambda one: forge(one, key=one.rig.installation_secret.encode()),
    "the client secret itself": lambda one: forge(one, key=b"secret-1".ljust(32, b"\x00")),
    "the key as hex": lambda one: forge(one, key=raw_key(one).hex().encode()),
    "alg none": lambda one: forge(one, key="", algorithm="none"),
    "alg none over a signature": lambda one: swap_header(forge(one, key=b"k" * 32), b'{"alg":"none","typ":"JWT"}'),
    "alg in other letters": lambda one: swap_header(forge(one), b'{"alg":"hs256","typ":"JWT"}'),
    "HS512 with the right key": lambda one: forge(one, key=raw_key(one) * 2, algorithm="HS512"),
    "HS512 in the header": lambda one: swap_header(forge(one), b'{"alg":"HS512","typ":"JWT"}'),
    "RS256": lambda one: forge(one, key=_RSA, algorithm="RS256"),
    "RS256 in the header": lambda one: swap_header(forge(one), b'{"alg":"RS256","typ":"JWT"}'),
    "a kid that is a path": lambda one: forge(one, {"kid": "../../../dev/null"}, key=b"\x00" * 32),
    "a kid that is SQL": lambda one: forge(one, {"kid": "' UNION SELECT '6b6b"}, key=b"k" * 32),
    "a key in the header": lambda one: forge(
        one, {"jwk": {"kty": "oct", "k": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2trazs"}}, key=b"k" * 32
    ),
    "a key's address in the header": lambda one: forge(one, {"jku": "http://127.0.0.1:1/keys"}, key=b"k" * 32),
    "a critical extension": lambda one: forge(one, {"crit": ["x"], "x": 1}),
    "a life of two minutes": lambda one: forge(one, exp=int(time.time()) + 120),
    "a life without end": lambda one: forge(one, exp=2**40),
    "no end": lambda one: forge(one, exp=...),
    "no beginning": lambda one: forge(one, iat=...),
    "no nonce": lambda one: forge(one, jti=...),
    "no connection": lambda one: forge(one, sub=...),
    "no audience": lambda one: forge(one, aud=...),
    "end as text": lambda one: forge(one, exp=str(int(time.time()) + 60)),
    "end with a fraction": lambda one: forge(one, exp=time.time() + 60),
    "end as a list": lambda one: forge(one, exp=[int(time.time()) + 60]),
    "beginning as null": lambda one: forge(one, iat=None),
    "nonce as a number": lambda one: forge(one, jti=7),
    "an endless nonce": lambda one: forge(one, jti="n" * 65),
    "another audience": lambda one: forge(one, aud="somebody-else"),
    "another connection": lambda one: forge(one, sub="globex"),
    "another connection's key": lambda one: forge(one, key=raw_key(one, "globex")),
    "another connection's proof": lambda one: forge(one, key=raw_key(one, "globex"), sub="globex"),
    "the connection in capitals": lambda one: forge(one, sub="ACME"),
    "an end user": lambda one: forge(one, end_user="1"),
    "an end user that is empty": lambda one: forge(one, end_user=""),
    "an account": lambda one: forge(one, account="1"),
    "the keeper's proof": lambda one: sign(installation_key(one), KEEP_ALIVE_CLAIMS),
    "a user's Airflow JWT": lambda one: jwt.encode(
        {"sub": "1", "aud": "apache-airflow", "iat": int(time.time()), "exp": int(time.time()) + 60},
        b"jwt-secret-of-airflow".ljust(64, b"."),
        "HS512",
    ),
}


def seen(response):
    """Return all of an answer that a caller can compare."""
    headers = {name: value for name, value in response.headers.items() if name.lower() != "date"}
    return response.status_code, response.content, headers


def test_the_right_proof_is_accepted(installation):
    response = installation.ask("acme", proof=forge(installation))

    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")


@pytest.mark.parametrize("name", FORGED)
def test_any_other_proof_is_refused_like_a_connection_that_is_not_there_and_logged_once(installation, name):
    not_there = installation.ask("nobody", proof=sign(key_of(installation, "acme"), build_claims("nobody", None, None)))
    before = len(installation.rig.server_log(installation.port))

    response = installation.ask("acme", proof=FORGED[name](installation))

    said = installation.rig.server_log(installation.port)[before:]
    refusals = [line for line in said.splitlines() if "was refused (" in line]
    assert seen(response) == seen(not_there)
    assert response.status_code == 404
    assert len(refusals) == 1
    assert "'acme'" in refusals[0]
    assert f"fingerprint {key_of(installation, 'acme').fingerprint}" in refusals[0]


def test_a_proof_for_a_connection_that_is_not_there_is_logged_once_too(installation):
    before = len(installation.rig.server_log(installation.port))

    installation.ask("nobody", proof=forge(installation, sub="nobody", key=b"\x00" * 32))

    said = installation.rig.server_log(installation.port)[before:]
    assert len([line for line in said.splitlines() if "was refused (signature)" in line and "'nobody'" in line]) == 1


@pytest.mark.parametrize("offset_s", [-3600, -91.5, 32, 3600], ids=lambda one: f"{one} s")
def test_a_proof_of_another_time_is_refused_with_the_server_s_own_time(installation, offset_s):
    response = installation.ask("acme", proof=sign(key_of(installation, "acme"), ACME, now=time.time() + offset_s))

    assert (response.status_code, response.json()["type"]) == (401, "urn:integry:problem:proof-expired")
    assert "Date" in response.headers


@pytest.mark.parametrize("offset_s", [-85, -30, 25], ids=lambda one: f"{one} s")
def test_clocks_that_are_half_a_minute_apart_do_not_matter(installation, offset_s):
    response = installation.ask("acme", proof=sign(key_of(installation, "acme"), ACME, now=time.time() + offset_s))

    assert response.status_code == 200


def test_a_proof_is_good_once(installation):
    proof = forge(installation)

    first, second = (installation.ask("acme", proof=proof) for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 401)
    assert second.json()["type"] == "urn:integry:problem:proof-replayed"
    assert "access_token" not in second.text


def test_on_another_server_a_proof_yields_the_same_short_lived_answer_and_no_more(installation):
    other = installation.start()
    proof = forge(installation)

    answers = [installation.ask("acme", proof=proof, port=port).json() for port in (installation.port, other)]

    assert answers[0]["access_token"] == answers[1]["access_token"]
    assert set(answers[1]) <= {"access_token", "token_type", "expires_in_s", "ask_after_s", "scopes"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b" " * (2 * 1024 * 1024 + 1), 413),
        (b'{"conn_id": "value-that-is-not-repeated"', 400),
        (b'{"conn_id": ["value-that-is-not-repeated"]}', 400),
        (b'["value-that-is-not-repeated"]', 400),
        (b'{"conn_id": "acme", "end_user": {"value-that-is-not-repeated": 1}}', 400),
        (b'{"conn_id": "value-that-is-not-repeated\xff"}', 400),
        (b"", 400),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_without_repeating_it(installation, body, status):
    response = installation.post("/v1/credentials", body, forge(installation))

    assert response.status_code == status
    assert "not-repeated" not in response.text


# -- connections x end users x proofs ------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """Three connections with a grant for each of many end users whose names are nearly the same."""
    api = OAuth2Api(Client("client-1", "secret-1"), rotation="strict")
    with LiveServer(api.build()) as service:
        found = Installation(tmp_path_factory.mktemp("crowd"), service, api)
        # The same client: what keeps the connections apart is their names alone.
        for conn_id in ("acme", "acme2", "Acme_x"):
            found.connect(conn_id)
        found.rig.migrate()
        for conn_id in found.rig.connections:
            found.grant(conn_id, *(f"{user}" for user in END_USERS if user is not None))
        found.start()
        try:
            yield found
        finally:
            found.rig.stop()


def test_a_proof_opens_its_own_authorization_and_no_other(crowd):
    subjects = list(itertools.product(crowd.rig.connections, END_USERS))
    keys = {conn_id: key_of(crowd, conn_id) for conn_id in crowd.rig.connections}
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=16))
    own = {}
    for conn_id, user in subjects:
        answer = crowd.ask(conn_id, user, proof=sign(keys[conn_id], build_claims(conn_id, user, None)), session=session)
        own[conn_id, user] = answer.json().get("access_token")
    pairs = [(asked, proved) for asked, proved in itertools.product(subjects, subjects) if asked != proved]

    def ask(pair):
        (conn_id, user), (proved_id, proved_user) = pair
        proof = sign(keys[proved_id], build_claims(proved_id, proved_user, None))
        return seen(crowd.ask(conn_id, user, proof=proof, session=session))

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, pairs))

    assert len(pairs) == 36 * 35
    assert {(status, body) for status, body, _ in answers} == {(404, answers[0][1])}
    assert len({tuple(sorted(headers.items())) for _, _, headers in answers}) == 1
    # Thirty-six grants, and a token of its own for each.
    assert len(set(own.values())) == 36
    assert None not in own.values()
    owners = {grant.access_token: grant.user for grant in crowd.api.grants if grant.access_token}
    assert {subject: owners[token] for subject, token in own.items()} == {
        subject: "ada" if subject[1] is None else subject[1] for subject in subjects
    }


def test_an_empty_end_user_is_not_the_connection_itself(crowd):
    own, key = (
        crowd.ask("acme", proof=sign(key_of(crowd, "acme"), build_claims("acme", None, None))),
        key_of(crowd, "acme"),
    )

    crossed = crowd.ask("acme", "", proof=sign(key, build_claims("acme", None, None)))
    empty = crowd.ask("acme", "", proof=sign(key, build_claims("acme", "", None)))

    assert (own.status_code, crossed.status_code, empty.status_code) == (200, 404, 409)


def test_statuses_are_null_where_there_is_no_right_to_know(crowd):
    key, other = key_of(crowd, "acme"), key_of(crowd, "acme2")
    proofs = [
        ("acme", "1", sign(key, build_claims("acme", "1", None))),
        ("acme", "01", sign(key, build_claims("acme", "1", None))),
        ("acme", "1", sign(other, build_claims("acme", "1", None))),
        ("acme2", "1", sign(key, build_claims("acme2", "1", None))),
        ("nobody", "1", sign(key, build_claims("nobody", "1", None))),
        ("acme", "1", ""),
    ]

    items = [{"conn_id": conn_id, "end_user": user, "proof": proof} for conn_id, user, proof in proofs]
    answer = crowd.post("/v1/status", {"authorizations": items}).json()["authorizations"]

    assert [one and one["readiness"] for one in answer] == ["ready", None, None, None, None, None]


def test_a_refusal_takes_as_long_whatever_its_cause(installation, record_property):
    session = requests.Session()
    causes = {
        "not yours, remembered": ("acme", lambda: forge(installation, key=b"k" * 32)),
        "not there": (None, lambda: forge(installation, key=b"k" * 32)),
        "no proof": ("acme", lambda: ""),
    }
    times = {}
    for name, (conn_id, make) in causes.items():
        taken = []
        for _ in range(25):
            asked, proof = conn_id or f"nobody-{uuid4().hex}", make()
            started = time.perf_counter()
            assert installation.ask(asked, proof=proof, session=session).status_code == 404
            taken.append(time.perf_counter() - started)
        times[name] = statistics.median(taken)
    for name, median_s in times.items():
        record_property(name, f"{median_s * 1000:.1f} ms")
    print({name: f"{median_s * 1000:.1f} ms" for name, median_s in times.items()})

    assert min(times.values()) >= 0.1
    assert max(times.values()) < 2 * min(times.values())


# -- what nobody may see ---------------------------------------------------------------------------------


def test_no_answer_and_no_log_holds_what_is_not_for_tasks(tmp_path):
    api = OAuth2Api(Client("client-1", "secret-1-of-the-client"), rotation="strict")
    with LiveServer(api.build()) as service:
        one = Installation(tmp_path, service, api)
        one.connect("acme", client_secret="secret-1-of-the-client")
        one.rig.migrate()
        one.start(AIRFLOW__LOGGING__LOGGING_LEVEL="DEBUG")
        try:
            answers = list(_run_full_cycle(one))
            logged = one.rig.server_log(one.port)
        finally:
            one.rig.stop()
    refresh_tokens = {*one.pasted, *(grant.refresh_token for grant in api.grants if grant.refresh_token)}
    kept = {*refresh_tokens, "secret-1-of-the-client", one.rig.installation_secret, one.rig.fernet_key}
    issued = {grant.access_token for grant in api.grants if grant.access_token}
    proof_parts = {part for answer in answers for part in _parts_of_proof(answer)}

    assert len(issued) >= 3
    assert [answer.status_code for answer in answers] == [200, 404, 401, 200, 200, 200, 409, 200, 400, 200, 200]
    assert [secret for secret in kept if any(secret in answer.text for answer in answers)] == []
    assert [secret for secret in kept | issued | proof_parts if secret in logged] == []
    # The scan finds what is there: the tokens that were handed out, but not the one that was only kept alive.
    assert len([token for token in issued if any(token in answer.text for answer in answers)]) == len(issued) - 1


def _run_full_cycle(one):
    proof = forge(one)
    first = one.ask("acme", proof=proof)
    yield first
    yield one.ask("acme", proof=forge(one, key=b"k" * 32))
    yield one.ask("acme", proof=proof)
    _age(one, 20)
    api_said_no = {"conn_id": "acme", "rejected": Secret(first.json()["access_token"]).fingerprint()}
    yield one.post("/v1/credentials", api_said_no, forge(one))
    yield one.post("/v1/status", {"authorizations": [{"conn_id": "acme", "proof": forge(one)}]})
    _age(one, 100_000)
    keeper = installation_key(one)
    yield one.post("/v1/keep-alive", {"idle_s": 3600, "warn_s": 1}, sign(keeper, KEEP_ALIVE_CLAIMS))
    one.api.revoke_all()
    _age(one, 100_000)
    yield one.ask("acme", proof=forge(one))
    yield one.post("/v1/status", {"authorizations": [{"conn_id": "acme", "proof": forge(one)}]})
    yield one.post("/v1/credentials", b"{", forge(one))
    yield requests.get(f"{one.url}/health", timeout=10)
    yield requests.get(f"{one.url}/v1/openapi.json", timeout=10)


def _parts_of_proof(answer):
    _, _, proof = answer.request.headers.get("Authorization", "").partition(" ")
    return [proof.rpartition(".")[2]] if proof else []


def _age(one, seconds):
    """Let time pass for every kept grant."""
    columns = ("refreshed_at", "expires_at", "advise_at", "require_at", "cool_until", "error_at")
    changes = ", ".join(f"{name} = {name} - {seconds}" for name in columns)
    one.rig.run(
        "from airflow import settings\nfrom sqlalchemy import text\n"
        f"with settings.engine.begin() as c:\n    c.execute(text('update integry_authorization set {changes}'))\n"
    )


# -- every route ------------------------------------------------------------------------------------------

OPEN = {"/health", "/v1/openapi.json"}


def test_every_route_of_the_broker_answers_nothing_without_a_proof(installation):
    from airflow_provider_integry.web.app import build_app

    # The pages and what they are made of: see tests/pages/test_routes.py.
    broker = [route for route in build_app().routes if route.path.startswith("/v1/") or route.path in OPEN]
    routes = [(route.path, method) for route in broker for method in sorted(route.methods)]
    closed = [(path, method) for path, method in routes if path not in OPEN]
    poll = {
        "poll": {"conn_id": "acme", "activity": "changed", "inputs": "ab"},
        "consumer": {"trigger_id": 1},
        "holder": "ab",
    }
    bodies = {
        "/v1/credentials": {"conn_id": "acme"},
        "/v1/status": {"authorizations": [{"conn_id": "acme", "proof": ""}]},
        "/v1/permits": {"conn_id": "acme", "bucket": "crm", "ask": {"wanted": 1, "permit_id": "p", "lease_s": 1}},
        "/v1/keep-alive": {"idle_s": 3600, "warn_s": 0},
        "/v1/webhooks/payload": {"conn_id": "acme", "webhook": "changed", "delivery": "ab"},
        "/v1/polls/open": {**poll, "hold_s": 1.0},
        "/v1/polls/plan": {**poll, "hold_s": 1.0, "version": 1, "state": {}, "events": []},
        "/v1/polls/settle": poll,
        "/v1/end-users": {"conn_id": "acme", "include": ["ready"]},
    }

    answers = {path: installation.post(path, bodies[path]) for path, _ in closed}

    assert {path for path, _ in routes} == {*bodies, *OPEN}
    assert {method for _, method in closed} == {"POST"}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(bodies, 404)
    assert installation.post("/v1/status", {"authorizations": []}).status_code == 404


@pytest.mark.parametrize(
    "make",
    [
        lambda one: None,
        lambda one: sign(ProofKey(Secret("00" * 32), ""), KEEP_ALIVE_CLAIMS),
        lambda one: sign(key_of(one, "acme"), KEEP_ALIVE_CLAIMS),
        lambda one: sign(installation_key(one), {"sub": "acme"}),
        lambda one: sign(installation_key(one), {**KEEP_ALIVE_CLAIMS, "end_user": "1"}),
    ],
)
def test_only_the_keeper_keeps_alive(installation, make):
    response = installation.post("/v1/keep-alive", {"idle_s": 3600, "warn_s": 0}, make(installation))

    assert response.status_code == 404


def test_a_keeper_s_proof_is_good_once(installation):
    proof = sign(installation_key(installation), KEEP_ALIVE_CLAIMS)
    body = {"idle_s": 3600, "warn_s": 0}

    statuses = [installation.post("/v1/keep-alive", body, proof).status_code for _ in range(2)]

    assert statuses == [200, 401]

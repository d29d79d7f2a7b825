"""Thousands of end users of one connection: listed, served, each refreshed once for each expiry, in the same memory.

A few hundred by default. ``INTEGRY_TEST_END_USERS=10000`` takes all of them, on PostgreSQL; the figures are printed.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from uuid import uuid4

import psutil
import pytest
import requests
from servers.live import LiveServer
from servers.oauth2 import Client, OAuth2Api
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from airflow_provider_integry.authorizations.proof import build_claims, sign_proof
from broker.proofs import Installation, key_of
from broker.rig import Rig

VARIABLE = "INTEGRY_TEST_END_USERS"
COUNT = int(os.environ.get(VARIABLE, "300"))
IS_WHOLE = COUNT > 1000
ROUNDS = 3
THREADS = 16
# Of this process's own allocator and caches; ten thousand times a kilobyte that is kept would be more.
MOST_GROWTH = 8 * 1024 * 1024
pytestmark = pytest.mark.timeout(3600 if IS_WHOLE else 600)
ADD = """
import json
from airflow_provider_integry.authorizations.airflow_store import local_store, read_settings
from airflow_provider_integry.authorizations.crypto import seal
from airflow_provider_integry.authorizations.grant import AuthorizationKey, GrantSecrets
from airflow_provider_integry.authorizations.subject import build_subject
from airflow_provider_integry.secret import Secret

settings = read_settings("acme")
for line in open({path!r}, encoding="utf-8"):
    user, token = json.loads(line)
    subject = build_subject(settings, AuthorizationKey("acme", None, user))
    secrets = GrantSecrets(refresh_token=Secret(token))
    assert local_store().add(subject.key, {{
        "conn_type": subject.conn_type, "binding": subject.binding, "is_grant": True, "seed": None,
        "sealed": seal(secrets, subject.key.digest),
    }})
"""
EXPIRE = """
update integry_authorization
set expires_at = expires_at - 4000, advise_at = advise_at - 4000, require_at = require_at - 4000,
    refreshed_at = refreshed_at - 4000
"""


@pytest.fixture(scope="module")
def place(request, tmp_path_factory):
    """One broker process over a database with all of them."""
    print(f"{VARIABLE}: {COUNT} end users")
    database = request.getfixturevalue("postgres").create_database("many") if IS_WHOLE else None
    api = OAuth2Api(Client("client-1", "secret-1"), rotation="strict")
    with LiveServer(api.build()) as service:
        folder = tmp_path_factory.mktemp("many")
        found = Installation(folder, service, api)
        found.rig = Rig(folder, database)
        found.connect("acme")
        found.rig.migrate()
        path = folder / "grants.jsonl"
        grants = [[name_of(number), api.authorize(user=name_of(number))] for number in range(COUNT)]
        path.write_text("".join(f"{json.dumps(grant)}\n" for grant in grants), encoding="utf-8")
        found.rig.run(ADD.format(path=str(path)))
        found.start()
        try:
            yield found
        finally:
            found.rig.stop()


def name_of(number):
    return f"tenant-{number:05}"


def read(place, statement):
    engine = create_engine(place.rig.database, poolclass=NullPool)
    with engine.begin() as database:
        found = database.execute(text(statement))
        return list(found) if found.returns_rows else []


def memory_of(place):
    return psutil.Process(place.rig.process_of(place.port).pid).memory_info().rss


class Asker:
    """Asks for one end user after the other, each time twice at once, as tasks on different machines do."""

    def __init__(self, place):
        self._place = place
        self._key = key_of(place, "acme")
        self._sessions = threading.local()

    def ask_all(self):
        """Return whose token each end user was given."""
        with ThreadPoolExecutor(THREADS) as pool:
            names = [name_of(number) for number in range(COUNT) for _ in range(2)]
            return list(zip(names, pool.map(self._ask, names), strict=True))

    def _ask(self, name):
        proof = sign_proof(self._key, build_claims("acme", name, None), now=time.time(), nonce=uuid4().hex)
        if not hasattr(self._sessions, "own"):
            self._sessions.own = requests.Session()
            self._sessions.own.trust_env = False
        for _ in range(10):
            answer = self._place.ask("acme", name, proof=proof, session=self._sessions.own)
            if answer.status_code == 200:
                return answer.json()["access_token"]
            assert answer.status_code == 503, answer.text
            proof = sign_proof(self._key, build_claims("acme", name, None), now=time.time(), nonce=uuid4().hex)
        raise AssertionError(f"no token for {name}: {answer.text}")


def test_all_are_listed_a_page_at_a_time(place):
    key, found, after_id, times = key_of(place, "acme"), [], 0, []
    while after_id is not None:
        proof = sign_proof(key, build_claims("acme", None, None, "end-users"), now=time.time(), nonce=uuid4().hex)
        started = time.monotonic()
        answer = place.post("/v1/end-users", {"conn_id": "acme", "include": ["ready"], "after_id": after_id}, proof)
        times.append(time.monotonic() - started)
        found += [one["end_user"] for one in answer.json()["end_users"]]
        after_id = answer.json().get("next_id")

    print(f"{COUNT} end users in {len(times)} pages: slowest {max(times) * 1000:.0f} ms")
    assert found == [name_of(number) for number in range(COUNT)]
    assert len(times) == COUNT // 1000 + 1


def test_each_is_refreshed_once_for_each_expiry_and_memory_stays_what_it_is(place):
    asker, memory = Asker(place), []
    for number in range(1, ROUNDS + 1):
        started = time.monotonic()
        given = asker.ask_all()
        took_s = time.monotonic() - started
        memory.append(memory_of(place))
        print(f"round {number}: {len(given)} requests in {took_s:.0f} s, memory {memory[-1] / 2**20:.0f} MiB")

        owners = {grant.access_token: grant.user for grant in place.api.grants}
        assert [name for name, token in given if owners[token] != name] == []
        counts = Counter(grant.user for grant in place.api.grants if grant.access_token)
        assert counts == {name_of(one): number for one in range(COUNT)}
        read(place, EXPIRE)

    assert place.api.family_revocations == 0
    assert place.service.count("/token") == COUNT * ROUNDS
    growth = [later - earlier for earlier, later in pairwise(memory)]
    print(f"growth from round to round: {[f'{one / 2**20:.1f} MiB' for one in growth]}")
    assert growth[-1] < MOST_GROWTH
    [[lost]] = read(place, "select count(*) from integry_authorization where state <> 'active'")
    assert lost == 0

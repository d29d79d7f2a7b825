"""Permits in a database, for many threads at once, on each of the databases."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from uuid import uuid4

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.messages import PermitAnswer, PermitAsk
from airflow_provider_integry.authorizations.permit_queue import PermitQueue, Turns
from airflow_provider_integry.authorizations.permit_state import Caps, permit_digest
from airflow_provider_integry.authorizations.permit_store import PermitStore
from airflow_provider_integry.authorizations.tables import metadata, permit
from airflow_provider_integry.errors import StoreNotReadyError, StoreUnavailableError

DIGEST = permit_digest(AuthorizationKey("crm"), "crm")


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def engine(request, tmp_path):
    kind = request.param
    url = f"sqlite:///{tmp_path}/p.db" if kind == "sqlite" else request.getfixturevalue(kind).create_database("permits")
    found = create_engine(url, poolclass=NullPool)
    metadata.create_all(found)
    yield found
    found.dispose()


def take(store, caps, wanted=1, digest=DIGEST, lease_s=60.0):
    name = uuid4().hex
    return name, store.serve(digest, caps, [PermitAsk(wanted, name, lease_s)])[0]


def read(engine, digest=DIGEST):
    with engine.connect() as connection:
        held, spent = json.loads(connection.execute(permit.select().where(permit.c.digest == digest)).one().state)
    return held, spent


def test_threads_never_hold_more_permits_than_there_are(engine):
    store, caps = PermitStore(lambda: engine), Caps(concurrency=3)
    inside, most, done, lock = [0], [0], [0], threading.Lock()

    def work():
        while True:
            with lock:
                if done[0] >= 30:
                    return
            name, answer = take(store, caps)
            if not answer.count:
                time.sleep(random.random() * 0.02)
                continue
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.005)
            with lock:
                inside[0] -= 1
                done[0] += 1
            store.serve(DIGEST, caps, [PermitAsk(returned_id=name, used=1)])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)

    assert done[0] >= 30
    assert most[0] <= 3
    assert read(engine)[0] == {}


def test_a_span_begins_anew_by_the_databases_clock(engine):
    store, caps = PermitStore(lambda: engine), Caps(requests=2, per_s=3.0)
    names = [take(store, caps)[0] for _ in range(2)]
    for name in names:
        store.serve(DIGEST, caps, [PermitAsk(returned_id=name, used=1)])

    refused = take(store, caps)[1]
    time.sleep(refused.wait_s + 0.05)

    assert (refused.count, 0 < refused.wait_s <= 3.0) == (0, True)
    assert take(store, caps)[1].count == 1


def test_authorizations_and_buckets_are_counted_apart(engine):
    store, caps = PermitStore(lambda: engine), Caps(requests=1, per_s=60.0)
    keys = [AuthorizationKey("crm"), AuthorizationKey("CRM"), AuthorizationKey("crm", None, "u1")]
    digests = [permit_digest(key, bucket) for key in keys for bucket in ("crm", "crm.search")]

    assert [take(store, caps, digest=digest)[1].count for digest in digests] == [1] * 6
    assert [take(store, caps, digest=digest)[1].count for digest in digests] == [0] * 6


def test_rows_that_nobody_needs_are_removed_when_another_one_is_made(engine):
    store = PermitStore(lambda: engine)
    take(store, Caps(requests=1, per_s=1.0), digest="0" * 64, lease_s=1.0)
    take(store, Caps(requests=1, per_s=1.0), digest="1" * 64, lease_s=9000.0)
    with engine.begin() as connection:
        connection.execute(permit.update().values(idle_at=permit.c.idle_at - 7200.0))

    take(store, Caps(requests=1, per_s=1.0), digest="2" * 64)

    with engine.connect() as connection:
        assert sorted(row.digest[0] for row in connection.execute(permit.select())) == ["1", "2"]


def test_a_refusal_changes_nothing_in_the_database(engine):
    store, caps = PermitStore(lambda: engine), Caps(concurrency=1)
    take(store, caps)
    with engine.connect() as connection:
        before = connection.execute(permit.select()).one()

    for _ in range(3):
        assert take(store, caps)[1].count == 0

    with engine.connect() as connection:
        assert connection.execute(permit.select()).one() == before


def test_a_database_without_the_table_says_so(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/empty.db", poolclass=NullPool)

    with pytest.raises(StoreNotReadyError):
        take(PermitStore(lambda: engine), Caps(concurrency=1))


# -- the broker's queue -----------------------------------------------------------------------------


class SlowStore:
    """A store whose changes take a moment, and that counts them."""

    def __init__(self, error=None):
        self.batches, self.error = [], error

    def serve(self, digest, caps, asks):
        self.batches.append(len(asks))
        time.sleep(0.02)
        if self.error:
            raise self.error
        return [PermitAnswer(number + 1) for number, _ in enumerate(asks)]


def test_those_who_ask_at_the_same_time_share_a_change_of_the_row():
    store = SlowStore()

    async def ask_all():
        queue = PermitQueue(store)
        return await asyncio.gather(*(queue.ask(DIGEST, Caps(concurrency=9), PermitAsk(1, f"{n}")) for n in range(50)))

    answers = asyncio.run(ask_all())

    assert sum(store.batches) == len(answers) == 50
    assert len(store.batches) <= 2


def test_all_who_wait_for_a_change_that_fails_are_told():
    async def ask_all():
        queue = PermitQueue(SlowStore(StoreUnavailableError("gone")))
        asks = (queue.ask(DIGEST, Caps(concurrency=9), PermitAsk(1, f"{n}")) for n in range(3))
        first = await asyncio.gather(*asks, return_exceptions=True)
        return [*first, *await asyncio.gather(queue.ask(DIGEST, Caps(), PermitAsk(1, "x")), return_exceptions=True)]

    assert [type(one) for one in asyncio.run(ask_all())] == [StoreUnavailableError] * 4


def test_those_who_have_to_come_back_are_told_moments_of_their_own():
    turns, caps = Turns(), Caps(requests=5, per_s=1.0)

    waits = [turns.spread(DIGEST, caps, PermitAnswer(wait_s=0.3)).wait_s for _ in range(6)]

    assert waits == pytest.approx([0.3, 0.5, 0.7, 0.9, 1.1, 1.3], abs=0.05)
    assert turns.spread("another", caps, PermitAnswer(wait_s=0.3)).wait_s == pytest.approx(0.3, abs=0.01)
    assert turns.spread(DIGEST, caps, PermitAnswer(2)) == PermitAnswer(2)

"""Polls in a triggerer of Airflow: nothing is lost and nothing repeated, whatever dies."""

from __future__ import annotations

import random
import time

import pytest
from integration.polled import ListServer, prepare


@pytest.fixture
def server():
    found = ListServer()
    yield found
    found.stop()


@pytest.fixture
def polled(tmp_path, server):
    rig = prepare(tmp_path, server.url)
    yield rig
    rig.stop()


def test_a_triggerer_that_is_killed_loses_and_repeats_no_record_of_a_thousand(polled, server):
    server.add(100)
    polled.watch("made", activity="made", interval_s=1)
    polled.start_triggerer()
    polled.wait_for(polled.progress)
    polled.wait_for(lambda: polled.progress()[0].looked_at)

    rng = random.Random(7)
    for _ in range(5):
        before = len(polled.announced("made"))
        server.add(200)
        wanted = before + rng.randrange(5, 60)
        polled.wait_for(lambda wanted=wanted: len(polled.announced("made")) > wanted)
        polled.kill_triggerer()
        time.sleep(rng.uniform(0, 1))
        polled.start_triggerer()
    polled.wait_for(lambda: len(polled.announced("made")) >= 1000, 120)
    polled.wait_for(lambda: polled.progress()[0].pending == 0)
    looks = server.looks["/records"]
    polled.wait_for(lambda: server.looks["/records"] > looks + 2)

    assert polled.announced("made") == list(range(100, 1100))
    # Else nothing was shown.
    assert "were not accepted yet" in polled.triggerer_log()


def test_polls_go_by_ids_by_the_newest_or_by_the_services_own_count_and_in_batches(polled, server):
    server.add(120)
    for activity in ("listed", "newest", "synced"):
        polled.watch(activity, activity=activity, interval_s=1, batch_size=100)
    polled.start_triggerer()
    polled.wait_for(lambda: [one.looked_at is not None for one in polled.progress()] == [True] * 3)
    server.failures = 2
    server.add(150)
    polled.wait_for(lambda: all(len(polled.announced(name)) >= 150 for name in ("listed", "newest", "synced")))
    server.add(3)
    polled.wait_for(lambda: all(len(polled.announced(name)) >= 153 for name in ("listed", "newest", "synced")))

    for name in ("listed", "newest", "synced"):
        assert polled.announced(name) == list(range(120, 273)), name
        assert [len(one["records"]) for one in polled.payloads(name)][:2] == [100, 50]


def test_of_two_polls_of_the_same_records_without_a_name_one_waits(polled, server):
    polled.watch("first", activity="listed", interval_s=1)
    polled.start_triggerer()
    polled.wait_for(lambda: polled.progress() and polled.progress()[0].looked_at)
    polled.watch("second", activity="listed", interval_s=2)
    polled.watch("third", activity="listed", interval_s=1, name="third", from_start=True)
    polled.wait_for(lambda: "Somebody else looks" in polled.triggerer_log())
    server.add(5)
    polled.wait_for(lambda: len(polled.announced("first")) == 5 and len(polled.announced("third")) == 5)

    assert polled.announced("second") == []


def test_an_api_server_that_goes_away_in_the_middle_makes_nothing_twice(polled, server):
    server.add(20)
    polled.watch("made", activity="made", interval_s=1)
    polled.start_triggerer()
    polled.wait_for(lambda: polled.progress() and polled.progress()[0].looked_at)
    for _ in range(2):
        before = len(polled.announced("made"))
        server.add(300)
        polled.wait_for(lambda before=before: len(polled.announced("made")) > before + 5)
        polled.process_of(polled.ports[0]).kill()
        polled.process_of(polled.ports[0]).wait(timeout=10)
        time.sleep(6)
        polled.restart_server()
    polled.wait_for(lambda: len(polled.announced("made")) >= 600, 120)
    polled.wait_for(lambda: polled.progress()[0].pending == 0)

    assert polled.announced("made") == list(range(20, 620))

"""How far a poll has come: what Airflow has written says which events were accepted, and one process looks."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from airflow.models import import_all_models
from airflow.models.asset import AssetEvent, AssetWatcherModel
from sqlalchemy import create_engine, insert
from sqlalchemy.pool import StaticPool

from airflow_provider_integry.authorizations.end_user_tables import metadata
from airflow_provider_integry.authorizations.poll_store import PollKey, PollStore
from airflow_provider_integry.authorizations.trigger_messages import Consumer, PollName, PollPlanRequest
from airflow_provider_integry.errors import PollTakenError

KEY = PollKey("crm", None, "made", "00")
NAME = PollName("crm", "made", "00")
MINE, OTHERS = Consumer(trigger_id=9), Consumer(trigger_id=11)
ASSET, OTHER_ASSET = 3, 4


@pytest.fixture
def engine():
    found = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    import_all_models()
    metadata.create_all(found)
    for table in (AssetEvent.__table__, AssetWatcherModel.__table__):
        table.create(found)
    watchers = [(ASSET, 9), (ASSET, 10), (OTHER_ASSET, 11)]
    rows = [{"name": "w", "asset_id": asset, "trigger_id": trigger} for asset, trigger in watchers]
    with found.begin() as database:
        database.execute(insert(AssetWatcherModel.__table__), rows)
    yield found
    found.dispose()


@pytest.fixture
def store(engine):
    return PollStore(lambda: engine)


@pytest.fixture
def announce(engine):
    """Write an asset event as Airflow does when a trigger has fired."""

    def write(number, index, asset=ASSET, key=KEY):
        payload = {"poll": {"key": key.digest, "round": number, "index": index, "of": 3}}
        row = {"asset_id": asset, "timestamp": datetime.now(timezone.utc), "extra": {"payload": payload}}
        with engine.begin() as database:
            database.execute(insert(AssetEvent.__table__).values(row))

    return write


def plan(store, opened, *events, holder="a", state=None, consumer=MINE):
    asked = PollPlanRequest(NAME, consumer, holder, opened.version, state or {"cursor": 5}, list(events), 60)
    return store.plan(KEY, asked)


def test_a_poll_begins_with_nothing_and_keeps_a_baseline_at_once(store):
    opened = store.open(KEY, MINE, "a", 60)
    planned = plan(store, opened, state={"cursor": 1})

    assert (opened.state, opened.events, planned.total) == (None, [], 0)
    assert store.open(KEY, MINE, "b", 60).state == {"cursor": 1}


def test_it_moves_on_when_every_event_of_the_round_was_written(store, announce):
    planned = plan(store, store.open(KEY, MINE, "a", 60), [1], [2], [3])
    announce(planned.round, 1)
    # Of another round, another asset and another poll.
    announce(planned.round - 1, 0)
    announce(planned.round, 0, asset=OTHER_ASSET)
    announce(planned.round, 0, key=KEY._replace(name="other"))

    left = store.settle(KEY, MINE, "a")
    again = store.open(KEY, MINE, "b", 60)
    announce(planned.round, 0)
    announce(planned.round, 2)
    done = store.settle(KEY, MINE, "b")

    assert [one.index for one in left.events] == [0, 2]
    assert [(one.index, one.records) for one in again.events] == [(0, [1]), (2, [3])]
    assert again.state is None
    assert (done.events, done.state) == ([], {"cursor": 5})


def test_who_was_relieved_plans_and_settles_nothing_any_more(store):
    opened = store.open(KEY, MINE, "a", 60)
    store.open(KEY, MINE, "b", 60)

    with pytest.raises(PollTakenError):
        plan(store, opened, [1])
    with pytest.raises(PollTakenError):
        store.settle(KEY, MINE, "a")


def test_a_round_is_never_planned_over_another(store):
    opened = store.open(KEY, MINE, "a", 60)
    plan(store, opened, [1])

    with pytest.raises(PollTakenError):
        plan(store, opened, [2])
    with pytest.raises(PollTakenError):
        plan(store, store.open(KEY, MINE, "a", 60), [2])


def test_a_trigger_of_the_same_asset_relieves_and_one_of_another_waits(store):
    store.open(KEY, MINE, "a", 60)

    waiting = store.open(KEY, OTHERS, "b", 60)
    relieving = store.open(KEY, Consumer(trigger_id=10), "c", 0)
    later = store.open(KEY, OTHERS, "d", 60)

    assert waiting.version is None
    assert 50 < waiting.held_s <= 60
    assert relieving.version is not None
    assert later.version is not None


def test_polls_with_different_names_inputs_users_or_teams_know_nothing_of_each_other():
    others = [
        KEY._replace(**change)
        for change in ({"team": "t"}, {"inputs": "01"}, {"end_user": "u"}, {"account": "u"}, {"name": "u"})
    ]

    assert len({KEY.digest, *(one.digest for one in others)}) == 6

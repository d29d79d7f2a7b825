"""Triggers and assets as Airflow takes them: written and read again, found again, and what a run is told by them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from airflow.models.trigger import Trigger
from airflow.sdk import Asset
from airflow.triggers.base import BaseEventTrigger

from airflow_provider_integry.assets import poll_asset, poll_records, webhook_asset, webhook_events
from airflow_provider_integry.triggers.activity import PollTrigger
from airflow_provider_integry.triggers.poll import RecordTrigger

ARGUMENTS = {
    "end_user": "user 1",
    "account": "main",
    "connector": "crm",
    "name": "mine",
    "batch_size": 5,
    "interval_s": 2.5,
    "from_start": True,
}


def kwargs_in_database(trigger):
    return Trigger._decrypt_kwargs(Trigger.from_object(trigger).encrypted_kwargs)


def test_a_poll_is_written_and_read_as_it_was():
    trigger = PollTrigger("crm", "made", {"b": [1, {"c": None}], "a": "é"}, **ARGUMENTS)

    path, _ = trigger.serialize()
    again = PollTrigger(**kwargs_in_database(trigger))

    assert path == "airflow_provider_integry.triggers.poll.PollTrigger"
    assert isinstance(trigger, BaseEventTrigger)
    assert (again.inputs, again.serialize()) == ({"b": [1, {"c": None}], "a": "é"}, trigger.serialize())


def test_airflow_finds_a_poll_again_by_its_arguments():
    path, kwargs = PollTrigger("crm", "made", {"b": {"x": 1}, "a": 2}).serialize()
    _, reordered = PollTrigger("crm", "made", {"a": 2, "b": {"x": 1}}).serialize()
    stored = kwargs_in_database(PollTrigger("crm", "made", {"b": {"x": 1}, "a": 2}))

    assert BaseEventTrigger.hash(path, kwargs) == BaseEventTrigger.hash(path, reordered)
    assert BaseEventTrigger.hash(path, kwargs) == BaseEventTrigger.hash(path, stored)


def test_what_a_sensor_waits_with_is_written_and_read_as_it_was():
    consumer = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": 3}
    trigger = RecordTrigger("crm", "made", {"a": [1]}, consumer, name="task:d:t", interval_s=5.0, from_start=True)

    again = RecordTrigger(**kwargs_in_database(trigger))

    assert again.serialize() == trigger.serialize()


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"interval_s": 0}, {"interval_s": -1.0}])
def test_a_poll_that_could_not_run_is_refused_in_the_dag_file(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PollTrigger("crm", "made", **wrong)


def test_assets_have_names_that_differ_where_their_events_do():
    assets = [
        webhook_asset("crm", "made"),
        webhook_asset("crm", "made", "user 1"),
        webhook_asset("crm", "made/x"),
        poll_asset("crm", "made"),
        poll_asset("crm", "made", end_user="user 1"),
        poll_asset("crm", "made", name="user 1"),
        poll_asset("crm", "made", name="n", end_user="user 1"),
    ]

    assert len({asset.name for asset in assets}) == len({asset.uri for asset in assets}) == len(assets)
    assert assets[1].name == "integry:webhook:crm:made:user%201"
    assert all(isinstance(asset, Asset) and asset.name.isascii() for asset in assets)


def test_an_asset_of_a_poll_brings_its_trigger():
    [watcher] = poll_asset("crm", "made", {"a": 1}, name="mine", batch_size=7).watchers

    assert isinstance(watcher.trigger, PollTrigger)
    assert (watcher.trigger.inputs, watcher.trigger.name, watcher.trigger.batch_size) == ({"a": 1}, "mine", 7)


def run_started_by(*extras):
    """Return the context of a run; Airflow gives events by asset, in no order of their own."""
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    events = [SimpleNamespace(extra=one, timestamp=start + timedelta(seconds=at)) for at, one in enumerate(extras)]
    return {"triggering_asset_events": {"later": events[::-2], "earlier": events[-2::-2]}}


def payload_of(*records, number=0):
    poll = {"key": "k", "round": 1, "index": number, "of": 3}
    return {"from_trigger": True, "payload": {"conn_id": "crm", "records": list(records), "poll": poll}}


def test_a_run_is_told_the_records_of_all_its_events_oldest_first():
    other = {"from_trigger": True, "payload": {"status": "done"}}

    context = run_started_by(payload_of(1, 2), other, payload_of(3), {"conn_id": "x"}, payload_of(4, 5))

    assert poll_records(context) == [1, 2, 3, 4, 5]
    assert webhook_events(context) == []
    assert json.dumps(poll_records(context))


def test_a_run_is_told_all_its_deliveries_oldest_first():
    def delivery(number):
        return {"conn_id": "crm", "webhook": "made", "delivery": str(number), "payload": {"n": number}}

    context = run_started_by(delivery(0), payload_of(1), delivery(1), delivery(2))

    assert [event["payload"]["n"] for event in webhook_events(context)] == [0, 1, 2]
    assert poll_records(context) == [1]

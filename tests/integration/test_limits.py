"""What an API says about its limits is kept to: on the worker for a moment, in the triggerer for longer."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from datetime import datetime, timezone

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from airflow.sdk.serde import deserialize, serialize
from integration.loopback import CONN_ID, Answer, Raw, to_json

from airflow_provider_integry.connectors.rate_limits import GIVE_UP_S
from airflow_provider_integry.errors import LimitReachedError, ThrottledError
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.hooks.sending import Patience
from airflow_provider_integry.operators.activity import IntegryActivityOperator
from airflow_provider_integry.triggers.activity import ActivityTrigger
from airflow_provider_integry.triggers.waiting import WaitTrigger

CONNECTOR = """\
name: metered
title: Metered
LIMITS
activities:
  list_items: {kind: query, path: /items, result: items, paging: {kind: cursor, param: page, cursor: next}}
  create: {kind: action, path: /create, inputs: {name: {in: body, type: string}}}
"""
DONE = to_json({"items": [{"id": 2}], "next": None})


def busy(after=None, **headers):
    return to_json(
        {"message": "slow down"}, 429, **({"Retry-After": str(after)} if after is not None else {}), **headers
    )


@pytest.fixture
def metered(answer_with, set_connection, tmp_path):
    """Start a server that answers as told, and a connection with these limits in its connector."""

    def start(*answers, limits="", **fields):
        (tmp_path / "metered.yaml").write_text(CONNECTOR.replace("LIMITS", f"limits: {limits}" if limits else ""))
        server = answer_with(*answers)
        set_connection(server.url, **{"connector": str(tmp_path / "metered.yaml"), "max_retries": 0, **fields})
        return server

    return start


def build(**fields):
    return IntegryActivityOperator(
        task_id="t", **{"integry_conn_id": CONN_ID, "activity": "list_items", "deferrable": True, **fields}
    )


def defer(operator, event=None):
    with pytest.raises(TaskDeferred) as caught:
        operator.execute({}) if event is None else operator.execute_complete({}, event)
    return caught.value


def fire(trigger):
    async def first():
        return (await anext(trigger.run())).payload

    return asyncio.run(first())


# -- the task waits in the triggerer ----------------------------------------------------------------


def test_ten_minutes_are_waited_for_without_a_worker_slot(metered):
    server = metered(busy(600), DONE)
    started = time.time()

    deferred = defer(build())

    trigger = deferred.trigger
    assert (type(trigger), deferred.method_name) == (WaitTrigger, "execute_complete")
    assert 600 <= trigger.until - started < 632
    assert len(server.requests) == 1
    # Ten minutes later:
    trigger.until = time.time()
    assert build().execute_complete({}, fire(trigger)) == [{"id": 2}]


def test_an_action_that_was_refused_waits_and_is_run_again(metered):
    server = metered(busy(600), to_json({"id": 7}))

    trigger = defer(build(activity="create", inputs={"name": "Ada"})).trigger
    trigger.until = time.time()

    assert build(activity="create", inputs={"name": "Ada"}).execute_complete({}, fire(trigger)) == {"id": 7}
    assert len(server.requests) == 2


def test_an_action_that_may_have_happened_is_not_run_again(metered):
    server = metered(to_json({}, 500, **{"Retry-After": "600"}))

    with pytest.raises(AirflowFailException, match="OutcomeUnknownError"):
        build(activity="create", inputs={}).execute({})
    assert len(server.requests) == 1


def test_a_query_waits_for_a_server_that_is_closed_for_a_while_too(metered):
    metered(to_json({}, 503, **{"Retry-After": "600"}))

    assert isinstance(defer(build()).trigger, WaitTrigger)


def test_what_is_over_soon_is_waited_for_on_the_worker(metered):
    server = metered(busy(1), DONE, max_retries=1)

    assert build().execute({}) == [{"id": 2}]
    assert len(server.requests) == 2


def test_a_task_that_cannot_defer_says_how_long_it_would_take(metered):
    metered(busy(600))

    with pytest.raises(ThrottledError, match=r"the API answered 429: slow down\. Try again in 10 min\.$") as caught:
        build(deferrable=False).execute({})
    assert (caught.value.retry_after_s, caught.value.retryable) == (600.0, True)


def test_a_wait_in_the_middle_of_a_query_leaves_no_file_and_begins_anew(metered, tmp_path):
    first = to_json({"items": [{"id": 1}], "next": "2"})
    server = metered(first, busy(600), first, DONE)
    hook = IntegryHook(CONN_ID)
    call = hook.start("list_items", patience=Patience(30.0))
    pages = hook.pages(call)

    assert next(pages) == [{"id": 1}]
    with pytest.raises(ThrottledError) as caught:
        next(pages)
    assert caught.value.retry_after_s == 600.0
    assert build(deferrable=False).execute({}) == [{"id": 1}, {"id": 2}]
    assert len(server.requests) == 4


def test_the_trigger_survives_storage():
    trigger = WaitTrigger(time.time() - 1, throttled=3, waited_s=12.5)

    path, kwargs = trigger.serialize()
    again = WaitTrigger(**deserialize(json.loads(json.dumps(serialize(kwargs)))))

    assert path == f"{WaitTrigger.__module__}.{WaitTrigger.__qualname__}"
    assert again.serialize() == trigger.serialize()
    assert fire(again) == {"status": "waited", "throttled": 3, "waited_s": 12.5}


# -- Integry's waits --------------------------------------------------------------------------------


def test_integrys_waits_are_made_one_after_the_other(metered):
    metered(busy(), limits="{policy: integry}")
    waits, event = [], None
    for _ in range(8):
        trigger = defer(build(), event).trigger
        waits.append((trigger.until - time.time()) / 60)
        trigger.until = time.time()
        event = fire(trigger)

    assert waits == pytest.approx([1, 2, 4, 8, 16, 30, 30, 30], rel=0.11)


def test_after_a_day_and_a_half_integrys_policy_gives_up(metered):
    metered(busy(), limits="{policy: integry}")

    with pytest.raises(ThrottledError, match="Try again in 30 min"):
        build().execute_complete({}, {"status": "waited", "throttled": 76, "waited_s": GIVE_UP_S - 1799})


def test_a_success_begins_the_waits_anew(metered):
    first = to_json({"items": [{"id": 1}], "next": "2"})
    metered(first, busy(), limits="{policy: integry}")

    trigger = defer(build(), {"status": "waited", "throttled": 5, "waited_s": 100.0}).trigger

    assert trigger.until - time.time() == pytest.approx(60, rel=0.11)


def test_the_servers_own_word_comes_before_integrys_waits(metered):
    metered(busy(100), limits="{policy: integry}")

    assert defer(build()).trigger.until - time.time() == pytest.approx(100, rel=0.11)


# -- headers of the API's own -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("seconds", lambda: "600"),
        ("epoch_s", lambda: f"{time.time() + 600:.0f}"),
        ("epoch_ms", lambda: f"{(time.time() + 600) * 1000:.0f}"),
        ("ms", lambda: "600000"),
        ("iso", lambda: datetime.fromtimestamp(time.time() + 600, timezone.utc).isoformat()),
        ("date", lambda: time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 600))),
    ],
)
def test_the_time_of_a_reset_is_waited_for(metered, unit, value):
    metered(busy(**{"X-Reset": value()}), limits=f"{{reset_header: X-Reset, reset_unit: {unit}}}")

    assert 595 <= defer(build()).trigger.until - time.time() < 632


@pytest.mark.parametrize("value", ["", "soon", "nan", "-5", "1e9", "9" * 19])
def test_a_reset_that_makes_no_sense_is_waited_for_by_nobody(metered, value):
    metered(busy(**{"X-Reset": value}), limits="{reset_header: X-Reset, reset_unit: seconds}")

    with pytest.raises(ThrottledError):
        build().execute({})


def test_when_no_request_is_left_the_next_page_waits_for_more(metered):
    limits = "{remaining_header: X-Left, reset_header: X-Reset, reset_unit: seconds}"
    first = to_json({"items": [{"id": 1}], "next": "2"}, **{"X-Left": "0", "X-Reset": "1"})
    server = metered(first, DONE, limits=limits)
    started = time.monotonic()

    assert build().execute({}) == [{"id": 1}, {"id": 2}]
    assert time.monotonic() - started >= 1.0
    assert len(server.requests) == 2


def test_where_requests_are_left_nobody_waits(metered):
    limits = "{remaining_header: X-Left, reset_header: X-Reset, reset_unit: seconds}"
    metered(to_json({"items": [], "next": "2"}, **{"X-Left": "1", "X-Reset": "20"}), DONE, limits=limits)
    started = time.monotonic()

    build().execute({})

    assert time.monotonic() - started < 5.0


# -- in the triggerer -------------------------------------------------------------------------------


def test_in_the_triggerer_a_wait_takes_nothing_from_the_requests_time(metered, tmp_path):
    server = metered(busy(2), busy(2), DONE, deadline_s=3, timeout_s=1)
    trigger = ActivityTrigger(CONN_ID, "list_items", None, f"{tmp_path}/items.jsonl")

    event = fire(trigger)

    assert event["status"] == "done", event
    assert event["result"]["records"] == 1
    assert len(server.requests) == 3


# -- our own limits ---------------------------------------------------------------------------------


def test_a_limit_holds_for_threads_with_the_database_as_it_does_for_tasks(metered):
    """As the command line and `dag.test()` have it; the broker's way is in tests/broker."""
    pages = [to_json({"items": [], "next": str(number)}) for number in range(6)]
    server = metered(*pages, DONE, limits="{requests: 5, per_s: 1}")
    started = time.monotonic()

    assert build(deferrable=False).execute({}) == [{"id": 2}]
    assert len(server.requests) == 7
    assert time.monotonic() - started >= 1.0


def test_a_permit_that_is_far_away_is_waited_for_in_the_triggerer(metered):
    server = metered(DONE, limits="{requests: 1, per_s: 600}")
    assert build().execute({}) == [{"id": 2}]

    trigger = defer(build(activity="create")).trigger

    assert 590 < trigger.until - time.time() < 640
    assert len(server.requests) == 1
    with pytest.raises(LimitReachedError, match=r"the limit of 1 requests in 600 s is used up, and nothing was sent"):
        build(deferrable=False, activity="create").execute({})


def test_a_request_that_fails_gives_its_permit_back(metered):
    metered(Raw(()), Answer(500), DONE, limits="{concurrency: 1}", max_retries=2)
    started = time.monotonic()

    assert build(deferrable=False).execute({}) == [{"id": 2}]
    assert time.monotonic() - started < 10.0


def test_a_query_that_is_given_up_gives_its_permit_back(metered):
    first = to_json({"items": [{"id": 1}], "next": "2"})
    metered(first, first, limits="{requests: 100, per_s: 600}")
    hook = IntegryHook(CONN_ID)
    pages = hook.pages(hook.start("list_items"))
    next(pages)
    with suppress(StopIteration):
        pages.close()

    from airflow_provider_integry.authorizations.airflow_store import local_permits
    from airflow_provider_integry.authorizations.tables import permit

    with local_permits()._connect() as database:
        held, spent = json.loads(database.execute(permit.select()).one().state)
    assert (held, [count for _, count in spent]) == ({}, [1])

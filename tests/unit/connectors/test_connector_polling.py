"""New records: told by a cursor, by ids, or by the service, with pages that shift and cursors that stand still."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.connectors import parse_connector
from airflow_provider_integry.connectors.polling import MAX_IDS, Look, PollCall, Progress, load_progress
from airflow_provider_integry.connectors.triggers import NewRecords
from airflow_provider_integry.errors import ConnectorFormatError, InvalidInputError, ResponseFormatError

BY_CURSOR = NewRecords(id="id", cursor="at")
BY_ID = NewRecords(id="id")
NEWEST = NewRecords(id="id", newest_first=True)
NEWEST_CURSOR = NewRecords(id="id", cursor="at", newest_first=True)
TEXT = """
name: lists
title: Lists
base_url: https://api.example.com
activities:
  made:
    kind: trigger
    mode: poll
    path: /records
    inputs: {since: {in: query, type: string}, kind: {in: query, type: string}}
    result: items
    new: {id: id, cursor: at, since: since}
  synced:
    kind: trigger
    mode: poll
    path: /records
    inputs: {token: {in: query, type: string}}
    result: items
    new: {answer_cursor: next, since: token}
"""


def record(number, at=None):
    return {"id": number, "at": f"2026-01-01T00:00:{number:02d}Z" if at is None else at}


def look(spec, before, *pages, limit=1000):
    found = Look("made", spec, before)
    for page in pages:
        if not found.take(page):
            break
    return found.finish(limit=limit)


def ids(found):
    return [one["id"] for one in found.records]


@pytest.mark.parametrize("spec", [BY_CURSOR, BY_ID, NEWEST, NEWEST_CURSOR])
def test_the_first_look_finds_nothing_and_the_next_what_has_come(spec):
    def page(*numbers):
        return [record(number) for number in (reversed(numbers) if spec.newest_first else numbers)]

    first = look(spec, None, page(1, 2, 3))
    second = look(spec, first.progress, page(1, 2, 3, 4, 5))
    third = look(spec, second.progress, page(1, 2, 3, 4, 5))

    assert (ids(first), ids(second), ids(third)) == ([], [4, 5], [])
    assert third.progress == second.progress


@pytest.mark.parametrize("spec", [BY_CURSOR, BY_ID, NEWEST, NEWEST_CURSOR])
def test_an_empty_list_at_first_makes_everything_new(spec):
    first = look(spec, None, [])

    assert ids(look(spec, load_progress(json.loads(json.dumps(first.progress.dump()))), [record(1)])) == [1]


def test_records_with_the_cursor_of_the_last_one_are_told_by_their_ids():
    first = look(BY_CURSOR, None, [record(1, "t"), record(2, "t")])
    second = look(BY_CURSOR, first.progress, [record(1, "t"), record(2, "t"), record(3, "t")])
    third = look(BY_CURSOR, second.progress, [record(one, "t") for one in (1, 2, 3, 4)])

    assert (ids(second), ids(third)) == ([3], [4])


def test_a_change_is_new_and_what_is_older_is_not():
    first = look(BY_CURSOR, None, [record(1), record(5)])

    found = look(BY_CURSOR, first.progress, [record(3), record(1, "2026-01-01T00:00:09Z"), record(5)])

    assert ids(found) == [1]


@pytest.mark.parametrize(
    ("cursors"),
    [
        [1, 2, 10, 11.5],
        ["1", "2", "10", "11"],
        ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.51Z", "2026-01-01T00:00:01Z"],
        ["2026-01-01T00:00:00+02:00", "2025-12-31T23:00:00Z", "2025-12-31T18:30:00-0500"],
        ["2026-01-01 00:00", "2026-01-01 00:00:01", "2026-01-01T00:01:00Z"],
        ["a", "b", "ba"],
    ],
)
def test_cursors_are_ordered_by_what_they_mean(cursors):
    records = [record(number, at) for number, at in enumerate(cursors)]

    for before, after in pairwise(records):
        known = look(BY_CURSOR, None, [before]).progress
        assert ids(look(BY_CURSOR, known, [before, after])) == [after["id"]], (before, after)
        later = look(BY_CURSOR, None, [before, after]).progress
        assert ids(look(BY_CURSOR, later, [before, after])) == []


def test_more_than_one_look_can_hold_is_found_by_the_next_ones():
    rng = random.Random(3)
    records = [record(number, f"2026-01-01T00:00:{number // 9:02d}Z") for number in range(200)]
    rng.shuffle(records)
    for spec in (BY_CURSOR, BY_ID):
        progress, seen, is_all = Progress(), [], False
        while not is_all:
            found = look(spec, progress, records, limit=7)
            progress, is_all = found.progress, found.is_all
            seen += ids(found)
        assert sorted(seen) == list(range(200))
        assert ids(look(spec, progress, records)) == []


def test_newest_first_reads_no_page_after_what_is_known():
    known = look(NEWEST, None, [record(3), record(2)], [record(1)]).progress
    pages = [[record(6), record(5)], [record(4), record(3)]]

    found = Look("made", NEWEST, known)

    assert [found.take(page) for page in pages] == [True, False]
    assert ids(found.finish()) == [4, 5, 6]
    # What was not read again is still known.
    assert set(found.finish().progress.ids) >= {"3", "2"}


def test_a_list_that_shifts_while_it_is_read_shows_nothing_twice():
    known = Progress(None, ("1",))

    assert ids(look(NEWEST, known, [record(4), record(3)], [record(3), record(2)], [record(1)])) == [2, 3, 4]
    assert ids(look(BY_CURSOR, Progress(), [record(1), record(2)], [record(2), record(3)])) == [1, 2, 3]


def test_ids_that_are_in_the_list_no_more_are_forgotten():
    first = look(BY_ID, None, [record(1), record(2)])
    second = look(BY_ID, first.progress, [record(2)])

    assert second.progress.ids == ("2",)


def test_more_ids_than_can_be_kept_are_an_error_that_says_what_to_declare():
    with pytest.raises(ResponseFormatError, match=r"declare 'new\.cursor'"):
        look(BY_ID, None, [record(number, "t") for number in range(MAX_IDS + 1)])


@pytest.mark.parametrize("value", [None, True, 1.5, "", [], {}, "x" * 513])
def test_ids_are_texts_or_whole_numbers(value):
    with pytest.raises(ResponseFormatError, match=r"new\.id"):
        look(BY_ID, None, [{"id": value, "at": "1"}])


@pytest.mark.parametrize("value", [None, True, "", [], {}])
def test_cursors_are_texts_or_numbers(value):
    with pytest.raises(ResponseFormatError, match=r"new\.cursor"):
        look(BY_CURSOR, None, [{"id": 1, "at": value}])


def answer(**body):
    return HttpResponse(200, (("Content-Type", "application/json"),), json.dumps(body).encode(), "https://x")


def call(activity, progress, inputs=None):
    connector = parse_connector(TEXT, "lists")
    return PollCall(connector, activity, inputs or {}, base_url=None, progress=progress)


def test_the_cursor_is_sent_as_the_input_that_asks_for_later_ones():
    first = call("made", None, {"kind": "a"})
    later = call("made", Progress("2026-01-01T00:00:00Z"), {"kind": "a"})

    assert first.request.url == "https://api.example.com/records?kind=a"
    assert later.request.url == "https://api.example.com/records?since=2026-01-01T00%3A00%3A00Z&kind=a"
    with pytest.raises(InvalidInputError, match="kind"):
        call("made", None, {"kind": 1})


def test_what_a_service_sends_for_the_next_time_is_kept_and_an_empty_one_is_not():
    first = call("synced", None)
    first.receive(answer(items=[{"n": 1}], next="t-1"))
    silent = call("synced", Progress("t-1"))
    silent.receive(answer(items=[], next=None))

    assert first.answer_cursor == "t-1"
    assert silent.request is None
    assert silent.answer_cursor == "t-1"
    spec = parse_connector(TEXT, "lists").activities["synced"].new
    baseline, next_one = Look("synced", spec, None), Look("synced", spec, Progress("t-1"))
    for found in (baseline, next_one):
        found.take([{"n": 1}])
    assert (baseline.finish("t-1").records, next_one.finish("t-2").records) == ([], [{"n": 1}])
    assert next_one.finish("t-2").progress == Progress("t-2")


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        ("{id: id, cursor: at, answer_cursor: next}", "stands beside 'cursor'"),
        ("{answer_cursor: next}", "name the input that 'answer_cursor' is sent with"),
        ("{cursor: at}", "JMESPath of what names a record"),
        ("{id: id, since: since}", "has nothing to send"),
        ("{id: id, cursor: at, since: sins}", "did you mean 'since'"),
        ("{id: id, cursor: 'at['}", "is not a JMESPath expression"),
        ("{answer_cursor: next, since: since, newest_first: true}", "has no use with 'answer_cursor'"),
    ],
)
def test_ways_that_lead_nowhere_are_refused(new, problem):
    text = TEXT.replace("{id: id, cursor: at, since: since}", new)

    with pytest.raises(ConnectorFormatError, match=problem):
        parse_connector(text, "lists")

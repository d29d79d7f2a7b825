"""Keys by which an API recognises a request that it has had."""

from __future__ import annotations

import re
from uuid import UUID

import pytest

from airflow_provider_integry.connectors.draft import Draft
from airflow_provider_integry.connectors.idempotency import Idempotency, build_key, can_carry, carry_key, check_key
from airflow_provider_integry.connectors.load import parse_connector
from airflow_provider_integry.errors import ConnectorFormatError, InvalidInputError

URL = "https://api.example.com/charge"

TASK = ("dag", "scheduled__2026-11-23T00:00:00+00:00", "charge", -1, "create_charge", "acme", None, None, None)


def test_the_same_task_has_the_same_key_in_every_process() -> None:
    """Written down: a key that changes with a release would do things twice on the day of the upgrade."""
    assert build_key(*TASK) == "c0ca7d5f-28f5-51d8-b93b-1ec6834798d5"


@pytest.mark.parametrize("index", range(len(TASK)))
def test_whatever_differs_makes_another_key(index: int) -> None:
    changed = [*TASK]
    changed[index] = 7 if isinstance(changed[index], int) else f"{changed[index]}x"

    assert build_key(*changed) != build_key(*TASK)


def test_neither_borders_nor_types_are_lost() -> None:
    assert len({build_key("a", "bc"), build_key("ab", "c"), build_key("a,b", "c"), build_key("a", "b", "c")}) == 4
    assert len({build_key(None), build_key("None"), build_key("null"), build_key("")}) == 4


def test_a_key_is_a_uuid_and_tells_nothing() -> None:
    key = build_key(*TASK)

    assert str(UUID(key)) == key
    assert not re.search("dag|charge|acme", key)


@pytest.mark.parametrize("key", ["a", "order 7", "x" * 255])
def test_a_key_may_be_chosen(key: str) -> None:
    assert check_key("create", key) == key


@pytest.mark.parametrize("key", ["", " a", "a ", "a\nb", "ü", "x" * 256])
def test_a_key_that_no_header_carries_is_refused(key: str) -> None:
    with pytest.raises(InvalidInputError, match="input 'idempotency_key': must have 1 to 255"):
        check_key("create", key)


# -- where it goes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draft", "body"),
    [
        (Draft("POST", URL), {"meta": {"key": "k1"}}),
        (Draft("POST", URL, body={"a": 1, "meta": {"b": 2}}), {"a": 1, "meta": {"b": 2, "key": "k1"}}),
        (Draft("POST", URL, body={"meta": {"key": None}}), {"meta": {"key": "k1"}}),
        (Draft("POST", URL, body={"meta": {"key": ""}}), {"meta": {"key": "k1"}}),
        (Draft("POST", URL, body={"meta.key": "", "a": 1}, body_format="form"), {"meta.key": "k1", "a": 1}),
    ],
)
def test_a_key_goes_into_the_body_beside_what_is_there(draft: Draft, body: object) -> None:
    carried, key = carry_key(Idempotency(body="meta.key"), draft, "k1")

    assert (carried.body, key) == (body, "k1")


def test_a_key_that_stands_there_is_the_one_that_is_sent() -> None:
    draft = Draft("POST", URL, body={"meta": {"key": "mine"}})

    assert carry_key(Idempotency(body="meta.key"), draft, "k1") == (draft, "mine")


@pytest.mark.parametrize(
    "draft",
    [
        Draft("DELETE", URL),
        Draft("GET", URL),
        Draft("POST", URL, body="text", body_format="raw"),
        Draft("POST", URL, body=[1]),
    ],
)
def test_a_request_without_such_a_body_carries_no_key(draft: Draft) -> None:
    assert not can_carry(Idempotency(body="key"), draft)
    assert can_carry(Idempotency(header="X-Key"), draft)


@pytest.mark.parametrize(
    "more", ["method: DELETE", "body_format: raw, inputs: {b: {in: body, whole: true, type: string}}"]
)
def test_an_action_that_has_no_body_for_its_key_is_refused(more: str) -> None:
    activity = f"{{kind: action, path: /a, {more}, idempotency: {{body: key}}}}"
    text = f"name: c\ntitle: C\nactivities:\n  a: {activity}\n"

    with pytest.raises(ConnectorFormatError, match="is for JSON and forms") as caught:
        parse_connector(text, "c.yaml")
    assert caught.value.key == "activities.a.idempotency.body"

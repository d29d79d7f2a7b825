"""Keys by which an API recognises a request that it has had."""

from __future__ import annotations

import re
from uuid import UUID

import pytest

from airflow_provider_integry.connectors.idempotency import build_key, check_key
from airflow_provider_integry.errors import InvalidInputError

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

"""Reading rows for many requests with few queries."""

from __future__ import annotations

import asyncio
import threading

import pytest

from airflow_provider_integry.authorizations.batches import RowReader
from airflow_provider_integry.errors import StoreUnavailableError


class Table:
    """Rows that are read as slowly as a test wants.

    Attributes:
        rows: By digest.
        queries: What was asked for, query by query.
        gate: A query goes on when it is set.
    """

    def __init__(self, **rows):
        self.rows = rows
        self.queries = []
        self.gate = threading.Event()
        self.error = None

    def find_many(self, digests):
        found = {name: self.rows[name] for name in digests if name in self.rows}
        self.queries.append(list(digests))
        assert self.gate.wait(10)
        if self.error:
            raise self.error
        return found


async def until(is_true):
    while not is_true():
        await asyncio.sleep(0.001)


def test_those_who_ask_while_a_query_runs_share_the_next_one():
    async def play():
        table = Table(a="row a", b="row b")
        reader = RowReader(table.find_many)
        first = asyncio.create_task(reader.find("a"))
        await until(lambda: table.queries)
        others = [asyncio.create_task(reader.find(name)) for name in ("b", "a", "none", "b")]
        await asyncio.sleep(0)
        table.gate.set()
        return await asyncio.gather(first, *others), table.queries

    found, queries = asyncio.run(play())
    assert found == ["row a", "row b", "row a", None, "row b"]
    assert queries == [["a"], ["a", "b", "none"]]


def test_nobody_gets_a_row_that_was_read_before_they_asked():
    async def play():
        table = Table(a="old")
        reader = RowReader(table.find_many)
        first = asyncio.create_task(reader.find("a"))
        await until(lambda: table.queries)
        table.rows["a"] = "new"
        second = asyncio.create_task(reader.find("a"))
        await asyncio.sleep(0)
        table.gate.set()
        return await asyncio.gather(first, second)

    assert asyncio.run(play()) == ["old", "new"]


def test_one_who_gives_up_takes_nothing_from_the_others():
    async def play():
        table = Table(a="row a")
        reader = RowReader(table.find_many)
        first, second = (asyncio.create_task(reader.find("a")) for _ in range(2))
        await until(lambda: table.queries)
        first.cancel()
        table.gate.set()
        return await second, table.queries

    assert asyncio.run(play()) == ("row a", [["a"]])


def test_a_failed_query_fails_those_who_shared_it_and_nobody_later():
    async def play():
        table = Table(a="row a")
        table.gate.set()
        reader = RowReader(table.find_many)
        table.error = StoreUnavailableError("no answer")
        with pytest.raises(StoreUnavailableError):
            await reader.find("a")
        table.error = None
        return await reader.find("a")

    assert asyncio.run(play()) == "row a"

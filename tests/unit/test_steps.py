"""One generator of steps, run by a thread and by an event loop: the same steps, the same errors."""

from __future__ import annotations

import asyncio
import threading
import time
from itertools import pairwise

import pytest

from airflow_provider_integry.auth.wire import HttpRequest
from airflow_provider_integry.authorizations.steps import Do, Either, Fetch, Pause, arun_steps, run_steps
from airflow_provider_integry.errors import TransportError
from airflow_provider_integry.settings import TransportSettings


def run_async(steps):
    return asyncio.run(arun_steps(steps))


RUN = pytest.mark.parametrize("run", [run_steps, run_async], ids=["thread", "loop"])


@RUN
def test_results_go_in_and_the_end_comes_out(run):
    def steps():
        first = yield Do(lambda: 20)
        second = yield Do(lambda: first + 1)
        yield Pause(0)
        return first, second

    assert run(steps()) == (20, 21)


@RUN
def test_a_generator_without_a_step_is_no_special_case(run):
    def steps():
        return 7
        yield

    assert run(steps()) == 7


@RUN
def test_an_error_is_thrown_in_where_the_step_was_asked_for(run):
    def steps():
        try:
            yield Do(lambda: 1 / 0)
        except ZeroDivisionError as error:
            seen = str(error)
        answer = yield Do(lambda: "went on")
        return seen, answer

    assert run(steps()) == ("division by zero", "went on")


@RUN
def test_an_error_that_the_generator_does_not_want_comes_out_as_it_is(run):
    ended = []

    def steps():
        try:
            yield Do(lambda: {}["missing"])
        finally:
            ended.append(True)

    with pytest.raises(KeyError, match="missing"):
        run(steps())
    assert ended == [True]


@RUN
def test_an_error_of_the_generator_itself_is_not_thrown_back_into_it(run):
    caught = []

    def steps():
        yield Do(lambda: None)
        try:
            raise ValueError("mine")
        except ValueError:
            caught.append("once")
            raise

    with pytest.raises(ValueError, match="mine"):
        run(steps())
    assert caught == ["once"]


@RUN
def test_a_request_that_cannot_be_sent_is_an_error_like_any_other(run):
    def steps():
        try:
            yield Fetch(HttpRequest("GET", "http://127.0.0.1:1/", ()), TransportSettings(), 2.0)
        except TransportError as error:
            return type(error).__mro__[1].__name__ != "object"

    assert run(steps())


def test_each_way_takes_its_own_side_of_an_either():
    async def waiting():
        return "loop"

    def steps():
        return (yield Either(lambda: "thread", waiting))

    assert (run_steps(steps()), run_async(steps())) == ("thread", "loop")


def test_what_blocks_never_blocks_the_loop():
    ticks = []

    def steps():
        here = yield Do(threading.get_ident)
        yield Do(lambda: time.sleep(0.3))
        yield Pause(0.2)
        return here

    async def main():
        async def tick():
            while True:
                ticks.append(time.monotonic())
                await asyncio.sleep(0.01)

        ticking = asyncio.create_task(tick())
        thread = await arun_steps(steps())
        ticking.cancel()
        return thread

    assert asyncio.run(main()) != threading.get_ident()
    assert max(b - a for a, b in pairwise(ticks)) < 0.2


def test_a_cancelled_loop_ends_the_generator():
    ended = []

    def steps():
        try:
            yield Pause(60)
        finally:
            ended.append(True)

    async def main():
        task = asyncio.create_task(arun_steps(steps()))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())

    assert ended == [True]

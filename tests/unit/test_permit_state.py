"""Permits as pure decisions; time is an argument, and requests arrive whenever they like."""

from __future__ import annotations

import heapq
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integry.authorizations.messages import PermitAnswer, PermitAsk
from airflow_provider_integry.authorizations.permit_state import LOOK_S, MAX_LOTS, Caps, PermitState

FIVE = Caps(requests=5, per_s=1.0)


def take(state, caps, now, name="p", wanted=1, lease_s=10.0):
    return state.serve(PermitAsk(wanted, name, lease_s), caps, now)


def give_back(state, caps, now, name="p", used=1):
    return state.serve(PermitAsk(returned_id=name, used=used), caps, now)


def test_so_many_requests_are_let_through_and_no_more():
    state = PermitState()

    granted = [take(state, FIVE, 0.0, f"p{number}").count for number in range(6)]

    assert granted == [1, 1, 1, 1, 1, 0]


def test_a_request_counts_for_one_more_span_after_its_answer():
    state, caps = PermitState(), Caps(requests=1, per_s=60.0)
    take(state, caps, 0.0)
    give_back(state, caps, 7.0)

    assert take(state, caps, 66.9) == PermitAnswer(0, pytest.approx(0.1))
    assert take(state, caps, 67.0).count == 1


def test_who_finds_no_room_is_told_when_the_first_one_leaves():
    state = PermitState()
    for number in range(5):
        take(state, FIVE, 0.0, f"p{number}")
        give_back(state, FIVE, 0.1 * number, f"p{number}")

    assert take(state, FIVE, 0.6, "late").wait_s == pytest.approx(0.4)


def test_who_finds_all_requests_under_way_looks_again_soon():
    state = PermitState()
    for number in range(5):
        take(state, FIVE, 0.0, f"p{number}")

    assert take(state, FIVE, 0.0, "late").wait_s == LOOK_S


def test_a_permit_that_nobody_gives_back_counts_until_its_end_and_one_span_more():
    state, caps = PermitState(), Caps(requests=1, per_s=5.0)
    take(state, caps, 0.0, lease_s=10.0)

    assert take(state, caps, 14.9, "next").count == 0
    assert take(state, caps, 15.0, "next").count == 1


def test_a_permit_that_was_not_used_leaves_its_room_at_once():
    state, caps = PermitState(), Caps(requests=1, per_s=60.0)
    take(state, caps, 0.0)
    give_back(state, caps, 0.0, used=0)

    assert take(state, caps, 0.0).count == 1


def test_nobody_gives_back_what_was_not_his():
    state, caps = PermitState(), Caps(requests=1, per_s=60.0)
    take(state, caps, 0.0)
    give_back(state, caps, 0.0, "another", used=0)

    assert take(state, caps, 0.0, "next").count == 0


def test_no_more_than_was_granted_counts_as_used():
    state, caps = PermitState(), Caps(requests=100, per_s=60.0)
    take(state, caps, 0.0, wanted=2)
    give_back(state, caps, 0.0, used=10_000)

    assert state.spent == [(60.0, 2)]


def test_requests_under_way_are_counted_by_permits():
    state, caps = PermitState(), Caps(concurrency=2)

    assert [take(state, caps, 0.0, f"p{number}", wanted=50).count for number in range(3)] == [1, 1, 0]
    give_back(state, caps, 0.0, "p1")
    assert take(state, caps, 0.0, "p3").count == 1
    assert state.spent == []


def test_a_large_limit_is_had_in_shares():
    state, caps = PermitState(), Caps(requests=1000, per_s=60.0)

    assert take(state, caps, 0.0, wanted=500).count == 20


def test_a_share_is_no_more_than_is_left():
    state, caps = PermitState(), Caps(requests=100, per_s=60.0)
    counts = [take(state, caps, 0.0, f"p{number}", wanted=2).count for number in range(51)]

    assert counts == [2] * 50 + [0]


def test_what_is_remembered_does_not_grow_without_end():
    state, caps = PermitState(), Caps(requests=1_000_000, per_s=86400.0)
    for number in range(1000):
        take(state, caps, float(number))
        give_back(state, caps, float(number))

    assert len(state.spent) == MAX_LOTS
    assert sum(count for _, count in state.spent) == 1000
    assert len(state.encode()) < 5000


def test_it_comes_back_from_the_database_as_it_was():
    state = PermitState()
    take(state, FIVE, 1.5, "a")
    take(state, FIVE, 2.0, "b")
    give_back(state, FIVE, 2.5, "b")

    assert PermitState.decode(state.encode()) == state


@given(
    seed=st.integers(0, 2**32),
    requests=st.sampled_from([1, 2, 5, 17, 64, 200, 500]),
    per_s=st.sampled_from([0.5, 1.0, 10.0]),
    concurrency=st.sampled_from([None, 1, 3, 8]),
)
def test_no_span_holds_more_arrivals_than_allowed_however_late_they_are(seed, requests, per_s, concurrency):
    """Processes send at any moment after a permit and before they give it back; some never give it back."""
    random_source = random.Random(seed)
    caps, state = Caps(requests, per_s, concurrency), PermitState()
    queue: list[tuple[float, int, str, int]] = [(random_source.random(), number, "", 0) for number in range(12)]
    heapq.heapify(queue)
    arrivals: list[float] = []
    inside: list[tuple[float, float]] = []
    for step in range(1500):
        now, number, held, count = heapq.heappop(queue)
        if held:
            if random_source.random() < 0.95:
                give_back(state, caps, now, held, count)
            heapq.heappush(queue, (now + random_source.random() * 0.1, number, "", 0))
            continue
        name, lease_s = f"{step}", 2.0
        answer = take(state, caps, now, name, random_source.choice([1, 2, 8]), lease_s)
        if answer.count:
            ends = now + random_source.random() * lease_s
            # Rarely does anybody use all that he was granted.
            used = random_source.randint(0, answer.count)
            arrivals += [now + random_source.random() * (ends - now) for _ in range(used)]
            inside.append((now, ends))
            heapq.heappush(queue, (ends, number, name, used))
        else:
            heapq.heappush(queue, (now + answer.wait_s, number, "", 0))

    assert arrivals
    arrivals.sort()
    for first, later in zip(arrivals, arrivals[requests:], strict=False):
        assert later - first >= per_s * 0.999999
    if concurrency is not None:
        for start, _ in inside:
            assert sum(begun <= start < ends for begun, ends in inside) <= concurrency

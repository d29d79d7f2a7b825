"""When a request is sent again, and how long is waited first; the network is played by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integry.auth.wire import parse_retry_after
from airflow_provider_integry.transport.retry import (
    PASSING_STATUS,
    Outcome,
    RetryPolicy,
    Send,
    Wait,
    exchange,
)

NOW = 1_700_000_000.0
POLICY = RetryPolicy(max_retries=2, deadline_s=100.0, base_s=1.0, cap_s=8.0)


def lead(outcomes, method="GET", policy=POLICY, **options):
    """Play the network: return the steps that the exchange takes; the last outcome is repeated."""
    conversation = exchange(policy, method, **options)
    steps = [next(conversation)]
    remaining = list(outcomes)
    while True:
        step = steps[-1]
        outcome = None
        if isinstance(step, Send):
            outcome = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        try:
            steps.append(conversation.send(outcome))
        except StopIteration:
            return steps


def count_sends(*args, **kwargs):
    return sum(isinstance(step, Send) for step in lead(*args, **kwargs))


def status(code, **fields):
    return Outcome(spent_s=0.0, status=code, **fields)


def failure(kind, **fields):
    return Outcome(spent_s=0.0, failure=kind, **fields)


@pytest.mark.parametrize("code", [200, 204, 301, 304, 400, 403, 404, 409, 410, 422, 501, 505])
def test_an_answer_that_will_not_change_is_not_asked_for_again(code):
    assert lead([status(code)]) == [Send()]


@pytest.mark.parametrize("code", sorted(PASSING_STATUS))
def test_a_passing_status_is_asked_for_again_as_often_as_allowed(code):
    assert lead([status(code)]) == [Send(), Wait(1.0), Send(), Wait(2.0), Send()]


def test_retrying_ends_at_the_first_answer_that_stands():
    assert lead([status(503), status(200)]) == [Send(), Wait(1.0), Send()]


@pytest.mark.parametrize(
    ("method", "outcome", "has_key", "expected"),
    [
        ("GET", failure("connect"), False, 3),
        ("GET", failure("broken"), False, 3),
        ("GET", failure("timeout"), False, 3),
        ("HEAD", status(503), False, 3),
        ("OPTIONS", status(503), False, 3),
        ("TRACE", status(503), False, 3),
        ("PUT", status(503), False, 3),
        ("DELETE", status(503), False, 3),
        # These may have acted: sending again could act twice.
        ("POST", status(500), False, 1),
        ("POST", status(503), False, 1),
        ("POST", failure("broken"), False, 1),
        ("POST", failure("timeout"), False, 1),
        ("PATCH", status(503), False, 1),
        ("PATCH", failure("timeout"), False, 1),
        ("LOCK", status(503), False, 1),
        # These have not acted.
        ("POST", failure("connect"), False, 3),
        ("POST", status(429), False, 3),
        ("PATCH", status(429), False, 3),
        # The server recognises the second one.
        ("POST", status(503), True, 3),
        ("POST", failure("broken"), True, 3),
        ("PATCH", failure("timeout"), True, 3),
        ("POST", status(404), True, 1),
    ],
)
def test_a_request_is_repeated_only_where_that_does_no_harm(method, outcome, has_key, expected):
    assert count_sends([outcome], method, has_idempotency_key=has_key) == expected


@pytest.mark.parametrize(
    "outcome", [status(503), status(429), failure("connect"), failure("broken"), status(401, fingerprint="f1")]
)
def test_a_body_that_is_a_stream_is_sent_once(outcome):
    assert lead([outcome], is_replayable=False) == [Send()]


@pytest.mark.parametrize("outcome", [status(503), status(429), failure("connect")])
def test_no_retries_means_one_attempt(outcome):
    assert lead([outcome], policy=replace(POLICY, max_retries=0)) == [Send()]


def test_waits_double_up_to_the_cap():
    waits = [
        step.seconds for step in lead([status(503)], policy=replace(POLICY, max_retries=6)) if isinstance(step, Wait)
    ]

    assert waits == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_jitter_shortens_a_wait():
    assert lead([status(503, jitter=0.25), status(200)])[1] == Wait(0.25)


@pytest.mark.parametrize(
    ("retry_after_s", "expected"),
    [(7.0, [Send(), Wait(7.0), Send()]), (0.0, [Send(), Wait(0.0), Send()]), (60.0, [Send(), Wait(60.0), Send()])],
)
def test_the_servers_retry_after_takes_the_place_of_our_own_wait(retry_after_s, expected):
    assert lead([status(429, retry_after_s=retry_after_s, jitter=0.0), status(200)]) == expected


@pytest.mark.parametrize(
    ("spent_s", "retry_after_s", "is_repeated"),
    [(0.0, 99.0, True), (0.0, 100.0, False), (0.0, 3600.0, False), (98.0, None, True), (99.0, None, False)],
)
def test_nothing_is_waited_for_beyond_the_total_time(spent_s, retry_after_s, is_repeated):
    outcome = Outcome(spent_s, status=503, retry_after_s=retry_after_s)

    assert (count_sends([outcome, status(200)]) == 2) == is_repeated


def test_a_refused_token_is_named_and_the_request_sent_once_more_without_a_wait():
    assert lead([status(401, fingerprint="f1"), status(200)], "POST") == [Send(), Send(rejected="f1")]


def test_what_is_declared_to_mean_an_expired_token_is_like_401():
    outcomes = [status(403, is_expired=True, fingerprint="f1"), status(403, is_expired=True, fingerprint="f2")]

    assert lead(outcomes, "POST") == [Send(), Send(rejected="f1")]


def test_of_a_401_and_a_declared_answer_only_the_first_is_followed_by_a_new_token():
    outcomes = [status(401, fingerprint="f1"), status(403, is_expired=True, fingerprint="f2")]

    assert lead(outcomes) == [Send(), Send(rejected="f1")]


def test_a_declared_answer_stands_where_nothing_can_be_renewed_or_sent_again():
    assert lead([status(403, is_expired=True)]) == [Send()]
    assert lead([status(403, is_expired=True, fingerprint="f1")], is_replayable=False) == [Send()]


def test_the_second_refusal_stands():
    outcomes = [status(401, fingerprint="f1"), status(401, fingerprint="f2")]

    assert lead(outcomes) == [Send(), Send(rejected="f1")]


def test_a_refused_key_stands_at_once():
    assert lead([status(401)]) == [Send()]


def test_renewing_a_token_takes_none_of_the_retries():
    outcomes = [status(401, fingerprint="f1"), status(503)]

    assert lead(outcomes) == [Send(), Send(rejected="f1"), Wait(1.0), Send(), Wait(2.0), Send()]


def test_a_token_is_renewed_once_also_after_retries():
    outcomes = [status(503), status(401, fingerprint="f1"), status(503), status(401, fingerprint="f2")]

    assert lead(outcomes) == [Send(), Wait(1.0), Send(), Send(rejected="f1"), Wait(2.0), Send()]


def test_renewal_works_without_retries():
    outcomes = [status(401, fingerprint="f1"), status(200)]

    assert count_sends(outcomes, policy=replace(POLICY, max_retries=0)) == 2


@given(
    outcomes=st.lists(
        st.builds(
            Outcome,
            spent_s=st.floats(0, 200),
            status=st.none() | st.sampled_from([200, 401, 404, 408, 425, 429, 500, 502, 503, 504]),
            failure=st.none() | st.sampled_from(["connect", "broken", "timeout"]),
            retry_after_s=st.none() | st.floats(-10, 1000),
            is_expired=st.booleans(),
            fingerprint=st.none() | st.just("f1"),
            jitter=st.floats(0, 1, exclude_max=True),
        ),
        min_size=1,
        max_size=12,
    ),
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH"]),
    has_key=st.booleans(),
    is_replayable=st.booleans(),
)
def test_whatever_happens_attempts_and_waits_stay_within_the_policy(outcomes, method, has_key, is_replayable):
    steps = lead(outcomes, method, is_replayable=is_replayable, has_idempotency_key=has_key)
    sends = [step for step in steps if isinstance(step, Send)]
    renewals = [step for step in sends if step.rejected]
    waits = [step.seconds for step in steps if isinstance(step, Wait)]

    assert isinstance(steps[-1], Send)
    assert len(renewals) <= 1
    assert len(sends) - len(renewals) <= POLICY.max_retries + 1
    assert all(0.0 <= seconds < POLICY.deadline_s for seconds in waits)
    assert is_replayable or len(sends) == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        ("120", 120.0),
        (" 5 ", 5.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("١٢", None),
        ("9" * 20, None),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tuesday, 14-Nov-23 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 22:13:20 GMT", 0.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("Tue, 99 Nov 2023 22:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, expected):
    assert parse_retry_after(value, NOW) == expected


@given(st.text(max_size=40))
def test_no_retry_after_can_break_the_reader(text):
    seconds = parse_retry_after(text, NOW)

    assert seconds is None or seconds >= 0.0


# -- limits -----------------------------------------------------------------------------------------

INTEGRY = replace(POLICY, max_retries=0, deadline_s=10_000.0, throttle_waits_s=(60.0, 120.0, 240.0))


def end(outcomes, policy=POLICY, method="GET", **options):
    """Return the steps, and the wait that was left to the caller."""
    conversation = exchange(policy, method, **options)
    steps, remaining, outcome = [next(conversation)], list(outcomes), None
    while True:
        outcome = None
        if isinstance(steps[-1], Send):
            outcome = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        try:
            steps.append(conversation.send(outcome))
        except StopIteration as stop:
            return steps, stop.value


def test_a_wait_that_is_too_long_is_left_to_the_caller():
    outcome = status(429, retry_after_s=600.0)

    assert end([outcome]) == ([Send()], 600.0)
    steps, declined_s = end([outcome], replace(POLICY, deadline_s=1000.0))
    assert (steps, declined_s) == ([Send(), Wait(600.0), Send(), Wait(600.0), Send()], 600.0)
    assert end([outcome], replace(POLICY, deadline_s=1000.0, max_wait_s=30.0)) == ([Send()], 600.0)


def test_no_wait_is_left_to_the_caller_where_nobody_has_named_one():
    assert end([status(429)]) == ([Send(), Wait(1.0), Send(), Wait(2.0), Send()], None)
    assert end([status(503)], replace(POLICY, max_retries=0)) == ([Send()], None)
    assert end([status(404)]) == ([Send()], None)


def test_a_schedule_is_followed_however_few_retries_there_are():
    outcomes = [status(429, throttled=number) for number in (1, 2, 3, 4)] + [status(200)]

    assert [step.seconds for step in end(outcomes, INTEGRY)[0] if isinstance(step, Wait)] == [60.0, 120.0, 240.0, 240.0]


def test_a_schedule_goes_on_where_the_task_has_left_it():
    assert end([status(429, throttled=3)], replace(INTEGRY, max_wait_s=30.0)) == ([Send()], 240.0)


def test_a_schedule_is_for_limits_alone():
    assert end([status(503)], INTEGRY) == ([Send()], None)


def test_where_waiting_costs_nothing_a_limit_is_waited_for_beyond_the_total_time():
    patient = replace(POLICY, max_retries=1, patience_s=3600.0)
    outcomes = [Outcome(0.0, status=429, retry_after_s=600.0, waited_s=600.0 * number) for number in range(7)]

    steps, declined_s = end(outcomes, patient)

    assert [step.seconds for step in steps if isinstance(step, Wait)] == [600.0] * 6
    assert declined_s == 600.0


def test_patience_is_for_limits_alone():
    patient = replace(POLICY, patience_s=3600.0)

    assert end([status(503, retry_after_s=600.0)], patient) == ([Send()], 600.0)


def test_what_is_declared_to_be_a_limit_is_one_whatever_the_status_and_the_method():
    assert count_sends([status(200, is_throttled=True)], "POST") == 3
    assert count_sends([status(403, is_throttled=True)], "POST") == 3


def test_what_is_declared_to_pass_is_tried_again_where_that_does_no_harm():
    assert count_sends([status(200, is_passing=True)], "GET") == 3
    assert count_sends([status(200, is_passing=True)], "POST") == 1

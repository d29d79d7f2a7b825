"""Hostile inputs, made up by hypothesis: each is used or refused with an error of ours, and nothing else happens.

A few hundred of each run here; `test_fuzz_long.py` runs as many as you like, from the same makers.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from security import fuzz_checks, fuzz_inputs

RANDOMS = st.randoms(use_true_random=False)
SHORT = settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


@SHORT
@given(RANDOMS)
def test_any_token_response_is_a_token_or_a_typed_error(random):
    fuzz_checks.check_token_response(fuzz_inputs.make_token_response(random))


@SHORT
@given(RANDOMS)
def test_no_callback_that_is_not_the_answer_causes_a_request(callback_target, random):
    callback_target.check(callback_target.make(random))

    assert callback_target.count_grants() == 0


@SHORT
@given(RANDOMS)
def test_t37_any_connector_file_is_read_or_refused(random):
    fuzz_checks.check_connector(fuzz_inputs.make_connector(random))


@SHORT
@given(RANDOMS)
def test_oauth1_signatures_are_those_of_rfc_5849_and_of_oauthlib(random):
    fuzz_checks.check_oauth1_signature(fuzz_inputs.make_signed(random))


@SHORT
@given(RANDOMS)
def test_t16_t43_we_take_no_jwt_that_pyjwt_refuses(random):
    fuzz_checks.check_jwt(fuzz_checks.make_proof(random))


@SHORT
@given(RANDOMS)
def test_t43_pyjwt_verifies_every_jwt_that_is_signed_here(random):
    fuzz_checks.check_minted(fuzz_checks.make_minted(random))

"""The demo, as its user sees it, in a real Airflow."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(700)]


def test_the_demo_ends_well_after_ctrl_c(evidence):
    assert evidence.exit_code == 0, evidence.output
    assert "All good" in evidence.output


def test_every_example_dag_succeeds(evidence):
    expected = dict.fromkeys(
        (
            "wait_for_consent",
            "late_authorization",
            "crm_contacts",
            "orders_by_region",
            "other_mechanisms",
            "orders_to_files",
            "on_consent",
            "per_customer",
            "new_orders",
            "airflow_report",
        ),
        "success",
    )
    assert expected == evidence.report["runs"]


def test_all_pages_of_every_kind_of_paging_are_read(evidence):
    expected = {
        "contacts": 250,
        "invoices": 10,
        "photos": 12,
        "articles": 8,
        "events": 5,
        "customers": 4,
        "copied orders": 121,
        "runs": 10,
    }
    assert expected == evidence.report["records"]


def test_the_variable_that_was_written_through_airflows_own_api_is_read_back(evidence):
    value = json.loads(evidence.report["variable"]["value"])
    assert value == {"runs": 10, "states": {"success": 9, "running": 1}}


def test_a_single_use_refresh_token_is_used_once(evidence):
    tokens = evidence.report["tokens"]
    assert (tokens["refresh_token"], tokens["refused_reuse"]) == (1, 0)


def test_the_deferred_sensor_goes_on_when_the_refresh_token_is_filled_in(evidence):
    waiting = evidence.output.index("late_authorization.wait_for_account: deferred")
    filled_in = evidence.output.index("its refresh token is filled in now")
    assert waiting < filled_in < evidence.output.index("late_authorization.wait_for_account: success")


def test_the_deferred_sensor_goes_on_when_somebody_gives_consent(evidence):
    waiting = evidence.output.index("wait_for_consent.wait_for_calendar: deferred")
    given = evidence.output.index("'Allow' is pressed on Acme's page")
    assert waiting < given < evidence.output.index("wait_for_consent.wait_for_calendar: success")
    assert "Airflow's page says: Connected" in evidence.output
    assert evidence.report["tokens"]["authorization_code"] == 3


def test_a_consent_starts_the_dag_that_is_scheduled_on_its_asset(evidence):
    given = evidence.output.index("'Allow' is pressed on Acme's page")
    assert given < evidence.output.index("on_consent: was started by the consent")
    assert "grace.hopper may be asked for calendar.read" in evidence.output


def test_an_order_ends_a_sensors_waiting_and_starts_a_dag(evidence):
    waiting = evidence.output.index("orders_to_files.wait_for_order: deferred")
    placed = evidence.output.index("order A-0120 is placed now")
    assert waiting < placed < evidence.output.index("orders_to_files.wait_for_order: success")
    assert placed < evidence.output.index("new_orders: was started by the order")
    assert "A-0120 was waited for" in evidence.output
    assert "A-0120 from emea: thank you" in evidence.output


def test_no_process_is_left(evidence):
    assert evidence.left == []

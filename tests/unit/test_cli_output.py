"""Rows come out as they are, in every format: texts that users and services choose do nothing to a terminal."""

from __future__ import annotations

import json

import pytest
import yaml

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.messages import Status
from airflow_provider_integry.authorizations.overview import Standing
from airflow_provider_integry.cli.output import PAGE_ROWS, print_rows
from airflow_provider_integry.cli.status import describe, export


def row(conn_id="crm", end_user="", **more):
    return {"conn_id": conn_id, "end_user": end_user, "account": "", **more}


@pytest.mark.parametrize("end_user", ["1e5", "007", "[bold]x[/bold]", "[/]", "ü 漢字", "a  b"])
@pytest.mark.parametrize("output", ["table", "plain"])
def test_a_text_that_looks_like_something_else_is_shown_as_it_is(capsys, output, end_user):
    print_rows([row(end_user=end_user), row(end_user="2.50")], output)

    text = capsys.readouterr().out
    assert end_user in text
    assert "2.50" in text


@pytest.mark.parametrize("output", ["table", "plain", "json", "yaml"])
def test_nothing_moves_the_cursor_of_a_terminal(capsys, output):
    print_rows([row(end_user="a\x1b[2Jb\x9b31mc\rd\u202ee")], output)

    text = capsys.readouterr().out
    assert not [char for char in text if not char.isprintable() and char != "\n"]


@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
@pytest.mark.parametrize("count", [0, 1, PAGE_ROWS, PAGE_ROWS + 1, 2 * PAGE_ROWS + 5])
def test_any_number_of_rows_is_one_document(capsys, output, read, count):
    rows = [row(end_user=f"user-{number:05}", scopes=["a", "b"], expires_in_s=1.5) for number in range(count)]

    assert print_rows(iter(rows), output) == count

    assert read(capsys.readouterr().out) == rows


def test_rows_are_sorted_within_a_page_and_a_plain_list_has_one_header(capsys):
    count = PAGE_ROWS + 2
    print_rows([row(end_user=f"user-{number:05}") for number in reversed(range(count))], "plain")

    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["conn_id", "end_user", "account"]
    assert [line.split()[1] for line in lines[:2]] == ["user-00002", "user-00003"]
    assert [line.split()[1] for line in lines[-2:]] == ["user-00000", "user-00001"]


@pytest.mark.parametrize("output", ["table", "plain"])
def test_no_rows_are_said_in_words(capsys, output):
    assert print_rows([], output) == 0
    assert capsys.readouterr().out == "No data found\n"


def test_a_table_leaves_out_columns_that_say_nothing(capsys):
    print_rows([row(readiness="ready")], "table")

    assert capsys.readouterr().out.splitlines()[0].split() == ["conn_id", "|", "readiness"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (-1.0, "expired"),
        (0.0, "expired"),
        (0.4, "0 s"),
        (59.9, "59 s"),
        (60.0, "1 min"),
        (7200.0, "2 h"),
        (86400.0 * 3, "3 d"),
    ],
)
def test_a_span_is_told_in_its_largest_unit(seconds, text):
    status = Status(str(Readiness.READY), expires_in_s=seconds)

    assert describe(Standing(AuthorizationKey("crm"), None, "integry_oauth2", status, ""))["expires_in"] == text


def test_both_forms_of_a_row_say_the_same():
    status = Status("ready", "", "7", "Ada", ["a", "b"], 90.04, 1_800_000_000.5, 1_900_000_000.0)
    standing = Standing(AuthorizationKey("crm", "blue", "acme", "second"), 12, "integry_oauth2", status, "was down")

    assert export(standing) == {
        "authorization_id": 12,
        "conn_id": "crm",
        "conn_type": "integry_oauth2",
        "team": "blue",
        "end_user": "acme",
        "account": "second",
        "readiness": "ready",
        "account_id": "7",
        "account_name": "Ada",
        "scopes": ["a", "b"],
        "expires_in_s": 90.0,
        "refreshed_at": "2027-01-15T08:00:00.500Z",
        "last_error": "was down",
        "grant_ends_at": "2030-03-17T17:46:40Z",
    }
    assert describe(standing) == {
        "conn_id": "crm",
        "end_user": "acme",
        "account": "second",
        "readiness": "ready",
        "account_name": "Ada",
        "scopes": "a b",
        "expires_in": "1 min",
        "refreshed_at": "2027-01-15 08:00:00Z",
        "last_error": "was down",
        "grant_ends_at": "2030-03-17 17:46:40Z",
    }

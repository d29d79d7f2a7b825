"""The helper for other people's connector tests, used as they would."""

from __future__ import annotations

import pytest
from integration.loopback import to_json

from airflow_provider_integry.errors import InvalidInputError, ServerError
from airflow_provider_integry.testing import ConnectorTester, Reply, connector_tester

__all__ = ["connector_tester"]  # a fixture: pytest finds it here

CRM = """\
name: crm
title: CRM
headers: {X-Api-Version: "9"}
activities:
  list_contacts:
    kind: query
    path: /contacts
    inputs: {state: {in: query, type: string}, tags: {in: query, type: array, items: {type: string}}}
    result: items
    paging: {kind: cursor, param: after, cursor: next}
  create_contact:
    kind: action
    path: /contacts
    inputs: {email: {in: body, type: string, required: true}}
    result: id
"""


@pytest.fixture
def crm(tmp_path, connector_tester):
    (tmp_path / "crm.yaml").write_text(CRM)
    return connector_tester(tmp_path / "crm.yaml")


def test_pages_are_played_and_what_was_sent_is_kept(crm):
    answers = [{"items": [{"id": 1}], "next": "b"}, Reply({"items": [{"id": 2}], "next": None})]

    records = crm.run("list_contacts", {"state": "x", "tags": ["a", "b"]}, answers=answers)

    assert records == [{"id": 1}, {"id": 2}]
    assert [sent.query for sent in crm.sent] == [
        {"state": "x", "tags": ["a", "b"]},
        {"state": "x", "tags": ["a", "b"], "after": "b"},
    ]
    assert (crm.sent[0].path, crm.sent[0].headers["x-api-version"]) == ("/contacts", "9")


def test_an_answer_may_depend_on_what_was_sent(crm):
    assert (
        crm.run("create_contact", {"email": "a@b.example"}, answers=lambda sent: {"id": sent.json["email"]})
        == "a@b.example"
    )
    assert crm.request("create_contact", {"email": "x"}).json == {"email": "x"}


def test_recorded_answers_are_files(crm, tmp_path):
    (tmp_path / "page.json").write_text('{"items": [{"id": 1}]}')

    assert crm.run("list_contacts", answers=Reply.from_file(tmp_path / "page.json")) == [{"id": 1}]


def test_errors_are_those_of_a_task(crm):
    with pytest.raises(ServerError, match="down"):
        crm.run("list_contacts", answers=Reply({"message": "down"}, status=503))
    with pytest.raises(InvalidInputError, match="is required"):
        crm.run("create_contact", answers={})


def test_too_many_and_too_few_answers_are_told(crm):
    with pytest.raises(AssertionError, match="only 1 answers are given, and more was sent"):
        crm.run("list_contacts", answers=[{"items": [1], "next": "b"}])
    with pytest.raises(AssertionError, match="asked for 1 of 2 answers"):
        crm.run("list_contacts", answers=[{"items": []}, {"items": []}])


def test_a_local_server_gets_the_request_with_its_credential(crm, answer_with):
    server = answer_with(to_json({"items": [{"id": 1}], "next": "b"}), to_json({"items": [{"id": 2}]}))

    assert crm.run_live("list_contacts", url=server.url, password="key-9") == [{"id": 1}, {"id": 2}]
    assert len(server.requests) == 2
    assert all("key-9" in request.text for request in server.requests)
    assert isinstance(crm, ConnectorTester)

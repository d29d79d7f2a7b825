"""What an end user gave through a link waits for a word of the host application, and goes to nobody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
from airflow import settings as airflow_settings
from integration.desk import AIRFLOW, CLIENT, Desk
from servers.oauth2_consent import ConsentApi, ConsentClient
from sqlalchemy import update

from airflow_provider_integry.authorizations.airflow_store import local_consents, local_held_grants
from airflow_provider_integry.authorizations.consent import cookie_name
from airflow_provider_integry.authorizations.consent_values import Callback, Visit
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.tables import consent as consent_table
from airflow_provider_integry.errors import NotAuthorizedError
from airflow_provider_integry.secret import Secret

BROWSER = Secret("b" * 43)
USER = "acme"


@pytest.fixture
def desk(serve, set_connection):
    api = ConsentApi(ConsentClient(*CLIENT), rotation="strict", latency_s=0.0)
    found = Desk(api, serve(api.build()), set_connection)
    yield found
    with airflow_settings.engine.begin() as database:
        database.execute(consent_table.delete())


@pytest.fixture
def link_id():
    return f"li_{uuid4().hex}"


def give(desk, link_id, *, holds=True, account="ada"):
    """Go through a consent; return its row."""
    visit = Visit(link_id, BROWSER, holds=holds)
    begun = run_steps(local_consents().begin(desk.subject(USER), base_url=AIRFLOW, user="integry:host", visit=visit))
    parts = urlsplit(desk.consent(begun, user=account)[0])
    cookies = {cookie_name(begun.consent_id): begun.browser_key.reveal()}
    context = parts.path.rpartition("/")[2]
    return run_steps(local_consents().finish(Callback(context, parts.query, parse_qsl(parts.query), cookies)))


def release(link_id):
    return run_steps(local_held_grants().release(link_id, owner="integry:host"))


def test_what_is_held_is_nobodys_until_it_is_released_once(desk, link_id):
    held = give(desk, link_id)
    before = desk.row(USER)

    row, again = release(link_id), release(link_id)

    assert (held.outcome, held.account_id, before) == ("held", "id-of-ada", None)
    assert (row.end_user, row.account_id, row.state, again) == (USER, "id-of-ada", "active", None)
    assert row.public_id.startswith("ca_")


def test_without_a_reason_to_hold_it_is_kept_at_once(desk, link_id):
    row = give(desk, link_id, holds=False)

    assert (row.outcome, desk.row(USER).account_id, release(link_id)) == ("ready", "id-of-ada", None)


def test_what_is_dropped_is_given_back_and_gone(desk, link_id):
    give(desk, link_id)

    assert run_steps(local_held_grants().drop(link_id))

    assert desk.api.revocations
    assert (desk.row(USER), release(link_id), run_steps(local_held_grants().drop(link_id))) == (None, None, False)


def test_of_many_who_release_it_one_does(desk, link_id):
    give(desk, link_id)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: release(link_id), range(8)))

    assert len([row for row in found if row is not None]) == 1


def test_what_was_given_to_another_application_is_never_kept(desk, link_id):
    give(desk, link_id)
    desk.connect(client_id="another")

    with pytest.raises(NotAuthorizedError, match="changed"):
        release(link_id)

    assert (desk.row(USER), release(link_id)) == (None, None)


def test_it_can_be_dropped_when_its_connection_was_changed(desk, link_id):
    give(desk, link_id)
    desk.connect(client_id="another")

    assert run_steps(local_held_grants().drop(link_id))
    assert release(link_id) is None


def test_it_does_not_wait_for_ever(desk, link_id):
    row = give(desk, link_id)
    with airflow_settings.engine.begin() as database:
        database.execute(update(consent_table).where(consent_table.c.id == row.id).values(expires_at=1.0))

    assert (release(link_id), desk.row(USER)) == (None, None)


def test_a_question_comes_before_the_waiting(desk, link_id):
    give(desk, f"{link_id[:-1]}0", holds=False)
    asked = give(desk, link_id, account="bea")
    other = Secret("c" * 43)

    assert asked.outcome == "other_account"
    answer = local_consents().answer
    assert not run_steps(answer(asked.id, is_yes=True, browser=other))
    assert not run_steps(answer(asked.id, is_yes=True, user="integry:host"))
    assert run_steps(answer(asked.id, is_yes=True, browser=BROWSER))
    assert desk.row(USER).account_id == "id-of-ada"
    assert release(link_id).account_id == "id-of-bea"


def test_nobody_of_airflow_sees_what_came_of_it(desk, link_id):
    row = give(desk, link_id)

    assert not row.belongs_to("integry:host")
    assert row.belongs_to(None, BROWSER)

"""The tab of a task: who may see it, and what is asked before anything is shown."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import httpx
import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import get_user

from airflow_provider_integry.web.app import build_app
from airflow_provider_integry.web.pages import task_link
from airflow_provider_integry.web.pages.task_fields import TaskFields, TaskKey

QUERY = {"dag_id": "open", "run_id": "manual__1+2:00", "task_id": "wait", "map_index": "-1"}


class Manager:
    """An auth manager that lets people see one DAG."""

    def __init__(self):
        self.asked = []

    def is_authorized_dag(self, *, method, access_entity, details, user):
        self.asked.append((method, access_entity, details.id, user.name))
        return details.id == "open"


@pytest.fixture
def world(monkeypatch):
    """The application, with somebody logged in; task instances are as `found` says."""
    manager, looked = Manager(), []
    found = SimpleNamespace(fields=TaskFields("a&b", 'u"><script>', None))

    def find(key):
        looked.append(key)
        return found.fields

    monkeypatch.setattr(task_link, "get_auth_manager", lambda: manager)
    monkeypatch.setattr(task_link, "find_fields", find)
    monkeypatch.setattr(task_link.DagModel, "get_team_name", lambda dag_id: None)
    app = build_app()
    app.dependency_overrides[get_user] = lambda: SimpleNamespace(name="ada", get_id=lambda: "ada")

    def get(**query):
        async def ask():
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
                return await client.get("/task", params=query)

        return asyncio.run(ask())

    return SimpleNamespace(get=get, manager=manager, looked=looked, found=found)


def test_the_tab_has_the_link_with_everything_escaped(world):
    answer = world.get(**QUERY)

    assert answer.status_code == 200
    assert 'href="/authorize?conn_id=a%26b&amp;end_user=u%22%3E%3Cscript%3E"' in answer.text
    assert "<script>" not in answer.text.replace("<script src=", "")
    assert world.manager.asked == [("GET", DagAccessEntity.TASK_INSTANCE, "open", "ada")]
    assert world.looked == [TaskKey("open", "manual__1+2:00", "wait", -1)]


def test_who_may_not_see_the_task_gets_the_answer_of_a_task_that_is_not_there(world):
    hidden = world.get(**{**QUERY, "dag_id": "secret"})
    assert world.looked == []
    world.found.fields = None
    missing = world.get(**QUERY)

    assert hidden.status_code == missing.status_code == 404
    assert hidden.text == missing.text


@pytest.mark.parametrize(
    "change",
    [
        {"dag_id": ""},
        {"run_id": "\x00"},
        {"task_id": "x" * 251},
        {"map_index": "one"},
        {"map_index": "--1"},
        {"map_index": "1" * 10},
        {"map_index": "\u0661"},
    ],
)
def test_what_names_no_task_instance_is_not_looked_for(world, change):
    assert world.get(**{**QUERY, **change}).status_code == 404
    assert world.looked == []


def test_airflow_leaves_the_place_of_a_task_that_is_not_mapped_as_it_is_written(world):
    world.get(**{**QUERY, "map_index": "{MAP_INDEX}"})
    world.get(**{**QUERY, "map_index": "12"})

    assert [key.map_index for key in world.looked] == [-1, 12]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (TaskFields(), "names no connection"),
        (TaskFields("{{ var.value.x }}", None, None, is_rendered=False), "These are templates."),
    ],
)
def test_without_a_name_there_is_no_link(world, fields, told):
    world.found.fields = fields
    text = world.get(**QUERY).text

    assert told in text
    assert "/authorize?" not in text

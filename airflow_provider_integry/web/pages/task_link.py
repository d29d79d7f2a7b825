"""The tab "Authorize" of a task in Airflow: the link that mends it, while the task waits or runs."""

from __future__ import annotations

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.models.dag import DagModel
from fastapi import APIRouter, Request, Response

from airflow_provider_integry.authorizations.links import authorize_path
from airflow_provider_integry.web.pages.forms import query_of
from airflow_provider_integry.web.pages.rendering import prefix_of, render
from airflow_provider_integry.web.pages.task_fields import TaskFields, TaskKey, find_fields
from airflow_provider_integry.web.pages.threads import in_page_thread
from airflow_provider_integry.web.refusals import PageError
from airflow_provider_integry.web.security import User

PATH = "/task"
# Longer than any id is in Airflow.
_MAX_ID = 250


def build_router() -> APIRouter:
    """Return the route."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(PATH, show_task, methods=["GET"])
    return router


async def show_task(request: Request, user: User) -> Response:
    """Show which connection a task uses, and the link to the page on which it is authorized."""
    fields = await in_page_thread(lambda: _choose(user, query_of(request)))
    path = authorize_path(fields.conn_id, fields.end_user, fields.account).removeprefix("/integry")
    return render(request, "task.html", fields=fields, link=prefix_of(request) + path)


def _choose(user: BaseUser, query: dict[str, str]) -> TaskFields:
    """Return what a task instance uses, for those who may see it in Airflow.

    Raises:
        PageError: Status 404: there is no such task instance, or not for this person.
    """
    key = _read_key(query)
    found = find_fields(key) if key and _may_see(user, key.dag_id) else None
    if found is None:
        raise PageError(404, "There is no such task", "The task instance does not exist, or you may not see it.")
    return found


def _may_see(user: BaseUser, dag_id: str) -> bool:
    """Decide as Airflow does for its own page of a task instance, rendered fields included."""
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return get_auth_manager().is_authorized_dag(
        method="GET", access_entity=DagAccessEntity.TASK_INSTANCE, details=details, user=user
    )


def _read_key(query: dict[str, str]) -> TaskKey | None:
    dag_id, run_id, task_id = (query.get(name, "") for name in ("dag_id", "run_id", "task_id"))
    if not all(0 < len(name) <= _MAX_ID and "\x00" not in name for name in (dag_id, run_id, task_id)):
        return None
    # Airflow's pages leave the place of a task that is not mapped as it is written in the address.
    place = query.get("map_index", "-1")
    if place == "{MAP_INDEX}":
        place = "-1"
    digits = place.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        return None
    return TaskKey(dag_id, run_id, task_id, int(place))

"""A connect link for an end user, made by somebody of this Airflow who may edit the connection, and shown once."""

from __future__ import annotations

from typing import cast

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import APIRouter, Request, Response

from airflow_provider_integry.end_users.link_store import Binding, Link
from airflow_provider_integry.end_users.links import MadeLink
from airflow_provider_integry.end_users.local import local_directory, local_links
from airflow_provider_integry.end_users.principals import Admin
from airflow_provider_integry.end_users.workspace import Workspace
from airflow_provider_integry.errors import LinkRequestError
from airflow_provider_integry.web.pages.forms import read_form
from airflow_provider_integry.web.pages.rendering import render
from airflow_provider_integry.web.pages.subjects import Chosen, choose
from airflow_provider_integry.web.pages.threads import in_page_thread
from airflow_provider_integry.web.refusals import PageError, read_only
from airflow_provider_integry.web.security import User

PATH = "/link"
_NO_LINK = "No link was made"


def build_router() -> APIRouter:
    """Return the route."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(PATH, make_link, methods=["POST"])
    return router


def find_workspace(chosen: Chosen) -> Workspace | None:
    """Return the host application for whose user a link can be made; None where none can, or not by this person.

    May block.
    """
    settings = chosen.connection.settings
    if settings is None or chosen.key.end_user is None or not chosen.can_edit:
        return None
    named = settings.end_users.workspace
    workspace = local_directory().find(named) if named else None
    return workspace if workspace and workspace.team == chosen.key.team else None


def list_bindings(workspace: Workspace) -> list[Binding]:
    """Return how a link of a workspace can make sure of its end user, the safest first."""
    possible: dict[Binding, bool] = {
        "login": workspace.login_url is not None,
        "code": bool(workspace.return_urls),
        "holder": True,
    }
    return [name for name, is_possible in possible.items() if is_possible]


async def make_link(request: Request, user: User) -> Response:
    """Make a link, and show its address."""
    form = await read_form(request, user)
    made, link, workspace = await in_page_thread(lambda: _make(user, form))
    return render(request, "link.html", made=made, link=link, workspace=workspace)


def _make(user: BaseUser, form: dict[str, str]) -> tuple[MadeLink, Link, Workspace]:
    chosen = choose(user, form)
    if not chosen.can_edit:
        raise read_only(chosen.key.conn_id)
    workspace = find_workspace(chosen)
    if workspace is None or chosen.key.end_user is None:
        problem = "Name an end user, and fill in field 'workspace' of the connection."
        raise PageError(409, _NO_LINK, problem)
    binding = form.get("binding") or None
    links = local_links()
    try:
        made = links.make(
            Admin(user.get_id()),
            chosen.key.conn_id,
            chosen.key.end_user,
            account=chosen.key.account,
            binding=cast("Binding | None", binding),
            return_url=form.get("return_url") or None,
        )
    except LinkRequestError as error:
        raise PageError(409, _NO_LINK, str(error)) from None
    return made, links.find_open(made.id), workspace

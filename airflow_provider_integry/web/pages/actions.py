"""What is done with an authorization that is there: it is tried, or revoked."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from airflow_provider_integry.authorizations.airflow_store import local_journal, local_refresher, local_store
from airflow_provider_integry.authorizations.check import CheckResult, check_authorization
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.revoke import RevokeOutcome, revoke_authorization
from airflow_provider_integry.authorizations.steps import arun_steps
from airflow_provider_integry.web.flash import Flash, FlashKind
from airflow_provider_integry.web.pages.forms import query_of, read_form
from airflow_provider_integry.web.pages.rendering import go_on, render_form
from airflow_provider_integry.web.pages.subjects import choose, choose_row, subject_of
from airflow_provider_integry.web.pages.threads import in_page_thread
from airflow_provider_integry.web.refusals import PageError, read_only
from airflow_provider_integry.web.security import User

LIST_PATH = "/authorizations"


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/test", test, methods=["POST"])
    router.add_api_route("/revoke", show_revoke, methods=["GET"])
    router.add_api_route("/revoke", revoke, methods=["POST"])
    return router


async def test(request: Request, user: User) -> Response:
    """Try an authorization, and say what came of it above the list."""
    form = await read_form(request, user)
    chosen = await in_page_thread(lambda: choose(user, form))
    if not chosen.can_edit:
        raise read_only(chosen.key.conn_id)
    settings = chosen.connection.settings
    if settings is None or chosen.problem:
        raise PageError(409, "This cannot be tried", chosen.problem)
    result: CheckResult = await arun_steps(check_authorization(local_refresher(), settings, chosen.subject))
    kind: FlashKind = "info" if result.is_other_account else "success" if result.is_ok else "error"
    text = f"{name_of(chosen.key)}: {result.message}"
    return go_on(request, user, LIST_PATH, Flash(kind, text))


async def show_revoke(request: Request, user: User) -> Response:
    """Ask whether an authorization is to be revoked."""
    row, found = await in_page_thread(lambda: choose_row(user, query_of(request)))
    return await render_form(request, user, "revoke.html", row=row, subject=subject_of(row, found))


async def revoke(request: Request, user: User) -> Response:
    """Give a grant back to its service, wipe it, and say so above the list."""
    form = await read_form(request, user)
    row, found = await in_page_thread(lambda: choose_row(user, form))
    key = AuthorizationKey(row.conn_id, row.team_name, row.end_user, row.account)
    steps = revoke_authorization(
        local_store(), local_journal(), local_refresher(), subject_of(row, found), key, owner=user.get_id()
    )
    outcome: RevokeOutcome = await arun_steps(steps)
    kind: FlashKind = "success" if outcome.upstream in ("told", "not_asked") else "info"
    return go_on(request, user, LIST_PATH, Flash(kind, f"{name_of(key)}: {outcome.describe()}"))


def name_of(key: AuthorizationKey) -> str:
    """Return an authorization's name for a sentence: ``Connection 'crm', end user 'acme'``."""
    parts = [f"Connection '{key.conn_id}'"]
    if key.end_user is not None:
        parts.append(f"end user '{key.end_user}'")
    if key.account is not None:
        parts.append(f"account '{key.account}'")
    return ", ".join(parts)

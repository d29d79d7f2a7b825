"""The list of authorizations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import APIRouter, Request, Response

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.airflow_store import local_store
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.links import authorize_path
from airflow_provider_integry.authorizations.listing import (
    MAX_HITS,
    MAX_SEARCH_CHARS,
    PAGE_ROWS,
    Entry,
    Lister,
    ListPage,
    ListQuery,
)
from airflow_provider_integry.authorizations.subject import build_subject, is_brokered
from airflow_provider_integry.errors import AuthorizationError
from airflow_provider_integry.web.pages import words
from airflow_provider_integry.web.pages.forms import query_of
from airflow_provider_integry.web.pages.rendering import prefix_of, render_form
from airflow_provider_integry.web.pages.threads import in_page_thread
from airflow_provider_integry.web.security import User, choose_visible

LIST_PATH = "/authorizations"
_URL_PREFIX = "/integry"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the page, ready to be written.

    Attributes:
        entry: What it shows.
        type_label: Its connection's type.
        authorize_href: The page on which it is authorized, or a link for its end user is made; None where there is
            nothing to do, or where this person may not do it.
        authorize_label: What that link says.
        names: Fields of forms about it.
        can_test: Whether it can be tried out.
        can_revoke: Whether there is something to wipe, and this person may.
        expires, expires_at: When its token ends, in words and exactly.
        refreshed, refreshed_at: When that was obtained, likewise.
        ends, ends_at: When the grant itself ends, likewise.
    """

    entry: Entry
    type_label: str
    authorize_href: str | None
    authorize_label: str
    names: dict[str, str]
    can_test: bool
    can_revoke: bool
    expires: str
    expires_at: str
    refreshed: str
    refreshed_at: str
    ends: str
    ends_at: str


def build_router() -> APIRouter:
    """Return the route of the list."""
    router = APIRouter()
    router.add_api_route(LIST_PATH, show_list, methods=["GET"], include_in_schema=False)
    return router


async def show_list(request: Request, user: User) -> Response:
    """Show where authorizations stand."""
    query = read_query(request)
    page, editable = await in_page_thread(lambda: _list(user, query))
    lines = [build_line(entry, prefix_of(request), editable) for entry in page.entries]
    return await render_form(
        request,
        user,
        "authorizations.html",
        query=query,
        page=page,
        lines=lines,
        choices=list(Readiness),
        first=(page.page - 1) * PAGE_ROWS + 1,
        max_hits=MAX_HITS,
        links=page_links(query, page),
        is_filtered=bool(query.text or query.readiness or query.conn_id),
    )


def read_query(request: Request) -> ListQuery:
    """Return what a query asks for; what makes no sense is left out."""
    given = query_of(request)
    known = {str(one): one for one in Readiness}
    page = given.get("page", "1")
    return ListQuery(
        text=given.get("q", "").strip().replace("\x00", "")[:MAX_SEARCH_CHARS],
        readiness=known.get(given.get("readiness", "")),
        conn_id=given.get("conn_id") or None,
        page=int(page) if page.isascii() and page.isdigit() and len(page) < 10 else 1,
    )


def build_line(entry: Entry, prefix: str, editable: set[tuple[str, str | None]]) -> Line:
    """Return what the page shows of one entry.

    Args:
        entry: What is known.
        prefix: Path under which our pages are.
        editable: Connections that this person may change, with their teams.
    """
    key, status = entry.standing.key, entry.standing.status
    can_edit = (key.conn_id, key.team) in editable
    now = entry.now or 0.0
    names = {"conn_id": key.conn_id, "end_user": key.end_user, "account": key.account}
    path = authorize_path(key.conn_id, key.end_user, key.account).removeprefix(_URL_PREFIX)
    ends_at, refreshed_at = status.grant_ends_at, status.refreshed_at
    return Line(
        entry=entry,
        type_label=words.conn_type(entry.standing.conn_type),
        authorize_href=prefix + path if can_edit and (needs_consent(entry) or has_links(entry)) else None,
        authorize_label=_label(entry),
        names={name: value for name, value in names.items() if value is not None},
        can_test=can_edit and status.readiness not in (Readiness.PENDING, Readiness.REVOKED),
        can_revoke=can_edit and entry.is_grant and status.readiness != Readiness.REVOKED,
        expires=words.until(status.expires_in_s) if status.expires_in_s is not None else "",
        expires_at=words.exact_time(now + status.expires_in_s) if status.expires_in_s is not None else "",
        refreshed=words.since(now - refreshed_at) if refreshed_at is not None else "",
        refreshed_at=words.exact_time(refreshed_at),
        ends=words.until(ends_at - now) if ends_at is not None else "",
        ends_at=words.exact_time(ends_at),
    )


def needs_consent(entry: Entry) -> bool:
    """Return whether somebody can be sent to a consent page for it."""
    settings = entry.connection.settings if entry.connection else None
    if settings is None or not is_brokered(settings):
        return False
    key = entry.standing.key
    try:
        return build_subject(settings, AuthorizationKey(key.conn_id, key.team, key.end_user, key.account)).has_consent
    except AuthorizationError:
        return False


def has_links(entry: Entry) -> bool:
    """Return whether its end user can be given a connect link."""
    settings = entry.connection.settings if entry.connection else None
    return settings is not None and entry.standing.key.end_user is not None and bool(settings.end_users.workspace)


def _label(entry: Entry) -> str:
    if not needs_consent(entry):
        return "Connect link"
    return "Reauthorize" if entry.standing.id is not None else "Authorize"


def page_links(query: ListQuery, page: ListPage) -> list[dict[str, Any]]:
    """Return the pages that are linked to: the first, the last, and those around this one; gaps are None."""
    near = {1, page.pages, *range(page.page - 1, page.page + 2)}
    numbers = sorted(one for one in near if 1 <= one <= page.pages)
    links: list[dict[str, Any]] = []
    for number in numbers:
        if links and number > links[-1]["number"] + 1:
            links.append({"number": number - 1, "href": None, "is_current": False})
        links.append({"number": number, "href": page_href(query, number), "is_current": number == page.page})
    return links


def page_href(query: ListQuery, page: int) -> str:
    """Return the link to a page of the list, relative to the list."""
    given = {"q": query.text, "readiness": str(query.readiness or ""), "conn_id": query.conn_id or ""}
    named = {name: value for name, value in given.items() if value}
    return "?" + urlencode({**named, "page": str(page)})


def _list(user: BaseUser, query: ListQuery) -> tuple[ListPage, set[tuple[str, str | None]]]:
    page = Lister(local_store(), lambda places: choose_visible(user, places)).list_page(query)
    places = {(entry.standing.key.conn_id, entry.standing.key.team) for entry in page.entries}
    return page, choose_visible(user, places, method="PUT")

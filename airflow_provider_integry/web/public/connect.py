"""The page of a connect link: what is asked for, for whom, and the button that begins it.

The link's own address is opened by programs too, which follow what is in a chat or a mail. It changes nothing,
and leads to a clean address. The text that opens the link goes along as a cookie for that address alone, so that
it stands in no history, no bookmark and no log of the pages that follow.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from airflow_provider_integry.end_users.link_store import Link
from airflow_provider_integry.end_users.link_values import FINISH_S
from airflow_provider_integry.end_users.local import local_end_users, local_links
from airflow_provider_integry.errors import ConnectLinkError
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.web.public.browser import keep, key_of, read_public_form
from airflow_provider_integry.web.public.journeys import (
    CONNECT_PATH,
    Stop,
    begin_consent,
    find_stop,
    go_to,
    leave_url,
    path_of,
    refuse,
)
from airflow_provider_integry.web.public.rendering import render_form
from airflow_provider_integry.web.public.threads import in_visitor_thread
from airflow_provider_integry.web.public.visitors import Visitor, find_visitor, send_to_login

OPEN_PATH = f"/public{CONNECT_PATH}"
PATH = OPEN_PATH + "/{link_id}"
TOKEN_COOKIE = "integry_link"
_MAX_QUERY = 2048
_MAX_TOKEN = 100


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(OPEN_PATH, open_link, methods=["GET"])
    router.add_api_route(PATH, show_link, methods=["GET"])
    router.add_api_route(PATH, take_link, methods=["POST"])
    return router


async def open_link(request: Request) -> Response:
    """Lead from a link's own address to its page; nothing is changed by that."""
    query = request.scope["query_string"]
    # The access log prints queries: this one opens the link.
    request.scope["query_string"] = b""
    token = _read_token(query)
    try:
        link = await in_visitor_thread(lambda: local_links().look(token))
    except ConnectLinkError as error:
        raise refuse(error) from None
    answer = go_to(request, path_of(link.id))
    # Somebody who begins in the last second has a while at the service.
    life_s = int(link.expires_at - link.now + FINISH_S)
    keep(request, answer, TOKEN_COOKIE, token, life_s, path_of(link.id))
    return answer


async def show_link(link_id: str, request: Request) -> Response:
    """Show what a link asks for; one that has done its work shows what came of it."""
    try:
        stop = await in_visitor_thread(lambda: find_stop(_look(request, link_id)))
    except ConnectLinkError as error:
        if error.reason == "used" and await in_visitor_thread(lambda: _is_of(request, link_id)):
            return go_to(request, path_of(link_id, "done"))
        raise refuse(error) from None
    visitor = await find_visitor(request, stop.workspace)
    is_meant = visitor is not None and visitor.session.end_user == stop.link.end_user
    other = visitor if visitor and not is_meant and stop.link.binding == "login" else None
    return await render_form(
        request,
        "connect.html",
        **stop.as_values(),
        visitor=visitor.name if visitor and is_meant else "",
        # Whoever else holds the link is not told whose account it is.
        current=await in_visitor_thread(lambda: _name_account(stop)) if is_meant else "",
        needs_login=stop.link.needs_login and not is_meant,
        cancel_url=leave_url(stop.link, "cancelled"),
        message=_tell(stop, other),
    )


async def take_link(link_id: str, request: Request) -> Response:
    """Give a link to this browser, and go on: to the login, to the form, or to the service."""
    _, key = await read_public_form(request)
    try:
        link = await in_visitor_thread(lambda: _claim(request, link_id, key))
        stop = await in_visitor_thread(lambda: find_stop(link))
        if link.needs_login:
            visitor = await find_visitor(request, stop.workspace)
            if visitor is None or visitor.session.end_user != link.end_user:
                return send_to_login(request, stop.workspace, path_of(link.id), "link")
            principal = visitor.principal
            await in_visitor_thread(lambda: local_links().prove(link.id, key, principal))
    except ConnectLinkError as error:
        raise refuse(error) from None
    return await go_on(request, stop, key)


async def go_on(request: Request, stop: Stop, key: Secret) -> Response:
    """Return the answer that leads somebody to the form or to the service, after everything was checked."""
    if stop.subject is None:
        return go_to(request, path_of(stop.link.id, "form"))
    return await begin_consent(request, stop, key)


def _tell(stop: Stop, other: Visitor | None) -> tuple[str, str] | None:
    if other is None:
        return None
    name = stop.brand.name
    return "error", (
        f"You are signed in to {name} as {other.name}, and this link is for another user of {name}."
        " Log in there as that user, or close this page."
    )


def _name_account(stop: Stop) -> str:
    """Return whose account is connected now; empty for none."""
    link = stop.link
    (found,) = local_end_users().statuses(stop.principal, [(link.conn_id, link.end_user, link.account)])
    return (found.account_name or found.account_id or "") if found else ""


def _look(request: Request, link_id: str) -> Link:
    """Return a link that this browser may open, by the text that came with its address, or because it took it."""
    token, key = _token_of(request), key_of(request)
    if not token:
        if key is None:
            raise ConnectLinkError("unknown")
        return local_links().resume(link_id, key)
    link = local_links().look(token)
    if link.id != link_id:
        raise ConnectLinkError("unknown")
    return link


def _claim(request: Request, link_id: str, key: Secret) -> Link:
    token = _token_of(request)
    if not token:
        return local_links().resume(link_id, key)
    if local_links().look(token).id != link_id:
        raise ConnectLinkError("unknown")
    return local_links().claim(token, key)


def _is_of(request: Request, link_id: str) -> bool:
    """Return whether this browser has taken a link."""
    key = key_of(request)
    if key is None:
        return False
    try:
        local_links().shown(link_id, key)
    except ConnectLinkError:
        return False
    return True


def _token_of(request: Request) -> str:
    token = request.cookies.get(TOKEN_COOKIE, "")
    return token if len(token) <= _MAX_TOKEN else ""


def _read_token(query: bytes) -> str:
    """Return the one parameter of a link's address; empty where it is not one."""
    if len(query) > _MAX_QUERY:
        return ""
    try:
        pairs = parse_qsl(query.decode("ascii"), errors="strict", max_num_fields=20)
    except ValueError:
        return ""
    # Others are what mailers add to links; none of them says anything to us.
    found = [value for name, value in pairs if name == "link"]
    return found[0] if len(found) == 1 and len(found[0]) <= _MAX_TOKEN else ""

"""What a browser sends: queries and forms, read carefully."""

from __future__ import annotations

from urllib.parse import parse_qsl

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import Request

from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.subject import check_names
from airflow_provider_integry.errors import NotAuthorizedError
from airflow_provider_integry.web.refusals import PageError, not_found
from airflow_provider_integry.web.security import check_post

MAX_FORM_BYTES = 64 * 1024
# Longer than any connection's name is in Airflow.
_MAX_CONN_ID = 250


async def read_form(request: Request, user: BaseUser) -> dict[str, str]:
    """Return the fields of a form that changes something, after making sure that it is one of ours.

    Raises:
        PageError: It came from elsewhere, or cannot be read.
    """
    form = await read_fields(request)
    await check_post(request, user, form)
    return form


async def read_fields(request: Request, most_bytes: int = MAX_FORM_BYTES) -> dict[str, str]:
    """Return the fields of a form, wherever it comes from; the first of those that are given twice.

    Raises:
        PageError: It is too large, or cannot be read.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise PageError(413, "This form is too large", f"Send at most {most_bytes} bytes.")
    return _parse(bytes(body))


def read_key(fields: dict[str, str]) -> AuthorizationKey:
    """Return which authorization a query or form names; its team is not known yet.

    An absent name is none; an empty one is refused by `check_names`, as any that no row can have.

    Raises:
        PageError: Status 404: no such authorization can be.
    """
    conn_id = fields.get("conn_id", "")
    key = AuthorizationKey(conn_id, None, fields.get("end_user"), fields.get("account"))
    try:
        check_names(key)
    except NotAuthorizedError:
        raise not_found() from None
    if not conn_id or len(conn_id) > _MAX_CONN_ID or "\x00" in conn_id:
        raise not_found()
    return key


def query_of(request: Request) -> dict[str, str]:
    """Return the parameters of a query; the first of those that are given twice."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        found.setdefault(name, value)
    return found


def _parse(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=100
        )
    except ValueError:
        raise PageError(400, "This form cannot be read", "Open the page again and repeat what you did.") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found

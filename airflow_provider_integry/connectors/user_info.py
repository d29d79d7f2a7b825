"""Who an account is, as its API tells it."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from airflow_provider_integry.auth.wire import Headers, HttpRequest, HttpResponse
from airflow_provider_integry.connectors.draft import merge_headers, scalar_text
from airflow_provider_integry.connectors.failures import build_status_error
from airflow_provider_integry.connectors.render import resolve_url
from airflow_provider_integry.connectors.select import decode_answer, evaluate
from airflow_provider_integry.connectors.spec import Connector
from airflow_provider_integry.urls import join_url

ACTIVITY = "user_info"
_ACCEPT = ("Accept", "application/json")
# Tried in turn where neither the connection nor the connector says where the name is.
_USUAL_NAMES = ("name", "display_name", "displayName", "login", "username", "email")
_USUAL_IDS = ("id", "sub", "user_id", "account_id")


@dataclass(frozen=True, slots=True)
class Account:
    """The account behind a credential.

    Attributes:
        id: The API's own id of it; None where unknown.
        name: What people call it; None where unknown.
    """

    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class UserInfoCall:
    """How to ask who the account is.

    Attributes:
        request: What to send, without credentials.
        id_path, name_path: JMESPath into the answer; None tries the usual keys.
    """

    request: HttpRequest
    id_path: str | None = None
    name_path: str | None = None


def build_user_info_call(
    connector: Connector | None,
    *,
    base_url: str | None,
    path: str | None = None,
    id_path: str | None = None,
    name_path: str | None = None,
) -> UserInfoCall | None:
    """Build the call that names the account; None when nothing says how to ask.

    Args:
        connector: Description of the API, if there is one.
        base_url: The connection's base URL; it wins over the connector's.
        path: Path or URL that the connection names; it wins over the connector's.
        id_path: The connection's JMESPath of the id; it wins over the connector's.
        name_path: The connection's JMESPath of the name; it wins over the connector's.
    Raises:
        UrlNotAllowedError: No base URL, or one that may not be called.
    """
    info = connector.user_info if connector else None
    if path is None and (connector is None or info is None):
        return None
    headers: Headers = merge_headers([_ACCEPT], connector.headers.items()) if connector else (_ACCEPT,)
    if path is not None:
        request = HttpRequest("GET", join_url(base_url, path), headers)
    else:
        assert connector is not None
        assert info is not None
        request = HttpRequest(info.method, resolve_url(connector, info.path, base_url), headers)
    return UserInfoCall(request, id_path or (info.id if info else None), name_path or (info.name if info else None))


def parse_user_info(call: UserInfoCall, response: HttpResponse, now: float | None = None) -> Account:
    """Return the account that the answer to a call names.

    Args:
        call: The call that was made.
        response: The answer, read to its end.
        now: Current time, UTC epoch seconds; only for a Retry-After that is a date.
    Raises:
        HttpStatusError: Not 2xx (401: the credential is refused).
        ResponseFormatError: Not JSON, or an expression does not fit.
    """
    if not response.is_success:
        raise build_status_error(ACTIVITY, response, now)
    answer = decode_answer(ACTIVITY, response, may_be_empty=True)
    return Account(
        _find(answer, "id", call.id_path, _USUAL_IDS), _find(answer, "name", call.name_path, _USUAL_NAMES)
    )


def _find(answer: JsonValue, key: str, expression: str | None, usual: tuple[str, ...]) -> str | None:
    if expression is not None:
        return _text(evaluate(ACTIVITY, f"user_info.{key}", expression, answer))
    if not isinstance(answer, dict):
        return None
    return next((text for name in usual if (text := _text(answer.get(name))) is not None), None)


def _text(value: JsonValue) -> str | None:
    is_scalar = isinstance(value, str | int | float) and not isinstance(value, bool)
    return scalar_text(value) if is_scalar and value != "" else None  # type: ignore[arg-type]  # narrowed above

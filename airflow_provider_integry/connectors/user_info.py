"""Who an account is, as its API tells it."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.connectors.answer_rules import ErrorRules
from airflow_provider_integry.connectors.draft import merge_headers, scalar_text
from airflow_provider_integry.connectors.expressions import check_expression, search
from airflow_provider_integry.connectors.failures import refuse_failure
from airflow_provider_integry.connectors.render import resolve_url
from airflow_provider_integry.connectors.select import decode_answer, evaluate
from airflow_provider_integry.connectors.spec import Connector
from airflow_provider_integry.errors import CredentialFormatError
from airflow_provider_integry.urls import check_url

ACTIVITY = "user_info"
_ACCEPT = ("Accept", "application/json")
# Tried in turn where neither the connection nor the connector says where id and name are.
_USUAL_IDS = ("id", "sub", "user_id", "account_id", "data.id", "user.id")
_USUAL_NAMES = (
    "name",
    "display_name",
    "displayName",
    "login",
    "username",
    "email",
    "data.name",
    "data.email",
    "user.name",
    "user.email",
)


@dataclass(frozen=True, slots=True)
class Account:
    """The account behind a credential.

    Attributes:
        id: The API's own id of it; None where the answer does not tell.
        name: What people call it; None where the answer does not tell.
    """

    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class UserInfoCall:
    """How to ask who the account is.

    Attributes:
        request: What to send, without credentials.
        id_path, name_path: JMESPath into the answer; None tries the usual keys.
        errors: What the API's errors say.
    """

    request: HttpRequest
    id_path: str | None = None
    name_path: str | None = None
    errors: ErrorRules | None = None


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
        UrlNotAllowedError: No base URL, or a URL that may not be called.
        CredentialFormatError: A field is not a JMESPath expression.
    """
    _check_field("account_id_path", id_path)
    _check_field("account_name_path", name_path)
    info = connector.user_info if connector else None
    where = _check_path(path) if path is not None else info.path if info else None
    if where is None:
        return None
    method = info.method if info and path is None else "GET"
    headers = merge_headers([_ACCEPT], connector.headers.items() if connector else ())
    request = HttpRequest(method, resolve_url(connector, where, base_url), headers)
    id_path, name_path = id_path or (info.id if info else None), name_path or (info.name if info else None)
    return UserInfoCall(request, id_path, name_path, connector.errors if connector else None)


def parse_user_info(call: UserInfoCall, response: HttpResponse, now: float | None = None) -> Account:
    """Return the account that the answer to a call names.

    Args:
        call: The call that was made.
        response: The answer, read to its end.
        now: Current time, UTC epoch seconds; only for a Retry-After that is a date.
    Raises:
        HttpStatusError: Not 2xx (401: the credential is refused), or a failure as the connector declares it.
        ResponseFormatError: Not JSON (a login page, say), or an expression does not fit.
    """
    refuse_failure(ACTIVITY, response, now, call.errors)
    answer = decode_answer(ACTIVITY, response, may_be_empty=True)
    return Account(
        _find("user_info.id", call.id_path, _USUAL_IDS, answer),
        _find("user_info.name", call.name_path, _USUAL_NAMES, answer),
    )


def _check_path(path: str) -> str:
    what = "field 'user_info_url'"
    if "://" in path.split("?", 1)[0]:
        return check_url(path, what, allow_http=True)
    relative = f"/{path.strip().lstrip('/')}"
    # Made absolute for the check alone, which refuses white space, control characters and '\'.
    check_url(f"https://host.example{relative}", what)
    return relative


def _check_field(field: str, expression: str | None) -> None:
    try:
        check_expression("@" if expression is None else expression)
    except ValueError as error:
        raise CredentialFormatError(f"field '{field}'", f"{error}; write 'data.id'") from None


def _find(key: str, expression: str | None, usual: tuple[str, ...], answer: JsonValue) -> str | None:
    if expression is not None:
        return _text(evaluate(ACTIVITY, key, expression, answer))
    return next((text for place in usual if (text := _text(search(place, answer)))), None)


def _text(value: JsonValue) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value == "":
        return None
    return scalar_text(value)

"""The account behind a credential is named by declared expressions or by the usual keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.connectors.load import parse_connector
from airflow_provider_integry.connectors.spec import Connector
from airflow_provider_integry.connectors.user_info import (
    Account,
    UserInfoCall,
    build_user_info_call,
    parse_user_info,
)
from airflow_provider_integry.errors import (
    CredentialFormatError,
    HttpStatusError,
    ResponseFormatError,
    UrlNotAllowedError,
)

Answer = Callable[..., HttpResponse]
ASKED = HttpRequest("GET", "https://h.example/me")


def test_the_connector_says_where_to_ask(crm: Connector) -> None:
    """Path, expressions, base URL and static headers are the connector's."""
    headers = (("Accept", "application/json"), ("X-Api-Version", "2026-01-01"))
    request = HttpRequest("GET", "https://api.crm.example/v1/me", headers)
    assert build_user_info_call(crm, base_url=None) == UserInfoCall(request, "id", "profile.name")


@pytest.mark.parametrize("path", ["whoami", "/whoami", " /whoami "])
def test_the_connections_fields_win(crm: Connector, path: str) -> None:
    """What a field leaves out still comes from the connector."""
    call = build_user_info_call(crm, base_url="https://b.example/api", path=path, id_path="a.b")
    assert call is not None
    assert (call.request.url, call.id_path, call.name_path) == ("https://b.example/api/whoami", "a.b", "profile.name")


def test_the_connectors_method_belongs_to_its_own_path() -> None:
    """A path of the connection is always asked with GET."""
    text = "name: a\ntitle: A\nuser_info: {method: POST, path: /me}\nactivities:\n  do: {kind: action, path: /x}\n"
    connector = parse_connector(text, "a")
    calls = [build_user_info_call(connector, base_url="https://b.example", path=path) for path in (None, "/who")]
    assert [call.request.method for call in calls if call] == ["POST", "GET"]


def test_a_connection_without_connector_can_say_it_alone() -> None:
    """A path and a base URL are enough."""
    call = build_user_info_call(None, base_url="http://localhost:8080/v1", path="/me?expand=1")
    url = "http://localhost:8080/v1/me?expand=1"
    assert call == UserInfoCall(HttpRequest("GET", url, (("Accept", "application/json"),)))


def test_nobody_saying_it_is_none() -> None:
    """Without connector and field there is nothing to ask."""
    silent = parse_connector("name: a\ntitle: A\nactivities:\n  do: {kind: action, path: /x}\n", "a")
    calls = [build_user_info_call(connector, base_url="https://b.example") for connector in (None, silent)]
    assert calls == [None, None]


def test_an_absolute_address_stays(crm: Connector) -> None:
    """Whether a credential may go there is the transport's decision."""
    call = build_user_info_call(crm, base_url=None, path="https://id.example/me")
    assert call is not None
    assert call.request.url == "https://id.example/me"


@pytest.mark.parametrize("path", ["ftp://h.example/me", "https://u:p@h.example/me", "/me x", "/m\ne", "/a\\b"])
def test_an_address_that_cannot_be_called_is_refused(path: str) -> None:
    """The error names the field."""
    with pytest.raises(UrlNotAllowedError, match="field 'user_info_url'"):
        build_user_info_call(None, base_url="https://b.example", path=path)


def test_a_network_path_does_not_leave_the_base_url() -> None:
    """Two slashes in front name no host."""
    call = build_user_info_call(None, base_url="https://b.example", path="//evil.example/me")
    assert call is not None
    assert call.request.url == "https://b.example/evil.example/me"


@pytest.mark.parametrize("field", ["id_path", "name_path"])
def test_a_field_that_is_no_expression_is_refused(crm: Connector, field: str) -> None:
    """The error names the field and what it should be."""
    with pytest.raises(CredentialFormatError, match=rf"field 'account_{field}': is not a JMESPath"):
        build_user_info_call(crm, base_url=None, **{field: "a["})


def test_no_base_url_is_refused() -> None:
    """A relative path needs one."""
    with pytest.raises(UrlNotAllowedError, match="Base URL"):
        build_user_info_call(None, base_url=None, path="/me")


@pytest.mark.parametrize(
    ("paths", "body", "account"),
    [
        (("id", "profile.name"), {"id": 7, "profile": {"name": "Ann"}}, Account("7", "Ann")),
        (("id", "profile.name"), {"id": None, "name": "Ann"}, Account(None, None)),
        (("id", "name"), {"id": "", "name": ""}, Account(None, None)),
        ((None, None), {"sub": "u1", "email": "a@b.example"}, Account("u1", "a@b.example")),
        ((None, None), {"id": 0, "name": "", "login": "ann", "email": "x"}, Account("0", "ann")),
        ((None, None), {"data": {"id": "9", "name": "Ann"}}, Account("9", "Ann")),
        ((None, None), {"id": True, "name": {"first": "Ann"}}, Account(None, None)),
        ((None, None), [1], Account(None, None)),
    ],
)
def test_the_account_is_read_from_the_answer(
    paths: tuple[str | None, str | None], body: object, account: Account, answer: Answer
) -> None:
    """Declared expressions count alone; without them the usual keys are tried."""
    assert parse_user_info(UserInfoCall(ASKED, *paths), answer(body)) == account


def test_a_refusal_carries_its_status(answer: Answer) -> None:
    """A 401 is for the caller to interpret."""
    with pytest.raises(HttpStatusError) as caught:
        parse_user_info(UserInfoCall(ASKED), answer({"detail": "Not authenticated"}, 401))
    assert (caught.value.status, caught.value.detail) == (401, "Not authenticated")


def test_a_login_page_is_no_account() -> None:
    """An API that answers 200 with HTML has not accepted anything."""
    with pytest.raises(ResponseFormatError, match="text/html"):
        parse_user_info(UserInfoCall(ASKED), HttpResponse(200, (("Content-Type", "text/html"),), b"<html>"))

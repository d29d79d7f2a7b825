"""What each operation does: from a checked request to the service of end users, and back to a structure.

A handler may block; one that talks to a service returns steps.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import Any, Literal, cast

from airflow_provider_integry.auth.end_user_identity import check_user_id
from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.authorizations.steps import Do, Steps
from airflow_provider_integry.end_users import messages
from airflow_provider_integry.end_users.accounts import App, ConnectedAccount
from airflow_provider_integry.end_users.implicit import map_app_auth
from airflow_provider_integry.end_users.link_store import Link
from airflow_provider_integry.end_users.links import Links
from airflow_provider_integry.end_users.principals import Principal
from airflow_provider_integry.end_users.service import EndUsers
from airflow_provider_integry.end_users.sessions import Sessions
from airflow_provider_integry.errors import EndUserIdentityError, EndUserNotFoundError, ImplicitAuthorizationError
from airflow_provider_integry.web.public.api.problems import ProblemError

_IDS = {"account": re.compile(r"ca_[0-9a-f]{32}"), "link": re.compile(r"li_[0-9a-f]{32}")}


@dataclass(frozen=True, slots=True)
class Call:
    """One request whose sender is known.

    Attributes:
        principal: Who asks.
        end_users, links, sessions: What answers.
        path: Parts of the path.
        query: Parts of the query; names that the operation knows alone, each once.
        body: The body, as the operation's structure; None where it has none.
    """

    principal: Principal
    end_users: EndUsers
    links: Links
    sessions: Sessions
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any

    def read_id(self, what: Literal["account", "link"]) -> str:
        """Return the id in the path.

        Raises:
            EndUserNotFoundError: It is none.
        """
        if not _IDS[what].fullmatch(self.path["id"]):
            raise EndUserNotFoundError(what)
        return self.path["id"]

    def read_whom(self, given: str | None) -> str:
        """Return for which user something is asked; an end user asks for itself.

        Raises:
            ProblemError: A server has to say it, and it has to be an id.
            EndUserNotFoundError: An end user asks for somebody else.
        """
        own = self.principal.end_user
        whom = given if given is not None else own
        if whom is None:
            raise ProblemError("bad-request", 400, "Field 'end_user' is missing.", field="end_user")
        _check_whom(whom)
        if own is not None and whom != own:
            raise EndUserNotFoundError("account")
        return whom


def list_apps(call: Call) -> messages.Apps:
    """Return the apps."""
    found = call.end_users.apps(call.principal)
    if call.principal.end_user is not None:
        found = [one for one in found if one.is_listed or one.is_host]
    return messages.Apps([_show_app(one) for one in found])


def get_app(call: Call) -> messages.App:
    """Return one app."""
    return _show_app(call.end_users.app(call.principal, call.path["conn_id"]))


def list_accounts(call: Call) -> messages.Accounts:
    """Return a part of the list of accounts."""
    end_user = call.query.get("end_user")
    if end_user is not None:
        _check_whom(end_user)
    page = call.end_users.accounts(
        call.principal,
        conn_id=call.query.get("conn_id"),
        end_user=end_user,
        readiness=_read_readiness(call.query.get("readiness")),
        after=call.query.get("after"),
        limit=_read_limit(call.query.get("limit")),
    )
    return messages.Accounts([_show_account(one) for one in page.items], page.next)


def create_account(call: Call) -> Steps[messages.Account]:
    """Create or replace an account out of credentials."""
    asked: messages.NewAccount = call.body
    if (asked.fields is None) == (asked.app_auth is None):
        detail = "Give either 'fields' or 'app_auth'."
        raise ProblemError("bad-request", 400, detail, field="fields")
    whom = call.read_whom(asked.end_user)
    conn_id = asked.conn_id or call.principal.workspace.host_connection
    if conn_id is None:
        problem = (
            "The workspace names no connection of the application's own API. Whoever looks after Airflow enters it"
            " into field 'host_connection'; or say 'conn_id'."
        )
        raise ImplicitAuthorizationError("unknown_connection", problem)
    fields = asked.fields if asked.fields is not None else _map(call, conn_id, cast("messages.AppAuth", asked.app_auth))
    # A server may know better than a service that is down; a browser may not.
    verify = asked.verify or call.principal.end_user is not None
    return _create(call, conn_id, whom, fields, asked.account, verify=verify)


def get_account(call: Call) -> messages.Account:
    """Return one account."""
    return _show_account(call.end_users.account(call.principal, call.read_id("account")))


def disconnect_account(call: Call) -> Steps[None]:
    """Forget an account."""
    return _disconnect(call, call.read_id("account"))


def test_account(call: Call) -> Steps[messages.Tested]:
    """Try an account."""
    return _test(call, call.read_id("account"))


def make_default(call: Call) -> messages.Account:
    """Let calls without a name use an account."""
    return _show_account(call.end_users.set_default(call.principal, call.read_id("account")))


def migrate_account(call: Call) -> Steps[messages.Account]:
    """Let an account take the place of another."""
    asked: messages.Migration = call.body
    return _show_later(call.end_users.migrate(call.principal, asked.from_id, asked.to_id))


def read_status(call: Call) -> messages.StatusAnswer:
    """Return where many accounts stand."""
    asked: messages.StatusRequest = call.body
    found = call.end_users.statuses(
        call.principal, [(one.conn_id, one.end_user, one.account) for one in asked.accounts]
    )
    return messages.StatusAnswer([_show_account(one) if one is not None else None for one in found])


def make_link(call: Call) -> messages.MadeLink:
    """Make a link."""
    asked: messages.NewLink = call.body
    made = call.links.make(
        call.principal,
        asked.conn_id,
        call.read_whom(asked.end_user),
        account=asked.account,
        binding=asked.binding,
        return_url=asked.return_url,
        origin=asked.origin,
        state=asked.state,
        life_s=asked.life_s,
    )
    return messages.MadeLink(made.id, made.url, _show_time(made.expires_at))


def get_link(call: Call) -> messages.LinkState:
    """Return what became of a link."""
    return _show_link(call.links.find(call.principal, call.read_id("link")))


def revoke_link(call: Call) -> None:
    """Take a link back."""
    call.links.revoke(call.principal, call.read_id("link"))


def redeem_code(call: Call) -> Steps[messages.Account]:
    """Fetch what a link holds."""
    asked: messages.Redemption = call.body
    whom = call.read_whom(asked.end_user)
    return _show_later(call.end_users.redeem(call.principal, asked.code, end_user=whom))


def open_session(call: Call) -> messages.Session:
    """Open a session for a script."""
    principal = call.principal
    if principal.end_user is None or principal.how == "session":
        detail = "A session is opened with an end user's token or hash; sign a new one for each session."
        raise ProblemError("wrong-principal", 403, detail)
    now = time.time()
    made = call.sessions.make(principal.workspace, principal.end_user, now=now, purpose="script")
    text = f"{messages.SESSION_PREFIX}{made.text.reveal()}"
    return messages.Session(text, principal.end_user, int(made.expires_at - now))


# -- steps -----------------------------------------------------------------------------------------


def _create(
    call: Call, conn_id: str, whom: str, fields: Mapping[str, str], account: str | None, *, verify: bool
) -> Steps[messages.Account]:
    steps = call.end_users.create(call.principal, conn_id, whom, fields, account=account, verify=verify)
    return _show_account((yield from steps))


def _disconnect(call: Call, account_id: str) -> Steps[None]:
    yield from call.end_users.disconnect(call.principal, account_id)


def _test(call: Call, account_id: str) -> Steps[messages.Tested]:
    result = yield from call.end_users.test(call.principal, account_id)
    account: ConnectedAccount = yield Do(partial(call.end_users.account, call.principal, account_id))
    return messages.Tested(
        result.is_ok, result.is_tried, result.is_other_account, result.message, _show_account(account)
    )


def _show_later(steps: Steps[ConnectedAccount]) -> Steps[messages.Account]:
    return _show_account((yield from steps))


# -- reading ---------------------------------------------------------------------------------------


def _map(call: Call, conn_id: str, asked: messages.AppAuth) -> dict[str, str]:
    try:
        fields = call.end_users.app(call.principal, conn_id).fields
    except EndUserNotFoundError:
        # What is wrong with the connection is said where the account would be created.
        fields = ()
    return map_app_auth(fields, asked.api_key, asked.auth_id, asked.extras)


def _check_whom(end_user: str) -> None:
    try:
        check_user_id(end_user)
    except EndUserIdentityError as error:
        detail = f"Field 'end_user': {error.detail}."
        raise ProblemError("bad-request", 400, detail, field="end_user") from None


def _read_readiness(text: str | None) -> Readiness | None:
    try:
        return Readiness(text) if text is not None else None
    except ValueError:
        known = ", ".join(str(one) for one in Readiness)
        raise ProblemError("bad-request", 400, f"'readiness' is one of {known}.", field="readiness") from None


def _read_limit(text: str | None) -> int:
    if text is None:
        return messages.PAGE
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= messages.MAX_PAGE:
        raise ProblemError("bad-request", 400, f"'limit' is a number from 1 to {messages.MAX_PAGE}.", field="limit")
    return int(text)


# -- showing ---------------------------------------------------------------------------------------


def _show_app(app: App) -> messages.App:
    return messages.App(
        conn_id=app.conn_id,
        name=app.name,
        description=app.description,
        logo=app.logo,
        kind=app.kind,
        fields=[
            messages.AppField(one.name, one.label, one.description, one.is_secret, one.required) for one in app.fields
        ],
        accounts_per_user=app.accounts_per_user,
        is_listed=app.is_listed,
        is_host=app.is_host,
    )


def _show_account(one: ConnectedAccount) -> messages.Account:
    return messages.Account(
        id=one.id,
        conn_id=one.conn_id,
        end_user=one.end_user,
        account=one.account,
        readiness=cast("messages.Readiness", str(one.readiness)),
        reason=one.reason,
        account_id=one.account_id,
        account_name=one.account_name,
        is_default=one.is_default,
        created_at=_show_time(one.created_at),
        changed_at=_show_time(one.changed_at),
    )


def _show_link(link: Link) -> messages.LinkState:
    return messages.LinkState(
        id=link.id,
        conn_id=link.conn_id,
        end_user=link.end_user,
        account=link.account,
        status=link.status,
        message=link.message,
        connected_account_id=link.connected_id,
        expires_at=_show_time(link.expires_at),
    )


def _show_time(seconds: float) -> datetime:
    """Return a time in whole seconds."""
    return datetime.fromtimestamp(int(seconds), timezone.utc)

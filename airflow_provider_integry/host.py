"""What a host application's server uses: its users' accounts, connect links, identities, and events.

It needs no Airflow of its own: an address, an app key and an app secret are all::

    client = HostClient("https://airflow.example.com", "acme-app", app_secret)
    link = client.link("crm", user_id, return_url="https://app.example.com/connected")
"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit, urlunsplit
from uuid import uuid4

import msgspec

from airflow_provider_integry.auth.end_user_identity import LIFETIME_S, sign_identity, user_hash
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse, parse_retry_after
from airflow_provider_integry.end_users.event_signature import SIGNATURE_HEADER, check_event
from airflow_provider_integry.end_users.messages import (
    MAX_PAGE,
    MAX_STATUS_ITEMS,
    Account,
    Accounts,
    App,
    Apps,
    Event,
    LinkState,
    MadeLink,
    Problem,
    StatusAnswer,
    Tested,
)
from airflow_provider_integry.errors import EventSignatureError, HostApiError, HostApiUnavailableError
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import TransportSettings
from airflow_provider_integry.urls import check_url, origin_of

T = TypeVar("T")
_PUBLIC = "/integry/public"
_MAX_ANSWER = 4 * 1024 * 1024
# An event that was signed longer ago is taken for a replay.
TOLERANCE_S = 300.0


class HostClient:
    """Asks the API for host applications as a server of one.

    Args:
        url: Address of Airflow, or of the proxy that offers ``/integry/public`` of it.
        app_key: App key of the workspace.
        app_secret: App secret of the workspace. Secret; it must not reach a browser.
        deadline_s: Seconds that one request may take.
        wait_s: Most seconds to wait where there were too many requests, before that is an error.
        allow_http: Whether `url` may be http; for machines of your own only.
        ca_file: PEM file of certificate authorities; None for those that are known to all.
        proxy_url: HTTP proxy; the environment's is not used.
    """

    def __init__(
        self,
        url: str,
        app_key: str,
        app_secret: str,
        *,
        deadline_s: float = 30.0,
        wait_s: float = 60.0,
        allow_http: bool = False,
        ca_file: str | None = None,
        proxy_url: str | None = None,
    ) -> None:
        self._base = _find_base(check_url(url, "argument 'url'", allow_http=allow_http))
        self._app_key = app_key
        self._app_secret = Secret(app_secret)
        pair = base64.b64encode(f"{app_key}:{app_secret}".encode()).decode()
        self._authorization = Secret(f"Basic {pair}")
        self._deadline_s = deadline_s
        self._wait_s = wait_s
        self._transport = TransportSettings(ca_file=ca_file, proxy_url=Secret(proxy_url) if proxy_url else None)

    def __repr__(self) -> str:
        return f"HostClient({self._base!r}, {self._app_key!r}, ***)"

    # -- who a user is -----------------------------------------------------------------------------

    def user_hash(self, user_id: str) -> str:
        """Return what a page shows for its signed-in user: hex HMAC-SHA256 of the id with the app secret.

        It is good as long as the secret is. Give it to nobody but that user.

        Raises:
            EndUserIdentityError: That is no id.
        """
        return user_hash(self._app_secret, user_id)

    def identity_token(
        self, user_id: str | None, *, name: str | None = None, api_key: str | None = None, lifetime_s: int = 300
    ) -> str:
        """Return a signed token for a user, which is good once and for a few minutes.

        Args:
            user_id: Your user's id; None for the application itself.
            name: What pages show of the user.
            api_key: The user's credential for the application's own API; it is then connected silently.
            lifetime_s: Seconds, 1 to 600.
        Raises:
            EndUserIdentityError: That is no id.
        """
        life_s = max(1, min(lifetime_s, LIFETIME_S))
        return sign_identity(
            self._app_key,
            self._app_secret,
            user_id,
            now=time.time(),
            unique=uuid4().hex,
            lifetime_s=life_s,
            told={"name": name, "api_key": api_key},
        )

    def sign_on_url(
        self, return_to: str, state: str | None, user_id: str, *, name: str | None = None, api_key: str | None = None
    ) -> str:
        """Return where your login page sends a browser that came from Airflow, after its user has signed in.

        Args:
            return_to: As the login page got it in its query.
            state: The same.
            user_id: Who has signed in.
            name: As `identity_token` has it.
            api_key: The same.
        Raises:
            HostApiError: `return_to` is not Airflow's: whoever is there would be signed in as your user.
        """
        parts = urlsplit(return_to)
        is_ours = return_to.startswith(f"{self._base}/") and not any(char in return_to for char in "\\\r\n\t ")
        if not is_ours or "/../" in parts.path or "/./" in parts.path or "%" in parts.path:
            raise HostApiError("return_to", 0, "'return_to' does not lead back to Airflow. Show your own start page.")
        given = {"token": self.identity_token(user_id, name=name, api_key=api_key), "state": state}
        query = "&".join(filter(None, (parts.query, urlencode({key: one for key, one in given.items() if one}))))
        return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))

    # -- apps and accounts -------------------------------------------------------------------------

    def apps(self) -> list[App]:
        """Return the connections of the workspace.

        Raises:
            HostApiError: The API refuses; also of all other methods.
            TransportError: It does not answer; also of all other methods.
        """
        return self._ask("GET", "/apps", Apps).apps

    def app(self, conn_id: str) -> App:
        """Return one connection of the workspace."""
        return self._ask("GET", f"/apps/{quote(conn_id, safe='')}", App)

    def accounts(
        self, conn_id: str | None = None, end_user: str | None = None, readiness: str | None = None
    ) -> Iterator[Account]:
        """Return all connected accounts, part by part, in the order in which they were connected.

        Args:
            conn_id: Of this connection alone.
            end_user: Of this user alone.
            readiness: Those that stand like this alone; None for all that are not revoked.
        """
        chosen = {"conn_id": conn_id, "end_user": end_user, "readiness": readiness, "limit": str(MAX_PAGE)}
        after: str | None = None
        while True:
            query = urlencode({key: one for key, one in {**chosen, "after": after}.items() if one is not None})
            page = self._ask("GET", f"/accounts?{query}", Accounts)
            yield from page.accounts
            after = page.next
            if after is None:
                return

    def account(self, account_id: str) -> Account:
        """Return one connected account."""
        return self._ask("GET", f"/accounts/{quote(account_id, safe='')}", Account)

    def statuses(self, asked: Sequence[tuple[str, str]]) -> list[Account | None]:
        """Return many accounts at once, 500 in a request.

        Args:
            asked: Connection and end user of each.
        Returns:
            What calls for them would use, in the same order; None where there is none.
        """
        found: list[Account | None] = []
        for start in range(0, len(asked), MAX_STATUS_ITEMS):
            part = [{"conn_id": conn_id, "end_user": user} for conn_id, user in asked[start : start + MAX_STATUS_ITEMS]]
            found += self._ask("POST", "/status", StatusAnswer, {"accounts": part}).accounts
        return found

    def create(
        self,
        end_user: str,
        *,
        conn_id: str | None = None,
        fields: Mapping[str, str] | None = None,
        app_auth: Mapping[str, Any] | None = None,
        account: str | None = None,
        verify: bool = True,
    ) -> Account:
        """Connect an account with a credential that you have, in the place of the one that is there.

        Args:
            end_user: For whom.
            conn_id: The connection; None for your own API, as the workspace names it.
            fields: The credential, by the names of `App.fields`; or
            app_auth: in short: `api_key`, and where they are needed `auth_id` and `extras`.
            account: Which of several accounts.
            verify: Whether the service is asked first whether it works.
        Raises:
            HostApiError: It is not taken, and nothing was stored; `reason` and `field` say why.
        """
        body = {
            "conn_id": conn_id,
            "end_user": end_user,
            "fields": dict(fields) if fields is not None else None,
            "app_auth": dict(app_auth) if app_auth is not None else None,
            "account": account,
            "verify": verify,
        }
        return self._ask("POST", "/accounts", Account, body)

    def test(self, account_id: str) -> Tested:
        """Ask the service whether an account works; one that does not is an answer, too."""
        return self._ask("POST", f"/accounts/{quote(account_id, safe='')}/test", Tested, {})

    def make_default(self, account_id: str) -> Account:
        """Let calls that name no account use this one."""
        return self._ask("POST", f"/accounts/{quote(account_id, safe='')}/default", Account, {})

    def disconnect(self, account_id: str) -> None:
        """Forget an account, and take its access back where the service can do that."""
        self._ask("DELETE", f"/accounts/{quote(account_id, safe='')}", None)

    def migrate(self, from_id: str, to_id: str) -> Account:
        """Let an account take the place of another of the same user and connection."""
        return self._ask("POST", "/accounts/migrate", Account, {"from": from_id, "to": to_id})

    # -- links -------------------------------------------------------------------------------------

    def link(
        self,
        conn_id: str,
        end_user: str,
        *,
        return_url: str | None = None,
        binding: str | None = None,
        account: str | None = None,
        origin: str | None = None,
        state: str | None = None,
        life_s: float = 900.0,
    ) -> MadeLink:
        """Make a link with which a user connects an account; send their browser to its `url`.

        Args:
            conn_id: The connection.
            end_user: For whom.
            return_url: Where the browser goes in the end; one of the workspace's.
            binding: `login` or `code`; None for `login` where the workspace has a login page, else `code`.
            account: Which of several accounts.
            origin: Whose page is told by `postMessage`; one of the workspace's.
            state: Text that goes back along.
            life_s: Seconds for which it can be opened, 30 to 86,400.
        """
        body = {
            "conn_id": conn_id,
            "end_user": end_user,
            "return_url": return_url,
            "binding": binding,
            "account": account,
            "origin": origin,
            "state": state,
            "life_s": life_s,
        }
        return self._ask("POST", "/links", MadeLink, body)

    def link_state(self, link_id: str) -> LinkState:
        """Return what became of a link."""
        return self._ask("GET", f"/links/{quote(link_id, safe='')}", LinkState)

    def revoke_link(self, link_id: str) -> None:
        """Take a link back."""
        self._ask("DELETE", f"/links/{quote(link_id, safe='')}", None)

    def redeem(self, code: str, end_user: str) -> Account:
        """Fetch what a link of binding `code` holds.

        Args:
            code: What came to your return URL.
            end_user: Who is signed in there, as your own session says; never what a query says.
        """
        return self._ask("POST", "/links/redeem", Account, {"code": code, "end_user": end_user})

    # -- events ------------------------------------------------------------------------------------

    def verify_event(self, headers: Mapping[str, str], body: bytes, *, tolerance_s: float = TOLERANCE_S) -> Event:
        """Check a delivery at your events URL, and return what it says. The same event may come twice.

        Args:
            headers: Of the request.
            body: Its bytes, as they came.
            tolerance_s: Seconds for which a signature is good.
        Raises:
            EventSignatureError: It is not from this workspace, or too old.
        """
        wanted = SIGNATURE_HEADER.lower()
        signature = next((value for name, value in headers.items() if name.lower() == wanted), "")
        check_event(self._app_secret, signature, body, now=time.time(), tolerance_s=tolerance_s)
        try:
            event = msgspec.json.decode(body, type=Event)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise EventSignatureError("its body is not that of an event") from None
        if not hmac.compare_digest(event.app_key.encode(), self._app_key.encode()):
            raise EventSignatureError("it is another application's")
        return event

    # -- inside ------------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, kind: type[T] | None, body: Any = None) -> T:
        started = time.monotonic()
        while True:
            response = self._send(method, path, body)
            wait_s = parse_retry_after(response.header("Retry-After"), time.time()) or 1.0
            # Too many requests: nothing was done. Whatever else went wrong may have been done halfway.
            if response.status != 429 or time.monotonic() - started + wait_s > self._wait_s:
                break
            time.sleep(wait_s)
        if response.status >= 300:
            raise _explain(response)
        if kind is None:
            return None  # type: ignore[return-value]
        try:
            return msgspec.json.decode(response.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problem = f"The answer is not that of the API for host applications ({error}). Check argument 'url'."
            raise HostApiError("answer", response.status, problem) from None

    def _send(self, method: str, path: str, body: Any) -> HttpResponse:
        # Lazy for start-up cost: who only signs tokens needs no HTTP client.
        from airflow_provider_integry.transport.sync import fetch

        headers = (("Authorization", self._authorization.reveal()), ("Accept", "application/json"))
        content = None
        if body is not None:
            headers, content = (*headers, ("Content-Type", "application/json")), msgspec.json.encode(body)
        request = HttpRequest(method, f"{self._base}/v1{path}", headers, content)
        return fetch(request, self._transport, deadline_s=self._deadline_s, max_bytes=_MAX_ANSWER)


def _find_base(url: str) -> str:
    path = urlsplit(url).path.rstrip("/")
    path = path if path.endswith(_PUBLIC) else f"{path}{_PUBLIC}"
    return f"{origin_of(url)}{path}"


def _explain(response: HttpResponse) -> HostApiError:
    try:
        problem = msgspec.json.decode(response.body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        detail = "There is no API for host applications at this address, or something in front of it answers."
        problem = Problem("", "", response.status, f"{detail} Check argument 'url'.")
    kind = HostApiUnavailableError if response.status in (429, 502, 503, 504) else HostApiError
    name = problem.type.rpartition(":")[2] or "answer"
    return kind(name, response.status, problem.detail, reason=problem.reason, field=problem.field)

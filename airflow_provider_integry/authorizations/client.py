"""What a task or trigger uses to ask the broker: it has no database, and a connection that it may read."""

from __future__ import annotations

import random
import time
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

import msgspec

from airflow_provider_integry import config
from airflow_provider_integry.auth.dpop import load_proof_key
from airflow_provider_integry.auth.token import Token
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.authorizations.errors_wire import from_wire
from airflow_provider_integry.authorizations.messages import (
    CREDENTIALS_PATH,
    HEALTH_PATH,
    STATUS_PATH,
    CredentialsAnswer,
    CredentialsRequest,
    Problem,
    Status,
    StatusAnswer,
    StatusItem,
    StatusRequest,
)
from airflow_provider_integry.authorizations.proof import (
    INSTALLATION_CONN_ID,
    ProofKey,
    build_claims,
    derive_key,
    sign_proof,
)
from airflow_provider_integry.authorizations.steps import Either, Fetch, Pause, Steps, arun_steps, run_steps
from airflow_provider_integry.authorizations.supply import Supplied, supply_entered
from airflow_provider_integry.errors import (
    BrokerFailedError,
    BrokerRefusedError,
    BrokerUnreachableError,
    IntegryError,
    RefreshInProgressError,
    TransportError,
)
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings, TransportSettings

PREFIX = "/integry"
_DEFAULT_URL = "http://localhost:8080"
_EXECUTION_PATH = "/execution"
# The broker answers within ten seconds; a little more for the way.
_REQUEST_S = 15.0
_SECRET_LIFE_S = 10.0
# The broker looks at a connection anew when it was read longer than a second ago.
SECOND_TRY_S = 1.2
_TRANSPORT = TransportSettings(timeout_s=_REQUEST_S)


class BrokerClient:
    """Asks the broker for one authorization.

    Args:
        settings: The connection, as this process has it.
        end_user: End user; None for the connection's own account.
        account: Which of several accounts; None for the default one.
    """

    def __init__(self, settings: ConnectionSettings, end_user: str | None = None, account: str | None = None) -> None:
        self._settings = settings
        self._end_user = end_user
        self._account = account
        # Seconds that the broker's clock is ahead, once it has told.
        self._skew_s = 0.0

    def supply(self, rejected: str | None) -> Supplied:
        """Return a token; see `Supplier.supply`."""
        return run_steps(self._credentials(rejected))

    async def asupply(self, rejected: str | None) -> Supplied:
        """Return a token; see `Supplier.asupply`."""
        return await arun_steps(self._credentials(rejected))

    def status(self) -> Status | None:
        """Return where the authorization stands; None where the broker does not say."""
        return run_steps(self._status())

    async def astatus(self) -> Status | None:
        """Do what `status` does, without blocking the event loop."""
        return await arun_steps(self._status())

    # -- conversations -----------------------------------------------------------------------------

    def _credentials(self, rejected: str | None) -> Steps[Supplied]:
        body = msgspec.json.encode(CredentialsRequest(self._settings.conn_id, self._end_user, self._account, rejected))
        started, wait_s, has_retried = time.monotonic(), config.wait_s(), False
        while True:
            asked_at = time.time()
            key = yield from self._key()
            proof = self._sign(key)
            response = yield from post(CREDENTIALS_PATH, body, proof)
            if response.status == 200:
                return _supplied(msgspec.json.decode(response.body, type=CredentialsAnswer), asked_at)
            problem = read_problem(response)
            if response.status in (401, 404) and not has_retried:
                # The clock may be off, or the installation's secret be a new one.
                has_retried = True
                self._skew_s = read_skew(response, self._skew_s)
                forget_secret()
                if response.status == 404:
                    yield Pause(SECOND_TRY_S)
                continue
            error = self._explain(problem, response, key)
            waited_s = time.monotonic() - started
            if not isinstance(error, RefreshInProgressError) or waited_s >= wait_s:
                raise (
                    RefreshInProgressError(self._settings.conn_id, waited_s)
                    if isinstance(error, RefreshInProgressError)
                    else error
                )
            # The broker has waited already; a little scatter, so that hundreds do not ask at once.
            yield Pause(random.random() * 0.5)  # noqa: S311 - scatter, no secret

    def _status(self) -> Steps[Status | None]:
        for attempt in range(2):
            key = yield from self._key()
            item = StatusItem(self._settings.conn_id, self._sign(key), self._end_user, self._account)
            response = yield from post(STATUS_PATH, msgspec.json.encode(StatusRequest([item])))
            if response.status == 200:
                found = msgspec.json.decode(response.body, type=StatusAnswer).authorizations[0]
                return found
            if attempt or response.status not in (401, 404):
                break
            self._skew_s = read_skew(response, self._skew_s)
            forget_secret()
            if response.status == 404:
                yield Pause(SECOND_TRY_S)
        raise self._explain(read_problem(response), response, key)

    def _key(self) -> Steps[ProofKey]:
        return derive_key((yield from find_secret()), self._settings)

    def _sign(self, key: ProofKey) -> str:
        claims = build_claims(self._settings.conn_id, self._end_user, self._account)
        return sign_proof(key, claims, now=time.time() + self._skew_s, nonce=uuid4().hex)

    def _explain(self, problem: Problem | None, response: HttpResponse, key: ProofKey) -> Exception:
        if response.status in (401, 404):
            return explain_refusal(self._settings.conn_id, key)
        return explain_problem(problem, response)


def _supplied(answer: CredentialsAnswer, asked_at: float) -> Supplied:
    expires_at = asked_at + answer.expires_in_s if answer.expires_in_s is not None else None
    token = Token(
        Secret(answer.access_token),
        expires_at,
        None,
        tuple(answer.scopes) if answer.scopes is not None else None,
        answer.token_type,
        token_secret=Secret(answer.token_secret) if answer.token_secret else None,
    )
    good_until = asked_at + answer.ask_after_s
    if answer.entered is not None:
        return supply_entered({name: Secret(text) for name, text in answer.entered.items()}, good_until)
    if expires_at is not None:
        good_until = min(good_until, expires_at - 1.0)
    return Supplied(
        token, good_until, load_proof_key(Secret(answer.proof_key)) if answer.proof_key else None, answer.kept or {}
    )


def post(path: str, body: bytes, proof: str = "", max_bytes: int | None = None) -> Steps[HttpResponse]:
    """Send a request to the broker and return its answer, whatever that is.

    Args:
        path: Below `PREFIX`.
        body: JSON.
        proof: For the header; empty where proofs are in the body.
        max_bytes: Most bytes of the answer; None for what is enough for a token.
    Raises:
        BrokerUnreachableError: Nobody answers.
    """
    base_url = yield from _find_api()
    headers = [("Content-Type", "application/json"), ("Accept", "application/json")]
    if proof:
        headers.append(("Authorization", f"Bearer {proof}"))
    request = HttpRequest("POST", f"{base_url}{PREFIX}{path}", tuple(headers), body)
    try:
        response: HttpResponse = yield _fetch(request, max_bytes)
    except TransportError as error:
        forget_api()
        raise _unreachable(base_url, error) from None
    return response


def read_skew(response: HttpResponse, otherwise: float = 0.0) -> float:
    """Return the seconds that the broker's clock is ahead of this one."""
    try:
        return parsedate_to_datetime(response.header("Date") or "").timestamp() - time.time()
    except (ValueError, TypeError):
        return otherwise


def explain_refusal(conn_id: str, key: ProofKey) -> BrokerRefusedError:
    """Return the error for a proof that the broker does not accept."""
    return BrokerRefusedError(
        conn_id,
        "it does not know a connection of this name with these fields. The connection must be the same here and"
        " there: one that is set by environment variables or a secrets backend of the worker alone cannot be"
        f" used. Here its fields have the fingerprint {key.fingerprint}; the API server's log names its own.",
    )


def explain_problem(problem: Problem | None, response: HttpResponse) -> IntegryError:
    """Return the error that the broker answers with."""
    if problem is not None and problem.error is not None:
        return from_wire(problem.error)
    if problem is not None:
        return BrokerFailedError(f"The API server refuses the request: {problem.detail}")
    return BrokerFailedError(f"The API server answered {response.status}; its log says why.")


def read_problem(response: HttpResponse) -> Problem | None:
    """Return the problem in an answer; None where there is none."""
    try:
        return msgspec.json.decode(response.body, type=Problem)
    except (msgspec.DecodeError, RecursionError):
        return None


def _fetch(request: HttpRequest, max_bytes: int | None = None) -> Fetch:
    return Fetch(request, _TRANSPORT, _REQUEST_S, max_bytes)


# -- finding the API server ------------------------------------------------------------------------

_checked: dict[str, float] = {}


def candidate_url() -> tuple[str, str]:
    """Return the API server's URL, and the option that it comes from."""
    if url := config.api_url():
        return url, "[integry] api_url"
    if url := config.execution_api_server_url():
        base = url.rstrip("/").removesuffix(_EXECUTION_PATH)
        return base.rstrip("/"), "[core] execution_api_server_url"
    url = (config.base_url() or "").rstrip("/")
    if url.startswith("http"):
        return url, "[api] base_url"
    return _DEFAULT_URL, "no option at all"


def forget_api() -> None:
    """Look at the API server's health again before the next request."""
    _checked.clear()


def _find_api() -> Steps[str]:
    """Return the API server's URL, checked once in this process.

    Raises:
        BrokerUnreachableError: This provider does not answer there.
    """
    url, option = candidate_url()
    if url in _checked:
        return url
    request = HttpRequest("GET", f"{url}{PREFIX}{HEALTH_PATH}", (("Accept", "application/json"),))
    try:
        response: HttpResponse = yield _fetch(request)
    except TransportError as error:
        raise _unreachable(url, error) from None
    if response.status != 200 or b'"status"' not in response.body:
        problem = (
            f"it answered {response.status} at {PREFIX}{HEALTH_PATH}, so this provider is not installed there, or it is"
            f" an API server of the execution API alone (URL from {option}). {_advice(option)}"
        )
        raise BrokerUnreachableError(url, problem)
    _checked[url] = time.monotonic()
    return url


def _unreachable(url: str, error: TransportError) -> BrokerUnreachableError:
    option = candidate_url()[1]
    problem = getattr(error, "problem", type(error).__name__)
    return BrokerUnreachableError(url, f"{problem} (URL from {option}). {_advice(option)}")


def _advice(option: str) -> str:
    if option == "[integry] api_url":
        return "Correct option [integry] api_url, or install this provider on the API server."
    return "Set option [integry] api_url to the URL of an API server that serves the core API."


# -- the installation's secret ---------------------------------------------------------------------

_secret: tuple[Secret, float] | None = None


def forget_secret() -> None:
    """Read the installation's secret again before the next request."""
    global _secret  # noqa: PLW0603 - one process, one secret
    _secret = None


def find_secret() -> Steps[Secret]:
    """Return the installation's secret; the broker makes it when it is first asked for something.

    Raises:
        BrokerUnreachableError: Nobody answers.
        BrokerRefusedError: It cannot be read here.
    """
    try:
        found: Secret = yield Either(read_secret, aread_secret)
    except BrokerRefusedError:
        # Refused, as it has to be, after the secret was made.
        yield from post(CREDENTIALS_PATH, msgspec.json.encode(CredentialsRequest(INSTALLATION_CONN_ID)))
        found = yield Either(read_secret, aread_secret)
    return found


def read_secret() -> Secret:
    """Return the installation's secret.

    Raises:
        BrokerRefusedError: It cannot be read here.
    """
    # Lazy for start-up cost: not needed to parse a DAG file.
    from airflow.sdk import BaseHook

    known = _cached_secret()
    if known is not None:
        return known
    try:
        return _remember(BaseHook.get_connection(INSTALLATION_CONN_ID))
    except BrokerRefusedError:
        raise
    except Exception as error:  # noqa: BLE001 - Airflow raises different classes in different processes
        raise _no_secret(error) from None


async def aread_secret() -> Secret:
    """Do what `read_secret` does, without blocking the event loop."""
    # Lazy for start-up cost, as above.
    from airflow.sdk import BaseHook

    known = _cached_secret()
    if known is not None:
        return known
    try:
        return _remember(await BaseHook.aget_connection(INSTALLATION_CONN_ID))
    except BrokerRefusedError:
        raise
    except Exception as error:  # noqa: BLE001 - Airflow raises different classes in different processes
        raise _no_secret(error) from None


def _cached_secret() -> Secret | None:
    return _secret[0] if _secret and _secret[1] > time.monotonic() else None


def _remember(connection: Any) -> Secret:
    global _secret  # noqa: PLW0603 - one process, one secret
    if not connection.password:
        raise BrokerRefusedError(INSTALLATION_CONN_ID, "it has no password. Delete it: a new one is made.")
    _secret = (Secret(connection.password), time.monotonic() + _SECRET_LIFE_S)
    return _secret[0]


def _no_secret(error: Exception) -> BrokerRefusedError:
    return BrokerRefusedError(
        INSTALLATION_CONN_ID,
        f"it cannot be read here ({type(error).__name__}). The API server makes it when this provider is first asked"
        " for something; tasks must be allowed to read it.",
    )

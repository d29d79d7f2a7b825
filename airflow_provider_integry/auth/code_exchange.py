"""The conversation that ends an authorization request: a code in, a token out, with what else the answer holds."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, NamedTuple

from airflow_provider_integry.auth.grants import Obtained, Prover, discover, send_proved
from airflow_provider_integry.auth.oauth2 import Moment, OAuth2Settings, build_code_request
from airflow_provider_integry.auth.token import parse_token_response, read_answer
from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse
from airflow_provider_integry.secret import Secret

# Longer than any value that is worth keeping, and more than anybody keeps.
MAX_KEPT = 2048


class Exchanged(NamedTuple):
    """What a code was traded for.

    Attributes:
        obtained: The token.
        answer: The whole answer, for values that are kept; None when it has no keys.
    """

    obtained: Obtained
    answer: Any


def exchange_code(
    settings: OAuth2Settings,
    code: Secret,
    redirect_uri: str,
    verifier: Secret | None,
    *,
    endpoint: str | None,
    now: Callable[[], float],
    prover: Prover | None,
    unique: Callable[[], str],
) -> Generator[HttpRequest, HttpResponse, Exchanged]:
    """Trade a code for tokens.

    Args:
        settings: The client.
        code: The code; good for one use.
        redirect_uri: As it was in the authorization request.
        verifier: The proof key.
        endpoint: Token endpoint that discovery found; None for the settings' own.
        now: Clock, UTC epoch seconds.
        prover: Makes proofs for tokens that are bound to a key; None for plain ones.
        unique: Makes unique texts.
    Raises:
        AuthorizationError: There is no token to be had; the subclass says why.
    """
    if settings.exchange_url is None and endpoint is None:
        endpoint = (yield from discover(settings)).token_endpoint
    requested_at = now()
    response, nonce = yield from send_proved(
        lambda: build_code_request(settings, code, redirect_uri, verifier, Moment(endpoint, now(), unique())), prover
    )
    sent = (*settings.secrets, code, *((verifier,) if verifier else ()))
    token = parse_token_response(response, requested_at=requested_at, shape=settings.shape, sent=sent)
    return Exchanged(Obtained(token, endpoint, nonce), read_answer(response))


def pick_kept(declared: Mapping[str, str], callback: Mapping[str, str], answer: Any) -> dict[str, str]:
    """Return what is kept of a callback and a token answer.

    Args:
        declared: Names and JMESPaths into ``{"callback": ..., "answer": ...}``.
        callback: The callback's parameters.
        answer: The token endpoint's answer.
    Returns:
        Texts by name; what is not there, no scalar, or longer than 2,048 characters is left out.
    """
    if not declared:
        return {}
    # Lazy for start-up cost: few connections keep anything.
    import jmespath
    from jmespath.exceptions import JMESPathError

    found: dict[str, str] = {}
    for name, path in declared.items():
        try:
            value = jmespath.search(path, {"callback": dict(callback), "answer": answer})
        except JMESPathError:
            continue
        if isinstance(value, str | int | float) and not isinstance(value, bool) and len(str(value)) <= MAX_KEPT:
            found[name] = str(value)
    return found

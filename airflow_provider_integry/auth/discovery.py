"""An authorization server's own description of itself (RFC 8414): issuer in, endpoints out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse, redact_url
from airflow_provider_integry.errors import TokenResponseError, UrlNotAllowedError
from airflow_provider_integry.urls import check_url

_WELL_KNOWN = ("oauth-authorization-server", "openid-configuration")
EndpointName = Literal[
    "authorization_endpoint",
    "pushed_authorization_request_endpoint",
    "revocation_endpoint",
    "device_authorization_endpoint",
]
_ENDPOINTS: tuple[EndpointName, ...] = (
    "authorization_endpoint",
    "pushed_authorization_request_endpoint",
    "revocation_endpoint",
    "device_authorization_endpoint",
)


@dataclass(frozen=True, slots=True)
class ServerMetadata:
    """What the server says of itself, as far as it is used.

    Attributes:
        issuer: Its identifier.
        token_endpoint: Where tokens are fetched.
        client_auth_methods: Ways to authenticate there; empty when not told.
        dpop_algorithms: Algorithms for DPoP proofs; empty when it takes none.
        authorization_endpoint: Its consent page. Like each further endpoint None where it is absent, or may
            not be called; `require` tells the two apart.
        pushed_authorization_request_endpoint: Where authorization requests are pushed (RFC 9126).
        require_pushed: Whether it takes no others.
        revocation_endpoint: Where grants are given back (RFC 7009).
        device_authorization_endpoint: Where device codes come from (RFC 8628).
        code_challenge_methods: Proof keys that it takes (RFC 7636); empty when not told.
        iss_supported: Whether it names itself in its answers (RFC 9207).
        problems: What is wrong with endpoints that it names and that may not be called, by name.
    """

    issuer: str
    token_endpoint: str
    client_auth_methods: tuple[str, ...] = ()
    dpop_algorithms: tuple[str, ...] = ()
    authorization_endpoint: str | None = None
    pushed_authorization_request_endpoint: str | None = None
    require_pushed: bool = False
    revocation_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    code_challenge_methods: tuple[str, ...] = ()
    iss_supported: bool = False
    problems: Mapping[str, str] = field(default_factory=dict)

    def require(self, name: EndpointName, connection_field: str) -> str:
        """Return an endpoint that is needed now.

        Args:
            name: Which one.
            connection_field: Field of the connection that names it instead, for the message.
        Raises:
            TokenResponseError: The server names none, or one that may not be called.
        """
        found: str | None = getattr(self, name)
        if found is not None:
            return found
        problem = f"its {name} {self.problems[name]}" if name in self.problems else f"it names no {name}"
        raise TokenResponseError(redact_url(self.issuer), 200, f"{problem}; fill in field '{connection_field}' by hand")


def build_metadata_requests(issuer: str) -> list[HttpRequest]:
    """Build the requests to try, in order: RFC 8414's place, then OpenID Connect's two.

    RFC 8414 section 3 puts the well-known part *before* the issuer's path; OpenID Connect Discovery
    section 4 puts it behind.
    """
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    paths = [f"/.well-known/{name}{path}" for name in _WELL_KNOWN]
    paths.append(f"{path}/.well-known/openid-configuration")
    urls = [urlunsplit((parts.scheme, parts.netloc, item, "", "")) for item in dict.fromkeys(paths)]
    return [HttpRequest("GET", url, (("Accept", "application/json"),)) for url in urls]


def is_metadata_request(request: HttpRequest) -> bool:
    """Return whether a request asks for a metadata document, which spends nothing."""
    return request.method == "GET" and "/.well-known/" in request.url and not request.body


def parse_metadata(response: HttpResponse, issuer: str, *, allow_http: bool = False) -> ServerMetadata:
    """Read a metadata document.

    Args:
        response: The answer to one of the requests.
        issuer: What was asked for; the document must name exactly this (RFC 8414 section 3.3).
        allow_http: Whether http endpoints are accepted.
    Raises:
        TokenResponseError: No document, of another issuer, without a token endpoint, or with one that may not
            be called. Other endpoints that may not be called are left out: `ServerMetadata.require`.
    """
    where, status = redact_url(response.url), response.status
    try:
        data = json.loads(response.body) if response.is_success else None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise TokenResponseError(where, status, "no metadata document (RFC 8414) there; check the issuer")
    if data.get("issuer") != issuer:
        raise TokenResponseError(where, status, "the document is of another issuer; check the issuer, to the letter")
    endpoint = data.get("token_endpoint")
    if not isinstance(endpoint, str):
        raise TokenResponseError(where, status, "the document names no token endpoint; fill it in by hand")
    if problem := _find_problem(endpoint, "token_endpoint", allow_http):
        raise TokenResponseError(where, status, f"its token endpoint {problem}")
    return ServerMetadata(
        issuer=issuer,
        token_endpoint=endpoint,
        client_auth_methods=_texts(data.get("token_endpoint_auth_methods_supported")),
        dpop_algorithms=_texts(data.get("dpop_signing_alg_values_supported")),
        require_pushed=data.get("require_pushed_authorization_requests") is True,
        code_challenge_methods=_texts(data.get("code_challenge_methods_supported")),
        iss_supported=data.get("authorization_response_iss_parameter_supported") is True,
        **_read_endpoints(data, allow_http),
    )


def _read_endpoints(data: Mapping[str, Any], allow_http: bool) -> dict[str, Any]:
    """Return the endpoints that may be called, and what is wrong with the others."""
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name in _ENDPOINTS:
        url = data.get(name)
        if url is None:
            continue
        if problem := _find_problem(url, name, allow_http):
            problems[name] = problem
        else:
            found[name] = url
    return {**found, "problems": problems}


def _find_problem(url: object, name: str, allow_http: bool) -> str | None:
    if not isinstance(url, str):
        return "is no text"
    try:
        check_url(url, name, allow_http=allow_http)
    except UrlNotAllowedError as error:
        return error.problem
    return None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()

"""An authorization server's own description of itself (RFC 8414): issuer in, endpoints out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_integry.auth.wire import HttpRequest, HttpResponse, redact_url
from airflow_provider_integry.errors import TokenResponseError, UrlNotAllowedError
from airflow_provider_integry.urls import check_url

_WELL_KNOWN = ("oauth-authorization-server", "openid-configuration")


@dataclass(frozen=True, slots=True)
class ServerMetadata:
    """What the server says of itself, as far as it is used.

    Attributes:
        issuer: Its identifier.
        token_endpoint: Where tokens are fetched.
        client_auth_methods: Ways to authenticate there; empty when not told.
        dpop_algorithms: Algorithms for DPoP proofs; empty when it takes none.
    """

    issuer: str
    token_endpoint: str
    client_auth_methods: tuple[str, ...] = ()
    dpop_algorithms: tuple[str, ...] = ()


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
        TokenResponseError: No document, of another issuer, or without a token endpoint.
        UrlNotAllowedError: Its token endpoint may not be called.
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
    try:
        check_url(endpoint, "token_endpoint", allow_http=allow_http)
    except UrlNotAllowedError as error:
        raise TokenResponseError(where, status, f"its token endpoint {error.problem}") from None
    return ServerMetadata(
        issuer,
        endpoint,
        _texts(data.get("token_endpoint_auth_methods_supported")),
        _texts(data.get("dpop_signing_alg_values_supported")),
    )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()

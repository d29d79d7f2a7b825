"""Security schemes as connection types, and as what has to be filled in there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from airflow_provider_integry.connectors.openapi.refs import References, UnresolvedError, as_mapping
from airflow_provider_integry.connectors.openapi.swagger2 import convert_scheme

_FLOWS = {
    "authorizationCode": "authorization_code",
    "clientCredentials": "client_credentials",
    "implicit": "authorization_code",
}
_URLS = {"authorizationUrl": "authorize_url", "tokenUrl": "exchange_url", "refreshUrl": "refresh_url"}


@dataclass(frozen=True)
class Access:
    """How a connection for an API looks.

    Attributes:
        types: Connection types that can carry the document's credentials.
        hints: What to fill in, a sentence each.
        names: Names, in lower case, under which credentials are sent.
    """

    types: tuple[str, ...]
    hints: tuple[str, ...]
    names: frozenset[str]


def read_access(refs: References, used: Iterable[tuple[str, ...]]) -> Access:
    """Read the security schemes that operations use.

    Args:
        refs: The document.
        used: Alternatives of the chosen operations and of the document, each the names of schemes that
            are needed together.
    """
    schemes = _schemes(refs)
    types: dict[str, None] = {}
    hints: dict[str, None] = {}
    for names in dict.fromkeys(used):
        found = [schemes[name] for name in names if name in schemes]
        for kind, hint in _describe(found):
            types[kind] = None
            hints[f"{kind}: {hint}"] = None
    sent = {str(one["name"]).lower() for one in schemes.values() if one.get("type") == "apiKey" and one.get("name")}
    return Access(tuple(sorted(types)), tuple(hints), frozenset(sent))


def document_security(document: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Return what applies where an operation says nothing; empty where the document does not either."""
    raw = document.get("security")
    if isinstance(raw, list) and raw:
        return tuple(tuple(map(str, one)) for one in raw if isinstance(one, dict) and one)
    return ()


def scheme_names(refs: References) -> tuple[tuple[str, ...], ...]:
    """Return each scheme of the document as an alternative of its own."""
    return tuple((name,) for name in _schemes(refs))


def _schemes(refs: References) -> dict[str, dict[str, Any]]:
    document = refs.document
    if "swagger" in document:
        raw = as_mapping(document.get("securityDefinitions"))
        return {name: convert_scheme(one) for name, one in raw.items() if isinstance(one, dict)}
    raw = as_mapping(as_mapping(document.get("components")).get("securitySchemes"))
    return {str(name): found for name, one in raw.items() if (found := _followed(refs, one))}


def _followed(refs: References, raw: Any) -> dict[str, Any]:
    try:
        return refs.mapping(raw)
    except UnresolvedError:
        return {}


def _describe(schemes: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return connection types with their hints for schemes that are needed together."""
    keys = [one for one in schemes if one.get("type") == "apiKey" and "version" not in str(one.get("name")).lower()]
    if len(keys) == 2:
        return [("integry_api_key_secret", f"the key goes to {_place(keys[0])}, the secret to {_place(keys[1])}.")]
    return [entry for one in schemes for entry in _describe_one(one)]


def _describe_one(scheme: dict[str, Any]) -> list[tuple[str, str]]:
    kind = str(scheme.get("type"))
    if kind == "apiKey":
        return [("integry_api_key", f"the key goes to {_place(scheme)}.")]
    if kind == "http":
        return _describe_http(scheme)
    if kind == "openIdConnect":
        return [("integry_oauth2", f"issuer of {scheme.get('openIdConnectUrl')}.")]
    if kind == "oauth2":
        flows = as_mapping(scheme.get("flows"))
        return [_describe_flow(name, flow) for name, flow in flows.items() if isinstance(flow, dict)]
    return []


def _describe_http(scheme: dict[str, Any]) -> list[tuple[str, str]]:
    name = str(scheme.get("scheme") or "").lower()
    if name == "basic":
        return [("integry_basic", "login and password.")]
    if name in ("bearer", "token"):
        return [("integry_api_key", "the token goes to header 'Authorization' with the prefix 'Bearer '.")]
    return []


def _place(scheme: dict[str, Any]) -> str:
    return f"{scheme.get('in', 'header')} '{scheme.get('name', 'Authorization')}'"


def _describe_flow(name: str, flow: dict[str, Any]) -> tuple[str, str]:
    if name == "password":
        return "integry_jwt", f"jwt_source login, login_url {flow.get('tokenUrl')}."
    parts = [f"grant_type {_FLOWS.get(name, name)}"]
    for key, field in _URLS.items():
        if flow.get(key):
            parts.append(f"{field} {flow[key]}")
    scopes = list(as_mapping(flow.get("scopes")))
    if scopes:
        parts.append(f"scopes among: {' '.join(scopes[:12])}{' …' if len(scopes) > 12 else ''}")
    return "integry_oauth2", ", ".join(parts)

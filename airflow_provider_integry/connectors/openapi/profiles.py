"""Security schemes as auth profiles: what a connector can know of the fields of its connections.

OpenAPI says where tokens come from and where keys go. It does not say how a client tells who it is, nor which
word stands before a key: what is guessed is marked, and what differs per account is left to the connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from airflow_provider_integry.connectors.auth_profiles import find_profile_problems
from airflow_provider_integry.connectors.openapi.refs import as_mapping
from airflow_provider_integry.errors import UrlNotAllowedError
from airflow_provider_integry.urls import check_url

# More than these are not asked for unless somebody chooses them.
MAX_SCOPES = 20
_DISCOVERY = re.compile(r"/\.well-known/(openid-configuration|oauth-authorization-server)/?$")
# In the order of what serves a connection best.
_FLOWS = ("authorizationCode", "clientCredentials", "implicit", "password")
_GRANTS = {"authorizationCode": "authorization_code", "clientCredentials": "client_credentials"}
_URLS = {"authorizationUrl": "authorize_url", "tokenUrl": "exchange_url", "refreshUrl": "refresh_url"}
_PREFIX = re.compile(r"['\"`: ](Bearer|Token|ApiKey|Api-Key|Key|GenieKey|SSWS|OAuth)[ '\"`]", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """What schemes that are needed together say of one connection type.

    Attributes:
        type: The connection type.
        profile: Its fields, as far as the document says.
        notes: What somebody has to look at or fill in, a sentence each.
    """

    type: str
    profile: dict[str, Any]
    notes: tuple[str, ...] = ()


def describe_schemes(
    schemes: Mapping[str, dict[str, Any]], scopes: Mapping[str, tuple[str, ...]], base_url: str | None
) -> list[Found]:
    """Return what schemes that are needed together say.

    Args:
        schemes: The schemes by name, as OpenAPI 3 has them.
        scopes: Scopes that the chosen operations need, by scheme.
        base_url: The connector's base URL, which relative URLs belong to; None where the connection has it.
    """
    keys = [one for one in schemes.values() if one.get("type") == "apiKey" and _is_secret(one)]
    if len(keys) == 2:
        return [_describe_pair(*keys)]
    found = [_describe(one, scopes.get(name, ()), base_url) for name, one in schemes.items()]
    return [_checked(one, has_base_url=base_url is not None) for one in found if one is not None]


def _describe(scheme: dict[str, Any], scopes: tuple[str, ...], base_url: str | None) -> Found | None:
    kind = scheme.get("type")
    if kind == "apiKey":
        return _describe_key(scheme) if _is_secret(scheme) else None
    if kind == "http":
        return _describe_http(scheme)
    if kind == "openIdConnect":
        return _describe_issuer(str(scheme.get("openIdConnectUrl") or ""), scopes, base_url)
    return _describe_flows(as_mapping(scheme.get("flows")), scopes, base_url) if kind == "oauth2" else None


def _is_secret(scheme: dict[str, Any]) -> bool:
    # A header that every request has to carry is declared as a scheme by some; a version is no secret.
    return "version" not in str(scheme.get("name")).lower()


# -- keys ---------------------------------------------------------------------------------------------


def _describe_key(scheme: dict[str, Any]) -> Found:
    place, name = _place(scheme)
    profile: dict[str, Any] = {**({} if place == "header" else {"key_location": place}), "key_name": name}
    if place != "header" or name.lower() != "authorization":
        return Found("integry_api_key", profile)
    said = _PREFIX.search(f" {scheme.get('description') or ''} ")
    profile["key_prefix"] = said[1] if said else "none"
    reason = "its description" if said else "the lack of a description: it may want a word before the key"
    return Found("integry_api_key", profile, (f"Guessed 'key_prefix' from {reason}.",))


def _describe_pair(first: dict[str, Any], second: dict[str, Any]) -> Found:
    (place, name), (other, other_name) = _place(first), _place(second)
    if place == other == "header":
        return Found(
            "integry_api_key_secret", {"pair_style": "headers", "key_header": name, "second_header": other_name}
        )
    note = f"The key goes to {place} '{name}', the secret to {other} '{other_name}'."
    return Found("integry_api_key_secret", {}, (note,))


def _describe_http(scheme: dict[str, Any]) -> Found | None:
    name = str(scheme.get("scheme") or "").lower()
    if name == "basic":
        return Found("integry_basic", {})
    if name in ("bearer", "token"):
        return Found("integry_api_key", {"key_name": "Authorization", "key_prefix": name.title()})
    return None


def _place(scheme: dict[str, Any]) -> tuple[str, str]:
    place = str(scheme.get("in") or "header")
    return place if place in ("query", "cookie") else "header", str(scheme.get("name") or "Authorization")


# -- tokens -------------------------------------------------------------------------------------------


def _describe_issuer(url: str, scopes: tuple[str, ...], base_url: str | None) -> Found:
    profile: dict[str, Any] = {"grant_type": "authorization_code"}
    issuer = _absolute(_DISCOVERY.sub("", url), base_url)
    notes = []
    if issuer is None:
        notes.append(f"The issuer differs per account: fill it in; the document says '{url}'.")
    else:
        profile["issuer"] = issuer
    profile["scopes"] = list(scopes) or ["openid"]
    return Found("integry_oauth2", profile, tuple(notes))


def _describe_flows(flows: Mapping[str, Any], scopes: tuple[str, ...], base_url: str | None) -> Found | None:
    known = [name for name in _FLOWS if isinstance(flows.get(name), dict)]
    if not known:
        return None
    name, flow = known[0], as_mapping(flows[known[0]])
    if name == "password":
        return _describe_password(flow, base_url)
    notes = [f"Offered too: {_describe_offer(other, as_mapping(flows[other]))}." for other in known[1:]]
    profile: dict[str, Any] = {"grant_type": _GRANTS.get(name, "authorization_code")}
    wanted = {key: value for key, value in _URLS.items() if name != "clientCredentials" or key == "tokenUrl"}
    for key, field in wanted.items():
        if not (text := str(flow.get(key) or "")):
            continue
        if url := _absolute(text, base_url):
            profile[field] = url
        else:
            notes.append(f"'{field}' differs per account: fill it in; the document says '{text}'.")
    if profile.get("refresh_url") == profile.get("exchange_url"):
        profile.pop("refresh_url", None)
    if "tokenUrl" not in flow:
        notes.append("The document has no URL at which a code is traded for a token: fill in 'exchange_url'.")
    _add_scopes(profile, notes, scopes, [str(one) for one in as_mapping(flow.get("scopes"))])
    return Found("integry_oauth2", profile, tuple(notes))


def _add_scopes(profile: dict[str, Any], notes: list[str], needed: tuple[str, ...], offered: list[str]) -> None:
    """Ask for what the chosen operations need; where the document does not say, for all that there is."""
    if needed:
        profile["scopes"] = list(needed)
        if len(needed) > MAX_SCOPES:
            notes.append("All scopes of the chosen operations: take out what you do not use.")
    elif 0 < len(offered) <= MAX_SCOPES:
        profile["scopes"] = offered
        notes.append("No operation says which scopes it needs, so these are all: take out what you do not use.")
    elif offered:
        notes.append(f"Scopes among: {' '.join(offered[:12])} …")


def _describe_password(flow: Mapping[str, Any], base_url: str | None) -> Found:
    text = str(flow.get("tokenUrl") or "")
    profile: dict[str, Any] = {"jwt_source": "login", "login_format": "form", "answer_path": "access_token"}
    if url := _absolute(text, base_url):
        profile["login_url"] = url
    profile["login_body"] = {"grant_type": "password", "username": "{username}", "password": "{password}"}
    return Found("integry_jwt", profile, () if url else (f"Fill in 'login_url'; the document says '{text}'.",))


def _describe_offer(name: str, flow: Mapping[str, Any]) -> str:
    said = [f"{field} {flow[key]}" for key, field in _URLS.items() if flow.get(key)]
    return ", ".join([f"grant_type {_GRANTS.get(name, name)}", *said])


def _absolute(text: str, base_url: str | None) -> str | None:
    """Return a URL of the document; None where it is not the same for all accounts, or is none.

    One that is relative belongs to the server (OpenAPI 3.1 section 4.8.30.1); a path stays one where the server is
    the connection's.
    """
    if base_url is None and text.startswith("/") and not text.startswith("//"):
        return text
    url = urljoin(f"{base_url}/", text) if base_url is not None and text else text
    try:
        return None if "{" in url else check_url(url, "URL", allow_http=True)
    except UrlNotAllowedError:
        return None


def _checked(found: Found, *, has_base_url: bool) -> Found:
    """Leave out of a profile what no connection of this type may have."""
    problems = list(find_profile_problems({found.type: found.profile}, has_base_url=has_base_url))
    wrong = {str(path[1]): sentence for path, sentence in problems}
    kept = {name: value for name, value in found.profile.items() if name not in wrong}
    told = tuple(f"Left out '{name}': it {sentence}." for name, sentence in wrong.items())
    return Found(found.type, kept, (*found.notes, *told))

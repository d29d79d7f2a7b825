"""Where the API is: the base URL of a connector, out of the servers of a document.

Source: OpenAPI 3.1.1 section 4.8.5 ("Server Object").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_integry.connectors.openapi.refs import as_list, as_mapping
from airflow_provider_integry.connectors.openapi.swagger2 import convert_servers
from airflow_provider_integry.errors import UrlNotAllowedError
from airflow_provider_integry.urls import check_url

_VARIABLE = re.compile(r"\{([^{}]+)\}")
# Hosts that stand for the reader's own.
_PLACEHOLDER_HOSTS = re.compile(
    r"(^|[.-])(your-?\w+|example|my-?\w+|localhost|server|tenant|subdomain|company)([.-]|$)"
)


@dataclass(frozen=True)
class Base:
    """Where relative paths go.

    Attributes:
        url: The base URL; None where it is the connection's.
        prefix: What comes before every path; empty unless the server's URL is a path alone.
        notes: What to know about it, a sentence each.
    """

    url: str | None
    prefix: str = ""
    notes: tuple[str, ...] = ()


def find_base(document: dict[str, Any], given: str | None) -> Base:
    """Return where relative paths go.

    Args:
        document: The whole document.
        given: A base URL that is wanted instead.
    """
    servers = convert_servers(document) if "swagger" in document else as_list(document.get("servers")) or [{"url": "/"}]
    servers = [one for one in servers if isinstance(one, dict) and isinstance(one.get("url"), str)]
    if given is not None:
        return Base(given.rstrip("/"))
    if not servers:
        return Base(None, notes=("The document names no server; the connection's Base URL says where the API is.",))
    base = _read(servers[0])
    others = [one["url"] for one in servers[1:6]]
    more = (f"Other servers: {', '.join(others)}. The connection's Base URL wins.",) if others else ()
    return Base(base.url, base.prefix, (*base.notes, *more))


def fill_variables(server: dict[str, Any]) -> tuple[str, list[str]]:
    """Return a server's URL with the defaults of its variables, and the names of those that anybody may choose."""
    variables = as_mapping(server.get("variables"))
    open_names: list[str] = []

    def fill(match: re.Match[str]) -> str:
        found = variables.get(match[1])
        if not isinstance(found, dict) or found.get("default") in (None, ""):
            open_names.append(match[1])
            return match[0]
        if not found.get("enum"):
            open_names.append(match[1])
        return str(found["default"])

    return _VARIABLE.sub(fill, server["url"]), open_names


def _read(server: dict[str, Any]) -> Base:
    url, open_names = fill_variables(server)
    if url.startswith("/") or not url:
        note = "The document says no host: fill in the connection's Base URL, such as https://api.example.com."
        return Base(None, url.rstrip("/"), (note,))
    host = "".join(server["url"].split("/", 3)[2:3])
    if any(f"{{{name}}}" in host for name in open_names) or "{" in url:
        note = f"The URL differs per account: fill in the connection's Base URL, {server['url']}."
        return Base(None, notes=(note,))
    try:
        checked = check_url(url, "server", allow_http=True)
    except UrlNotAllowedError:
        return Base(None, notes=(f"The document's server is '{url}': fill in the connection's Base URL.",))
    if set(checked) & set("?#$"):
        return Base(None, notes=(f"The document's server is '{url}': fill in the connection's Base URL.",))
    if _is_placeholder(checked):
        note = f"The URL differs per account: fill in the connection's Base URL, {server['url']}."
        return Base(None, notes=(note,))
    chosen = _VARIABLE.findall(server["url"])
    notes = (f"Out of {server['url']} with the defaults of {', '.join(chosen)}.",) if chosen else ()
    return Base(checked.rstrip("/"), notes=notes)


def _is_placeholder(url: str) -> bool:
    return _PLACEHOLDER_HOSTS.search((urlsplit(url).hostname or "").rsplit(".", 1)[0]) is not None

"""Which API a connection is for: its connector, its base URL, and the hosts that may have its credential."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_integry.authorizations.build_settings import find_connector
from airflow_provider_integry.errors import ConnectionConfigError, UrlNotAllowedError
from airflow_provider_integry.settings import ConnectionSettings
from airflow_provider_integry.urls import check_url

if TYPE_CHECKING:
    from airflow_provider_integry.connectors import Connector
    from airflow_provider_integry.transport.guard import HostGuard

# `{name}` of a kept value in field 'user_info_url'.
_KEPT = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def load_connector_of(settings: ConnectionSettings, name: str) -> Connector:
    """Load a connector that is to be used with a connection. Reads a file: not for an event loop.

    Raises:
        ConnectorNotFoundError: There is none of that name.
        ConnectorFormatError: Its description is wrong.
        ConnectionConfigError: It is for other connection types.
    """
    connector = find_connector(name)
    if connector.connection_types and settings.conn_type not in connector.connection_types:
        problem = (
            f"'{name}' works with {', '.join(connector.connection_types)}, but this connection is of type"
            f" '{settings.conn_type}'; choose another connector or type"
        )
        raise ConnectionConfigError(settings.conn_id, "connector", problem)
    return connector


def base_url_of(settings: ConnectionSettings, connector: Connector | None) -> str | None:
    """Return where paths go, without a slash at its end: the connection's own base URL, or the connector's; or None.

    Raises:
        ConnectionConfigError: The connector's may not be called with this connection.
    """
    url = settings.base_url
    if url is None and connector is not None and connector.base_url:
        try:
            url = check_url(connector.base_url, "allow_http", allow_http=settings.allow_http)
        except UrlNotAllowedError as error:
            problem = f"the connector's base URL {error.problem}"
            raise ConnectionConfigError(settings.conn_id, "allow_http", problem) from None
    return url.rstrip("/") if url else None


def guard_of(settings: ConnectionSettings, connector: Connector | None, base_url: str | None) -> HostGuard:
    """Return what decides which hosts may have a connection's credential."""
    # Lazy for start-up cost, as above.
    from airflow_provider_integry.transport.guard import HostGuard

    hosts = [*settings.allowed_hosts, *(connector.hosts if connector else ())]
    return HostGuard(base_url, hosts, allow_http=settings.allow_http)


def fill_kept(settings: ConnectionSettings, path: str, kept: Mapping[str, str]) -> str:
    """Put kept values into field 'user_info_url': as they are at its beginning, where they are a URL, else escaped.

    Where it then leads is for the guard: such values come from outside.

    Raises:
        ConnectionConfigError: It names a value that is not kept.
    """

    def put(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in kept:
            problem = f"names '{{{name}}}', which is not kept with this grant; see field 'kept_values'"
            raise ConnectionConfigError(settings.conn_id, "user_info_url", problem)
        return kept[name].rstrip("/") if found.start() == 0 else quote(kept[name], safe="")

    return _KEPT.sub(put, path)

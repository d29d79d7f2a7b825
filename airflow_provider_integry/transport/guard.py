"""Which hosts a credential may go to."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_integry.auth.wire import redact_url
from airflow_provider_integry.errors import HostNotAllowedError, UrlNotAllowedError
from airflow_provider_integry.urls import check_url, origin_of


class HostGuard:
    """Decide whether a URL may receive the credential of one connection.

    Allowed are the base URL's own scheme, host and port, and the listed hosts over https (over http
    too where the connection allows http). ``host`` means its default port, ``host:port`` that port.

    Args:
        base_url: The connection's base URL; None when it has none.
        hosts: Further hosts of the connection and its connector.
        allow_http: Whether the connection allows http.
    """

    def __init__(self, base_url: str | None, hosts: Iterable[str] = (), *, allow_http: bool = False) -> None:
        self._allow_http = allow_http
        self._origins = {origin_of(base_url)} if base_url else set()
        schemes = ("https", "http") if allow_http else ("https",)
        for host in hosts:
            self._origins.update(origin_of(f"{scheme}://{host.lower()}") for scheme in schemes)
        self._seen: dict[str, bool] = {}

    def allows(self, url: str) -> bool:
        """Return whether the credential may go there."""
        prefix = "/".join(url.split("/", 3)[:3]).split("?", 1)[0].split("#", 1)[0]
        known = self._seen.get(prefix)
        if known is None:
            known = self._decide(prefix)
            if len(self._seen) < 1000:
                self._seen[prefix] = known
        return known

    def check(self, url: str) -> None:
        """Refuse a URL that may not receive the credential.

        Raises:
            HostNotAllowedError: It may not; nothing was sent.
        """
        if not self.allows(url):
            allowed = ", ".join(sorted(str(origin) for origin in self._origins)) or "nothing: there is no base URL"
            raise HostNotAllowedError(
                redact_url(url),
                f"this connection's credential may not go there, so nothing was sent. Allowed: {allowed}."
                " Add the host to the connection's 'allowed_hosts' or the connector's 'hosts' if it is right.",
            )

    def _decide(self, prefix: str) -> bool:
        try:
            check_url(prefix, "URL", allow_http=self._allow_http)
        except UrlNotAllowedError:
            return False
        return origin_of(prefix) in self._origins


def is_downgrade(from_url: str, to_url: str) -> bool:
    """Return whether a redirect leaves https for http."""
    return origin_of(from_url).scheme == "https" and origin_of(to_url).scheme != "https"

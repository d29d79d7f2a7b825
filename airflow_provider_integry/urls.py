r"""Which URLs may be called at all: pure checks on text, no name resolution.

Parsers disagree about odd URLs (``http://127.0.0.1\@good.com/`` is one host to `urlsplit` and
another to an HTTP client), so whatever is odd is refused before anything else looks at it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from airflow_provider_integry.errors import UrlNotAllowedError

DEFAULT_PORTS = {"http": 80, "https": 443}
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_HOST = re.compile(r"^(?!-)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?$")
_BRACKETED = re.compile(r"\[[0-9A-Fa-f:.]+\](:[0-9]*)?")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NUMERIC_HOST = re.compile(r"^(0[xX][0-9a-fA-F]*|[0-9]+)(\.(0[xX][0-9a-fA-F]*|[0-9]+))*\.?$")

# Metadata services outside the link-local ranges, which have IPv6 addresses for machines without IPv4.
_METADATA_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure
        "192.0.0.192",  # Oracle
        "fd00:42::42",  # Scaleway
        "fd00:100::100:200",  # Alibaba
        "fd00:a9fe:a9fe::1",  # Linode
        "fd00:c1::a9fe:a9fe",  # Oracle
        "fd00:ec2::/32",  # AWS: metadata, and the credentials of pods
        "fd20:ce::254",  # Google
    )
)
_METADATA_NAMES = frozenset(
    {
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "metadata.tencentyun.com",
        "api.metadata.cloud.ibm.com",
        "instance-data",
        "instance-data.ec2.internal",
    }
)
# The last 32 bits are an IPv4 address: NAT64 (RFC 6052, RFC 8215), IPv4-compatible, which is deprecated and
# still routed by old stacks (RFC 4291), and IPv4-translated (RFC 2765).
_ENDS_WITH_IPV4 = tuple(
    ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")
)
_ISATAP = (0x00005EFE, 0x02005EFE)
_BROADCAST = ipaddress.ip_address("255.255.255.255")
# Not routed on the public internet, or not by one host: RFC 6890, RFC 6598, and what came later.
_PRIVATE = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
_PRIVATE_IPV6 = tuple(ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20"))
# Names that only somebody's own network knows.
_PRIVATE_NAMES = (".local", ".localhost", ".internal", ".intranet", ".lan", ".home", ".corp", ".home.arpa", ".test")


class Origin(NamedTuple):
    """Scheme, lower-case host and port: what a credential belongs to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if DEFAULT_PORTS.get(self.scheme) == self.port else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def check_url(url: str, what: str, *, allow_http: bool = False) -> str:
    """Return the URL when it may be called.

    Args:
        url: Absolute URL as typed or received.
        what: How to name it in the error ("field 'exchange_url'").
        allow_http: Whether ``http`` is accepted beside ``https``.
    Returns:
        The URL, unchanged but for surrounding white space.
    Raises:
        UrlNotAllowedError: Empty, not http(s), with user info, control characters, a backslash, a
            host outside ASCII, an IPv4 address in an odd notation, or a metadata address.
    """
    url = url.strip()
    if not url:
        raise UrlNotAllowedError(what, "is empty; give an absolute URL such as https://api.example.com")
    if _FORBIDDEN.search(url):
        raise UrlNotAllowedError(what, "holds a space, a control character or a backslash; remove it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UrlNotAllowedError(what, "cannot be read as a URL; check brackets and port") from None
    _check_scheme(parts.scheme, what, allow_http)
    if "@" in parts.netloc:
        raise UrlNotAllowedError(what, "holds user info ('user:password@'); remove it and use the credential fields")
    if port == 0:
        raise UrlNotAllowedError(what, "has port 0; give a real port or none")
    if "[" in parts.netloc and not _BRACKETED.fullmatch(parts.netloc):
        # urlsplit takes a zone, and whatever stands behind the bracket.
        raise UrlNotAllowedError(what, "has an IPv6 address that is none; write it as https://[2001:db8::1]/")
    _check_host(parts.hostname or "", what)
    return url


def origin_of(url: str) -> Origin:
    """Return the origin of a URL that `check_url` accepts."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    host = (parts.hostname or "").rstrip(".")
    return Origin(scheme, host, parts.port or DEFAULT_PORTS.get(scheme, 0))


def join_url(base_url: str | None, url: str) -> str:
    """Return `url` made absolute: appended to the base URL's path, never replacing it.

    ``join_url("https://h/v1", "/contacts")`` and ``join_url("https://h/v1/", "contacts")`` are both
    ``https://h/v1/contacts``. An absolute URL is returned as it is.
    """
    if _ABSOLUTE.match(url) or not base_url:
        return url
    if url.startswith("//"):
        return urljoin(base_url, url)
    if not url or url.startswith("?"):
        return base_url + url
    return f"{base_url.rstrip('/')}/{url.lstrip('/')}"


def forbidden_address_reason(address: str) -> str | None:
    """Say why no credential may ever go to this IP address; None when it may.

    Link-local and metadata addresses are refused, also inside every form of an IPv6 address that holds an
    IPv4 one.
    """
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return None
    for candidate in (ip, *_embedded_ipv4(ip)):
        if any(candidate in network for network in _METADATA_NETWORKS):
            return "a cloud metadata address"
        if candidate.is_link_local:
            return "a link-local address"
        if candidate.is_multicast or candidate.is_unspecified or candidate == _BROADCAST:
            return "a multicast or unspecified address"
    return None


def check_public_url(url: str) -> str | None:
    """Say what is wrong with a URL that somebody typed who may not reach private networks; None when nothing is.

    Args:
        url: What `check_url` accepts.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme.lower() != "https":
        return "does not begin with https://; give the address as the service shows it"
    reason = private_address_reason(host)
    if reason is None and ":" not in host and not _NUMERIC_HOST.match(host):
        is_own = "." not in host or host.endswith(_PRIVATE_NAMES)
        reason = "a name of a private network" if is_own else None
    return f"leads to {reason}, which is not reached from here; give a public address" if reason else None


def private_address_reason(address: str) -> str | None:
    """Say why an IP address is not a public one; None when it is, or when this is no address."""
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return None
    if reason := forbidden_address_reason(address):
        return reason
    embedded = _embedded_ipv4(ip)
    is_private = any(map(_is_private, embedded)) if embedded else _is_private(ip)
    return "an address of a private network" if is_private else None


def _is_private(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(ip, ipaddress.IPv4Address):
        return any(ip in network for network in _PRIVATE)
    return ip not in _PUBLIC_IPV6 or any(ip in network for network in _PRIVATE_IPV6)


def _embedded_ipv4(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address may lead to: some gateway or tunnel translates it."""
    if isinstance(ip, ipaddress.IPv4Address):
        return []
    if ip.ipv4_mapped:
        return [ip.ipv4_mapped]
    bits = int(ip)
    found = [one for one in (ip.sixtofour, *(ip.teredo or ())) if one is not None]
    if any(ip in network for network in _ENDS_WITH_IPV4) or (bits >> 32) & 0xFFFFFFFF in _ISATAP:
        found.append(ipaddress.IPv4Address(bits & 0xFFFFFFFF))
    return found


def _check_scheme(scheme: str, what: str, allow_http: bool) -> None:
    scheme = scheme.lower()
    if scheme == "https" or (scheme == "http" and allow_http):
        return
    if scheme == "http":
        raise UrlNotAllowedError(
            what, "uses http, which sends credentials in clear; use https, or turn on 'allow_http' on purpose"
        )
    shown = f"'{scheme}://'" if scheme else "no scheme"
    raise UrlNotAllowedError(what, f"has {shown}; only https:// (or http:// with 'allow_http') can be called")


def _check_host(host: str, what: str) -> None:
    if not host:
        raise UrlNotAllowedError(what, "has no host; give an absolute URL such as https://api.example.com")
    if not host.isascii():
        raise UrlNotAllowedError(what, "has a host outside ASCII; write it in its xn-- form")
    if host.lower().rstrip(".") in _METADATA_NAMES:
        raise UrlNotAllowedError(what, "points to a cloud metadata service, which is never called")
    if ":" in host:
        _check_address(host, what)
    elif _NUMERIC_HOST.match(host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise UrlNotAllowedError(
                what, "has an IPv4 address in an unusual notation; write it as four decimal numbers"
            ) from None
        _check_address(host, what)
    elif not _HOST.match(host) or not all(0 < len(label) < 64 for label in host.rstrip(".").split(".")):
        raise UrlNotAllowedError(what, "has a host with characters that no host name has")


def _check_address(host: str, what: str) -> None:
    if reason := forbidden_address_reason(host):
        raise UrlNotAllowedError(what, f"points to {reason}, which is never called")

"""Which URLs may be called, and how paths are joined to a base URL."""

from __future__ import annotations

import pytest

from airflow_provider_integry.errors import UrlNotAllowedError
from airflow_provider_integry.urls import Origin, check_url, forbidden_address_reason, join_url, origin_of


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "https://api.example.com/",
        "https://api.example.com:8443/v1?x=1&y=%20#part",
        "HTTPS://API.EXAMPLE.COM/v1",
        "https://api.example.com./v1",
        "https://xn--mnchen-3ya.example/",
        "https://my_host.example.com/",
        "https://localhost:8080/",
        "https://10.0.0.7/",
        "https://127.0.0.1:5000/",
        "https://192.168.1.1/",
        "https://[::1]:8080/",
        "https://[2001:db8::1]/v1",
        "https://1.example.com/",
        "https://0x7f.example.com/",
        "https://api.example.com/a@b",
        "https://api.example.com/?next=https://elsewhere.example/",
    ],
)
def test_an_ordinary_https_url_is_accepted_unchanged(url):
    assert check_url(url, "base URL") == url


def test_white_space_around_a_url_is_dropped():
    assert check_url("  https://api.example.com/\n", "base URL") == "https://api.example.com/"


@pytest.mark.parametrize(
    ("url", "fragment"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("api.example.com", "no scheme"),
        ("//api.example.com/", "no scheme"),
        ("/v1/contacts", "no scheme"),
        ("ftp://api.example.com/", "'ftp://'"),
        ("file:///etc/passwd", "'file://'"),
        ("gopher://127.0.0.1:6379/_x", "'gopher://'"),
        ("javascript:alert(1)", "'javascript://'"),
        ("data:text/html,x", "'data://'"),
        ("ws://api.example.com/", "'ws://'"),
        ("http://api.example.com/", "uses http"),
        ("https:///v1", "no host"),
        ("https:/api.example.com/", "no host"),
        ("https:api.example.com", "no host"),
        ("https://:443/", "no host"),
        ("https://user:pass@api.example.com/", "user info"),
        ("https://user@api.example.com/", "user info"),
        ("https://@api.example.com/", "user info"),
        ("https://api.example.com:443@evil.example/", "user info"),
        ("https://api.example.com\\@evil.example/", "backslash"),
        ("https:\\\\api.example.com/", "backslash"),
        ("https://api.example.com/a b", "space"),
        ("https://api.example.com/\r\nX-Evil: 1", "control character"),
        ("https://api.example.com/\x00", "control character"),
        ("https://api\t.example.com/", "control character"),
        ("https://api.example.com:0/", "port 0"),
        ("https://api.example.com:99999/", "cannot be read"),
        ("https://api.example.com:port/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("https://[not-an-address]/", "cannot be read"),
        ("https://[::1]x/", "IPv6 address that is none"),
        ("https://[::1%25lo]/", "IPv6 address that is none"),
        ("https://[::1%25lo]x:80/", "IPv6 address that is none"),
        ("https://127.1/", "unusual notation"),
        ("https://127.0.1/", "unusual notation"),
        ("https://2130706433/", "unusual notation"),
        ("https://0x7f000001/", "unusual notation"),
        ("https://0x7f.0.0.1/", "unusual notation"),
        ("https://0X7F.1/", "unusual notation"),
        ("https://0177.0.0.1/", "unusual notation"),
        ("https://017700000001/", "unusual notation"),
        ("https://127.0.0.1./", "unusual notation"),
        ("https://256.1.1.1/", "unusual notation"),
        ("https://①②⑦.⓪.⓪.①/", "outside ASCII"),
        ("https://127。0。0。1/", "outside ASCII"),
        ("https://\u0435xample.com/", "outside ASCII"),
        ("https://exa%6dple.com/", "characters that no host name has"),
        ("https://-example.com/", "characters that no host name has"),
        ("https://exa*mple.com/", "characters that no host name has"),
        ("https://exa<mple.com/", "characters that no host name has"),
        ("https://169.254.169.254/latest/meta-data/", "link-local"),
        ("https://169.254.170.2/", "link-local"),
        ("https://[fe80::1]/", "link-local"),
        ("https://[::ffff:169.254.169.254]/", "link-local"),
        ("https://[::ffff:a9fe:a9fe]/", "link-local"),
        ("https://[64:ff9b::a9fe:a9fe]/", "link-local"),
        ("https://[2002:a9fe:a9fe::1]/", "link-local"),
        ("https://[::169.254.169.254]/", "link-local"),
        ("https://[fd00:ec2::254]/", "metadata"),
        ("https://[fd20:ce::254]/", "metadata"),
        ("https://[fd00:ec2::23]/", "metadata"),
        ("https://[fd00:c1::a9fe:a9fe]/", "metadata"),
        ("https://[fd00:42::42]/", "metadata"),
        ("https://[fd00:a9fe:a9fe::1]/", "metadata"),
        ("https://[fd00:100::100:200]/", "metadata"),
        ("https://[64:ff9b:1::a9fe:a9fe]/", "link-local"),
        ("https://[::ffff:0:a9fe:a9fe]/", "link-local"),
        ("https://[2001:0:a9fe:a9fe::]/", "link-local"),
        ("https://[2001:0:1:1:1:1:5601:5601]/", "link-local"),
        ("https://[2001:db8::5efe:a9fe:a9fe]/", "link-local"),
        ("https://255.255.255.255/", "multicast"),
        ("https://metadata.tencentyun.com/", "metadata"),
        ("https://100.100.100.200/", "metadata"),
        ("https://168.63.129.16/", "metadata"),
        ("https://192.0.0.192/", "metadata"),
        ("https://metadata.google.internal/", "metadata"),
        ("https://METADATA.GOOGLE.INTERNAL./", "metadata"),
        ("https://metadata/", "metadata"),
        ("https://metadata.goog/", "metadata"),
        ("https://instance-data/", "metadata"),
        ("https://0.0.0.0/", "unspecified"),
        ("https://[::]/", "unspecified"),
        ("https://224.0.0.1/", "multicast"),
        ("https://[ff02::1]/", "multicast"),
    ],
)
def test_an_odd_url_is_refused_and_the_error_says_why(url, fragment):
    with pytest.raises(UrlNotAllowedError) as caught:
        check_url(url, "base URL")

    assert caught.value.what == "base URL"
    assert fragment in caught.value.problem


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:canary-5f0c9e@api.example.com/",
        "https://canary-5f0c9e@api.example.com/",
        "ftp://ada:canary-5f0c9e@api.example.com/",
    ],
)
def test_a_refusal_does_not_repeat_user_info(url):
    with pytest.raises(UrlNotAllowedError) as caught:
        check_url(url, "base URL")

    assert "canary-5f0c9e" not in str(caught.value)


def test_http_is_accepted_when_it_is_allowed_on_purpose():
    assert check_url("http://127.0.0.1:8000/", "base URL", allow_http=True) == "http://127.0.0.1:8000/"


@pytest.mark.parametrize("url", ["ftp://h/", "file:///x", "http://169.254.169.254/", "http://u:p@h/"])
def test_allowing_http_allows_nothing_else(url):
    with pytest.raises(UrlNotAllowedError):
        check_url(url, "base URL", allow_http=True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://API.example.com/v1", Origin("https", "api.example.com", 443)),
        ("https://api.example.com.:443/v1", Origin("https", "api.example.com", 443)),
        ("HTTP://api.example.com", Origin("http", "api.example.com", 80)),
        ("https://api.example.com:8443", Origin("https", "api.example.com", 8443)),
        ("https://[::1]:8443/x", Origin("https", "::1", 8443)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url, expected):
    assert origin_of(url) == expected


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (Origin("https", "api.example.com", 443), "https://api.example.com"),
        (Origin("https", "api.example.com", 8443), "https://api.example.com:8443"),
        (Origin("http", "::1", 8080), "http://[::1]:8080"),
    ],
)
def test_an_origin_is_shown_as_a_url(origin, expected):
    assert str(origin) == expected


@pytest.mark.parametrize(
    ("base_url", "url", "expected"),
    [
        ("https://h/v1", "/contacts", "https://h/v1/contacts"),
        ("https://h/v1/", "contacts", "https://h/v1/contacts"),
        ("https://h/v1/", "/contacts", "https://h/v1/contacts"),
        ("https://h", "contacts?x=1", "https://h/contacts?x=1"),
        ("https://h/v1", "", "https://h/v1"),
        ("https://h/v1", "?x=1", "https://h/v1?x=1"),
        ("https://h/v1", "https://other/x", "https://other/x"),
        ("https://h/v1", "HTTPS://other/x", "HTTPS://other/x"),
        ("https://h/v1", "ftp://other/x", "ftp://other/x"),
        ("https://h/v1", "//other/x", "https://other/x"),
        ("https://h/v1", "/go?next=https://other/", "https://h/v1/go?next=https://other/"),
        ("https://h/v1", "/go#https://other/", "https://h/v1/go#https://other/"),
        ("https://h/v1", "/web/2020/http://other/", "https://h/v1/web/2020/http://other/"),
        ("https://h/v1", "users/urn:li:1", "https://h/v1/users/urn:li:1"),
        ("https://h/v1", "javascript:alert(1)", "https://h/v1/javascript:alert(1)"),
        (None, "https://other/x", "https://other/x"),
        (None, "/contacts", "/contacts"),
    ],
)
def test_paths_are_appended_to_the_base_url(base_url, url, expected):
    assert join_url(base_url, url) == expected


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.0.1",
        "8.8.8.8",
        "::1",
        "2001:4860:4860::8888",
        "fd12:3456::1",
        "not-an-address",
    ],
)
def test_private_and_public_addresses_have_no_reason_to_be_refused(address):
    assert forbidden_address_reason(address) is None


@pytest.mark.parametrize("address", ["169.254.1.1", "fe80::1%eth0", "::ffff:169.254.169.254", "100.100.100.200"])
def test_link_local_and_metadata_addresses_are_refused_in_every_form(address):
    assert forbidden_address_reason(address) is not None

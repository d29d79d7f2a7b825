"""What end users see, through a proxy that shows nothing but the public prefix, under another name and path."""

from __future__ import annotations

import re
from contextlib import ExitStack
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from servers.customers import customers
from servers.reverse_proxy import PublicProxy

from pages.passerby import Passerby, text_of

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
# Airflow is at another path than the one that the proxy shows it under.
INSIDE, OUTSIDE = "/af", "/hub"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An Airflow behind the proxy, a host application and two services."""
    with ExitStack() as stack:
        proxy = stack.enter_context(PublicProxy(OUTSIDE, "/integry/public/"))
        found = stack.enter_context(
            customers(tmp_path_factory.mktemp("public"), prefix=INSIDE, AIRFLOW__INTEGRY__PUBLIC_URL=proxy.url)
        )
        proxy.point_to(found.site.url)
        found.proxy = proxy
        yield found


@pytest.fixture
def user(place):
    """A browser in which nobody is signed in; whatever it was sent was fit for it."""
    browser = Passerby(f"{place.proxy.url}/integry/public")
    yield browser
    assert browser.problems == []
    assert place.proxy.refused == []


def sign_in(user, place, who, app="crm", **claims):
    """Go to an app of the marketplace, to the login, and back; return the app's page."""
    place.host.user, place.host.more = who, {"name": f"Name of {who}", **claims}
    page = user.open(f"/apps/acme/{app}")
    leaving = user.submit(page, "Connect")
    return user.open(user.leave(leaving))


def consent(user, place, url, *, decision="allow", account="ada"):
    """Press a button of the service's consent page; return the page of ours that follows."""
    page = requests.get(url, timeout=60)
    assert page.status_code == 200, page.text
    form = {name: value for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page.text)}
    answer = requests.post(
        f"{place.crm.url}/authorize",
        data={**form, "decision": decision, "user": account},
        timeout=60,
        allow_redirects=False,
    )
    return user.open(answer.headers["Location"])


def test_anybody_sees_the_listed_apps_and_no_others(user):
    page = user.open("/apps/acme")

    assert page.status_code == 200
    assert re.findall(r'<span class="name">([^<]+)</span>', page.text) == ["Acme itself", "Example CRM", "Notes"]
    assert "Acme" in text_of(page)
    assert user.open("/apps/acme-app").text.count("Example CRM") == 1


@pytest.mark.parametrize(
    "path", ["/apps/acme/hidden", "/apps/acme/elsewhere", "/apps/acme/acme", "/apps/acme/nothing", "/apps/nobody"]
)
def test_what_is_not_listed_is_not_there(user, path):
    assert user.open(path).status_code == 404


def test_somebody_signs_in_consents_and_is_connected(user, place):
    page = sign_in(user, place, "consenting")
    assert "Name of consenting" in text_of(page)
    (login,) = [query for query in place.host.logins if query["state"] == place.host.logins[-1]["state"]]
    assert login["source"] == "appdir"
    assert login["return_to"] == f"{user.public_url}/sign-on"

    leaving = user.submit(page, "Connect Example CRM")
    service = user.leave(leaving)
    (redirect_uri,) = parse_qs(urlsplit(service).query)["redirect_uri"]
    done = consent(user, place, service)

    assert redirect_uri.startswith(f"{user.public_url}/callback/")
    assert urlsplit(done.url).path.endswith("/done")
    assert not urlsplit(done.url).query
    assert "Acme may now use ada" in text_of(done)
    assert "Connected" in text_of(user.open("/apps/acme/crm"))

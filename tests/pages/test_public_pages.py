"""What end users see, through a proxy that shows nothing but the public prefix, under another name and path."""

from __future__ import annotations

import re
from contextlib import ExitStack
from hashlib import sha256
from html import unescape
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import uuid4

import pytest
import requests
from servers.customers import LOGO, customers
from servers.host_application import APP_KEY, APP_SECRET
from servers.reverse_proxy import PublicProxy
from sqlalchemy import create_engine, update

from airflow_provider_integry.authorizations.end_user_tables import link as link_table
from pages.passerby import Passerby, read, text_of

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
# Airflow is at another path than the one that the proxy shows it under.
INSIDE, OUTSIDE = "/af", "/hub"
KEY = "key-of-ada"


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
def people(place):
    """Makes browsers in which nobody is signed in; whatever they were sent was fit for them."""
    browsers = []

    def make():
        browsers.append(Passerby(f"{place.proxy.url}/integry/public"))
        return browsers[-1]

    yield make
    assert [problem for one in browsers for problem in one.problems] == []
    assert place.proxy.refused == []


@pytest.fixture
def user(people):
    """One such browser."""
    return people()


@pytest.fixture
def who():
    """A user whom nobody has seen before; the id needs care everywhere."""
    return f"user é/{uuid4().hex[:8]} <b>&amp;"


def log_in(user, place, leaving, who, **claims):
    """Go where a page leads, to the host application's login, and back as somebody."""
    place.host.user, place.host.more = who, {"name": f"Name of {who}", **claims}
    return user.open(user.leave(leaving))


def sign_in(user, place, who, app="crm", query="", **claims):
    """Go to an app of the marketplace, to the login, and back; return the app's page."""
    leaving = user.submit(user.open(f"/apps/acme/{app}{query}"), "Connect")
    return log_in(user, place, leaving, who, **claims)


def answer_consent(place, url, *, decision="allow", account="ada"):
    """Press a button of the service's consent page; return where it sends the browser."""
    page = requests.get(url, timeout=60)
    assert page.status_code == 200, page.text
    form = {name: unescape(text) for name, text in re.findall(r'name="(\w+)" value="([^"]*)"', page.text)}
    form |= {"decision": decision, "user": account}
    answer = requests.post(f"{place.crm.url}/authorize", data=form, timeout=60, allow_redirects=False)
    return answer.headers["Location"]


def consent(user, place, leaving, **choices):
    """Go where a page leads, to the service, and back; return the page of ours that follows."""
    return user.open(answer_consent(place, user.leave(leaving), **choices))


def call(place, method, path, **options):
    """Ask the API as the host application's server does."""
    url = f"{place.proxy.url}/integry/public/v1{path}"
    return requests.request(method, url, auth=(APP_KEY, APP_SECRET), timeout=60, **options)


def make_link(place, who, conn_id="crm", **more):
    answer = call(place, "POST", "/links", json={"conn_id": conn_id, "end_user": who, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def link_state(place, link):
    return call(place, "GET", f"/links/{link['id']}").json()


def accounts_of(place, who, **more):
    answer = call(place, "GET", "/accounts", params={"end_user": who, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["accounts"]


# -- the marketplace -----------------------------------------------------------------------------------


def test_anybody_sees_the_listed_apps_and_no_others(user):
    page = user.open("/apps/acme")

    assert re.findall(r'<span class="name">([^<]+)</span>', page.text) == ["Acme itself", "Example CRM", "Notes"]
    assert "Contacts and deals." in text_of(page)
    assert user.open("/apps/acme-app").text.count("Example CRM") == 1


@pytest.mark.parametrize("path", ["hidden", "elsewhere", "acme", "nothing", "a/b", "%00", "crm%20"])
@pytest.mark.parametrize("workspace", ["acme", "nobody"])
def test_what_is_not_listed_is_not_there(user, path, workspace):
    assert user.open(f"/apps/{workspace}/{path}").status_code == 404


def test_logos_and_nothing_else_come_from_elsewhere(user):
    page = user.open("/apps/other")

    images = [url for tag, url in read(page).loaded if tag == "img"]
    assert images == ["https://brand.example.com/logo.svg", LOGO]
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy["img-src"] == "'self' data: https://apps.example.com:8443 https://brand.example.com"
    assert "example.com" not in policy["script-src"] + policy["style-src"] + policy["default-src"]
    # Yellow buttons get black words.
    assert "--solid:#ffff00;--on-solid:#000000" in page.text


def test_somebody_signs_in_consents_and_is_connected(user, place, who):
    page = sign_in(user, place, who)
    login = place.host.logins[-1]

    assert (login["source"], login["return_to"]) == ("appdir", f"{user.public_url}/sign-on")
    assert urlsplit(page.url)[2:4] == (f"{user.prefix}/apps/acme/crm", "")
    assert f"Signed in as Name of {who}" in text_of(page)

    leaving = user.submit(page, "Connect Example CRM")
    redirect_uri = dict(parse_qsl(urlsplit(user.leave(leaving)).query))["redirect_uri"]
    done = consent(user, place, leaving)

    assert redirect_uri.startswith(f"{user.public_url}/callback/")
    assert urlsplit(done.url).path.endswith("/done")
    assert not urlsplit(done.url).query
    assert "Acme may now use ada at Example CRM" in text_of(done)
    (account,) = accounts_of(place, who)
    assert (account["conn_id"], account["readiness"], account["account_name"]) == ("crm", "ready", "ada")
    assert "Connected" in text_of(user.open("/apps/acme/crm"))


def test_a_key_that_the_login_passes_on_needs_no_step(user, place, who):
    sign_in(user, place, who, api_key=KEY)

    (account,) = accounts_of(place, who)
    assert (account["conn_id"], account["readiness"], account["account_name"]) == ("acme_api", "ready", "ada")
    assert "Acme itself" not in text_of(user.open("/apps/acme"))


def test_a_key_that_is_wrong_keeps_nobody_from_signing_in(user, place, who):
    page = sign_in(user, place, who, api_key="wrong")

    assert f"Signed in as Name of {who}" in text_of(page)
    assert accounts_of(place, who) == []
    assert "Acme itself" in text_of(user.open("/apps/acme"))


def test_an_account_is_disconnected_and_connected_again(user, place, who):
    page = sign_in(user, place, who)
    consent(user, place, user.submit(page, "Connect Example CRM"))

    gone = user.submit(user.open("/apps/acme/crm"), "Disconnect now")

    assert "Disconnected." in text_of(gone)
    assert accounts_of(place, who) == []
    consent(user, place, user.submit(gone, "Connect Example CRM"))
    assert len(accounts_of(place, who)) == 1


def test_several_accounts_are_told_apart_and_one_is_the_default(user, place, who):
    page = sign_in(user, place, who, "notes")
    first = user.submit(user.submit(page, "Connect Notes"), password=KEY)
    assert "Acme may now use ada at Notes" in text_of(first)

    page = user.open("/apps/acme/notes")
    user.submit(user.submit(page, "Connect another account"), password="key-of-bea")

    page = user.open("/apps/acme/notes")
    assert {one["account_name"]: one["is_default"] for one in accounts_of(place, who)} == {"ada": True, "bea": False}
    user.submit(page, "Make default")
    assert {one["account_name"]: one["is_default"] for one in accounts_of(place, who)} == {"ada": False, "bea": True}


def test_one_account_stays_one_where_no_more_are_allowed(user, place, who):
    page = sign_in(user, place, who)
    leaving = user.submit(page, "Connect Example CRM")
    consent(user, place, leaving)

    # As from a second tab that was opened before.
    refused = user.submit(page, "Connect Example CRM")

    assert refused.status_code == 409
    assert "Reconnect that one instead" in text_of(refused)
    assert len(accounts_of(place, who)) == 1


def test_somebody_signs_out(user, place, who):
    page = sign_in(user, place, who)

    out = user.submit(page, "Sign out")

    assert "Signed in" not in text_of(out)
    assert not [cookie for cookie in user.cookies if "session" in cookie.name]


def test_the_way_back_is_one_of_the_workspaces_own(user, place, who):
    there = f"{place.app.url}/back/of/acme"
    page = sign_in(user, place, who, query=f"?return_url={there}")
    done = consent(user, place, user.submit(page, "Connect Example CRM"))

    (account,) = accounts_of(place, who)
    told = urlsplit(user.leave(done))
    assert f"{told.scheme}://{told.netloc}{told.path}" == there
    assert parse_qs(told.query) == {"status": ["connected"], "connected_account_id": [account["id"]]}


@pytest.mark.parametrize(
    "url",
    [
        "//evil.example/back",
        "/\\evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "%2f%2fevil.example",
        "{app}.evil.example/back",
        "http://user@{netloc}/back",
        "{app}/backstage",
        "{app}/back/../admin",
        "{app}/back%2f..%2fadmin",
        "https://{netloc}/back",
    ],
)
def test_no_other_way_back_is_taken(user, place, url):
    there = url.format(app=place.app.url, netloc=urlsplit(place.app.url).netloc)

    page = user.open("/apps/acme/crm", params={"return_url": there})

    assert (page.status_code, "evil" in page.text) == (400, False)


# -- signing on ----------------------------------------------------------------------------------------


def start(user):
    """Go to the login; return the state that it is told."""
    leaving = user.submit(user.open("/apps/acme/crm"), "Connect")
    return dict(parse_qsl(urlsplit(user.leave(leaving)).query))["state"]


def is_signed_in(user):
    return "Signed in as" in text_of(user.open("/apps/acme/crm"))


def test_a_token_without_a_login_that_was_begun_here_is_refused(people, place, who):
    victim, attacker = people(), people()
    state, token = start(attacker), place.host.sign(who)

    refused = victim.open("/sign-on", params={"token": token, "state": state})

    assert (refused.status_code, is_signed_in(victim)) == (400, False)
    # Nothing of it was used up.
    attacker.open("/sign-on", params={"token": token, "state": state})
    assert is_signed_in(attacker)


def test_a_token_and_a_state_are_good_once(people, place, who):
    first, second = people(), people()
    state, token = start(first), place.host.sign(who)
    first.open("/sign-on", params={"token": token, "state": state})

    again = first.open("/sign-on", params={"token": place.host.sign(who), "state": state})
    elsewhere = second.open("/sign-on", params={"token": token, "state": start(second)})

    assert (again.status_code, elsewhere.status_code) == (400, 403)
    assert not is_signed_in(second)


@pytest.mark.parametrize(
    "claims",
    [
        {"app_key": "other-app"},
        {"exp": 1},
        {"user_id": None, "hash": None},
        {"user_id": 7},
        {"user_id": ""},
        {"user_id": "x" * 256},
        {"user_id": "a\x00b"},
        {"hash": "0" * 64},
        {"jti": None},
    ],
)
def test_a_token_that_does_not_fit_signs_nobody_in(user, place, claims):
    refused = user.open("/sign-on", params={"token": place.host.sign("somebody", **claims), "state": start(user)})

    assert (refused.status_code, is_signed_in(user)) == (403, False)


@pytest.mark.parametrize("more", ["&state=x", "&token=x", "&" + "a" * 40_000])
def test_a_sign_on_that_can_be_read_in_two_ways_is_refused(user, place, more):
    state = start(user)

    refused = user.open(f"/sign-on?token={place.host.sign()}&state={state}{more}")

    assert (refused.status_code, is_signed_in(user)) == (400, False)


def test_a_session_is_good_for_its_own_workspace_and_as_it_was_signed(user, place, who):
    sign_in(user, place, who)
    (session,) = [cookie for cookie in user.cookies if "session" in cookie.name]
    other = f"integry_session_{sha256(b'other').hexdigest()[:12]}"

    user.cookies.set(other, session.value, domain=session.domain, path=session.path)
    elsewhere = text_of(user.open("/apps/other"))
    head, claims, signature = session.value.split(".")
    session.value = f"{head}.{claims}.{signature[:-4]}AAAA"

    assert "Elsewhere" in elsewhere
    assert "Signed in" not in elsewhere
    assert not is_signed_in(user)


def test_a_login_may_come_back_with_a_form(user, place, who):
    state = start(user)
    token = place.host.sign(who)
    # From the login's site, to which the browser does not send our cookies with a form.
    other = Passerby(user.public_url)
    form = {"token": token, "state": state}
    page = other.post(f"{user.public_url}/sign-on", data=form, headers={"Origin": place.app.url}, timeout=60)
    assert (page.status_code, is_signed_in(other)) == (200, False)

    # The page that comes back sends it once more, from our own site.
    after = user.submit(page)

    assert token not in after.url
    assert is_signed_in(user)


# -- links ---------------------------------------------------------------------------------------------


def test_a_link_is_followed_to_its_end_by_the_user_for_whom_it_was_made(user, place, who):
    link = make_link(place, who, return_url=f"{place.app.url}/back", state="s-1")

    page = user.open(link["url"])
    assert urlsplit(page.url)[2:4] == (f"{user.prefix}/connect/{link['id']}", "")
    assert "Acme asks for access to your account at Example CRM" in text_of(page)
    assert {"contacts.read", who} <= {unescape(text) for text in re.findall(r"<code>([^<]+)</code>", page.text)}

    back = log_in(user, place, user.submit(page), who)
    assert urlsplit(back.url).path == urlsplit(page.url).path
    done = consent(user, place, user.submit(back))

    (account,) = accounts_of(place, who)
    assert parse_qs(urlsplit(user.leave(done)).query) == {
        "status": ["connected"],
        "connected_account_id": [account["id"]],
        "state": ["s-1"],
    }
    assert (link_state(place, link)["status"], place.host.logins[-1]["source"]) == ("connected", "link")


def test_programs_that_follow_links_do_not_use_them_up(people, place, who):
    link = make_link(place, who)
    for _ in range(3):
        scanner = people()
        assert scanner.open(link["url"]).status_code == 200
        assert scanner.open(link["url"] + "&utm_source=mail").status_code == 200
    assert link_state(place, link)["status"] == "open"

    user = people()
    back = log_in(user, place, user.submit(user.open(link["url"])), who)
    consent(user, place, user.submit(back))

    assert link_state(place, link)["status"] == "connected"


def test_a_link_that_somebody_else_opens_connects_nothing_for_its_user(people, place, who):
    """The attacker makes a link for itself and lets the victim go through with it."""
    victim, link = people(), make_link(place, who)

    back = log_in(victim, place, victim.submit(victim.open(link["url"])), "the victim")

    assert "this link is for another user of Acme" in text_of(back)
    leaving = victim.submit(back)
    assert urlsplit(victim.leave(leaving)).path == "/login"
    assert accounts_of(place, who) == accounts_of(place, "the victim") == []


def test_a_link_belongs_to_the_browser_that_took_it(people, place, who):
    first, second, link = people(), people(), make_link(place, who)
    page = second.open(link["url"])
    first.submit(first.open(link["url"]))

    late = second.submit(page)

    assert (late.status_code, "opened in another browser" in text_of(late)) == (403, True)


def test_a_link_ends_when_it_was_used_taken_back_or_never_was_one(people, place, who):
    used, revoked, user = make_link(place, who), make_link(place, who), people()
    back = log_in(user, place, user.submit(user.open(used["url"])), who)
    consent(user, place, user.submit(back))
    assert call(place, "DELETE", f"/links/{revoked['id']}").status_code == 204

    answers = [people().open(url) for url in (used["url"], revoked["url"], f"{user.public_url}/connect?link=nothing")]

    assert [answer.status_code for answer in answers] == [410, 410, 404]
    # The one who has used it goes back and sees what came of it.
    again = user.open(f"/connect/{used['id']}")
    assert "Connected" in text_of(again)


def test_an_expired_link_leads_nowhere(user, place, who):
    link, form = open_form(user, place, who)
    with create_engine(place.site.database_url).begin() as database:
        database.execute(update(link_table).where(link_table.c.id == link["id"]).values(expires_at=1.0))

    answers = [user.open(link["url"]), user.open(form.url), user.submit(form, password=KEY)]

    assert [answer.status_code for answer in answers] == [410, 410, 410]
    assert "This link has expired" in text_of(answers[0])
    assert (accounts_of(place, who), link_state(place, link)["status"]) == ([], "expired")


def test_a_link_that_is_taken_back_on_the_way_asks_the_service_for_nothing(user, place, who):
    link = make_link(place, who)
    back = log_in(user, place, user.submit(user.open(link["url"])), who)
    location = answer_consent(place, user.leave(user.submit(back)))
    before = place.api.token_requests["authorization_code"]
    call(place, "DELETE", f"/links/{link['id']}")

    refused = user.open(location)

    assert (refused.status_code, place.api.token_requests["authorization_code"]) == (410, before)
    assert accounts_of(place, who) == []


def test_a_no_at_the_service_may_be_followed_by_a_yes(user, place, who):
    link = make_link(place, who, return_url=f"{place.app.url}/back")
    back = log_in(user, place, user.submit(user.open(link["url"])), who)

    denied = consent(user, place, user.submit(back), decision="deny")

    assert "Access was denied" in text_of(denied)
    assert f"{place.app.url}/back?status=denied" in denied.text
    assert link_state(place, link)["status"] == "denied"
    (again,) = [url for tag, url in read(denied).loaded if tag == "a" and "/connect/" in url]
    consent(user, place, user.submit(user.open(user.origin + again)))
    assert (link_state(place, link)["status"], len(accounts_of(place, who))) == ("connected", 1)


def test_a_callback_in_another_browser_is_refused(people, place, who):
    user, other = people(), people()
    link = make_link(place, who)
    back = log_in(user, place, user.submit(user.open(link["url"])), who)
    location = answer_consent(place, user.leave(user.submit(back)))
    before = place.api.token_requests["authorization_code"]

    refused = other.open(location)

    assert (refused.status_code, place.api.token_requests["authorization_code"]) == (400, before)


def test_a_service_may_answer_with_a_form(user, place, who):
    link = make_link(place, who, "posting")
    back = log_in(user, place, user.submit(user.open(link["url"])), who)
    page = requests.get(user.leave(user.submit(back)), timeout=60)
    form = {name: unescape(text) for name, text in re.findall(r'name="(\w+)" value="([^"]*)"', page.text)}
    posting = requests.post(f"{place.crm.url}/authorize", data={**form, "decision": "allow"}, timeout=60)
    form = {name: unescape(text) for name, text in re.findall(r'name="(\w+)" value="([^"]*)"', posting.text)}
    action = unescape(re.search(r'action="([^"]+)"', posting.text)[1])

    # From the service's site, to which the browser does not send our cookies with a form.
    posted = requests.post(action, data=form, headers={"Origin": place.crm.url}, allow_redirects=False, timeout=60)
    done = user.open(f"{action}{posted.headers['Location']}")

    assert action.startswith(f"{user.public_url}/callback/")
    assert "Acme may now use ada" in text_of(done)


def test_nothing_comes_from_what_a_request_says_of_its_address(place, who):
    """Straight to Airflow, as if the proxy passed everything on."""
    link = make_link(place, who)
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    inside = f"{place.site.url}/integry/public"

    pages = [requests.get(f"{inside}/apps/acme/crm", headers=evil, timeout=60)]
    token = urlsplit(link["url"]).query
    pages.append(requests.get(f"{inside}/connect?{token}", headers=evil, allow_redirects=False, timeout=60))

    assert [page.status_code for page in pages] == [200, 303]
    for page in pages:
        assert "evil" not in page.text + str(page.headers)


@pytest.mark.parametrize("choice", ["replace", "keep"])
def test_another_account_takes_the_place_only_after_a_question(user, place, who, choice):
    page = sign_in(user, place, who)
    consent(user, place, user.submit(page, "Connect Example CRM"))

    asked = consent(user, place, user.submit(user.open("/apps/acme/crm"), "Reconnect"), account="bea")
    assert "Acme is connected to ada at Example CRM. You have just allowed access to bea ." in text_of(asked)
    after = user.submit(asked, answer=choice)

    (account,) = accounts_of(place, who)
    expected = {"replace": ("bea", "Acme may now use bea"), "keep": ("ada", "Nothing was changed")}
    assert (account["account_name"], expected[choice][1] in text_of(after)) == (expected[choice][0], True)


def test_two_tabs_end_with_one_account(user, place, who):
    link = make_link(place, who)
    back = log_in(user, place, user.submit(user.open(link["url"])), who)
    first, second = (answer_consent(place, user.leave(user.submit(back))) for _ in range(2))

    old, new = user.open(first), user.open(second)

    assert (old.status_code, "Connected" in text_of(new)) == (410, True)
    assert len(accounts_of(place, who)) == 1


# -- links whose user the host application confirms ----------------------------------------------------


@pytest.mark.parametrize("conn_id", ["crm", "notes"])
def test_what_comes_out_of_a_link_is_held_until_the_host_application_fetches_it(user, place, who, conn_id):
    link = make_link(place, who, conn_id, binding="code", return_url=f"{place.app.url}/back")

    following = user.submit(user.open(link["url"]))
    done = consent(user, place, following) if conn_id == "crm" else user.submit(following, password=KEY)

    assert (accounts_of(place, who), link_state(place, link)["status"]) == ([], "held")
    told = dict(parse_qsl(urlsplit(user.leave(done)).query))
    assert (told["status"], "connected_account_id" in told) == ("held", False)
    # The same page again tells the same.
    assert dict(parse_qsl(urlsplit(user.leave(user.open(done.url))).query)) == told
    redeemed = call(place, "POST", "/links/redeem", json={"code": told["code"], "end_user": who})
    assert (redeemed.status_code, redeemed.json()["account_name"]) == (200, "ada")
    assert link_state(place, link)["status"] == "connected"
    assert call(place, "POST", "/links/redeem", json={"code": told["code"], "end_user": who}).status_code == 404


def test_whoever_holds_a_link_is_not_told_whose_account_is_connected(people, place, who):
    owner, other = people(), people()
    consent(owner, place, owner.submit(sign_in(owner, place, who), "Connect Example CRM"), account="ada@acme")
    link = make_link(place, who, binding="code", return_url=f"{place.app.url}/back")

    page = other.open(link["url"])
    asked = consent(other, place, other.submit(page), account="bea")

    assert "connected to another account at Example CRM" in text_of(asked)
    assert "ada@acme" not in page.text + asked.text


@pytest.mark.parametrize("conn_id", ["crm", "notes"])
def test_what_somebody_else_fetches_is_dropped(user, place, who, conn_id):
    """The attacker's link went through the victim's browser, whose host application says who is there."""
    link = make_link(place, who, conn_id, binding="code", return_url=f"{place.app.url}/back")
    following = user.submit(user.open(link["url"]))
    done = consent(user, place, following) if conn_id == "crm" else user.submit(following, password=KEY)
    code = dict(parse_qsl(urlsplit(user.leave(done)).query))["code"]
    revoked = len(place.api.revocations)

    refused = call(place, "POST", "/links/redeem", json={"code": code, "end_user": "the victim"})

    assert refused.status_code == 404
    assert accounts_of(place, who) == accounts_of(place, "the victim") == []
    assert len(place.api.revocations) > revoked or conn_id == "notes"
    assert call(place, "POST", "/links/redeem", json={"code": code, "end_user": who}).status_code == 404


# -- forms ---------------------------------------------------------------------------------------------


def open_form(user, place, who, **more):
    link = make_link(place, who, "notes", **more)
    back = log_in(user, place, user.submit(user.open(link["url"])), who)
    return link, user.submit(back)


def test_credentials_are_entered_tried_and_kept(user, place, who):
    link, form = open_form(user, place, who)
    assert "Enter what Notes has given you" in text_of(form)

    done = user.submit(form, password=KEY)

    assert "Acme may now use ada at Notes" in text_of(done)
    assert link_state(place, link)["status"] == "connected"
    assert [account["readiness"] for account in accounts_of(place, who)] == ["ready"]


@pytest.mark.parametrize("typed", ["", "wrong-key-9f2c", "line\r\nX-Evil: 1", "x" * 70_000, "\x00"])
def test_what_is_wrong_is_said_and_never_shown_again(user, place, who, typed):
    link, form = open_form(user, place, who)

    refused = user.submit(form, password=typed)

    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    assert not typed.strip() or typed.strip() not in unescape(refused.text)
    assert (accounts_of(place, who), link_state(place, link)["status"]) == ([], "claimed")
    # It may be tried again.
    assert "Connected" in text_of(user.submit(refused, password=KEY))


def test_a_form_is_for_the_browser_and_the_moment_alone(people, place, who):
    user, other = people(), people()
    link, form = open_form(user, place, who)
    path = f"/connect/{link['id']}/form"

    strangers = [other.open(path), other.submit(form, password=KEY)]

    assert [answer.status_code for answer in strangers] == [404, 403]
    user.submit(form, password=KEY)
    assert user.submit(form, password=KEY).status_code == 410
    assert "Connected" in text_of(user.open(path))


def test_nobody_can_go_on_guessing(user, place, who):
    _, form = open_form(user, place, who)
    before = place.notes.count("/me")

    answers = [user.submit(form, password=f"guess-{number}") for number in range(12)]

    assert {answer.status_code for answer in answers} == {422, 429}
    assert 10 <= place.notes.count("/me") - before < 12
    assert int(answers[-1].headers["Retry-After"]) > 0


# -- changes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": None},
        {"Origin": "{airflow}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_no_other_site_can_send_a_form(user, place, who, headers):
    page = sign_in(user, place, who)
    inside = "{0.scheme}://{0.netloc}".format(urlsplit(place.site.url))
    given = {name: value and value.replace("{airflow}", inside) for name, value in headers.items()}

    refused = user.submit(page, "Connect Example CRM", headers=given)

    assert refused.status_code == 403


@pytest.mark.parametrize("token", ["", "x", "0" * 64, "é"])
def test_a_form_needs_the_token_of_this_browser(people, place, who, token):
    user, other = people(), people()
    page = sign_in(user, place, who)
    stolen = other.form(other.open("/apps/acme/crm"), "Connect").fields["csrf"]

    answers = [user.submit(page, "Connect Example CRM", csrf=given) for given in (token, stolen)]

    assert [answer.status_code for answer in answers] == [403, 403]


def test_nobody_changes_anothers_account(people, place, who):
    owner, other = people(), people()
    consent(owner, place, owner.submit(sign_in(owner, place, who), "Connect Example CRM"))
    (account,) = accounts_of(place, who)
    page = sign_in(other, place, f"not {who}")
    consent(other, place, other.submit(page, "Connect Example CRM"))
    page = other.open("/apps/acme/crm")

    answers = [other.submit(page, words, account=account["id"]) for words in ("Disconnect now", "Reconnect")]

    assert [answer.status_code for answer in answers] == [404, 409]
    assert [one["readiness"] for one in accounts_of(place, who)] == ["ready"]


# -- last, when all was done ---------------------------------------------------------------------------


def test_nothing_else_of_airflow_is_shown_and_nothing_of_it_is_in_its_log(place):
    assert requests.get(f"{place.proxy.url}/integry/authorizations", timeout=60).status_code == 404
    place.proxy.refused.clear()
    log = place.site.read_output("api-server")
    ours = [line for line in log.splitlines() if "/integry/public" in line]

    assert ours
    assert not re.findall(r"[?&= ](?:token|state|code|link)=[^* ]", "\n".join(ours))
    secrets = [KEY, "key-of-bea", "wrong-key-9f2c", APP_SECRET, *place.api.codes]
    secrets += [grant.access_token for grant in place.api.grants]
    assert [text for text in secrets if text in log] == []

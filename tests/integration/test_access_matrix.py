"""Who reaches what, over HTTP and for every pair of them: workspaces, connections, users, links, keys and accounts."""

from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from integration.host_api import by_hash, by_secret, by_token, serving
from integration.host_app import HostApps, who_am_i
from integration.loopback import Server
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.errors import ConnectLinkError
from airflow_provider_integry.secret import Secret

pytestmark = pytest.mark.timeout(600)
# Texts that databases, web servers and people take for one another.
USERS = (
    "1",
    "01",
    " 1",
    "1 ",
    "+1",
    "é",
    unicodedata.normalize("NFD", "é"),
    "ADA",
    "ada",
    "a/../b",
    "b",
    "a%2Fb",
    "a/b",
    "x" * 255,
    "x" * 254,
)
NO_USERS = ("", "\x00", "1\x00", "x" * 256, "x" * 5000)
NAMES = ("acme", "globex")
CONNECTIONS = {"acme": ("crm", "shop"), "globex": ("other",)}
AT_ONCE = 12
BROWSER = Secret("b" * 43)


class Place(NamedTuple):
    """Whose an account is, and where."""

    name: str
    conn_id: str
    user: str
    account: str | None


# What a database may take for one another. The rest asks for nothing that databases do in different ways.
EVERY_DATABASE = pytest.mark.parametrize("apps", ["sqlite", "postgres", "mariadb"], indirect=True)


@pytest.fixture
def apps(request, tmp_path, monkeypatch):
    kind = getattr(request, "param", "sqlite")
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'matrix.db'}"
    else:
        url = request.getfixturevalue(kind).create_database("matrix")
    for name in ("", "_user", "_address"):
        monkeypatch.setenv(f"AIRFLOW__INTEGRY__API{name.upper()}_REQUESTS_PER_MINUTE", "0")
    engine = create_engine(url, poolclass=NullPool)
    with Server(who_am_i) as server:
        found = HostApps(engine, monkeypatch, tmp_path, server)
        for name in NAMES:
            found.put_workspace(name)
            for conn_id in CONNECTIONS[name]:
                found.put_app(conn_id, f"{name}_ws", accounts_per_user="several")
        # It would look up every variable for every request.
        found.directory._workspaces._life_s = found.directory._apps._life_s = 3600.0
        yield found
        found.close()
    engine.dispose()


@pytest.fixture
def accounts(apps):
    """One account of each user at each connection, and a second one of some, each with a key of its own."""
    places = [Place(name, conn_id, user, None) for name in NAMES for conn_id in CONNECTIONS[name] for user in USERS]
    places += [Place("acme", "crm", user, account) for user in USERS[:3] for account in ("work", "Work")]
    found = {}
    for number, place in enumerate(places):
        steps = apps.service.create(
            apps.host(place.name),
            place.conn_id,
            place.user,
            {"password": f"key-{number:03}"},
            account=place.account,
            verify=False,
        )
        found[place] = run_steps(steps).id
    assert len(set(found.values())) == len(places)
    return found


@pytest.fixture
def api(apps):
    with serving(apps) as found:
        yield found


def ask_all(ask, pairs):
    """Return what `ask` returns for each of many pairs, several at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(pairs, pool.map(lambda pair: ask(*pair), pairs), strict=True))


def dump(apps):
    with apps.engine.connect() as connection:
        rows = connection.execute(text("select * from integry_authorization order by id")).mappings()
        return [dict(row) for row in rows]


def is_own(who, place):
    return (who[0], who[1]) == (place.name, place.user)


@EVERY_DATABASE
def test_everybody_sees_its_own_accounts_and_no_others(apps, accounts, api):
    people = list(product(NAMES, USERS))
    before = dump(apps)

    read = ask_all(
        lambda who, place: api.send("GET", f"/accounts/{accounts[place]}", by_hash(who[1], who[0])),
        list(product(people, accounts)),
    )
    assert len(read) >= 1500
    assert {pair for pair, answer in read.items() if answer.status_code == 200} == {
        (who, place) for who, place in read if is_own(who, place)
    }
    refused = {(answer.status_code, answer.content) for answer in read.values() if answer.status_code != 200}
    # One answer, to the byte.
    assert {status for status, _ in refused} == {404}
    assert len(refused) == 1

    listed = ask_all(
        lambda name, user: api.send("GET", "/accounts?limit=500", by_hash(user, name)).json()["accounts"], people
    )
    for who, found in listed.items():
        assert {one["id"] for one in found} == {accounts[place] for place in accounts if is_own(who, place)}
        assert {one["end_user"] for one in found} == {who[1]}
    assert dump(apps) == before


def test_nobody_changes_what_is_not_theirs(apps, accounts, api):
    before = dump(apps)
    people = [(name, user) for name in NAMES for user in USERS[:9]]
    changes = (
        ("DELETE", "/accounts/{id}", ""),
        ("POST", "/accounts/{id}/test", ""),
        ("POST", "/accounts/{id}/default", ""),
        ("POST", "/accounts/migrate", "from"),
        ("POST", "/accounts/migrate", "to"),
    )

    def change(who, asked):
        place, (method, path, side) = asked
        own = next(accounts[one] for one in accounts if is_own(who, one))
        body = {"from": own, "to": own, side: accounts[place]} if side else {}
        return api.send(method, path.format(id=accounts[place]), by_hash(who[1], who[0]), json=body)

    foreign = [
        (who, (place, one))
        for number, (who, place) in enumerate(product(people, accounts))
        if not is_own(who, place)
        # Each kind of change with each person and each account at least once, but not all three together.
        for one in (changes[number % len(changes)],)
    ]
    answers = ask_all(change, foreign)

    assert len(answers) >= 800
    assert {(answer.status_code, answer.content) for answer in answers.values()} == {
        (404, next(iter(answers.values())).content)
    }
    assert dump(apps) == before


def test_a_host_application_reaches_its_own_workspace_alone(apps, accounts, api):
    ways = [(name, way) for name in NAMES for way in ("secret", "token")]

    def headers(name, way):
        return by_secret(name) if way == "secret" else by_token(None, name)

    read = ask_all(
        lambda who, place: api.send("GET", f"/accounts/{accounts[place]}", headers(*who)), list(product(ways, accounts))
    )
    assert {pair for pair, answer in read.items() if answer.status_code == 200} == {
        (who, place) for who, place in read if who[0] == place.name
    }
    asked = [{"conn_id": place.conn_id, "end_user": place.user, "account": place.account} for place in accounts]
    for name in NAMES:
        found = api.host("POST", "/status", {"accounts": asked}, name=name).json()["accounts"]
        assert [one and one["id"] for one in found] == [
            accounts[place] if place.name == name else None for place in accounts
        ]
    refused = api.host("POST", "/accounts/migrate", {"from": _one(accounts, "acme"), "to": _one(accounts, "globex")})
    assert refused.status_code == 404


@EVERY_DATABASE
def test_status_tells_users_of_themselves_alone(apps, accounts, api):
    asked = [{"conn_id": place.conn_id, "end_user": place.user, "account": place.account} for place in accounts]
    people = list(product(NAMES, USERS))

    found = ask_all(
        lambda name, user: api.send("POST", "/status", by_hash(user, name), json={"accounts": asked}).json(), people
    )

    for who, answer in found.items():
        for place, one in zip(accounts, answer["accounts"], strict=True):
            assert (one and one["id"]) == (accounts[place] if is_own(who, place) else None), (who, place)


@EVERY_DATABASE
def test_public_ids_name_accounts_of_their_own_user_and_connection_alone(apps, accounts, api):
    """`account` may be a public id; one of somebody else is no name at all."""
    asked = [
        {"conn_id": "crm", "end_user": user, "account": accounts[place]} for user, place in product(USERS, accounts)
    ]
    found = []
    for start in range(0, len(asked), 500):
        body = {"accounts": asked[start : start + 500]}
        found += api.host("POST", "/status", body).json()["accounts"]

    assert len(found) >= 750
    for (user, place), one in zip(product(USERS, accounts), found, strict=True):
        expected = accounts[place] if (place.name, place.conn_id, place.user) == ("acme", "crm", user) else None
        assert (one and one["id"]) == expected, (user, place)


def test_keys_of_one_do_not_show_another(api):
    wrong = [
        by_hash(user, name, secret) for name, user, secret in product(NAMES, USERS, ("x" * 40, "", "A" * 40, "g" * 39))
    ]
    # The hash of one user, with the name of another; and that of one application, at another.
    for one, other in product(USERS, USERS):
        if one != other:
            wrong.append({**by_hash(one), "X-Integry-User-Id": by_hash(other)["X-Integry-User-Id"]})
    wrong += [{**by_hash(user, "acme"), "X-Integry-App-Key": "globex"} for user in USERS]
    wrong += [by_token(user, name, secret) for name, user, secret in product(NAMES, USERS, ("x" * 40,))]
    numbers = [(number,) for number in range(len(wrong))]
    answers = ask_all(lambda number: api.send("GET", "/accounts", wrong[number]), numbers)

    assert len(answers) >= 350
    assert {(answer.status_code, answer.content) for answer in answers.values()} == {
        (401, next(iter(answers.values())).content)
    }


@pytest.mark.parametrize("user", NO_USERS)
def test_what_is_no_id_is_refused_everywhere(apps, api, user):
    body = {"conn_id": "crm", "end_user": user, "fields": {"password": "good-key"}}
    assert api.host("POST", "/accounts", body).status_code == 400
    assert api.host("POST", "/links", {"conn_id": "crm", "end_user": user}).status_code == 400
    assert api.send("GET", "/accounts", {**by_hash("1"), "X-Integry-User-Id": "%00"}).status_code == 401
    asked = api.host("POST", "/status", {"accounts": [{"conn_id": "crm", "end_user": user}]})
    # NUL is told to be nobody's, what is too long or empty is not read.
    assert asked.status_code == 400 or asked.json() == {"accounts": [None]}
    assert dump(apps) == []


def test_links_are_seen_taken_back_and_followed_by_their_own_user_alone(apps, accounts, api):
    people = [(name, user) for name in NAMES for user in USERS]
    links = {}
    for name, user in people:
        body = {"conn_id": CONNECTIONS[name][0], "end_user": user, "return_url": f"https://{name}.example/done"}
        made = api.host("POST", "/links", body, name=name)
        assert made.status_code == 201, (name, user, made.text)
        links[name, user] = made.json()

    seen = ask_all(
        lambda who, whose: api.send("GET", f"/links/{links[whose]['id']}", by_hash(who[1], who[0])),
        list(product(people, people)),
    )
    assert len(seen) == 900
    assert {pair for pair, answer in seen.items() if answer.status_code == 200} == {(one, one) for one in people}
    assert len({answer.content for answer in seen.values() if answer.status_code == 404}) == 1
    taken_back = ask_all(
        lambda who, whose: api.send("DELETE", f"/links/{links[whose]['id']}", by_hash(who[1], who[0])).status_code,
        [(who, whose) for who, whose in product(people[::4], people) if who != whose],
    )
    assert set(taken_back.values()) == {404}

    # Whoever comes back from the login as somebody else does not get past the link.
    for number, whose in enumerate(people):
        token = parse_qs(urlsplit(links[whose]["url"]).query)["link"][0]
        apps.links.claim(token, BROWSER)
        for who in people[number % 3 :: 3]:
            principal = apps.user(who[1], who[0])
            if who == whose:
                continue
            with pytest.raises(ConnectLinkError) as caught:
                apps.links.prove(links[whose]["id"], BROWSER, principal)
            assert caught.value.reason == "other_user"
        with pytest.raises(ConnectLinkError) as early:
            apps.links.enter(links[whose]["id"], BROWSER)
        assert early.value.reason == "login"


def test_codes_are_redeemed_by_their_own_user_alone(apps, api):
    pairs = [(user, other) for user, other in product(USERS[:9], USERS[:9]) if user != other]

    def hold(user):
        made = apps.links.make(apps.host(), "crm", user, binding="code", return_url="https://acme.example/done")
        apps.links.claim(parse_qs(urlsplit(made.url).query)["link"][0], BROWSER)
        finished = run_steps(apps.service.enter(*apps.links.enter(made.id, BROWSER), {"password": "good-key"}))
        return parse_qs(urlsplit(finished.url).query)["code"][0]

    for number, (user, other) in enumerate(pairs):
        code = hold(user)
        ask = (
            lambda code=code, other=other: api.user(other, "POST", "/links/redeem", {"code": code}),
            lambda code=code, other=other: api.host("POST", "/links/redeem", {"code": code, "end_user": other}),
            lambda code=code, user=user: api.host(
                "POST", "/links/redeem", {"code": code, "end_user": user}, name="globex"
            ),
        )[number % 3]
        assert ask().status_code == 404, (user, other)
    assert dump(apps) == []
    redeemed = api.user(USERS[5], "POST", "/links/redeem", {"code": hold(USERS[5])})
    assert (redeemed.status_code, redeemed.json()["end_user"]) == (200, USERS[5])


@EVERY_DATABASE
def test_every_users_tasks_get_their_own_key(apps, accounts):
    for number, place in enumerate(accounts):
        assert apps.entered(place.user, place.account, place.conn_id) == f"key-{number:03}"


def test_connections_of_others_are_refused_with_the_reason_and_nothing_is_stored(apps, api):
    for name, conn_id, user in product(NAMES, ("crm", "shop", "other"), USERS):
        if conn_id in CONNECTIONS[name]:
            continue
        body = {"conn_id": conn_id, "end_user": user, "app_auth": {"api_key": "good-key"}}
        for answer in (
            api.host("POST", "/accounts", body, name=name),
            api.user(user, "POST", "/accounts", body, name=name),
        ):
            assert (answer.status_code, answer.json()["reason"]) == (422, "other_workspace"), (name, conn_id, user)
        assert api.host("POST", "/links", {"conn_id": conn_id, "end_user": user}, name=name).status_code == 404
    assert dump(apps) == []


def _one(accounts, name):
    return next(found for place, found in accounts.items() if place.name == name)

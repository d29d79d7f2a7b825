"""Names and URIs of assets: no two authorizations share one, and Airflow takes each as it is."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from airflow.sdk import Asset
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integry.assets import any_authorization_asset, authorization_asset, authorization_lost_asset
from airflow_provider_integry.authorizations.asset_names import MAX_PART, any_names, lost_names, ready_names

# Texts that a careless encoder, a database or a URL library takes for one another.
HOSTILE = [
    "1",
    "01",
    " 1",
    "1 ",
    "\u00e9",
    "e\u0301",
    "E\u0301",
    "a/b",
    "a%2Fb",
    "a%252Fb",
    "a:b",
    "a/../b",
    "b",
    "a/./b",
    "..",
    ".",
    "/",
    "//",
    "a/",
    "a",
    "A",
    "a?x=1&b=2",
    "a?b=2&x=1",
    "a#b",
    "a#c",
    "user:pass@host",
    "user@host",
    "+",
    " ",
    "%20",
    "\t",
    "\n",
    "None",
    "null",
    "sha256:",
    "\U0001f600",
    "x" * 255,
    "x" * 256,
    "\U0001f600" * 255,
    "\U0001f600" * 254 + "!",
]
TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=260)


def all_names(conn_id, end_user=None):
    return [ready_names(conn_id, end_user), lost_names(conn_id, end_user)]


def test_no_two_authorizations_share_a_name_or_a_uri_as_airflow_stores_it():
    found = []
    for text in HOSTILE:
        found += [*all_names(text), any_names(text), *all_names("acme", text), *all_names(text, text)]
    found += [*all_names("a", "b:c"), *all_names("a:b", "c"), *all_names("a/b", "c"), *all_names("a", "b/c")]
    stored = [Asset(**one._asdict()) for one in found]

    assert len({one.name for one in stored}) == len(found)
    assert len({one.uri for one in stored}) == len(found)


def test_nobody_and_somebody_of_no_name_are_different():
    assert ready_names("acme") != ready_names("acme", "None")
    with pytest.raises(ValueError, match="end_user is ''"):
        ready_names("acme", "")


@given(TEXT, st.none() | TEXT)
def test_airflow_stores_every_uri_as_it_is_written(conn_id, end_user):
    for names in [*all_names(conn_id, end_user), any_names(conn_id)]:
        asset = Asset(**names._asdict())

        assert (asset.name, asset.uri) == names
        assert re.fullmatch(r"[a-z0-9A-Z._~:%/-]+", names.uri + names.name)
        assert max(len(names.name), len(names.uri)) <= 1500


@given(TEXT, TEXT, st.none() | TEXT, st.none() | TEXT)
def test_different_texts_have_different_names(one, other, user, other_user):
    is_same = (one, user) == (other, other_user)

    assert (ready_names(one, user) == ready_names(other, other_user)) is is_same


def test_longer_texts_than_airflow_takes_are_hashed_and_stay_different():
    longest = ["\U0001f600" * 249 + "a", "\U0001f600" * 249 + "b"]
    names = [ready_names(conn_id, user) for conn_id in longest for user in longest]

    assert all(len(one.uri) < 200 for one in names)
    assert all(one.name != other.name and one.uri != other.uri for one, other in combinations(names, 2))
    # Nobody can be called what a hash looks like.
    assert ready_names(names[0].name.rpartition("integry:authorization:")[2]).name != names[0].name
    assert "sha256" not in ready_names("x" * MAX_PART).uri
    assert "sha256:" in ready_names("x" * (MAX_PART + 1)).uri


@pytest.mark.parametrize(("conn_id", "end_user"), [("", None), (None, None), (7, None), ("acme", 7)])
def test_what_is_no_name_is_refused(conn_id, end_user):
    with pytest.raises(ValueError, match="give a text of at least one character"):
        authorization_asset(conn_id, end_user)


def test_half_of_a_character_is_refused():
    with pytest.raises(ValueError, match="end_user holds half of a character"):
        authorization_asset("acme", "\ud800")


def test_the_assets_of_dags_have_these_names():
    assets = {
        authorization_asset("acme"): ready_names("acme"),
        authorization_asset("acme", "user 1"): ready_names("acme", "user 1"),
        authorization_lost_asset("acme", "user 1"): lost_names("acme", "user 1"),
        any_authorization_asset("acme"): any_names("acme"),
    }

    assert {(asset.name, asset.uri): names for asset, names in assets.items()} == {
        tuple(names): names for names in assets.values()
    }
    assert authorization_asset("acme", "user 1").uri == "integry://authorization/acme/user%201"

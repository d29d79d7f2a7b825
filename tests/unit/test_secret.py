"""Secrets do not show themselves."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle

import pytest

from airflow_provider_integry.secret import MASK, Secret, build_excerpt

CANARY = "canary-5f0c9e1b77"


@dataclasses.dataclass(frozen=True)
class Holder:
    """Something that holds a secret among other things."""

    name: str
    secret: Secret


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "{:>40}".format,
        "{!r:<4}".format,
        lambda secret: "%s" % secret,  # noqa: UP031 - the old way of formatting is what logging uses
        lambda secret: f"{secret}{secret!s}{secret!r}",
        lambda secret: repr([secret]) + repr({"key": secret}),
        lambda secret: repr(Holder("n", secret)),
        lambda secret: str(dataclasses.asdict(Holder("n", secret))),
        lambda secret: str(ValueError(secret)),
    ],
)
def test_every_way_to_show_a_secret_shows_the_mask(show):
    shown = show(Secret(CANARY))

    assert CANARY not in shown
    assert MASK in shown


def test_reveal_returns_the_text():
    assert Secret(CANARY).reveal() == CANARY


def test_a_secret_of_a_secret_holds_the_same_text():
    assert Secret(Secret(CANARY)).reveal() == CANARY


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_is_refused_without_showing_the_text(protocol):
    with pytest.raises(TypeError) as caught:
        pickle.dumps(Secret(CANARY), protocol=protocol)

    assert CANARY not in str(caught.value)


def test_json_encoding_is_refused_without_showing_the_text():
    with pytest.raises(TypeError) as caught:
        json.dumps({"key": Secret(CANARY)})

    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_are_the_secret_itself(copied):
    secret = Secret(CANARY)

    assert copied(secret) is secret


def test_asdict_keeps_the_wrapper():
    assert dataclasses.asdict(Holder("n", Secret(CANARY)))["secret"] == Secret(CANARY)


def test_a_secret_has_no_attributes_to_list():
    secret = Secret(CANARY)

    with pytest.raises(TypeError):
        vars(secret)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (Secret("a"), Secret("a"), True),
        (Secret("a"), Secret("b"), False),
        (Secret("a"), Secret("a "), False),
        (Secret("a"), "a", False),
        ("a", Secret("a"), False),
        (Secret(""), None, False),
        (Secret("é"), Secret("é"), True),
        (Secret("\ud800"), Secret("\ud800"), True),
    ],
)
def test_secrets_equal_secrets_of_the_same_text_alone(left, right, expected):
    assert (left == right) is expected


def test_equal_secrets_have_equal_hashes():
    assert hash(Secret(CANARY)) == hash(Secret(CANARY))
    assert len({Secret(CANARY), Secret(CANARY), Secret("other")}) == 2


@pytest.mark.parametrize(("text", "expected"), [("", False), (" ", True), ("x", True)])
def test_only_the_empty_secret_is_false(text, expected):
    assert bool(Secret(text)) is expected


def test_a_fingerprint_names_the_secret_without_showing_it():
    fingerprint = Secret(CANARY).fingerprint()

    assert fingerprint == Secret(CANARY).fingerprint()
    assert fingerprint != Secret(CANARY + "x").fingerprint()
    assert len(fingerprint) == 16
    assert CANARY not in fingerprint


@pytest.mark.parametrize("text", ["\ud800", "☃", "\x00", "a" * 100_000])
def test_any_text_has_a_fingerprint(text):
    assert len(Secret(text).fingerprint()) == 16


@pytest.mark.parametrize(
    ("text", "hide", "expected"),
    [
        ("plain words", [], "plain words"),
        ("", [], ""),
        (f"key {CANARY} is wrong", [CANARY], f"key {MASK} is wrong"),
        ("two\r\nlines\tand\x00more", [], "two lines and more"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc here", [], f"token {MASK} here"),
        ("short abc", [""], "short abc"),
        ("abcdef", ["abc", "abcdef"], MASK),
        ("abcdef", ["abcdef", "abc"], MASK),
    ],
)
def test_an_excerpt_is_one_line_without_secrets(text, hide, expected):
    assert build_excerpt(text, hide=[Secret(one) for one in hide]) == expected


@pytest.mark.parametrize(
    "echoed",
    [
        "p%C3%A4ss%20w%22rd%2B",  # percent-encoded
        "p%C3%A4ss+w%22rd%2B",  # form-encoded
        'p\\u00e4ss w\\"rd+',  # JSON-escaped
        'päss w\\"rd+',  # JSON-escaped, not ASCII
        "cMOkc3MgdyJyZCs=",  # base64
        "b3BlbjpwR",  # too little to know
    ],
)
def test_an_excerpt_hides_the_encoded_forms_of_a_secret_too(echoed):
    excerpt = build_excerpt(f"wrong password {echoed}.", hide=[Secret('päss w"rd+')])

    if echoed == "b3BlbjpwR":
        assert echoed in excerpt
    else:
        assert echoed not in excerpt


def test_an_excerpt_never_holds_the_beginning_of_a_secret_that_was_cut_off():
    secret = Secret("s3cret-" * 3)
    text = " " * 3990 + secret.reveal()

    assert "s3cret" not in build_excerpt(text, hide=[secret])


def test_an_excerpt_has_at_most_the_characters_asked_for():
    excerpt = build_excerpt("word " * 1000, limit=50)

    assert len(excerpt) == 50
    assert excerpt.endswith("…")

"""Errors travel from the broker to tasks, and through the store, as what they are."""

from __future__ import annotations

import inspect
import typing

import msgspec
import pytest

from airflow_provider_integry import errors
from airflow_provider_integry.authorizations.errors_wire import from_wire, to_wire
from airflow_provider_integry.errors import AuthorizationError, InvalidGrantError, TokenEndpointUnavailableError

SAMPLES = {str: "text 'ü'", int: 418, float: 2.5, bool: True}
CLASSES = [getattr(errors, name) for name in errors.__all__]


def build(kind):
    """Return an error of a class, with a value for each argument of its constructor."""
    if kind.__init__ is Exception.__init__:
        return kind("what is wrong, and what to do")
    hints = typing.get_type_hints(kind.__init__)
    names = [name for name in inspect.signature(kind.__init__).parameters if name != "self"]
    return kind(**{name: sample(hints[name]) for name in names})


def sample(hint):
    options = [one for one in typing.get_args(hint) or (hint,) if one is not type(None)]
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return options[0]
    if origin in (list, tuple):
        return origin([sample(options[0])])
    return SAMPLES[options[0]]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_comes_back_as_what_it_was(kind):
    error = build(kind)

    found = from_wire(msgspec.json.decode(msgspec.json.encode(to_wire(error))))

    assert type(found) is kind
    assert str(found) == str(error)
    assert found.retryable == error.retryable
    assert vars(found) == vars(error)


def test_what_is_not_known_is_not_told():
    error = TokenEndpointUnavailableError("https://auth.example.com/token", 503, "", retry_after_s=None)

    assert vars(from_wire(to_wire(error))) == vars(error)


@pytest.mark.parametrize(
    "data",
    [
        {"error": "FromTheFutureError", "message": "said so"},
        {"error": "InvalidGrantError", "fields": {"url": "x", "reason": "said so"}, "message": "said so"},
        {"error": "__all__", "message": "said so"},
        {"error": "annotations", "message": "said so"},
        {"error": None, "message": "said so"},
    ],
)
def test_an_error_of_another_version_keeps_its_words(data):
    found = from_wire(data)

    assert type(found) is AuthorizationError
    assert str(found) == "said so"


def test_an_error_without_words_is_still_an_error():
    assert str(from_wire({"error": "FromTheFutureError"})) == "FromTheFutureError"
    assert str(from_wire({})) != ""


def test_a_subclass_is_not_taken_for_its_parent():
    error = InvalidGrantError("https://auth.example.com/token", 400, "invalid_grant", "used")

    assert to_wire(error)["error"] == "InvalidGrantError"
    assert "authorize again" in str(from_wire(to_wire(error)))

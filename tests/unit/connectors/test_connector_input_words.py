"""What errors about inputs say, and what they keep to themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from airflow_provider_integry.connectors.load import parse_connector
from airflow_provider_integry.connectors.run import ActivityCall
from airflow_provider_integry.errors import InvalidInputError

CONNECTOR = parse_connector(
    """
name: words
title: Words
base_url: https://words.example
activities:
  send:
    kind: action
    path: /send
    inputs:
      password: {in: body, type: string, minLength: 12}
      limit: {in: body, type: integer}
      ids: {in: body, type: array, items: {type: integer}}
""",
    "words.yaml",
)


class Lazy(Sequence):
    """Stands for the lazy output of a mapped task: a sequence that is no list."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index):
        return [1, 2][index]

    def __iter__(self) -> Iterator[int]:
        return iter([1, 2])


def test_the_value_of_a_secret_input_is_not_shown() -> None:
    with pytest.raises(InvalidInputError) as caught:
        ActivityCall(CONNECTOR, "send", {"password": "hunter2"}, base_url=None)
    assert "hunter2" not in str(caught.value)
    assert "12 characters" in str(caught.value)


def test_a_number_that_arrives_as_text_is_told_how_templates_give_numbers() -> None:
    with pytest.raises(InvalidInputError, match="render_template_as_native_obj"):
        ActivityCall(CONNECTOR, "send", {"limit": "50"}, base_url=None)


def test_any_sequence_is_a_list() -> None:
    call = ActivityCall(CONNECTOR, "send", {"ids": Lazy()}, base_url=None)
    assert call.request is not None
    assert call.request.body == b'{"ids":[1,2]}'

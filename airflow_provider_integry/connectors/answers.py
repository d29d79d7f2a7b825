"""Answers that are not JSON: CSV as records, text as it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from pydantic import JsonValue

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.connectors.select import decode_answer
from airflow_provider_integry.connectors.spec import Action, Query
from airflow_provider_integry.errors import ResponseFormatError

_CHARSET = "charset="


def decode(name: str, activity: Action | Query, response: HttpResponse, *, may_be_empty: bool = False) -> JsonValue:
    """Return an answer as plain values, by what the activity says that it is.

    Args:
        name: Name of the activity, for errors.
        activity: The activity.
        response: A successful answer, read to its end.
        may_be_empty: As for `decode_answer`.
    Returns:
        JSON: its value. CSV: list of objects of text by column. Text: the text; None for an empty answer.
    Raises:
        ResponseFormatError: It is something else.
    """
    if activity.answer == "json":
        return decode_answer(name, response, may_be_empty=may_be_empty)
    if activity.answer == "csv":
        return list(_read_rows(name, _text_of(name, response), activity.delimiter))
    return _text_of(name, response) if response.body else None


def _text_of(name: str, response: HttpResponse) -> str:
    charset = "utf-8"
    for part in (response.header("Content-Type") or "").split(";")[1:]:
        if part.strip().lower().startswith(_CHARSET):
            charset = part.strip()[len(_CHARSET) :].strip("\"' ")
    try:
        return response.body.decode(charset).removeprefix("\ufeff")
    except (UnicodeDecodeError, LookupError):
        raise ResponseFormatError(name, f"the API answered with text that is not {charset}") from None


def _read_rows(name: str, text: str, delimiter: str) -> Iterator[JsonValue]:
    if text.lstrip()[:1] in ("<", "{"):
        raise ResponseFormatError(name, "the API answered with something that is not CSV: it begins like HTML or JSON")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = next(reader, [])
        for row in reader:
            if not row:
                continue
            if len(row) != len(names):
                raise ResponseFormatError(
                    name,
                    f"line {reader.line_num} of the CSV has {len(row)} columns where the first line names {len(names)};"
                    " check 'delimiter' in the connector",
                )
            yield dict(zip(names, row, strict=True))
    except csv.Error as error:
        raise ResponseFormatError(name, f"line {reader.line_num} of the CSV cannot be read: {error}") from None

"""Read the fields of one connection into typed values, whatever form they arrived in."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_integry.connection_fields import Field
from airflow_provider_integry.connection_types import ConnectionType
from airflow_provider_integry.errors import ConnectionConfigError, MissingFieldError
from airflow_provider_integry.secret import Secret

MAX_TEXT = 64 * 1024
# An error names this many fields at most.
_MOST_NAMES = 25
_TRUE = frozenset({"true", "1", "yes", "on", "y", "t"})
_FALSE = frozenset({"false", "0", "no", "off", "n", "f"})


class FieldValues:
    """Checked values of one connection's fields, by name; an empty field has its default.

    Args:
        values: The values.
        missing: Why there is no account in them; None where every field is filled in that is needed.
    """

    def __init__(self, values: Mapping[str, Any], missing: MissingFieldError | None = None) -> None:
        self._values = values
        self.missing = missing

    def text(self, name: str) -> str | None:
        """Return a text, URL or choice; None when empty and without default."""
        value = self._values.get(name)
        return None if value is None else str(value)

    def word(self, name: str) -> str:
        """Return the value of a field that has a default or is required."""
        return str(self._values[name])

    def secret(self, name: str) -> Secret | None:
        """Return a secret; None when empty."""
        value = self._values.get(name)
        return value if isinstance(value, Secret) else None

    def number(self, name: str) -> float | None:
        """Return a number; None when empty and without default."""
        value = self._values.get(name)
        return None if value is None else float(value)

    def with_value(self, name: str, value: Any) -> FieldValues:
        """Return a copy in which one field has another value."""
        return FieldValues({**self._values, name: value}, self.missing)

    def boolean(self, name: str) -> bool:
        """Return a switch; off when empty and without default."""
        return bool(self._values.get(name))

    def items(self, name: str) -> tuple[str, ...]:
        """Return the parts of a list field."""
        return tuple(self._values.get(name) or ())

    def mapping(self, name: str) -> dict[str, Any]:
        """Return the object of a JSON field; empty when empty."""
        return dict(self._values.get(name) or {})

    def secret_mapping(self, name: str) -> dict[str, Secret]:
        """Return the object of secrets; empty when empty."""
        return dict(self._values.get(name) or {})

    def secrets(self) -> tuple[Secret, ...]:
        """Return every secret of the connection."""
        found: list[Secret] = []
        for value in self._values.values():
            parts = value.values() if isinstance(value, dict) else (value,)
            found += [part for part in parts if isinstance(part, Secret)]
        return tuple(found)

    def __repr__(self) -> str:
        return f"FieldValues({', '.join(self._values)})"


def read_extra(conn_id: str, extra: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the object in a connection's `extra`.

    Raises:
        ConnectionConfigError: It is not JSON, or not an object.
    """
    if isinstance(extra, Mapping):
        return dict(extra)
    if extra is None or not extra.strip():
        return {}
    try:
        value = json.loads(extra)
    except (ValueError, RecursionError) as error:
        line = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ConnectionConfigError(conn_id, "extra", f"is not JSON{line}; give a JSON object") from None
    if not isinstance(value, dict):
        raise ConnectionConfigError(conn_id, "extra", 'is not a JSON object; write {"field": "value"}')
    return value


def read_fields(
    conn_id: str,
    conn_type: ConnectionType,
    columns: Mapping[str, Any],
    extra: Mapping[str, Any],
    *,
    allow_unfilled: bool = False,
) -> FieldValues:
    """Check every field of a connection.

    Args:
        conn_id: The connection, for errors.
        conn_type: Its type, with the fields it may have.
        columns: Standard columns by name.
        extra: The object in `extra`.
        allow_unfilled: Whether the fields of the account may be empty; `missing` of the values then says so.
    Raises:
        MissingFieldError: A required field is empty.
        ConnectionConfigError: A field is unknown or its value is wrong.
    """
    _refuse_unknown(conn_id, conn_type, extra)
    values = {
        item.name: _read(conn_id, item, columns.get(item.column) if item.column else extra.get(item.name))
        for item in conn_type.fields
    }
    empty = [item for item in conn_type.fields if values[item.name] is None and _is_required(item, values)]
    for item in empty:
        if not (allow_unfilled and item.is_account):
            raise MissingFieldError(conn_id, item.name, _missing_text(item))
    return FieldValues(values, MissingFieldError(conn_id, empty[0].name, _missing_text(empty[0])) if empty else None)


# What other tools call these fields.
_OTHER_NAMES = {
    "token_url": "exchange_url",
    "access_token_url": "exchange_url",
    "token_endpoint": "exchange_url",
    "authorization_url": "authorize_url",
    "auth_url": "authorize_url",
    "authorization_endpoint": "authorize_url",
    "request_token_url": "request_url",
    "revocation_url": "revoke_url",
    "scope": "scopes",
}


def _extras_of(known: Mapping[str, Field]) -> list[str]:
    return [name for name, item in known.items() if not item.column]


def _refuse_unknown(conn_id: str, conn_type: ConnectionType, extra: Mapping[str, Any]) -> None:
    known = {item.name: item for item in conn_type.fields}
    for name, value in extra.items():
        item = known.get(name)
        if item is not None and item.column is None:
            continue
        if value in (None, "", {}, []):
            continue
        if item is not None:
            raise ConnectionConfigError(conn_id, name, f"does not belong into extra; use the field '{item.label}'")
        usual = _OTHER_NAMES.get(name)
        close = [usual] if usual in known else difflib.get_close_matches(name, _extras_of(known), n=1)
        allowed = _list_some(_extras_of(known))
        advice = (
            f"Did you mean '{close[0]}'? Otherwise remove it." if close else f"Remove it, or use one of: {allowed}."
        )
        raise ConnectionConfigError(conn_id, _short(name), f"is not a field of type '{conn_type.name}'. {advice}")


def _list_some(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"


def _is_required(item: Field, values: Mapping[str, Any]) -> bool:
    if item.required_when:
        other, wanted = item.required_when
        return bool(values[other] == wanted)
    return item.required


def _missing_text(item: Field) -> str:
    when = f" when {item.required_when[0]} is '{item.required_when[1]}'" if item.required_when else ""
    example = f", for example {item.placeholder}" if item.placeholder else ""
    return f"is empty, and needed{when}; fill in '{item.label}'{example}"


def _read(conn_id: str, item: Field, value: Any) -> Any:
    if value is None or (isinstance(value, str) and not value.strip() and item.kind != "secret") or value == "":
        return item.default
    try:
        return _READERS[item.kind](item, value)
    except _WrongValueError as error:
        raise ConnectionConfigError(conn_id, item.name, str(error)) from None


def find_problem(item: Field, value: Any) -> str | None:
    """Say what is wrong with a value for a field; None when it may be used."""
    try:
        _READERS[item.kind](item, value)
    except _WrongValueError as error:
        return str(error)
    return None


class _WrongValueError(Exception):
    """What is wrong with a value, without the value where it may be secret."""


def _check_whole(text: str) -> str:
    """Refuse a lone surrogate: JSON can carry one, and nothing that is sent can."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise _WrongValueError("holds half of a character; paste it again")
    return text


def _check_unmasked(text: str) -> str:
    """Refuse Airflow's mask: its forms and API show it for what they hide, and may save what they show."""
    if "***" in text:
        raise _WrongValueError("holds '***', which Airflow shows in place of something it hides; type the real value")
    return text


def _read_text(item: Field, value: Any) -> str:
    if isinstance(value, dict | list):
        raise _WrongValueError("is a JSON structure; give plain text")
    text = str(value).strip()
    if len(text) > MAX_TEXT:
        raise _WrongValueError(f"is longer than {MAX_TEXT} characters")
    if any(ord(char) < 32 and char not in "\r\n\t" for char in text) or "\x7f" in text:
        raise _WrongValueError("holds a control character; remove it")
    return _check_unmasked(_check_whole(text))


def _read_secret(item: Field, value: Any) -> Secret:
    if isinstance(value, dict | list):
        raise _WrongValueError("is a JSON structure; give plain text")
    text = str(value)
    if len(text) > MAX_TEXT:
        raise _WrongValueError(f"is longer than {MAX_TEXT} characters")
    if text.strip("*") == "" and len(text) >= 3:
        raise _WrongValueError("is '***', a masked value that was copied; paste the real one")
    return Secret(_check_whole(text))


def _read_url(item: Field, value: Any) -> str:
    text = _read_text(item, value)
    if any(char in text for char in "\r\n\t "):
        raise _WrongValueError("holds a space or line break; remove it")
    return text


def _read_number(item: Field, value: Any) -> float:
    from airflow_provider_integry.auth.token import parse_number

    number = parse_number(value)
    if number is None:
        raise _WrongValueError(f"'{_short(value)}' is not a number")
    if item.minimum is not None and number < item.minimum:
        raise _WrongValueError(f"{number:g} is too small; the least is {item.minimum:g}")
    return number


def _read_integer(item: Field, value: Any) -> int:
    number = _read_number(item, value)
    if number != int(number):
        raise _WrongValueError(f"'{_short(value)}' is not a whole number")
    return int(number)


def _read_boolean(item: Field, value: Any) -> bool:
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise _WrongValueError(f"'{_short(value)}' is neither true nor false")


def _read_choice(item: Field, value: Any) -> str:
    word = str(value).strip()
    match = next((choice for choice in item.choices if choice.lower() == word.lower()), None)
    if match:
        return match
    raise _WrongValueError(f"'{_short(value)}' is not a choice; use one of: {', '.join(item.choices)}")


def _read_object(item: Field, value: Any) -> dict[str, Any] | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            at = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
            raise _WrongValueError(f'is not JSON{at}; give a JSON object such as {{"name": "value"}}') from None
    if not isinstance(value, dict):
        raise _WrongValueError('is not a JSON object; write {"name": "value"}')
    _check_unmasked(_check_whole(json.dumps(value, ensure_ascii=False)))
    return value


def _read_secret_object(item: Field, value: Any) -> dict[str, Secret]:
    try:
        pairs = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        pairs = None
    if not isinstance(pairs, dict) or not all(isinstance(text, str) for text in pairs.values()):
        raise _WrongValueError('is not a JSON object of texts; write {"X-Api-Key": "the key"}')
    return {_check_whole(str(name)): _read_secret(item, text) for name, text in pairs.items()}


def _read_list(item: Field, value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_check_whole(str(part)).strip() for part in value if str(part).strip())
    return tuple(_check_whole(str(value)).replace(",", " ").split())


def _short(value: Any) -> str:
    text = " ".join("".join(char if char.isprintable() else " " for char in str(value)).split())
    return text if len(text) <= 40 else f"{text[:39]}…"


_READERS = {
    "text": _read_text,
    "secret": _read_secret,
    "url": _read_url,
    "integer": _read_integer,
    "number": _read_number,
    "boolean": _read_boolean,
    "choice": _read_choice,
    "object": _read_object,
    "secret_object": _read_secret_object,
    "list": _read_list,
}

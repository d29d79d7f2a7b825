"""Values of a connection's fields that several mechanisms read alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_integry.auth.credentials import check_header_name, check_header_text
from airflow_provider_integry.errors import CredentialFormatError
from airflow_provider_integry.field_values import FieldValues
from airflow_provider_integry.urls import check_url


class EmptyFieldError(CredentialFormatError):
    """A field is empty that the other fields' values make necessary."""


def read_url(values: FieldValues, name: str) -> str | None:
    """Return a URL; None when empty.

    Raises:
        UrlNotAllowedError: It may not be called.
    """
    url = values.text(name)
    return check_url(url, name, allow_http=values.boolean("allow_http")) if url else None


def read_kept(values: FieldValues) -> dict[str, str]:
    """Return names of what is kept of a service's answers, with their JMESPaths.

    Raises:
        CredentialFormatError: One is no JMESPath.
    """
    kept = read_texts(values.mapping("kept_values"), "kept_values")
    for path in kept.values():
        check_path(path, "kept_values")
    return kept


def check_path(path: str | None, what: str) -> None:
    """Refuse a text that is no JMESPath.

    Raises:
        CredentialFormatError: It does not compile.
    """
    if path is None:
        return
    # Lazy for start-up cost: few connections name a path.
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(path)
    except JMESPathError:
        raise CredentialFormatError(what, f"'{path[:80]}' is not a JMESPath; write 'data.token'") from None


def read_texts(values: Mapping[str, Any], what: str) -> dict[str, str]:
    """Return a JSON object of texts, numbers and switches as texts.

    Raises:
        CredentialFormatError: A value is null, a list or an object.
    """
    for name, value in values.items():
        if value is None or isinstance(value, dict | list):
            raise CredentialFormatError(what, f"'{name[:80]}' is not text; give a JSON object of texts")
    return {name: _text(value) for name, value in values.items()}


def read_headers(values: Mapping[str, Any], what: str) -> dict[str, str]:
    """Return a JSON object of header names and texts.

    Raises:
        CredentialFormatError: A name or a value that no header can have.
    """
    pairs = read_texts(values, what)
    for name, value in pairs.items():
        check_header_name(name, what)
        check_header_text(value, what)
    return pairs


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

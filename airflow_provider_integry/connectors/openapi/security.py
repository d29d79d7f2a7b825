"""Security schemes as connection types with their auth profiles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from airflow_provider_integry.connectors.openapi.operations import read_scopes
from airflow_provider_integry.connectors.openapi.profiles import describe_schemes
from airflow_provider_integry.connectors.openapi.refs import References, UnresolvedError, as_mapping
from airflow_provider_integry.connectors.openapi.swagger2 import convert_scheme


@dataclass(frozen=True)
class Access:
    """How a connection for an API looks.

    Attributes:
        types: Connection types that can carry the document's credentials.
        profiles: By connection type, what the document says of its fields.
        notes: By connection type, what to look at or fill in, a sentence each.
        names: Names, in lower case, under which credentials are sent.
    """

    types: tuple[str, ...]
    profiles: dict[str, dict[str, Any]]
    notes: dict[str, tuple[str, ...]]
    names: frozenset[str]


def read_access(
    refs: References,
    used: Iterable[tuple[str, ...]],
    scopes: Iterable[tuple[str, str]] = (),
    *,
    base_url: str | None = None,
) -> Access:
    """Read the security schemes that operations use.

    Args:
        refs: The document.
        used: Alternatives of the chosen operations and of the document, each the names of schemes that
            are needed together.
        scopes: Scopes that these operations need, each with the name of its scheme.
        base_url: The connector's base URL; None where the connection has it.
    """
    schemes = _schemes(refs)
    needed: dict[str, dict[str, None]] = {}
    for name, scope in scopes:
        needed.setdefault(name, {})[scope] = None
    scopes_of = {name: tuple(found) for name, found in needed.items()}
    profiles: dict[str, dict[str, Any]] = {}
    notes: dict[str, dict[str, None]] = {}
    for names in dict.fromkeys(used):
        together = {name: schemes[name] for name in names if name in schemes}
        for found in describe_schemes(together, scopes_of, base_url):
            told = notes.setdefault(found.type, {})
            if found.type not in profiles:
                profiles[found.type] = found.profile
                told.update(dict.fromkeys(found.notes))
            elif profiles[found.type] != found.profile:
                # A connection type has one profile; the others are for whoever wants them.
                told[f"Or: {_in_words(found.profile)}."] = None
    sent = {str(one["name"]).lower() for one in schemes.values() if one.get("type") == "apiKey" and one.get("name")}
    return Access(
        tuple(sorted(profiles)), profiles, {kind: tuple(told) for kind, told in notes.items()}, frozenset(sent)
    )


def _in_words(profile: dict[str, Any]) -> str:
    shown = {key: " ".join(value[:12]) if isinstance(value, list) else value for key, value in profile.items()}
    return ", ".join(f"{key} {value}" for key, value in shown.items())


def document_scopes(document: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the scopes that apply where an operation says nothing, each with the name of its scheme."""
    return read_scopes(document.get("security"))


def document_security(document: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Return what applies where an operation says nothing; empty where the document does not either."""
    raw = document.get("security")
    if isinstance(raw, list) and raw:
        return tuple(tuple(map(str, one)) for one in raw if isinstance(one, dict) and one)
    return ()


def scheme_names(refs: References) -> tuple[tuple[str, ...], ...]:
    """Return each scheme of the document as an alternative of its own."""
    return tuple((name,) for name in _schemes(refs))


def _schemes(refs: References) -> dict[str, dict[str, Any]]:
    document = refs.document
    if "swagger" in document:
        raw = as_mapping(document.get("securityDefinitions"))
        return {name: convert_scheme(one) for name, one in raw.items() if isinstance(one, dict)}
    raw = as_mapping(as_mapping(document.get("components")).get("securitySchemes"))
    return {str(name): found for name, one in raw.items() if (found := _followed(refs, one))}


def _followed(refs: References, raw: Any) -> dict[str, Any]:
    try:
        return refs.mapping(raw)
    except UnresolvedError:
        return {}

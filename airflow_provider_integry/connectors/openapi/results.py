"""Where the records of an answer are: guessed, because OpenAPI has no word for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_integry.connectors.openapi.refs import as_mapping
from airflow_provider_integry.connectors.openapi.schemas import Schemas

USUAL = ("data", "items", "results", "records", "values", "value", "entries", "objects", "list", "content", "rows")
# Of these, an answer may have a list beside its records.
_BESIDE = frozenset({"errors", "warnings", "links", "_links", "included", "messages", "meta", "metadata"})
_OF_A_RECORD = frozenset({"id", "gid", "uuid", "key", "name", "email", "createdat"})
MAX_LEVELS = 3


@dataclass(frozen=True)
class Field:
    """One place in an answer.

    Attributes:
        path: Names that lead to it.
        schema: Its schema, with references followed.
    """

    path: tuple[str, ...]
    schema: dict[str, Any]

    @property
    def expression(self) -> str:
        """Return it as JMESPath."""
        return ".".join(name if is_plain(name) else f'"{name}"' for name in self.path)

    @property
    def name(self) -> str:
        """Return its own name, in lower case and without underscores."""
        return plain_name(self.path[-1]) if self.path else ""


def list_fields(schemas: Schemas, answer: Any, levels: int = MAX_LEVELS) -> list[Field]:
    """List the places of an answer that are not inside lists, those on top first."""
    return sorted(_walk(schemas, answer, (), levels), key=lambda one: len(one.path))


def find_records(schemas: Schemas, answer: Any, path: str) -> str | None:
    """Return where the records are: empty for the answer itself, None where there are none.

    Args:
        schemas: Simplifies schemas of the document.
        answer: Schema of the answer.
        path: Path of the operation: ``/contacts`` lists `contacts`.
    """
    if answer is None:
        return None
    top = schemas.merged(answer)
    if _is_list(top):
        return ""
    lists = [one for one in list_fields(schemas, top, 2) if _is_list(one.schema) and one.path[-1] not in _BESIDE]
    named = [plain_name(part) for part in path.split("/") if part and not part.startswith("{")][-1:]
    for wanted in (named, [*map(plain_name, USUAL)]):
        found = [one for one in lists if one.name in wanted]
        nearest = [one for one in found if len(one.path) == len(found[0].path)]
        # An answer with 'albums.items' beside 'artists.items' has no records of one kind.
        if len(nearest) == 1 or (nearest and len(nearest[0].path) == 1):
            return nearest[0].expression
        if nearest:
            return None
    of_objects = [one for one in lists if len(one.path) == 1 and _holds_objects(schemas, one)]
    # What has an id of its own is one record, which happens to hold a list.
    is_record = bool(_OF_A_RECORD & {plain_name(name) for name in as_mapping(top.get("properties"))})
    is_collection = len(of_objects) == 1 and not is_record and path.rstrip("/")[-1:] != "}"
    return of_objects[0].expression if is_collection else None


def plain_name(name: str) -> str:
    """Return a name in lower case with letters and digits alone, to compare it."""
    return "".join(char for char in name.lower() if char.isalnum())


def _walk(schemas: Schemas, schema: Any, path: tuple[str, ...], levels: int) -> Iterator[Field]:
    node = schemas.merged(schema)
    properties = node.get("properties")
    if not isinstance(properties, dict):
        return
    for name, raw in properties.items():
        below = (*path, str(name))
        yield Field(below, schemas.given(raw))
        if levels > 1:
            yield from _walk(schemas, raw, below, levels - 1)


def _is_list(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "array" or (isinstance(schema.get("type"), list) and "array" in schema["type"])


def _holds_objects(schemas: Schemas, one: Field) -> bool:
    items = schemas.merged(one.schema.get("items"))
    return items.get("type") == "object" or "properties" in items


def is_plain(name: str) -> bool:
    """Return whether a name stands in JMESPath as it is."""
    return name.isidentifier() and name.isascii()

"""References inside an OpenAPI document. Nothing is fetched: those to other files are reported.

Source: RFC 6901 (JSON Pointer), OpenAPI 3.1 section 4.8.23.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

MAX_HOPS = 20


class UnresolvedError(Exception):
    """A reference that leads nowhere; the message says where it was to lead."""


class References:
    """Follows the references of one document.

    Args:
        document: The whole document.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._found: dict[str, Any] = {}

    def follow(self, node: Any) -> Any:
        """Return what a node refers to, or the node itself when it refers to nothing.

        Raises:
            UnresolvedError: It leads to another file, to nothing, or around in a circle.
        """
        for _ in range(MAX_HOPS):
            reference = reference_of(node)
            if reference is None:
                return node
            node = self._look_up(reference)
        raise UnresolvedError(f"'$ref: {reference}' leads around in a circle")

    def mapping(self, node: Any) -> dict[str, Any]:
        """Return what a node refers to, as a mapping; an empty one where it is none."""
        found = self.follow(node)
        return found if isinstance(found, dict) else {}

    def _look_up(self, reference: str) -> Any:
        if reference not in self._found:
            self._found[reference] = self._walk(reference)
        return self._found[reference]

    def _walk(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            raise UnresolvedError(
                f"'$ref: {reference[:100]}' leads to another file; bundle the document into one first"
            )
        node: Any = self.document
        for raw in reference[2:].split("/"):
            step = unquote(raw).replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and step in node:
                node = node[step]
            elif isinstance(node, list) and step.isdigit() and int(step) < len(node):
                node = node[int(step)]
            else:
                raise UnresolvedError(f"'$ref: {reference[:100]}' leads to nothing in the document")
        return node


def reference_of(node: Any) -> str | None:
    """Return the reference that a node is; None when it is none."""
    if isinstance(node, dict):
        reference = node.get("$ref")
        # A property may be named '$ref'; its value is a schema, not text.
        return reference if isinstance(reference, str) else None
    return None


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, and an empty one for anything else: documents hold mistakes."""
    return value if isinstance(value, list) else []


def as_mapping(value: Any) -> dict[str, Any]:
    """Return a mapping as it is, and an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_texts(value: Any) -> list[str]:
    """Return the texts of a list, or of one text by itself."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]

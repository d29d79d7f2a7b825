"""YAML text to a tree of plain values that knows its lines; nothing is ever constructed.

The parser's events are read one by one and stop at the first thing that is not allowed, so a file
made to explode costs no more than the part that was read. Scalars follow the core schema of
YAML 1.2: only ``true`` and ``false`` are booleans (``no``, ``on`` and ``yes`` are text), dates are
text, and keys are always text.
Source: YAML 1.2.2 section 10.3; PROTOCOLS T37.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import yaml
from pydantic import JsonValue

from airflow_provider_integry.errors import ConnectorFormatError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_NODES = 20_000
_MAX_DIGITS = 40

Scalar = str | int | float | bool | None
# libyaml's parser where PyYAML was built with it: the same events, about 20 times faster.
_Loader: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+", re.ASCII)
_BASED_INT = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class Node:
    """One value of the file.

    Attributes:
        line: Where it stands, from 1.
        value: A scalar, a mapping of nodes, or a list of nodes.
        key_lines: For a mapping, the line of each key.
    """

    line: int
    value: Scalar | dict[str, Node] | list[Node]
    key_lines: dict[str, int] = field(default_factory=dict)

    def plain(self) -> JsonValue:
        """Return the value as plain JSON types."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def child(self, step: str | int) -> Node | None:
        """Return the value under a key or an index; None when there is none."""
        if isinstance(self.value, dict):
            return self.value.get(str(step))
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None

    def line_of(self, path: Sequence[str | int]) -> int:
        """Return the line of the deepest part of `path` that is in the file."""
        node, line = self, self.line
        for step in path:
            below = node.child(step)
            if below is None:
                break
            line = node.key_lines.get(str(step), below.line)
            node = below
        return line


def parse_document(text: str, source: str) -> Node:
    """Read one YAML (or JSON) document.

    Args:
        text: The file's text.
        source: How to name the file in errors.
    Returns:
        The root node; a mapping.
    Raises:
        ConnectorFormatError: Not YAML, empty, no mapping at top level, too large, too deep, with a
            duplicate key, an alias, a tag, or a second document.
    """
    text = text.removeprefix("\ufeff")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ConnectorFormatError(source, "", "is not valid Unicode text; save it as UTF-8") from None
    if size > MAX_BYTES:
        raise ConnectorFormatError(source, "", f"has {size} bytes; at most {MAX_BYTES} are allowed")
    try:
        return _Composer(source, yaml.parse(text, Loader=_Loader)).document()
    except yaml.YAMLError as error:
        raise _syntax_error(source, error) from None


def resolve_scalar(text: str) -> Scalar:
    """Return what an unquoted scalar means under the YAML 1.2 core schema.

    Raises:
        ValueError: A number that JSON cannot carry.
    """
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _NOT_JSON.fullmatch(text):
        raise ValueError("is not a number that JSON knows; put it in quotes if it is text")
    if _INT.fullmatch(text) or _BASED_INT.fullmatch(text):
        return _parse_int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise ValueError("is a number out of range; put it in quotes if it is text")
        return number
    return text


def _parse_int(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"is a number of over {_MAX_DIGITS} digits; put it in quotes if it is text")
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)


class _Composer:
    """Builds nodes from parser events, refusing what is not allowed as soon as it is seen."""

    def __init__(self, source: str, events: Iterator[yaml.Event]) -> None:
        self._source = source
        self._events = events
        self._path: list[str] = []
        self._count = 0

    def document(self) -> Node:
        next(self._events)  # stream start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise self._refusal(1, "is empty; a connector starts with 'name:', 'title:' and 'activities:'")
        root = self._node(next(self._events))
        next(self._events)  # document end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._refusal(_line(after), "holds a second document ('---'); one file is one connector")
        if not isinstance(root.value, dict):
            shown = "a list" if isinstance(root.value, list) else "a single value"
            raise self._refusal(
                root.line, f"has {shown} at top level; it must be a mapping with 'name:' and 'activities:'"
            )
        return root

    def _node(self, event: yaml.Event) -> Node:
        line = _line(event)
        self._count += 1
        if self._count > MAX_NODES:
            raise self._refusal(line, f"holds over {MAX_NODES} values; split the connector")
        if isinstance(event, yaml.AliasEvent):
            raise self._refusal(line, "uses an alias ('*name'), which is not allowed; write the value out")
        self._check_tag(event, line)
        if isinstance(event, yaml.ScalarEvent):
            return Node(line, self._scalar(event, line))
        if len(self._path) >= MAX_DEPTH:
            raise self._refusal(line, f"is nested deeper than {MAX_DEPTH} levels")
        return self._mapping(line) if isinstance(event, yaml.MappingStartEvent) else self._sequence(line)

    def _mapping(self, line: int) -> Node:
        children: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            self._path.append(key)
            if key in children:
                raise self._refusal(_line(event), f"stands twice (first in line {lines[key]}); a key may stand once")
            lines[key] = _line(event)
            children[key] = self._node(next(self._events))
            self._path.pop()
        return Node(line, children, lines)

    def _sequence(self, line: int) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            self._path.append(str(len(items)))
            items.append(self._node(event))
            self._path.pop()
        return Node(line, items)

    def _key(self, event: yaml.Event) -> str:
        if isinstance(event, yaml.ScalarEvent) and event.value:
            self._check_tag(event, _line(event))
            return str(event.value)
        raise self._refusal(_line(event), "has a key that is not text; write 'key: value'")

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Scalar:
        text = str(event.value)
        if not event.implicit[0] or event.tag is not None:
            return text
        try:
            return resolve_scalar(text)
        except ValueError as error:
            raise self._refusal(line, str(error)) from None

    def _check_tag(self, event: yaml.Event, line: int) -> None:
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            raise self._refusal(line, f"has the tag '{tag[:60]}'; tags are not allowed, write the plain value")

    def _refusal(self, line: int, problem: str) -> ConnectorFormatError:
        return ConnectorFormatError(self._source, ".".join(self._path), problem, line)


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    return int(mark.line) + 1 if mark else 1


def _syntax_error(source: str, error: yaml.YAMLError) -> ConnectorFormatError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    is_tab = "cannot start any token" in str(problem) or "tab character" in str(problem)
    hint = " (indent with spaces, not tabs)" if is_tab else ""
    return ConnectorFormatError(source, "", f"is not YAML: {problem}{hint}", int(mark.line) + 1 if mark else None)

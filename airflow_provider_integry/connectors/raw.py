"""Records as the bytes they came in: found in an answer, and not decoded.

Decoding a record and encoding it again costs most of the time of a large query, and changes it: 1.10
becomes 1.1, and 1e400 cannot be read at all. Where the records lie under a plain path, a decoder is
built that takes them as `msgspec.Raw` and decodes nothing but what paging asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Union, cast

import jmespath
import msgspec
from pydantic import JsonValue

Keys = tuple[str, ...]
# What lies below a key: further keys, the records, or a value that is decoded.
Tree = dict[str, Any]

_BOM = b"\xef\xbb\xbf"
_RECORDS = object()
_VALUE = object()
# Evaluated in the context that their first child gives; the others of the list, in their own.
_LEADING = frozenset(
    {"index_expression", "projection", "value_projection", "filter_projection", "flatten", "pipe", "subexpression"}
)
_JOINING = frozenset(
    {
        "or_expression",
        "and_expression",
        "not_expression",
        "comparator",
        "function_expression",
        "multi_select_list",
        "multi_select_dict",
        "key_val_pair",
    }
)


class RawRecords(list[msgspec.Raw]):
    """Records of one page, each as the bytes it came in, without white space around it."""


class RawReader:
    """Reads answers of one query: the records as bytes, and as much of the rest as expressions need.

    Args:
        records: Keys that lead to the list of records; none where the answer is that list.
        needed: Keys that lead to what is decoded; none of them is above or below the records.
    """

    def __init__(self, records: Keys, needed: Iterable[Keys]) -> None:
        self._keys = records
        self._tree: Tree = {}
        if records:
            for keys in sorted(needed, key=lambda keys: (len(keys), keys)):
                _plant(self._tree, keys, _VALUE)
            _plant(self._tree, records, _RECORDS)
        self._decoder = msgspec.json.Decoder(_type_of(self._tree) if records else _LIST)

    def read(self, body: bytes) -> tuple[RawRecords, JsonValue] | None:
        """Return the records, and an answer that holds nothing but what is needed.

        None means that this answer is not what the reader is for: decode it, which tells what is
        wrong with it, if anything is.
        """
        body = body.removeprefix(_BOM)
        if not body.isascii() and not _is_utf8(body):
            return None
        try:
            value = self._decoder.decode(body)
        except (ValueError, RecursionError):
            return None
        if not self._keys:
            return RawRecords(value or ()), []
        return RawRecords(self._find(value)), _to_answer(value, self._tree)

    def _find(self, value: Any) -> Sequence[msgspec.Raw]:
        tree = self._tree
        for key in self._keys:
            if not isinstance(value, msgspec.Struct):
                return ()
            value, tree = getattr(value, _name(tree, key)), tree[key]
        return value or ()


def build_reader(result: str | None, expressions: Iterable[str]) -> RawReader | None:
    """Return a reader for a query's answers; None where they have to be decoded.

    Args:
        result: JMESPath of the records; None where the answer is the list.
        expressions: JMESPath of whatever else is asked of the answer.
    """
    records = () if result is None else plain_path(_parse(result))
    if records is None:
        return None
    needed = {keys for text in expressions for keys in _paths(_parse(text))}
    if () in needed or any(_overlap(records, keys) for keys in needed if records):
        return None
    return RawReader(records, needed)


def to_lines(records: Iterable[Any]) -> bytes:
    """Return records as JSON lines; `RawRecords` stay as they are.

    A record that spans lines is made one line, by which none of its values changes.
    """
    if not isinstance(records, RawRecords):
        return b"".join(msgspec.json.encode(record) + b"\n" for record in records)
    lines = b"\n".join([*records, b""])
    # A line break inside of a text is not JSON, so each of these stands between values.
    if lines.count(b"\n") == len(records) and b"\r" not in lines:
        return lines
    return b"".join(msgspec.json.format(record, indent=-1) + b"\n" for record in records)


def plain_path(node: dict[str, Any]) -> Keys | None:
    """Return the keys of a parsed expression that is nothing but keys with dots between; else None."""
    if node["type"] == "current":
        return ()
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] != "subexpression":
        return None
    parts = [plain_path(child) for child in node["children"]]
    return None if None in parts else tuple(key for part in parts for key in part or ())


def _parse(text: str) -> dict[str, Any]:
    return cast("dict[str, Any]", jmespath.compile(text).parsed)


def _paths(node: dict[str, Any]) -> Iterator[Keys]:
    """Give the keys that an expression looks at first; () where it looks at the whole answer."""
    plain = plain_path(node)
    kind, children = node["type"], node["children"]
    if plain is not None:
        yield plain
    elif kind in _LEADING:
        yield from _paths(children[0])
    elif kind in _JOINING:
        for child in children:
            yield from _paths(child)
    elif kind not in ("literal", "expref"):
        yield ()


def _overlap(one: Keys, other: Keys) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _plant(tree: Tree, keys: Keys, leaf: object) -> None:
    for key in keys[:-1]:
        below = tree.setdefault(key, {})
        if below is _VALUE:
            return
        tree = below
    tree.setdefault(keys[-1], leaf)


# Below a key may lie anything: an expression that goes on there finds nothing.
_LIST: Any = Union[list[msgspec.Raw], None]  # noqa: UP007 - built at run time, also on Python 3.10
_OTHER: Any = Union[list[msgspec.Raw], str, int, float, bool, None]  # noqa: UP007


def _type_of(tree: Tree) -> Any:
    fields = [(_name(tree, key), _field_type(below), None) for key, below in tree.items()]
    names = {_name(tree, key): key for key in tree}
    struct = msgspec.defstruct("Answer", fields, rename=names, gc=False)
    return Union[struct, _OTHER]  # noqa: UP007 - built at run time


def _field_type(below: Any) -> Any:
    if below is _RECORDS:
        return _LIST
    return Any if below is _VALUE else _type_of(below)


def _name(tree: Tree, key: str) -> str:
    return f"f{list(tree).index(key)}"


def _to_answer(value: Any, tree: Tree) -> JsonValue:
    if not isinstance(value, msgspec.Struct):
        return None
    below = {key: (getattr(value, _name(tree, key)), leaf) for key, leaf in tree.items() if leaf is not _RECORDS}
    return {key: found if leaf is _VALUE else _to_answer(found, leaf) for key, (found, leaf) in below.items()}


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

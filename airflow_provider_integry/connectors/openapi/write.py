"""Plain values to YAML that people go on with: short things on one line, long ones in blocks, with comments.

What is written is read back by `connectors.document` as the same values.
Source: YAML 1.2.2 sections 7.3 and 10.3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_integry.connectors.document import resolve_scalar

MAX_WIDTH = 118
# What may stand without quotes between braces, and what in a block.
_PLAIN = re.compile(r"[A-Za-z_/$(^][A-Za-z0-9_/.()$<>'+*=^~;|@!?\" -]*(?<! )", re.ASCII)
_PLAIN_IN_BLOCK = re.compile(r"[A-Za-z_/$(^](?:[A-Za-z0-9_/.()$<>'+*=^~;|@!?\"{}\[\],&% -]|:(?! |$))*(?<! )", re.ASCII)
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")

Comments = Mapping[tuple[str, ...], list[str]]


def write_yaml(value: Mapping[str, Any], comments: Comments | None = None) -> str:
    """Return a mapping as YAML.

    Args:
        value: Plain JSON types.
        comments: Lines to put above the key that a path leads to.
    """
    return "".join(f"{line}\n" for line in _block(value, 0, (), comments or {}))


def write_scalar(value: Any, *, is_in_block: bool = False) -> str:
    """Return a scalar as YAML has it, in quotes where it would mean something else."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    if (_PLAIN_IN_BLOCK if is_in_block else _PLAIN).fullmatch(value) and _means_text(value):
        return value
    # JSON is YAML but for a few characters that YAML does not print.
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def write_comment(text: str, indent: int = 0, width: int = MAX_WIDTH) -> list[str]:
    """Return a text as lines of comment."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    room, lines, line = width - indent - 2, [], ""
    for word in plain.split(" "):
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line = f"  {word}"
        else:
            line = f"{line} {word}" if line else word
    return [f"{' ' * indent}# {one}" for one in [*lines, line] if one]


def _means_text(text: str) -> bool:
    # These are text here, and booleans to readers of YAML 1.1, which many editors are.
    if text.lower() in ("y", "n", "yes", "no", "on", "off"):
        return False
    try:
        return isinstance(resolve_scalar(text), str)
    except ValueError:
        return False


def _block(value: Mapping[str, Any], indent: int, path: tuple[str, ...], comments: Comments) -> Iterator[str]:
    pad = " " * indent
    for key, item in value.items():
        here = (*path, key)
        for text in comments.get(here, []):
            yield from [""] if not text else write_comment(text, indent)
        name = write_scalar(key)
        is_commented = any(len(one) > len(here) and one[: len(here)] == here for one in comments)
        line = f"{pad}{name}: {_value(item)}"
        if not is_commented and len(line) <= MAX_WIDTH and _is_short(item, indent):
            yield line
        elif isinstance(item, Mapping) and item:
            yield f"{pad}{name}:"
            yield from _block(item, indent + 2, here, comments)
        elif isinstance(item, list) and item:
            yield f"{pad}{name}:"
            yield from _list_lines(item, indent + 2, here, comments)
        else:
            yield line


def _list_lines(items: list[Any], indent: int, path: tuple[str, ...], comments: Comments) -> Iterator[str]:
    pad = " " * indent
    for index, item in enumerate(items):
        line = f"{pad}- {_value(item)}"
        if isinstance(item, Mapping) and item and len(line) > MAX_WIDTH:
            lines = list(_block(item, indent + 2, (*path, str(index)), comments))
            yield f"{pad}- {lines[0].lstrip()}"
            yield from lines[1:]
        elif isinstance(item, list) and item and len(line) > MAX_WIDTH:
            yield f"{pad}-"
            yield from _list_lines(item, indent + 2, (*path, str(index)), comments)
        else:
            yield line


def _is_short(item: Any, indent: int) -> bool:
    # The outline of a connector stays in blocks, however short: it is what people read first.
    if isinstance(item, Mapping) and item and indent < 4:
        return not any(isinstance(value, (Mapping, list)) for value in item.values())
    return not (isinstance(item, Mapping) and "inputs" in item)


def _value(item: Any) -> str:
    """Return what stands behind a key in a block."""
    return write_scalar(item, is_in_block=True) if isinstance(item, str) else _flow(item)


def _flow(item: Any) -> str:
    if isinstance(item, Mapping):
        return f"{{{', '.join(f'{write_scalar(key)}: {_flow(value)}' for key, value in item.items())}}}"
    if isinstance(item, (list, tuple)):
        return f"[{', '.join(map(_flow, item))}]"
    return write_scalar(item)

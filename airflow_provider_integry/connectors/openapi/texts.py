"""Names and sentences of a document, as a connector has them."""

from __future__ import annotations

import html
import re

MAX_NAME = 64
MAX_SENTENCE = 160
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"[^A-Za-z0-9]+")
_BREAK = re.compile(r"</?(?:br|p|li|ul|ol|div|h\d|tr|td)\b[^>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^>]{0,200}>")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z(`'\"])")
_DOCS_ONLY = re.compile(
    r"[*`]{1,3}|(?:(?<=\s)|^)[_#>]{1,4}(?=\S)|(?:(?<=\s)|^)[#>]{1,4}\s|(?<=[^\s_])_{1,2}(?=\s|[.,;:]|$)"
)


def build_name(text: str, *, fallback: str = "value") -> str:
    """Return a text as an identifier in snake case, of at most 64 characters."""
    words = [part for piece in _NOT_WORD.split(text) for part in _CAMEL.split(piece) if part]
    name = "_".join(words).lower()[:MAX_NAME].rstrip("_") or fallback
    return f"_{name}"[:MAX_NAME] if name[0].isdigit() else name


def build_key(text: str) -> str:
    """Return the name of a parameter as an identifier; its case is kept where it already is one."""
    key = _NOT_WORD.sub("_", text).strip("_")[:MAX_NAME].rstrip("_")
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", text):
        return text
    if not key:
        return "value"
    return f"_{key}"[:MAX_NAME] if key[0].isdigit() else key


def build_operation_name(operation_id: str, method: str, path: str) -> str:
    """Return the name of an activity: out of the operation's id, else of its method and path."""
    if operation_id.strip():
        return build_name(operation_id)
    parts = [part for part in path.split("?", maxsplit=1)[0].split("/") if part]
    words = [f"by_{part.strip('{}')}" if part.startswith("{") else part for part in parts]
    return build_name("_".join([method.lower(), *words]))


def build_sentence(text: str, limit: int = MAX_SENTENCE) -> str:
    """Return the first sentence of a text, without markup, on one line."""
    plain = html.unescape(_BREAK.sub(" ", text))
    plain = _TAG.sub("", plain)
    plain = _DOCS_ONLY.sub("", _LINK.sub(r"\1", plain))
    plain = " ".join("".join(char if char.isprintable() else " " for char in plain).split())
    first = _SENTENCE.split(plain, maxsplit=1)[0]
    if len(first) > limit:
        first = f"{first[: limit - 2].rsplit(' ', 1)[0]} …"
    return first


def build_unique(name: str, taken: set[str]) -> str:
    """Return a name that is not taken, and take it."""
    found, number = name, 2
    while found in taken:
        tail = f"_{number}"
        found, number = f"{name[: MAX_NAME - len(tail)]}{tail}", number + 1
    taken.add(found)
    return found

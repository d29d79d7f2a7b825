"""Bodies as bytes: JSON, forms, multipart forms and raw ones, with files in them.

A file is a text, or a mapping with ``base64`` (its bytes) and, if wanted, ``name`` and ``type``. Where
a file is named by its path, whoever has a disk has put its bytes there before a body is made here.
Source: RFC 7578 (multipart/form-data), WHATWG URL section 5 (form encoding).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Literal
from urllib.parse import quote, urlencode

from pydantic import JsonValue

BodyFormat = Literal["json", "form", "multipart", "raw"]
Scalar = str | int | float | bool
FILE_KEYS = ("path", "base64", "name", "type")
BYTES = "application/octet-stream"
# Not the standard library's table: that one is read from files of the machine, and differs between them.
_TYPES = {
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "gif": "image/gif",
    "gz": "application/gzip",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "md": "text/markdown",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
    "webp": "image/webp",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "zip": "application/zip",
}
_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]{1,80}/[A-Za-z0-9!#$&^_.+-]{1,80}(;\s*[A-Za-z0-9_.+-]+=[^\x00-\x1f\x7f]{1,80})?"
)


def encode_body(body: JsonValue, body_format: BodyFormat) -> tuple[bytes, str]:
    """Return a body's bytes and its content type.

    Args:
        body: JSON: any value. Form: an object of scalars and lists of scalars. Multipart: the same,
            and files. Raw: a text or a file.
        body_format: How it is encoded.
    """
    if body_format == "form" and isinstance(body, dict):
        pairs = [pair for name, value in body.items() for pair in form_pairs(name, value)]
        return urlencode(pairs).encode(), "application/x-www-form-urlencoded"
    if body_format == "multipart" and isinstance(body, dict):
        return _encode_multipart(body)
    if body_format == "raw":
        if isinstance(body, dict):
            return file_bytes(body), _file_type(body)
        return str(body).encode(), "text/plain; charset=utf-8"
    # Not msgspec, which refuses integers of more than 64 bits.
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(), "application/json"


def scalar_text(value: Scalar) -> str:
    """Return a scalar as it is written in a path, a query, a header or a form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def form_pairs(name: str, value: JsonValue) -> list[tuple[str, str]]:
    """Return the pairs that carry a scalar or a list of scalars; a null is not sent."""
    values = value if isinstance(value, list) else [value]
    return [(name, scalar_text(item)) for item in values if isinstance(item, (str, int, float))]


def bracket_pairs(name: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    """Give the pairs that carry any value: ``a[b]=1``, ``a[]=1``, and ``a[0][b]=1`` in a list of objects."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from bracket_pairs(f"{name}[{key}]", item)
    elif isinstance(value, list):
        has_deep = any(isinstance(item, (dict, list)) for item in value)
        for index, item in enumerate(value):
            yield from bracket_pairs(f"{name}[{index if has_deep else ''}]", item)
    else:
        yield from form_pairs(name, value)


def file_problem(value: JsonValue) -> str | None:
    """Say why a value is no file whose bytes are there; None when it is one."""
    if isinstance(value, str):
        return None
    if not isinstance(value, dict):
        return "is no file; give text, or a mapping with 'path' or 'base64'"
    if unknown := sorted(set(value) - set(FILE_KEYS)):
        return f"has the unknown key '{unknown[0]}'; a file has {', '.join(FILE_KEYS)}"
    if "path" in value:
        return "has a 'path', which only a hook, an operator or a command reads; give 'base64'"
    name, kind = value.get("name"), value.get("type")
    if name is not None and not (isinstance(name, str) and name and name.isprintable()):
        return "has a 'name' that is no file name"
    if kind is not None and not (isinstance(kind, str) and _MEDIA_TYPE.fullmatch(kind)):
        return "has a 'type' that is no media type, such as text/csv"
    return None if _is_base64(value.get("base64")) else "needs 'path', or 'base64' with the file's bytes"


def file_bytes(value: Mapping[str, JsonValue]) -> bytes:
    """Return the bytes of a file without problems."""
    return base64.b64decode(str(value["base64"]))


def _is_base64(value: JsonValue) -> bool:
    try:
        return isinstance(value, str) and base64.b64decode(value, validate=True) is not None
    except (ValueError, binascii.Error):
        return False


def _file_type(value: Mapping[str, JsonValue]) -> str:
    suffix = str(value.get("name") or "").rpartition(".")[2].lower()
    return str(value.get("type") or _TYPES.get(suffix, BYTES))


def _encode_multipart(body: dict[str, JsonValue]) -> tuple[bytes, str]:
    parts = [part for name, value in body.items() for part in _parts(name, value)]
    # Made of the content, so that a request that is sent again is the same, byte for byte.
    digest = hashlib.sha256(b"\x00".join(head + content for head, content in parts)).hexdigest()
    boundary = f"integry-{digest[:40]}"
    pieces = [b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary.encode(), head, content) for head, content in parts]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def _parts(name: str, value: JsonValue) -> Iterator[tuple[bytes, bytes]]:
    if not isinstance(value, dict):
        for pair in form_pairs(name, value):
            yield _disposition(pair[0]), pair[1].encode()
        return
    filename = str(value.get("name") or "file")
    head = _disposition(name) + b'; filename="%s"' % _quoted(filename)
    if not filename.isascii():
        head += f"; filename*=UTF-8''{quote(filename, safe='')}".encode()
    yield head + f"\r\nContent-Type: {_file_type(value)}".encode(), file_bytes(value)


def _disposition(name: str) -> bytes:
    return b'Content-Disposition: form-data; name="%s"' % _quoted(name)


def _quoted(text: str) -> bytes:
    # As browsers do it, and most servers read it: UTF-8, with what would end the line or the text escaped.
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A").encode()

"""Search files for secrets, also in the forms that encoding gives them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus


def forms_of(secret: str) -> set[bytes]:
    """Return the secret as it is, and as URLs, forms, JSON, Basic headers and dumps would show it."""
    raw = secret.encode()
    percent = {quote(secret, safe=""), quote(secret), quote_plus(secret), quote_plus(secret).replace("%20", "+")}
    texts = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], repr(raw)[2:-1], raw.hex(), *percent}
    texts |= {text.lower() for text in percent if text != secret}
    return {text.encode() for text in texts} | set(_inside_base64(raw))


def _inside_base64(raw: bytes) -> Iterator[bytes]:
    """Give what base64 shows of the bytes, wherever in a longer text they stand."""
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(b"\0" * offset + raw)
            # The first and last characters depend on the neighbours too.
            start = (offset * 8 + 5) // 6
            end = (offset + len(raw)) * 8 // 6
            yield encoded[start:end]


def find_leaks(files: Iterable[Path], secrets: Mapping[str, str]) -> list[str]:
    """Return 'NAME in FILE: …surroundings…' for each secret that is in a file, without the secret itself."""
    forms = {name: forms_of(secret) for name, secret in secrets.items()}
    return [found for path in files for found in _search(path, forms)]


def _search(path: Path, forms: Mapping[str, set[bytes]]) -> Iterator[str]:
    content = path.read_bytes()
    for name, variants in forms.items():
        for form in variants:
            at = content.find(form)
            if at >= 0:
                around = content[max(0, at - 150) : at] + b"<<SECRET>>" + content[at + len(form) : at + len(form) + 80]
                yield f"{name} in {path}: {around.decode(errors='replace')}"

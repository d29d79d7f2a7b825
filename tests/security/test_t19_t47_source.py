"""What can be read off the source: how secrets are compared, that nothing reads XML, that TLS is always checked."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from security.threats import TESTS

PACKAGE = TESTS.parent / "airflow_provider_integry"
SOURCES = sorted(PACKAGE.rglob("*.py"))
# Words in the name of a value that somebody could guess bit by bit.
SECRET = re.compile(
    r"(?i)secret|signature|(?<!re)proof(?!s)|token(?!_type|s?_path)|digest|hmac|\bmac\b|password|csrf|verifier|reveal\("
)
_NAMES = "names of headers and settings"
_CONSTANT = "both are `Secret`, whose comparison takes constant time"
_FINGERPRINT = "fingerprints: they name a token without being one, and are told to whoever holds it"
_OWN = "digests of this installation, from its own database or connection; nobody sends one of the sides"
# Comparisons that tell nothing about a secret, and why.
HARMLESS = {
    "auth/credentials.py: self.key_name.lower() == self.secret_name.lower()": _NAMES,
    "auth/webhook_signatures.py: name == rule.signature_key": _NAMES,
    "auth/oauth1_consent.py: Secret(values['oauth_token']) != temporary.token": _CONSTANT,
    "auth/oauth1_consent.py: Secret(denied) != temporary.token": _CONSTANT,
    "authorizations/outcomes.py: token.refresh_token != secrets.refresh_token": _CONSTANT,
    "authorizations/proof.py: secret != pasted": _CONSTANT,
    "authorizations/supply.py: token.refresh_token != self._refresh_token": _CONSTANT,
    "authorizations/broker.py: row.token_fingerprint != rejected": _FINGERPRINT,
    "authorizations/broker.py: found.row.token_fingerprint != rejected": _FINGERPRINT,
    "authorizations/check.py: found.token_fingerprint == row.token_fingerprint": _FINGERPRINT,
    "authorizations/check.py: found.row.token_fingerprint == rejected": _FINGERPRINT,
    "authorizations/grant.py: rejected != row.token_fingerprint": _FINGERPRINT,
    "authorizations/shared_supply.py: held.token.fingerprint == rejected": _FINGERPRINT,
    "authorizations/shared_supply.py: held.token.fingerprint != rejected": _FINGERPRINT,
    "authorizations/shared_supply.py: self._held.token.fingerprint == rejected": _FINGERPRINT,
    "authorizations/entered_source.py: self._filled[0] == supplied.token.fingerprint": _FINGERPRINT,
    "authorizations/entered_source.py: known[0] != supplied.token.fingerprint": _FINGERPRINT,
    "web/public/connect.py: local_links().look(token).id != link_id": "ids of links",
    "authorizations/acceptance.py: poll.get('key') != mark.digest": _OWN,
    "authorizations/airflow_store.py: "
    "hashlib.sha256(pasted.strip().encode('utf-8', 'surrogatepass')).hexdigest() != seed_digest": _OWN,
    "authorizations/grant.py: digest[:_SEED_CHARS] == _split_seeds(row.seed)[0]": _OWN,
}
# Read with a loader of our own, which makes nothing but plain values; and messages that name what is refused.
MADE = {"connectors/openapi/source.py": ["yaml.load("], "secret.py": ["pickle"], "auth/oauth1.py": ["pickle"]}


def comparisons(source, place=""):
    """Return comparisons by ``==`` and ``!=`` with a secret's name on one side and nothing public on the other."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        kinds = isinstance(node.ops[0], ast.Eq | ast.NotEq)
        if kinds and any(map(_names_a_secret, sides)) and not any(map(_is_known, sides)):
            found.append(f"{place}: {ast.unparse(node)}")
    return found


def _names_a_secret(node):
    return bool(SECRET.search(ast.unparse(node)))


def _is_known(node):
    """Whether everybody knows this side: a literal, a length, a column of a statement, or a constant of ours."""
    text = ast.unparse(node)
    return (
        isinstance(node, ast.Constant | ast.Tuple | ast.List | ast.Set)
        or text.startswith(("len(", "table.c.", "type("))
        or ".c." in text
        or bool(re.fullmatch(r"[A-Z_]+", text))
    )


def test_t19_secrets_are_compared_in_constant_time_alone():
    found = [line for path in SOURCES for line in comparisons(path.read_text("utf-8"), str(path.relative_to(PACKAGE)))]

    assert sorted(set(found) - set(HARMLESS)) == []
    assert sorted(set(HARMLESS) - set(found)) == [], "no longer there"


@pytest.mark.parametrize(
    "text",
    ["if given == signature: pass", "x = a.token != b", "ok = secret.reveal() == text", "mac(x) == found.digest"],
)
def test_t19_the_search_finds_a_comparison_that_is_not(text):
    assert comparisons(text)


def test_t25_nothing_turns_the_check_of_certificates_off():
    off = re.compile(
        r"verify\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False|ssl\s*=\s*False|_create_unverified|disable_warnings"
    )

    # Only these know an HTTP client; elsewhere `verify` is another word.
    clients = [
        path for path in SOURCES if re.search(r"import (requests|aiohttp|ssl|urllib3|httpx)\b", path.read_text("utf-8"))
    ]

    assert PACKAGE / "transport" / "sync.py" in clients
    assert [str(path.relative_to(PACKAGE)) for path in clients if off.search(path.read_text("utf-8"))] == []


def test_t47_nothing_here_reads_xml():
    imports = re.compile(
        r"^\s*(?:from|import)\s+(xml|lxml|defusedxml|xmltodict|bs4|html\.parser|xmlrpc)\b", re.MULTILINE
    )

    assert [str(path.relative_to(PACKAGE)) for path in SOURCES if imports.search(path.read_text("utf-8"))] == []


def test_no_code_is_made_of_text():
    """Neither of connectors' files, nor of answers."""
    made = re.compile(
        r"(?<![\w.])(?:eval|exec|compile)\(|pickle|marshal|yaml\.(?:unsafe_)?load\(|__import__|shell=True"
    )
    found = {str(path.relative_to(PACKAGE)): made.findall(path.read_text("utf-8")) for path in SOURCES}

    assert {path: hits for path, hits in found.items() if hits} == MADE


def test_there_is_something_to_read():
    assert len(SOURCES) > 100
    assert Path(PACKAGE / "auth" / "oauth1.py") in SOURCES

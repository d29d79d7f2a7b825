"""After a whole life of a grant at debug level no secret is readable anywhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from broker.quick import QuickRig, token_service


def encodings(secret: str) -> Iterator[str]:
    """A secret as it may look in a log or a file."""
    yield secret
    yield quote(secret, safe="")
    yield secret.encode().hex()
    # Whatever stands before and after it: three ways to begin, without the characters at the edges.
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + secret.encode()).decode().rstrip("=")
        middle = encoded[(0, 2, 3)[offset] : -2]
        yield middle
        yield middle.translate(str.maketrans("+/", "-_"))


def find_secrets(secrets: set[str], files: list[Path]) -> list[str]:
    found = []
    for path in files:
        data = path.read_bytes()
        forms = ((secret, form) for secret in secrets for form in encodings(secret))
        found += [f"{secret[:4]}… in {path.name}" for secret, form in forms if form.encode() in data]
    return found


def test_no_secret_is_in_logs_journal_or_database(tmp_path: Path):
    secret = "s3cret/with+signs=&%-and-more"
    debug = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG", "TEST_LOG_LEVEL": "debug"}
    with (
        token_service("grace", client_secret=secret, decodes_basic=True) as (api, server),
        QuickRig(tmp_path, **debug) as rig,
    ):
        rig.connect("acme", server.url, grant_type="refresh_token", refresh_token=api.authorize(), client_secret=secret)
        rig.migrate()
        broker = rig.spawn()
        with rig.askers(2, "acme", broker) as askers:
            # Import, refresh, early refresh, a refused token, an outage, a lost answer, the loss of the grant.
            assert all("token" in one for one in askers.ask())
            rig.age(3700)
            assert all("token" in one for one in askers.ask())
            rig.age(3300)
            tokens = askers.ask()
            rig.age(20)
            askers.ask(rejected=tokens[0]["fingerprint"])
            rig.age(3700)
            server.fail("/token", 503)
            askers.ask()
            rig.age(80)
            server.drop("/token", after=True)
            askers.ask()
            rig.age(80)
            assert all("token" in one for one in askers.ask())
            api.revoke_all()
            rig.age(3700)
            assert {one["error"] for one in askers.ask()} == {"ReauthorizationNeededError"}
            said = "".join(one.get("message", "") for one in askers.ask())
        broker.kill()
        secrets = {text for grant in api.grants for text in (grant.access_token, grant.refresh_token) if text}
        secrets |= {secret, rig.installation_secret}
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert {"airflow.db", f"server-{broker.port}.log", "askers-0.log"} <= {path.name for path in files}
        assert all(word in broker.log for word in ("UPDATE integry_authorization", "[debug", "was renewed"))
        (tmp_path / "messages").write_text(said)
        assert find_secrets(secrets, [*files, tmp_path / "messages"]) == []


def test_the_search_finds_what_it_looks_for(tmp_path: Path):
    secret = "s3cret/with+signs=&%-and-more"
    for number, form in enumerate((secret, quote(secret, safe=""), secret.encode().hex())):
        (tmp_path / str(number)).write_text(f"before {form} after")
    for number, head in enumerate(("", "a", "ab", "abc")):
        (tmp_path / f"b{number}").write_bytes(base64.b64encode(f"{head}{secret}:x".encode()))
        (tmp_path / f"u{number}").write_bytes(base64.urlsafe_b64encode(f"{head}{secret}:x".encode()))
    for path in tmp_path.iterdir():
        assert find_secrets({secret}, [path]), path.name


@pytest.mark.parametrize("text", ["", "nothing of it"])
def test_the_search_finds_nothing_where_nothing_is(tmp_path: Path, text: str):
    (tmp_path / "file").write_text(text)
    assert find_secrets({"s3cret/with+signs=&%"}, [tmp_path / "file"]) == []

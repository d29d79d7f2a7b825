"""Grants are encrypted with Airflow's Fernet key, and only where they belong can they be read."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.fernet import Fernet

from airflow_provider_integry.authorizations.crypto import check_key, reseal, seal, unseal
from airflow_provider_integry.authorizations.grant import AuthorizationKey, GrantSecrets
from airflow_provider_integry.errors import StoreNotReadyError, UnreadableGrantError
from airflow_provider_integry.secret import Secret

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
HERE, ELSEWHERE = AuthorizationKey("crm").digest, AuthorizationKey("crm", None, "acme").digest
GRANT = GrantSecrets(
    access_token=Secret("access-1"),
    refresh_token=Secret("refresh-ü-1"),
    token_type="DPoP",
    proof_key=Secret("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n"),
    endpoint="https://auth.example.com/token",
    nonce="nonce-1",
)


@pytest.mark.parametrize("grant", [GRANT, GrantSecrets(), GrantSecrets(refresh_token=Secret("only"))])
def test_a_grant_comes_back_as_it_was(set_fernet_keys, grant):
    set_fernet_keys(OLD)

    found = unseal(seal(grant, HERE), HERE)

    assert found == grant
    for name in ("access_token", "refresh_token", "proof_key"):
        ours, theirs = getattr(grant, name), getattr(found, name)
        assert (ours and ours.reveal()) == (theirs and theirs.reveal())


def test_nothing_of_a_grant_is_in_the_text(set_fernet_keys):
    set_fernet_keys(OLD)

    sealed = seal(GRANT, HERE)

    assert not [part for part in ("access-1", "refresh", "nonce-1", "example.com", HERE) if part in sealed]
    assert sealed != seal(GRANT, HERE)


def test_a_text_that_is_pasted_into_another_row_is_refused(set_fernet_keys):
    set_fernet_keys(OLD)

    with pytest.raises(UnreadableGrantError, match="another authorization"):
        unseal(seal(GRANT, HERE), ELSEWHERE)


def test_a_text_without_a_place_is_refused(set_fernet_keys):
    set_fernet_keys(OLD)
    homeless = Fernet(OLD).encrypt(msgspec.json.encode({"refresh_token": "refresh-1"})).decode()

    with pytest.raises(UnreadableGrantError, match="another authorization"):
        unseal(homeless, HERE)


def test_another_key_reads_nothing(set_fernet_keys):
    set_fernet_keys(OLD)
    sealed = seal(GRANT, HERE)
    set_fernet_keys(NEW)

    with pytest.raises(UnreadableGrantError, match="rotate-keys") as caught:
        unseal(sealed, HERE)
    assert "refresh-" not in str(caught.value)
    with pytest.raises(UnreadableGrantError):
        reseal(sealed)


@pytest.mark.parametrize("damage", [lambda text: text[:-9], lambda text: "", lambda text: "ü" + text, str.lower])
def test_a_damaged_text_is_refused(set_fernet_keys, damage):
    set_fernet_keys(OLD)
    sealed = damage(seal(GRANT, HERE))

    with pytest.raises(UnreadableGrantError):
        unseal(sealed, HERE)
    with pytest.raises(UnreadableGrantError):
        reseal(sealed)


@pytest.mark.parametrize("content", [b"no json", b"[1]", b'"text"', b"7"])
def test_a_text_that_holds_something_else_is_refused(set_fernet_keys, content):
    set_fernet_keys(OLD)

    with pytest.raises(UnreadableGrantError):
        unseal(Fernet(OLD).encrypt(content).decode(), HERE)


def test_a_text_that_was_encrypted_anew_needs_the_new_key_alone(set_fernet_keys):
    set_fernet_keys(OLD)
    sealed = seal(GRANT, HERE)
    set_fernet_keys(NEW, OLD)
    again = reseal(sealed)

    assert unseal(sealed, HERE) == unseal(again, HERE) == GRANT
    set_fernet_keys(NEW)
    assert unseal(again, HERE) == GRANT
    with pytest.raises(UnreadableGrantError, match="another authorization"):
        unseal(again, ELSEWHERE)


def test_without_a_key_nothing_is_stored(set_fernet_keys):
    set_fernet_keys(OLD)
    sealed = seal(GRANT, HERE)
    set_fernet_keys()

    for ask in (check_key, lambda: seal(GRANT, HERE), lambda: unseal(sealed, HERE), lambda: reseal(sealed)):
        with pytest.raises(StoreNotReadyError, match=r"\[core\] fernet_key"):
            ask()

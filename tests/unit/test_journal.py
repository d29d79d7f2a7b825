"""A grant that has arrived is on the disk, encrypted, before the database is asked."""

from __future__ import annotations

import stat

import msgspec
import pytest
from cryptography.fernet import Fernet

from airflow_provider_integry.authorizations.grant import AuthorizationKey, GrantSecrets
from airflow_provider_integry.authorizations.journal import Journal, JournalEntry
from airflow_provider_integry.errors import StoreNotReadyError, UnreadableGrantError
from airflow_provider_integry.secret import Secret

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
DIGEST, OTHER = AuthorizationKey("crm").digest, AuthorizationKey("erp").digest


def entry(digest=DIGEST, generation=3, refresh_token="refresh-1"):
    values = {"state": "active", "expires_at": 1234567890.125, "scopes": None, "is_rotating": True}
    return JournalEntry(digest, 1234567000.5, generation, GrantSecrets(refresh_token=Secret(refresh_token)), values)


@pytest.fixture
def journal(tmp_path, set_fernet_keys):
    set_fernet_keys(OLD)
    return Journal(tmp_path / "deep" / "journal")


def file_of(journal, digest=DIGEST, generation=3):
    return journal.folder / f"{digest}-{generation}.grant"


def test_an_entry_comes_back_as_it_was_until_it_is_removed(journal):
    journal.write(entry())

    assert journal.find(DIGEST, 3) == entry()
    assert journal.find(DIGEST, 3).secrets.refresh_token.reveal() == "refresh-1"
    assert journal.entries() == [(DIGEST, 3)]
    journal.remove(DIGEST, 3)
    journal.remove(DIGEST, 3)
    assert journal.find(DIGEST, 3) is None
    assert journal.entries() == []
    assert list(journal.folder.iterdir()) == []


def test_a_journal_that_was_never_written_is_empty_and_makes_no_folder(journal):
    assert journal.find(DIGEST, 3) is None
    assert journal.entries() == []
    assert not journal.folder.exists()


def test_two_generations_and_two_authorizations_do_not_disturb_each_other(journal):
    written = [entry(), entry(generation=4, refresh_token="refresh-2"), entry(OTHER, refresh_token="refresh-3")]
    for one in written:
        journal.write(one)

    assert sorted(journal.entries()) == sorted((one.digest, one.generation) for one in written)
    for one in written:
        found = journal.find(one.digest, one.generation)
        assert found.secrets.refresh_token.reveal() == one.secrets.refresh_token.reveal()
    journal.remove(DIGEST, 3)
    assert journal.find(DIGEST, 4) is not None
    assert journal.find(DIGEST, 2) is None


def test_an_entry_that_is_written_again_is_replaced(journal):
    journal.write(entry())
    journal.write(entry(refresh_token="refresh-2"))

    assert journal.find(DIGEST, 3).secrets.refresh_token.reveal() == "refresh-2"
    assert len(list(journal.folder.iterdir())) == 1


def test_only_its_owner_can_read_it_and_it_holds_no_secret_in_clear(journal):
    journal.write(entry())

    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file_of(journal).stat().st_mode) == 0o600
    assert b"refresh-1" not in file_of(journal).read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"digest": 1, "generation": 3, "values": {}, "sealed": "x"}',
        b'{"digest": "d", "generation": 3, "values": {}, "sealed": null}',
        b'{"digest": "d", "generation": 3, "values": {}, "sealed": "x"}',
        b'{"digest": "d", "made_at": "1.5", "generation": 3, "values": {}, "sealed": "x"}',
    ],
)
def test_a_damaged_file_is_put_aside(journal, content, caplog):
    journal.write(entry())
    file_of(journal).write_bytes(content)

    assert journal.find(DIGEST, 3) is None
    assert file_of(journal).with_suffix(".damaged").read_bytes() == content
    assert journal.entries() == []
    assert "is damaged; it is put aside" in caplog.text


def test_a_file_under_another_entrys_name_is_refused(journal):
    journal.write(entry(OTHER))
    file_of(journal, OTHER).rename(file_of(journal))

    with pytest.raises(UnreadableGrantError, match="another authorization"):
        journal.find(DIGEST, 3)


def test_a_file_that_claims_to_be_another_entry_is_refused(journal):
    journal.write(entry(generation=4))
    data = msgspec.json.decode(file_of(journal, generation=4).read_bytes())
    file_of(journal).write_bytes(msgspec.json.encode({**data, "generation": 3}))

    with pytest.raises(UnreadableGrantError, match="another authorization"):
        journal.find(DIGEST, 3)


def test_an_entry_that_was_encrypted_anew_needs_the_new_key_alone(journal, set_fernet_keys):
    journal.write(entry())
    set_fernet_keys(NEW, OLD)

    assert journal.reseal(DIGEST, 3)
    assert not journal.reseal(DIGEST, 4)
    set_fernet_keys(NEW)
    assert journal.find(DIGEST, 3) == entry()
    assert stat.S_IMODE(file_of(journal).stat().st_mode) == 0o600


def test_an_entry_of_another_key_is_an_unreadable_grant(journal, set_fernet_keys):
    journal.write(entry())
    set_fernet_keys(NEW)

    with pytest.raises(UnreadableGrantError):
        journal.find(DIGEST, 3)
    with pytest.raises(UnreadableGrantError):
        journal.reseal(DIGEST, 3)


def test_a_folder_that_cannot_be_written_is_named_with_the_option_that_moves_it(tmp_path, set_fernet_keys):
    set_fernet_keys(OLD)
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreNotReadyError, match=r"\[integry\] journal_folder") as caught:
        Journal(tmp_path / "file" / "journal").write(entry())
    assert str(tmp_path / "file" / "journal") in str(caught.value)


def test_without_a_key_nothing_is_written(journal, set_fernet_keys):
    set_fernet_keys()

    with pytest.raises(StoreNotReadyError, match="fernet_key"):
        journal.write(entry())
    assert not journal.folder.exists()

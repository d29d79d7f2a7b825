"""Grants on their way from a token endpoint into the database: written to disk first.

A refresh token that is good for one use is worth everything between the moment it arrives and the
moment it is stored. An entry is a small file, encrypted as the row is, flushed to the disk before the
database is asked, and removed after it has answered.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from airflow_provider_integry.authorizations.crypto import reseal, seal, unseal
from airflow_provider_integry.authorizations.grant import GrantSecrets
from airflow_provider_integry.errors import StoreNotReadyError, UnreadableGrantError

log = logging.getLogger(__name__)
_SUFFIX = ".grant"
_DAMAGED = ".damaged"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A grant that has arrived.

    Attributes:
        digest: The authorization.
        made_at: When the row was made, database time: another row may have the same digest later.
        generation: Generation of the row that the grant was obtained from.
        secrets: The grant.
        values: The columns that are stored with it.
    """

    digest: str
    made_at: float
    generation: int
    secrets: GrantSecrets
    values: dict[str, Any]


class Journal:
    """A folder with one file per grant that may not be stored yet.

    Args:
        folder: The folder; made when it is first written to, readable by its owner alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """The folder."""
        return self._folder

    def write(self, entry: JournalEntry) -> None:
        """Write an entry so that it survives the end of this process and of the machine's power.

        Raises:
            StoreNotReadyError: The folder cannot be written.
        """
        place = _place(entry.digest, entry.generation)
        data = {
            "digest": entry.digest,
            "made_at": entry.made_at,
            "generation": entry.generation,
            "values": entry.values,
            "sealed": seal(entry.secrets, place),
        }
        self._write(self._path(entry.digest, entry.generation), data)

    def find(self, digest: str, generation: int) -> JournalEntry | None:
        """Return the entry that was obtained from this generation of a row; None where there is none.

        An entry that the disk has damaged is put aside: nothing can bring it back.

        Raises:
            UnreadableGrantError: It cannot be decrypted.
            StoreNotReadyError: The folder cannot be read.
        """
        data = self._read(self._path(digest, generation))
        if data is None:
            return None
        # The place asked for, not the one that the file names: a file under another name is refused.
        secrets = unseal(data["sealed"], _place(digest, generation))
        return JournalEntry(digest, data["made_at"], generation, secrets, data["values"])

    def reseal(self, digest: str, generation: int) -> bool:
        """Encrypt an entry anew, with the first of Airflow's Fernet keys; return whether it was there.

        Raises:
            UnreadableGrantError: It cannot be decrypted or is damaged.
            StoreNotReadyError: The folder cannot be written.
        """
        path = self._path(digest, generation)
        was_there = path.exists()
        data = self._read(path)
        if data is None:
            if was_there and path.with_suffix(_DAMAGED).exists():
                raise UnreadableGrantError(f"in the journal file '{path.name}' is damaged")
            return False
        self._write(path, {**data, "sealed": reseal(data["sealed"])})
        return True

    def remove(self, digest: str, generation: int) -> None:
        """Remove an entry that is stored or no longer needed, and what older ones a crash has left behind."""
        for path in self._folder.glob(f"{digest}-*"):
            number = path.name[len(digest) + 1 :].partition(".")[0]
            if number.isdigit() and int(number) <= generation:
                # What cannot be removed now is removed after the next refresh; it is not read again.
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def entries(self) -> list[tuple[str, int]]:
        """Return digest and generation of every entry."""
        if not self._folder.is_dir():
            return []
        parts = (path.stem.rpartition("-") for path in sorted(self._folder.glob(f"*{_SUFFIX}")))
        return [(digest, int(number)) for digest, _, number in parts if number.isdigit()]

    def _path(self, digest: str, generation: int) -> Path:
        return self._folder / f"{_place(digest, generation)}{_SUFFIX}"

    def _write(self, path: Path, data: dict[str, Any]) -> None:
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.encode(data))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            self._sync_folder()
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            problem = f"The journal folder '{self._folder}' cannot be written ({error.strerror})"
            raise StoreNotReadyError(f"{problem}; set option [integry] journal_folder to one that can.") from None

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            data = msgspec.json.decode(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (msgspec.DecodeError, UnicodeDecodeError):
            data = None
        except OSError as error:
            problem = f"The journal folder '{self._folder}' cannot be read ({error.strerror})"
            raise StoreNotReadyError(f"{problem}; let the API server read option [integry] journal_folder.") from None
        if not _is_entry(data):
            log.error("The journal file '%s' is damaged; it is put aside.", path.name)
            path.replace(path.with_suffix(_DAMAGED))
            return None
        return dict(data)

    def _sync_folder(self) -> None:
        # A new name is on the disk only when its folder is.
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_entry(data: Any) -> bool:
    kinds = {"digest": str, "made_at": float, "generation": int, "sealed": str, "values": dict}
    return isinstance(data, dict) and all(isinstance(data.get(name), kind) for name, kind in kinds.items())


def _place(digest: str, generation: int) -> str:
    return f"{digest}-{generation}"

"""Hidden files that are not complete yet: whose they are, and how those that a killed task has left are found.

Nobody else's are touched: the name of such a file holds what its task instance and its try are known by, wherever that
runs. A try removes what earlier tries of the same task instance have left, which cannot be at work any more; one that
is, because Airflow has given it up, fails when it wants to give its file the name that was asked for.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from airflow_provider_integry.connectors.idempotency import build_key

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

_KEY_LENGTH = 12


class Owner(NamedTuple):
    """Which try of which task instance writes a file.

    Attributes:
        key: What the task instance is known by, for all of its tries.
        try_number: Which try it is, from 1.
        is_repeated: Whether one try may write several times, as in a triggerer that takes over from another.
    """

    key: str
    try_number: int
    is_repeated: bool = False

    @classmethod
    def of_task(cls, context: Context) -> Owner | None:
        """Return the try that a task's context is of; None outside of a task."""
        task = context.get("ti")
        if task is None:
            return None
        key = build_key("part", task.dag_id, task.run_id, task.task_id, task.map_index)
        return cls(key.replace("-", "")[:_KEY_LENGTH], int(getattr(task, "try_number", 1)))


def name_part(name: str, owner: Owner | None) -> str:
    """Return the name of a new hidden file beside the file of this name."""
    whose = f"{owner.key}-{owner.try_number}." if owner else ""
    return f".{name}.{whose}{uuid4().hex[:16]}.part"


def remove_earlier(target: ObjectStoragePath, owner: Owner | None) -> None:
    """Remove what earlier tries have left beside a target."""
    if owner is not None and owner.try_number > 1:
        _remove(target, owner, owner.try_number - 1)


def remove_repeated(target: ObjectStoragePath, owner: Owner | None) -> None:
    """Remove what this try has left beside a target that is complete, where it may have been begun before."""
    if owner is not None and owner.is_repeated:
        _remove(target, owner, owner.try_number)


def _remove(target: ObjectStoragePath, owner: Owner, last_try: int) -> None:
    folder, prefix = target.parent, f".{target.name}.{owner.key}-"
    pattern = re.compile(rf"{re.escape(prefix)}(\d+)\.[0-9a-f]+\.part")
    # What cannot be removed is in nobody's way.
    with suppress(Exception):
        for name in _list(folder, prefix):
            found = pattern.fullmatch(name)
            if found and int(found[1]) <= last_try:
                with suppress(FileNotFoundError):
                    (folder / name).unlink()


def _list(folder: ObjectStoragePath, prefix: str) -> list[str]:
    """Return the names in a folder that begin so; in object stores others are not even looked at."""
    filesystem = folder.fs
    try:
        found = filesystem.find(folder.path, prefix=prefix) if _finds_prefixes(filesystem) else None
    except (TypeError, ValueError):
        found = None
    if found is None:
        filesystem.invalidate_cache(folder.path)
        found = filesystem.ls(folder.path, detail=False)
    return [name for path in found if (name := str(path).rstrip("/").rpartition("/")[2]).startswith(prefix)]


def _finds_prefixes(filesystem: Any) -> bool:
    """Return whether a storage's own listing takes a prefix; others would walk through everything below."""
    code = getattr(getattr(filesystem, "_find", filesystem.find), "__code__", None)
    return code is not None and "prefix" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

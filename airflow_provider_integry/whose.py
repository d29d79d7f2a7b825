"""What tasks that act for end users have in common: Airflow's grid shows whose they are, and so do their errors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import quote

from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from airflow.sdk.bases.operator import OperatorPartial  # type: ignore[attr-defined]

# Airflow's column for it has 250 characters.
_MOST_CHARS = 200
# Stands for the end user in a path.
PLACE = "{end_user}"
# File systems have room for 255 bytes in one part of a path, endings and names of unfinished files among them.
_MOST_FILE_CHARS = 160
TEMPLATE = "{{ task.whose or ti.map_index }}"


class ActsForEndUsers:
    """Mixin of operators with `end_user` and `account`; stands before Airflow's class."""

    end_user: Any
    account: Any

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Begin a mapped task; Airflow's grid shows the end user where those are mapped over.

        Args:
            kwargs: Arguments of the operator.
        """
        if "end_user" not in kwargs:
            kwargs.setdefault("map_index_template", TEMPLATE)
        partial: OperatorPartial = super().partial(**kwargs)  # type: ignore[misc]
        return partial

    @property
    def whose(self) -> str:
        """Who this task acts for, in words for the grid; empty for the connection's own account."""
        return describe_whose(self.end_user, self.account)

    def refuse_batch(self) -> None:
        """Refuse several end users at once.

        Raises:
            AirflowFailException: There are several.
        """
        if is_batch(self.end_user):
            raise AirflowFailException(
                f"A sensor waits for one end user, and was given {len(self.end_user)}. Map it over each of them: raise"
                " option [core] max_map_length where there are more than it allows."
            )


def describe_whose(end_user: Any, account: Any = None) -> str:
    """Return the name of an end user, or of a batch of them, cut to what the grid has room for.

    Args:
        end_user: Its name; several in a list; None for nobody.
        account: Which of several accounts; None for the default one.
    """
    if end_user is None:
        return ""
    if is_batch(end_user):
        return f"{len(end_user)} end users, from {_cut(str(end_user[0]))}" if end_user else "0 end users"
    name = _cut(str(end_user))
    return f"{name} ({_cut(str(account))})" if account is not None else name


def is_batch(end_user: Any) -> TypeGuard[Sequence[str]]:
    """Return whether these are end users to act for one after the other."""
    return isinstance(end_user, Sequence) and not isinstance(end_user, str)


def _cut(text: str) -> str:
    most = _MOST_CHARS // 2
    return text if len(text) <= most else f"{text[:most]}…"


def name_file(path: str, end_user: str) -> str:
    """Return a path with the name of an end user where it says ``{end_user}``.

    The name is one part of the path whatever it is, and no two end users have the same: letters, digits, ``-``, ``_``
    and ``~`` stand for themselves and every other byte of UTF-8 for ``%`` and two digits. Of a long name the beginning
    is left, with ``=`` and a digest.
    """
    if PLACE not in path:
        return path
    name = quote(end_user, safe="", errors="surrogatepass").replace(".", "%2E")
    if len(name) > _MOST_FILE_CHARS:
        digest = hashlib.sha256(end_user.encode("utf-8", "surrogatepass")).hexdigest()
        name = f"{name[: _MOST_FILE_CHARS // 2]}={digest[:32]}"
    return path.replace(PLACE, name)

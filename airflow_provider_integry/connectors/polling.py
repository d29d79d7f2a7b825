"""What is new in a list of records: pure, with what was seen before as an argument.

How far a poll has come is a small JSON object: ``{"cursor": …, "ids": […]}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.connectors.run import ActivityCall
from airflow_provider_integry.connectors.select import decode_answer, evaluate
from airflow_provider_integry.connectors.spec import Connector, Poll
from airflow_provider_integry.connectors.triggers import NewRecords
from airflow_provider_integry.errors import ResponseFormatError

MAX_IDS = 10_000
MAX_RECORDS = 1000
MAX_ID_CHARS = 512
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?(Z|z|[+-]\d\d:?\d\d)?")
SortKey = tuple[int, Any, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a poll has come.

    Attributes:
        cursor: The greatest one, or the service's own; None before there is any.
        ids: With `cursor`, ids of the records that have it; without, all that were in the list, newest last.
    """

    cursor: JsonValue = None
    ids: tuple[str, ...] = ()

    def dump(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"cursor": self.cursor, "ids": list(self.ids)}


def load_progress(data: Mapping[str, Any]) -> Progress:
    """Return what `Progress.dump` has written."""
    return Progress(data.get("cursor"), tuple(str(one) for one in data.get("ids") or ()))


@dataclass(frozen=True, slots=True)
class Found:
    """What one look has found.

    Attributes:
        records: New records, oldest first.
        progress: How far the poll has come with them.
        is_all: Whether there are no more of them; else another look finds the rest.
    """

    records: list[JsonValue]
    progress: Progress
    is_all: bool = True


class PollCall(ActivityCall):
    """A call of a poll's query: it is given the cursor, and remembers what the service sends for the next time.

    Args:
        connector: Description of the API.
        activity_name: One of its polls.
        inputs: Values by input key, without the cursor's.
        base_url: The connection's base URL; it wins over the connector's.
        progress: How far the poll has come; None for the first look.
    Raises:
        UnknownActivityError, InvalidInputError, UrlNotAllowedError: As `ActivityCall` says.
    """

    def __init__(
        self,
        connector: Connector,
        activity_name: str,
        inputs: Mapping[str, object],
        *,
        base_url: str | None,
        progress: Progress | None,
    ) -> None:
        spec = connector.activities.get(activity_name)
        self._poll = spec if isinstance(spec, Poll) else None
        new = self._poll.new if self._poll else None
        given = dict(inputs)
        if new and new.since and progress is not None and progress.cursor is not None:
            given[new.since] = progress.cursor
        super().__init__(connector, activity_name, given, base_url=base_url)
        self.answer_cursor: JsonValue = progress.cursor if progress else None

    def receive(
        self, response: HttpResponse, now: float | None = None, *, retry_after_s: float | None = None
    ) -> object:
        """Take the answer to `request`; see `ActivityCall.receive`."""
        found = super().receive(response, now, retry_after_s=retry_after_s)
        expression = self._poll.new.answer_cursor if self._poll else None
        if expression is not None:
            answer = decode_answer(self._name, response)
            cursor = evaluate(self._name, "new.answer_cursor", expression, answer)
            if cursor not in (None, ""):
                self.answer_cursor = cursor
        return found


@dataclass
class Look:
    """One look at a list, page by page.

    Args:
        activity: The poll, for errors.
        spec: How new records are told.
        before: How far the poll has come; None for the first look, which finds nothing new.
    """

    activity: str
    spec: NewRecords
    before: Progress | None
    _seen: dict[str, None] = field(default_factory=dict)
    _new: list[tuple[SortKey, str, JsonValue]] = field(default_factory=list)
    _greatest: tuple[SortKey, JsonValue] | None = None
    _at_greatest: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known = set(self.before.ids) if self.before else set()
        has_cursor = self.before is not None and self.before.cursor is not None and self.spec.cursor
        self._limit = self._sort_key(self.before.cursor) if has_cursor and self.before else None

    def take(self, records: Iterable[JsonValue]) -> bool:
        """Take a page; return whether the next one may hold something new."""
        is_any_old = False
        for record in records:
            if self.spec.answer_cursor:
                self._new.append(((0, 0, 0), "", record))
            elif not self._take_one(record):
                is_any_old = True
        return not (self.spec.newest_first and (is_any_old or self.before is None))

    def finish(self, answer_cursor: JsonValue = None, limit: int = MAX_RECORDS) -> Found:
        """Return what was found.

        Args:
            answer_cursor: What the service has sent for the next time, where it keeps count.
            limit: Most records of one look, where it can go on from any of them.
        Raises:
            ResponseFormatError: There are too many ids to remember.
        """
        if self.spec.answer_cursor:
            records = [record for _, _, record in self._new] if self.before is not None else []
            return Found(records, Progress(answer_cursor))
        if self.spec.cursor:
            return self._finish_by_cursor(limit)
        return self._finish_by_ids(limit)

    def _take_one(self, record: JsonValue) -> bool:
        """Take a record; return whether it is new."""
        name = self._id_of(record)
        key: SortKey = (0, 0, 0)
        if self.spec.cursor:
            value = evaluate(self.activity, "new.cursor", self.spec.cursor, record)
            key = self._sort_key(value)
            self._note_greatest(key, value, name)
            is_new = self._limit is None or key > self._limit or (key == self._limit and name not in self._known)
        else:
            is_new = name not in self._known
        if name in self._seen and not self.spec.cursor:
            # Lists that grow while they are read show a record on two pages.
            return is_new
        self._seen[name] = None
        if is_new:
            self._new.append((key, name, record))
        return is_new

    def _note_greatest(self, key: SortKey, value: JsonValue, name: str) -> None:
        if self._greatest is None or key > self._greatest[0]:
            self._greatest, self._at_greatest = (key, value), {}
        if key == self._greatest[0]:
            self._at_greatest[name] = None

    def _finish_by_cursor(self, limit: int) -> Found:
        if self.before is None:
            value = self._greatest[1] if self._greatest else None
            return Found([], Progress(value, tuple(self._at_greatest)))
        ordered = self._unique(sorted(self._oldest_first(), key=lambda one: one[0]))
        taken = ordered[:limit]
        if not taken:
            return Found([], self.before)
        last = taken[-1][0]
        at_last = [name for key, name, _ in taken if key == last]
        if last == self._limit:
            at_last = [*self.before.ids, *at_last]
        expression = self.spec.cursor
        assert expression is not None
        value = evaluate(self.activity, "new.cursor", expression, taken[-1][2])
        progress = Progress(value, self._bounded(at_last))
        return Found([record for _, _, record in taken], progress, is_all=len(taken) == len(ordered))

    def _finish_by_ids(self, limit: int) -> Found:
        if self.before is None:
            return Found([], Progress(None, self._bounded(list(self._seen))))
        ordered = self._oldest_first()
        taken = ordered[:limit]
        new = [name for _, name, _ in taken]
        if self.spec.newest_first:
            # Not the whole list was read: what was not seen again may still be in it.
            ids = [*(name for name in self.before.ids if name not in new), *new][-MAX_IDS:]
        else:
            ids = [*(name for name in self._seen if name in self._known), *new]
        progress = Progress(None, self._bounded(ids))
        return Found([record for _, _, record in taken], progress, is_all=len(taken) == len(ordered))

    def _oldest_first(self) -> list[tuple[SortKey, str, JsonValue]]:
        return list(reversed(self._new)) if self.spec.newest_first else self._new

    @staticmethod
    def _unique(found: Sequence[tuple[SortKey, str, JsonValue]]) -> list[tuple[SortKey, str, JsonValue]]:
        """Return records without those that stand twice under one cursor."""
        return list({(key, name): (key, name, record) for key, name, record in found}.values())

    def _bounded(self, ids: list[str]) -> tuple[str, ...]:
        if len(ids) > MAX_IDS:
            raise ResponseFormatError(
                self.activity,
                f"there are more than {MAX_IDS} ids to remember; declare 'new.cursor' in the connector",
            )
        return tuple(ids)

    def _id_of(self, record: JsonValue) -> str:
        assert self.spec.id is not None
        value = evaluate(self.activity, "new.id", self.spec.id, record)
        if isinstance(value, bool) or not isinstance(value, str | int) or not 0 < len(str(value)) <= MAX_ID_CHARS:
            raise ResponseFormatError(
                self.activity, f"'new.id: {self.spec.id}' is no text or whole number in a record; correct the connector"
            )
        # A number and a text of the same digits are the same name.
        return str(value)

    def _sort_key(self, value: JsonValue) -> SortKey:
        """Return what cursors are ordered by: numbers, moments, or texts; one of them in all records."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return (0, value, 0)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return (0, int(value[:4000]), 0)
        if isinstance(value, str) and value:
            return _moment_key(value) or (2, value, "")
        raise ResponseFormatError(
            self.activity,
            f"'new.cursor: {self.spec.cursor}' is no text or number in a record; correct the connector",
        )


def _moment_key(text: str) -> SortKey | None:
    """Return what ISO dates are ordered by, to the last digit; None for other texts."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    offset = "+00:00" if zone in (None, "Z", "z") else zone
    if ":" not in offset:
        offset = f"{offset[:3]}:{offset[3:]}"
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{offset}")
    except ValueError:
        return None
    return (1, moment.timestamp(), (fraction or "").rstrip("0"))

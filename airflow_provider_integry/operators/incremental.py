"""Reading only what is new: where the last run ended is kept in its XCom, and the next run begins there.

Mapped over end users, a task has another place in each run as customers come and go. Where each of them ended is
therefore kept under a name of its own, and looked for in all places.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_integry.errors import ConfigurationError, ResponseFormatError

if TYPE_CHECKING:
    from airflow.sdk import Context

# Key of the XCom.
KEY = "integry_cursor"
_KEYS = ("field", "param", "initial")


class Incremental:
    """What `incremental` of an operator says.

    Args:
        described: ``field``: dotted name of the field of a record that grows, such as ``updated_at``;
            ``param``: query parameter that asks for records from a value on; ``initial``: its value in
            the first run, None to ask for everything.
    Raises:
        ConfigurationError: A key is missing or unknown.
    """

    def __init__(self, described: Mapping[str, Any], whose: tuple[str | None, ...] = ()) -> None:
        unknown = sorted(set(described) - set(_KEYS))
        missing = [key for key in ("field", "param") if not described.get(key)]
        if unknown or missing:
            wrong = f"has the unknown key '{unknown[0]}'" if unknown else f"lacks '{missing[0]}'"
            raise ConfigurationError(f"Argument 'incremental' {wrong}; it has: {', '.join(_KEYS)}.")
        self.field = str(described["field"])
        self.param = str(described["param"])
        self.initial = described.get("initial")
        digest = hashlib.sha256(json.dumps(whose).encode("utf-8", "surrogatepass")).hexdigest()
        self._own_key = f"{KEY}_{digest[:32]}" if whose else None

    def begin(self, context: Context) -> Any:
        """Return the value to ask for: that of the last run, else the initial one."""
        ti = context["ti"]
        if self._own_key is not None:
            last = self._find_last(ti)
            return last["value"] if last else self.initial
        kept = ti.xcom_pull(
            task_ids=ti.task_id, key=KEY, map_indexes=getattr(ti, "map_index", -1), include_prior_dates=True
        )
        return self.initial if kept is None else kept

    def keep(self, context: Context, began: Any, records: Iterable[Any]) -> Any:
        """Keep the largest value of the records, or the one that the run began with where there are none.

        Raises:
            ResponseFormatError: A record has no such field, or values of several kinds.
        """
        largest = began
        for record in records:
            value = self._value_of(record)
            try:
                largest = value if largest is None or value > largest else largest
            except TypeError:
                raise self._problem(f"is {type(value).__name__} and {type(largest).__name__} in turn") from None
        if largest is not None:
            self._push(context["ti"], largest)
        return largest

    def _push(self, ti: Any, value: Any) -> None:
        if self._own_key is None:
            ti.xcom_push(key=KEY, value=value)
            return
        last = self._find_last(ti)
        ti.xcom_push(key=self._own_key, value={"value": value, "number": last["number"] + 1 if last else 1})

    def _find_last(self, ti: Any) -> Mapping[str, Any] | None:
        """Return what the last run has kept for an end user: Airflow tells those of all runs, and no order."""
        found = ti.xcom_pull(task_ids=[ti.task_id], key=self._own_key, include_prior_dates=True)
        return max((one for one in found if one), key=lambda one: one["number"], default=None)

    def _value_of(self, record: Any) -> Any:
        value = record
        for name in self.field.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            raise self._problem("is missing in a record, or is neither text nor a number")
        return value

    def _problem(self, problem: str) -> ResponseFormatError:
        return ResponseFormatError("request", f"field '{self.field}' of 'incremental' {problem}; correct 'incremental'")

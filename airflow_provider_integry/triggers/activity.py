"""Running an activity in the triggerer."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.triggers.poll import PollTrigger

__all__ = ["ActivityTrigger", "PollTrigger"]


class ActivityTrigger(BaseTrigger):
    """Run a query and stream its records to object storage, without a worker slot.

    The event is ``{"status": "done", "result": {"path", "records", "bytes", "pages", "cursor"}}`` or
    ``{"status": "failed", "message", "retryable"}``; never records. A triggerer that restarts runs the query
    again: the file is replaced as a whole, so it is complete once.

    Args:
        integry_conn_id: The Airflow connection.
        activity: A query of the connector.
        inputs: Its inputs.
        output_path: Object-storage URL that the triggerer can write.
        connector: Name or path of the connector; None for the connection's own.
        end_user: End user whose authorization is used.
        account: Which of several accounts of that end user.
        compression: "gzip" or None.
        max_records: Records after which the query ends.
        max_pages: Pages after which it does.
        cursor: Where it starts; None for the beginning.
        owner: Key and number of the task's try, by which files that are not complete yet are known.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what the operator says; later ones have defaults, for tasks that wait
        self,
        integry_conn_id: str,
        activity: str,
        inputs: Mapping[str, Any] | None,
        output_path: str,
        connector: str | None = None,
        end_user: str | None = None,
        account: str | None = None,
        compression: str | None = None,
        max_records: int | None = None,
        max_pages: int | None = None,
        cursor: str | int | None = None,
        owner: Sequence[Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's base class is untyped
        self.integry_conn_id = integry_conn_id
        self.activity = activity
        self.inputs = inputs
        self.output_path = output_path
        self.connector = connector
        self.end_user = end_user
        self.account = account
        self.compression = compression
        self.max_records = max_records
        self.max_pages = max_pages
        self.cursor = cursor
        self.owner = None if owner is None else list(owner)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments; plain JSON, no secret."""
        return (
            "airflow_provider_integry.triggers.activity.ActivityTrigger",
            {
                "integry_conn_id": self.integry_conn_id,
                "activity": self.activity,
                "inputs": None if self.inputs is None else dict(self.inputs),
                "output_path": self.output_path,
                "connector": self.connector,
                "end_user": self.end_user,
                "account": self.account,
                "compression": self.compression,
                "max_records": self.max_records,
                "max_pages": self.max_pages,
                "cursor": self.cursor,
                "owner": self.owner,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Run the query and fire one event."""
        try:
            result = await self._run()
        except IntegryError as error:
            message = f"{type(error).__name__}: {error}"
            yield TriggerEvent({"status": "failed", "message": message, "retryable": error.retryable})
        except AirflowException as error:
            yield TriggerEvent({"status": "failed", "message": str(error), "retryable": True})
        else:
            yield TriggerEvent({"status": "done", "result": result})

    async def _run(self) -> dict[str, Any]:
        # Lazy for start-up cost, and in a thread: see `triggers.authorization`.
        await asyncio.to_thread(importlib.import_module, "airflow_provider_integry.hooks.streaming")
        await asyncio.to_thread(importlib.import_module, "airflow_provider_integry.hooks.integry")
        await asyncio.to_thread(importlib.import_module, "airflow_provider_integry.hooks.sending")
        from airflow_provider_integry.hooks.integry import IntegryHook
        from airflow_provider_integry.hooks.parts import Owner
        from airflow_provider_integry.hooks.sending import Patience
        from airflow_provider_integry.hooks.streaming import awrite_records

        hook = IntegryHook(self.integry_conn_id, self.end_user, self.account, self.connector)
        await hook.asettings()
        # Connector files are blocking: they stay off the event loop. Waiting costs nothing here.
        call = await asyncio.to_thread(
            hook.start,
            self.activity,
            self.inputs,
            patience=Patience(is_endless=True),
            page_limit=self.max_pages,
            record_limit=self.max_records,
            cursor=self.cursor,
            raw=True,
        )
        # Another triggerer may have begun with this before.
        owner = None if self.owner is None else Owner(*self.owner)._replace(is_repeated=True)
        summary = await awrite_records(hook, call, self.output_path, self.compression, owner)
        if "paging" in summary:
            self.log.info("Activity %s: paging as the first answer shows: %s.", self.activity, summary["paging"])
        self.log.info("Activity %s: %d records written to %s.", self.activity, summary["records"], self.output_path)
        return summary

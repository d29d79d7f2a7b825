"""Waiting for an authorization in the triggerer."""

from __future__ import annotations

import asyncio
import importlib
import random
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.errors import IntegryError

# Looks in a row that find no such connection, before waiting is given up.
MAX_NOT_FOUND = 3


class AuthorizationReadyTrigger(BaseTrigger):
    """Fire when a connection is ready to be used.

    The event is ``{"status": "ready"}``, or ``{"status": "failed", "message": …, "retryable": …}`` when
    waiting cannot help: a field of the connection is wrong, or there is no such connection.

    Args:
        integry_conn_id: The Airflow connection.
        end_user: End user whose authorization is waited for; None for the connection's own account.
        account: Which of several accounts of that end user.
        verify: Whether the API must accept the credential.
        poll_interval_s: Seconds between two looks (> 0).
    """

    def __init__(
        self,
        integry_conn_id: str,
        end_user: str | None = None,
        account: str | None = None,
        verify: bool = False,
        poll_interval_s: float = 60.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's base class is untyped
        self.integry_conn_id = integry_conn_id
        self.end_user = end_user
        self.account = account
        self.verify = verify
        self.poll_interval_s = poll_interval_s
        self._not_found = 0

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments; plain JSON, no secret."""
        return (
            "airflow_provider_integry.triggers.authorization.AuthorizationReadyTrigger",
            {
                "integry_conn_id": self.integry_conn_id,
                "end_user": self.end_user,
                "account": self.account,
                "verify": self.verify,
                "poll_interval_s": self.poll_interval_s,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, sleep and look again until there is something to say."""
        while True:
            event = await self._look()
            if event is not None:
                yield event
                return
            # Up to a tenth earlier, so that sensors that began together spread out.
            await asyncio.sleep(self.poll_interval_s * (1 - random.random() / 10))  # noqa: S311

    async def _look(self) -> TriggerEvent | None:
        """Return the event to fire; None to go on waiting."""
        # Lazy for start-up cost: the operator side imports this module. In a thread: it takes a third of
        # a second the first time, for which the triggerer's loop must not stand still.
        await asyncio.to_thread(importlib.import_module, "airflow_provider_integry.hooks.integry")
        from airflow_provider_integry.hooks.integry import IntegryHook

        # A new hook each time: the connection may have been edited meanwhile.
        hook = IntegryHook(self.integry_conn_id, self.end_user, self.account)
        try:
            findings = await hook.afind(verify=self.verify)
        except IntegryError as error:
            if error.retryable:
                self.log.warning("Connection %s: %s", self.integry_conn_id, error)
                return None
            return TriggerEvent({"status": "failed", "message": f"{type(error).__name__}: {error}"})
        except AirflowException as error:
            # Airflow says "not defined" for a connection that is not there and for a passing failure alike.
            self._not_found += 1
            self.log.warning("Connection %s: %s", self.integry_conn_id, error)
            if self._not_found < MAX_NOT_FOUND:
                return None
            return TriggerEvent({"status": "failed", "message": str(error), "retryable": True})
        self._not_found = 0
        if findings.readiness is Readiness.READY:
            return TriggerEvent({"status": "ready"})
        self.log.info("Connection %s is %s. %s", self.integry_conn_id, findings.readiness, findings.reason)
        return None

"""Waiting for an authorization in the triggerer."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.errors import IntegryError

if TYPE_CHECKING:
    from airflow_provider_integry.hooks.looks import Look, Outcome
    from airflow_provider_integry.hooks.probe import Findings

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
        self._said = ""
        self._found: Findings | None = None

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

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Render what a task that begins in the triggerer was given, and let go of what that took.

        Airflow reads the whole DAG once more for each such task, and would keep it for as long as the task waits:
        with thousands of copies, Python's garbage collector stops the loop for seconds.
        """
        super().render_template_fields(context, jinja_env)
        context.clear()
        if hasattr(self.task_instance, "task"):
            vars(self.task_instance)["task"] = None

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look together with the other sensors of this triggerer until there is something to say."""
        yield await self._wait()

    async def _wait(self) -> TriggerEvent:
        # Lazy for start-up cost: the operator side imports this module. In a thread: it takes half a second
        # the first time, for which the triggerer's loop must not stand still.
        await asyncio.to_thread(_load)
        from airflow_provider_integry.hooks.looks import Wanted
        from airflow_provider_integry.triggers.status_pool import pool_of_running_loop

        wanted = Wanted(self.integry_conn_id, self.end_user, self.account)
        with pool_of_running_loop().join(wanted, self.poll_interval_s) as seat:
            while True:
                event = await self._judge(await seat.look())
                if event is not None:
                    return event

    async def _judge(self, outcome: Outcome) -> TriggerEvent | None:
        """Return the event to fire; None to go on waiting."""
        if self.verify and not isinstance(outcome, Exception) and outcome.findings.readiness is Readiness.READY:
            outcome = await self._verify(outcome)
        if isinstance(outcome, Exception):
            return await self._judge_error(outcome)
        self._not_found = 0
        return await self._judge_look(outcome)

    async def _judge_error(self, error: Exception) -> TriggerEvent | None:
        if isinstance(error, IntegryError):
            if error.retryable:
                await self._say(str(error))
                return None
            return TriggerEvent({"status": "failed", "message": f"{type(error).__name__}: {error}"})
        if isinstance(error, AirflowException):
            # Airflow says "not defined" for a connection that is not there and for a passing failure alike.
            self._not_found += 1
            await self._say(str(error))
            if self._not_found < MAX_NOT_FOUND:
                return None
            return TriggerEvent({"status": "failed", "message": str(error), "retryable": True})
        raise error

    async def _judge_look(self, look: Look) -> TriggerEvent | None:
        # Lazy for start-up cost, as below.
        from airflow_provider_integry.hooks.looks import Wanted, describe

        if look.findings.readiness is Readiness.READY:
            return TriggerEvent({"status": "ready"})
        if look.findings != self._found:
            self._found = look.findings
            wanted = Wanted(self.integry_conn_id, self.end_user, self.account)
            await self._say(describe(look.findings, look.hook, wanted))
        return None

    async def _verify(self, look: Look) -> Look | Exception:
        """Ask the API too."""
        assert look.hook is not None
        hook = look.hook.for_user(self.end_user, self.account)
        try:
            return look._replace(findings=await hook.afind(verify=True, is_granted=True))
        except (IntegryError, AirflowException) as error:
            return error

    async def _say(self, text: str) -> None:
        """Log what is waited for, when it changes: thousands of sensors look every minute.

        Not from the loop itself: Airflow's triggerer passes logs on through a socket, and stands still for good
        when it is full at a moment at which the other side is sending, too.
        """
        if text != self._said:
            self._said = text
            log: Any = self.log
            await log.ainfo("Connection %s: %s", self.integry_conn_id, text)


def _load() -> None:
    for name in ("hooks.looks", "transport.aio", "triggers.status_pool"):
        importlib.import_module(f"airflow_provider_integry.{name}")

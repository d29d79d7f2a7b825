"""Waiting until a connection is authorized."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from airflow_provider_integry.links import AuthorizeLink
from airflow_provider_integry.whose import ActsForEndUsers

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import StartTriggerArgs

TRIGGER = "airflow_provider_integry.triggers.authorization.AuthorizationReadyTrigger"


class IntegryAuthorizationSensor(ActsForEndUsers, BaseSensorOperator):
    """Wait until a connection can be used, by default without holding a worker slot.

    Ready means that every credential is filled in and, with `verify`, that the API's
    user-information endpoint accepts it. A field that is wrong, rather than empty, fails the task at
    once: waiting does not mend it.

    Args:
        integry_conn_id: The Airflow connection. (templated)
        end_user: End user whose authorization is waited for; None for the connection's own account.
            (templated)
        account: Which of several accounts of that end user. (templated)
        verify: Whether to ask the API.
        deferrable: Whether to wait in the triggerer; otherwise `mode` says how (poke or reschedule).
        start_from_trigger: Whether to begin in the triggerer as well, so that no worker is needed until the wait is
            over. Airflow does so from version 3.3 on, for tasks that are not mapped; others, and those whose
            arguments come from another task by XCom, begin on a worker as ever. Templates are rendered in the
            triggerer.
        kwargs: Arguments of `BaseSensorOperator`; `poke_interval` is the seconds between two looks.
    """

    template_fields: Sequence[str] = ("integry_conn_id", "end_user", "account")
    operator_extra_links = (AuthorizeLink(),)
    ui_color = "#d9ead3"

    def __init__(
        self,
        *,
        integry_conn_id: str,
        end_user: str | None = None,
        account: str | None = None,
        verify: bool = False,
        deferrable: bool = True,
        start_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if start_from_trigger and not deferrable:
            raise ValueError(
                "start_from_trigger=True needs deferrable=True: the triggerer is where deferred tasks wait."
            )
        self.integry_conn_id = integry_conn_id
        self.end_user = end_user
        self.account = account
        self.verify = verify
        self.deferrable = deferrable
        texts = (integry_conn_id, end_user, account)
        # What another task returns is not known before that task has run.
        self.start_from_trigger = start_from_trigger and all(isinstance(text, str | None) for text in texts)
        if self.start_from_trigger:
            self.start_trigger_args = self._build_start()

    def _build_start(self) -> StartTriggerArgs:
        """Return what Airflow's scheduler needs to begin the task in the triggerer."""
        # Lazy for start-up cost: not needed to parse other DAG files.
        from airflow.triggers.base import StartTriggerArgs

        return StartTriggerArgs(
            trigger_cls=TRIGGER,
            trigger_kwargs={
                "integry_conn_id": self.integry_conn_id,
                "end_user": self.end_user,
                "account": self.account,
                "verify": self.verify,
                "poll_interval_s": float(self.poke_interval),
            },
            next_method="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> bool:
        """Look once.

        Returns:
            Whether the connection is ready.
        Raises:
            AirflowFailException: A field is wrong; the message names it.
        """
        # Lazy for start-up cost: the hook and the errors are not needed to parse a DAG file.
        from airflow_provider_integry.auth.readiness import Readiness
        from airflow_provider_integry.hooks.integry import IntegryHook
        from airflow_provider_integry.hooks.looks import Wanted, describe
        from airflow_provider_integry.hooks.task_failure import task_errors

        hook = IntegryHook(self.integry_conn_id, self.end_user, self.account)
        with task_errors(self.end_user):
            findings = hook.find(verify=self.verify)
        if findings.readiness is Readiness.READY:
            self.log.info("Connection %s is ready.", self.integry_conn_id)
            return True
        wanted = Wanted(self.integry_conn_id, self.end_user, self.account)
        self.log.info("Connection %s: %s", self.integry_conn_id, describe(findings, hook, wanted))
        return False

    def execute(self, context: Context) -> None:
        """Look once, then wait in the triggerer or as `mode` says."""
        self.refuse_batch()
        # Lazy for start-up cost: not needed to parse a DAG file.
        from airflow_provider_integry.hooks.outcomes import acting_for

        with acting_for(context, self.end_user, self.account):
            self._wait(context)

    def _wait(self, context: Context) -> None:
        if not self.deferrable:
            super().execute(context)
            return
        if self._poke_first(context):
            return
        # Lazy for start-up cost: Airflow's trigger base is not needed to parse a DAG file.
        from airflow_provider_integry.triggers.authorization import AuthorizationReadyTrigger

        self.defer(
            trigger=AuthorizationReadyTrigger(
                self.integry_conn_id, self.end_user, self.account, self.verify, float(self.poke_interval)
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )

    def _poke_first(self, context: Context) -> bool:
        """Look once, and fail as softly as the base class does in its own modes."""
        try:
            return self.poke(context)
        except AirflowFailException as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        """Go on after the trigger fired."""
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.hooks.outcomes import acting_for

        event = event or {}
        with acting_for(context, self.end_user, self.account):
            if event.get("status") != "ready":
                message = str(event.get("message") or "The trigger ended without saying why.")
                raise AirflowException(message) if event.get("retryable") else AirflowFailException(message)
        self.log.info("Connection %s is ready.", self.integry_conn_id)

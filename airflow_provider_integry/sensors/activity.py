"""Waiting for new records of an API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from airflow_provider_integry.links import AuthorizeLink
from airflow_provider_integry.whose import ActsForEndUsers

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_integry.hooks.polls import Poller


class IntegryRecordSensor(ActsForEndUsers, BaseSensorOperator):
    """Wait for records that no run of this task has had yet, by default without holding a worker slot.

    The first run of all remembers what is there and waits for what comes after it. Each further one begins where
    the last one that succeeded has ended. The records of a run that failed are given to its retry, or to the next run.

    Args:
        integry_conn_id: The Airflow connection. (templated)
        activity: A trigger of its connector, of mode poll. (templated)
        inputs: Its inputs by name. (templated)
        connector: Name or path of the connector; None for the connection's own. (templated)
        end_user: End user whose authorization is used; None for the connection's own account. (templated)
        account: Which of several accounts of that end user. (templated)
        from_start: Whether records that are there at the very first look are new too.
        output_path: Object-storage URL to which the records are written as JSON lines; None returns them through
            XCom. (templated)
        deferrable: Whether to wait in the triggerer; otherwise `mode` says how (poke or reschedule).
        kwargs: Arguments of `BaseSensorOperator`; `poke_interval` is the seconds between two looks.
    Returns:
        List of new records, oldest first. With `output_path`: ``{"path", "records", "bytes"}``.
    """

    template_fields: Sequence[str] = (
        "integry_conn_id",
        "activity",
        "inputs",
        "connector",
        "end_user",
        "account",
        "output_path",
    )
    template_fields_renderers = {"inputs": "json"}  # noqa: RUF012 - Airflow's API
    operator_extra_links = (AuthorizeLink(),)
    ui_color = "#d9ead3"

    def __init__(  # noqa: PLR0913 - each is a keyword of the task
        self,
        *,
        integry_conn_id: str,
        activity: str,
        inputs: Mapping[str, Any] | None = None,
        connector: str | None = None,
        end_user: str | None = None,
        account: str | None = None,
        from_start: bool = False,
        output_path: str | None = None,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.integry_conn_id = integry_conn_id
        self.activity = activity
        self.inputs = inputs
        self.connector = connector
        self.end_user = end_user
        self.account = account
        self.from_start = from_start
        self.output_path = output_path
        self.deferrable = deferrable

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once.

        Raises:
            AirflowFailException: Something that waiting does not mend.
        """
        found = self._find(context)
        if found is None:
            self.log.info("No new records of '%s' yet.", self.activity)
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=found)

    def execute(self, context: Context) -> Any:
        """Look once, then wait in the triggerer or as `mode` says."""
        self.refuse_batch()
        # Lazy for start-up cost: not needed to parse a DAG file.
        from airflow_provider_integry.hooks.outcomes import acting_for

        with acting_for(context, self.end_user, self.account):
            return self._wait(context)

    def _wait(self, context: Context) -> Any:
        if not self.deferrable:
            return super().execute(context)
        try:
            found = self._find(context)
        except AirflowFailException as error:
            # As softly as the base class does in its own modes.
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise
        return found if found is not None else self._defer(context)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Fetch the records after the trigger fired."""
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.hooks.outcomes import acting_for

        with acting_for(context, self.end_user, self.account):
            return self._go_on(context, event or {})

    def _go_on(self, context: Context, event: dict[str, Any]) -> Any:
        if event.get("status") != "found":
            message = str(event.get("message") or "The trigger ended without saying why.")
            raise AirflowException(message) if event.get("retryable") else AirflowFailException(message)
        found = self._find(context)
        # Taken by another task meanwhile: waiting goes on.
        return found if found is not None else self._defer(context)

    def _find(self, context: Context) -> Any:
        """Return the new records, or where they were written; None where there are none yet."""
        # Lazy for start-up cost: the hook and the errors are not needed to parse a DAG file.
        from airflow_provider_integry.errors import IntegryError
        from airflow_provider_integry.hooks.polls import find_for_task
        from airflow_provider_integry.hooks.task_failure import task_errors

        with task_errors(self.end_user):
            try:
                records = find_for_task(self._build_poller(context))
            except IntegryError as error:
                if not error.retryable:
                    raise
                # The next look may find it mended.
                self.log.warning("%s", error)
                return None
            return None if records is None else self._hand_out(records, context)

    def _hand_out(self, records: list[Any], context: Context) -> Any:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry import config
        from airflow_provider_integry.hooks.parts import Owner
        from airflow_provider_integry.hooks.records import RecordWriter, XComBudget

        self.log.info("%d new records of '%s'.", len(records), self.activity)
        if self.output_path is None:
            XComBudget(self.activity, config.max_xcom_bytes()).spend(records)
            return records
        with RecordWriter(self.output_path, owner=Owner.of_task(context)) as writer:
            writer.write(records)
        return writer.summary()

    def _build_poller(self, context: Context) -> Poller:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.authorizations.trigger_messages import Consumer
        from airflow_provider_integry.hooks.integry import IntegryHook
        from airflow_provider_integry.hooks.polls import Poller, Wanted

        consumer = self._consumer(context)
        hook = IntegryHook(self.integry_conn_id, self.end_user, self.account, self.connector)
        wanted = Wanted(
            self.activity,
            self.inputs or {},
            self._name(consumer),
            self.from_start,
            batch_size=1000,
            interval_s=float(self.poke_interval),
        )
        return Poller(hook, wanted, Consumer(**consumer))

    def _consumer(self, context: Context) -> dict[str, Any]:
        instance = context["ti"]
        return {
            "dag_id": instance.dag_id,
            "task_id": instance.task_id,
            "run_id": instance.run_id,
            "map_index": instance.map_index if instance.map_index is not None else -1,
        }

    def _name(self, consumer: Mapping[str, Any]) -> str:
        """Return what tells this task's records from those of others: each task has all of them."""
        return f"task:{consumer['dag_id']}:{consumer['task_id']}"

    def _defer(self, context: Context) -> None:
        # Lazy for start-up cost: Airflow's trigger base is not needed to parse a DAG file.
        from airflow_provider_integry.triggers.poll import RecordTrigger

        consumer = self._consumer(context)
        trigger = RecordTrigger(
            self.integry_conn_id,
            self.activity,
            self.inputs,
            consumer,
            end_user=self.end_user,
            account=self.account,
            connector=self.connector,
            name=self._name(consumer),
            interval_s=float(self.poke_interval),
            from_start=self.from_start,
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

"""Running one activity of an API as a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_provider_integry.links import AuthorizeLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_integry.connectors.run import ActivityCall
    from airflow_provider_integry.hooks.integry import IntegryHook


class IntegryActivityOperator(BaseOperator):
    """Run one activity: an action, whose output is returned, or a query, whose records are.

    Inputs are checked against the activity's schemas before anything is sent. Every field that names
    what to run is templated, so that ``.partial(...).expand(...)`` maps over any of them.

    Args:
        integry_conn_id: The Airflow connection. (templated)
        activity: Name of an activity of the connector. (templated)
        inputs: Its inputs by name. (templated)
        connector: Name or path of the connector; None for the connection's own. (templated)
        end_user: End user whose authorization is used; None for the connection's own account.
            (templated)
        account: Which of several accounts of that end user. (templated)
        output_path: Object-storage URL (``s3://conn@bucket/key.jsonl``, ``file:///…``) to which
            records are streamed as JSON lines, one page in memory at a time; None returns them
            through XCom. An answer that is a file is written there as it comes. (templated)
        deferrable: Whether a query with `output_path` runs in the triggerer, without a worker slot;
            None for Airflow's option [operators] default_deferrable. The triggerer must be able to
            write `output_path` (``file://`` needs a disk that it shares with the workers). Actions,
            and queries whose records go through XCom, always run on the worker.
        kwargs: Arguments of `BaseOperator`.
    Returns:
        Without `output_path`: the action's output, or the list of all records. With it: ``{"path":
        …, "records": number of lines, "bytes": size of the file}``, and for an answer that is a file
        ``{"path": …, "bytes": …, "content_type": …}``.
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
    ui_color = "#cfe2f3"

    def __init__(
        self,
        *,
        integry_conn_id: str,
        activity: str,
        inputs: Mapping[str, Any] | None = None,
        connector: str | None = None,
        end_user: str | None = None,
        account: str | None = None,
        output_path: str | None = None,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.integry_conn_id = integry_conn_id
        self.activity = activity
        self.inputs = inputs
        self.connector = connector
        self.end_user = end_user
        self.account = account
        self.output_path = output_path
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:
        """Check the inputs, run the activity, and return or write what it gives.

        Raises:
            AirflowFailException: Anything that a retry cannot mend.
        """
        # Lazy for start-up cost: the hook and the errors are not needed to parse a DAG file.
        from airflow_provider_integry.hooks.integry import IntegryHook
        from airflow_provider_integry.hooks.task_failure import task_errors

        hook = IntegryHook(self.integry_conn_id, self.end_user, self.account, self.connector)
        with task_errors():
            call = hook.start(self.activity, self.inputs)
            if not self.output_path:
                return self._collect(hook, call)
            if call.is_query and self._is_deferrable():
                self._defer(self.output_path)
            return self._write(hook, call, self.output_path)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Go on after the trigger fired.

        Raises:
            AirflowFailException: Something that a retry cannot mend.
            AirflowException: Something that a retry may mend.
        """
        event = event or {}
        if event.get("status") == "done":
            return event["result"]
        message = str(event.get("message") or "The trigger ended without saying why.")
        raise AirflowException(message) if event.get("retryable") else AirflowFailException(message)

    def _is_deferrable(self) -> bool:
        # Lazy for start-up cost: not needed to parse a DAG file.
        from airflow_provider_integry import config

        return config.default_deferrable() if self.deferrable is None else self.deferrable

    def _defer(self, output_path: str) -> NoReturn:
        # Lazy for start-up cost: not needed to parse a DAG file.
        from airflow_provider_integry.triggers.activity import ActivityTrigger

        trigger = ActivityTrigger(
            self.integry_conn_id,
            self.activity,
            self.inputs,
            output_path,
            self.connector,
            self.end_user,
            self.account,
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=self.execution_timeout)

    def _collect(self, hook: IntegryHook, call: ActivityCall) -> Any:
        # Lazy for start-up cost: not needed to parse a DAG file.
        from airflow_provider_integry import config
        from airflow_provider_integry.errors import OutputPathError
        from airflow_provider_integry.hooks.records import XComBudget

        if call.is_file:
            raise OutputPathError(
                "", f"is empty, and activity '{self.activity}' answers with a file; say where it goes"
            )
        budget = XComBudget(self.activity, config.max_xcom_bytes())
        if not call.is_query:
            output = next(hook.pages(call))
            budget.spend(output)
            return output
        records: list[Any] = []
        for page in hook.pages(call):
            budget.spend(page)
            records.extend(page)
        self.log.info("Activity %s: %d records in %d pages.", self.activity, len(records), call.pages)
        return records

    def _write(self, hook: IntegryHook, call: ActivityCall, output_path: str) -> dict[str, Any]:
        # Lazy for start-up cost: Airflow's object storage is not needed to parse a DAG file.
        from airflow_provider_integry.hooks.records import RecordWriter

        if call.is_file:
            return self._save(hook, call, output_path)
        with RecordWriter(output_path) as writer:
            for page in hook.pages(call):
                writer.write(page if call.is_query else [page])
        self.log.info("Activity %s: %d records written to %s.", self.activity, writer.records, output_path)
        return writer.summary()

    def _save(self, hook: IntegryHook, call: ActivityCall, output_path: str) -> dict[str, Any]:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.hooks.files import save_answer

        summary = save_answer(hook, call, output_path)
        self.log.info("Activity %s: %d bytes written to %s.", self.activity, summary["bytes"], output_path)
        return summary

"""Running one activity of an API as a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_provider_integry.links import AuthorizeLink
from airflow_provider_integry.operators.waiting import Waits, build_task_key, choose_patience, wait_elsewhere
from airflow_provider_integry.whose import ActsForEndUsers, is_batch, name_file

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_integry.connectors.run import ActivityCall
    from airflow_provider_integry.hooks.integry import IntegryHook
    from airflow_provider_integry.hooks.parts import Owner


class IntegryActivityOperator(ActsForEndUsers, BaseOperator):
    """Run one activity: an action, whose output is returned, or a query, whose records are.

    Inputs are checked against the activity's schemas before anything is sent. Every field that names
    what to run is templated, so that ``.partial(...).expand(...)`` maps over any of them.

    Args:
        integry_conn_id: The Airflow connection. (templated)
        activity: Name of an activity of the connector. (templated)
        inputs: Its inputs by name. (templated)
        connector: Name or path of the connector; None for the connection's own. (templated)
        end_user: End user whose authorization is used; None for the connection's own account. With a list of them,
            such as a batch of `ready_end_users`, the activity is run for one after the other on the worker. (templated)
        account: Which of several accounts of that end user. (templated)
        output_path: Object-storage URL (``s3://conn@bucket/key.jsonl``, ``file:///…``) to which
            records are streamed as JSON lines, two pages in memory at a time; ``.jsonl.gz`` compresses
            them, ``.parquet`` needs the extra `parquet`; None returns them through XCom. An answer that
            is a file is written there as it comes. ``{end_user}`` stands for the end user's name, written so that it
            is one part of a path. (templated)
        compression: "gzip" compresses whatever the path's name is.
        max_records: Records after which a query ends without error; None for all.
        max_pages: Pages after which it does; None for all.
        cursor: Where a query of paging `cursor` or `keyset` starts: the `cursor` of an earlier run.
            None or an empty text starts at the beginning. (templated)
        deferrable: Whether a query with `output_path` runs in the triggerer, without a worker slot;
            None for Airflow's option [operators] default_deferrable. The triggerer must be able to
            write `output_path` (``file://`` needs a disk that it shares with the workers). Actions,
            and queries whose records go through XCom, always run on the worker; there, a wait for the API's
            limits of more than [integry] defer_wait_s seconds is spent in the triggerer, and the activity begun
            again after it.
        idempotency_key: What the API is to recognise this action by, when it is run again; None for one that is
            made from DAG, run, task, map index, activity, connection and end user. Only where the connector
            declares a place for it, in a header or the body. (templated)
        new_key_on_clear: Whether a task that somebody clears acts anew, with a new key.
        kwargs: Arguments of `BaseOperator`.
    Returns:
        Without `output_path`: the action's output, or the list of all records. With it: ``{"path":
        …, "records": number of lines, "bytes": size of the file, "pages": …, "cursor": where a later
        run may go on}``, and ``"paging"`` where it was found by itself; for an answer that is a file
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
        "cursor",
        "idempotency_key",
    )
    template_fields_renderers = {"inputs": "json"}  # noqa: RUF012 - Airflow's API
    operator_extra_links = (AuthorizeLink(),)
    ui_color = "#cfe2f3"

    def __init__(  # noqa: PLR0913 - each is an option of the task; all by name
        self,
        *,
        integry_conn_id: str,
        activity: str,
        inputs: Mapping[str, Any] | None = None,
        connector: str | None = None,
        end_user: str | None = None,
        account: str | None = None,
        output_path: str | None = None,
        compression: Literal["gzip"] | None = None,
        max_records: int | None = None,
        max_pages: int | None = None,
        cursor: str | int | None = None,
        deferrable: bool | None = None,
        idempotency_key: str | None = None,
        new_key_on_clear: bool = False,
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
        self.compression = compression
        self.max_records = max_records
        self.max_pages = max_pages
        self.cursor = cursor
        self.deferrable = deferrable
        self.idempotency_key = idempotency_key
        self.new_key_on_clear = new_key_on_clear

    def execute(self, context: Context) -> Any:
        """Check the inputs, run the activity, and return or write what it gives.

        Raises:
            AirflowFailException: Anything that a retry cannot mend.
        """
        # Lazy for start-up cost: the hook and the errors are not needed to parse a DAG file.
        from airflow_provider_integry.hooks.outcomes import acting_for

        if is_batch(self.end_user):
            # Lazy for start-up cost, as above.
            from airflow_provider_integry.operators.batch import run_batch

            return run_batch(self, context)
        with acting_for(context, self.end_user, self.account):
            return self.act(context)

    def act(self, context: Context) -> Any:
        """Run the activity for the one end user, or for the connection itself; `execute` calls it."""
        self._name_file()
        return self._run(context, Waits())

    def _name_file(self) -> None:
        if self.output_path and self.end_user is not None:
            self.output_path = name_file(self.output_path, self.end_user)

    def _run(self, context: Context, waits: Waits) -> Any:
        # Lazy for start-up cost: the hook and the errors are not needed to parse a DAG file.
        from airflow_provider_integry.errors import IntegryError
        from airflow_provider_integry.hooks.integry import IntegryHook
        from airflow_provider_integry.hooks.task_failure import task_errors

        hook = IntegryHook(self.integry_conn_id, self.end_user, self.account, self.connector)
        with task_errors(self.end_user):
            call = self._begin(hook, context, waits)
            try:
                return self._finish(hook, call, context)
            except IntegryError as error:
                if self._is_deferrable():
                    wait_elsewhere(self, call, error, waits, hook.sending_of(call).manner.throttled)
                raise

    def _begin(self, hook: IntegryHook, context: Context, waits: Waits) -> ActivityCall:
        others = (self.integry_conn_id, self.end_user, self.account)
        return hook.start(
            self.activity,
            self.inputs,
            idempotency_key=self.idempotency_key,
            task_key=build_task_key(context, self.activity, *others, is_new_on_clear=self.new_key_on_clear),
            patience=choose_patience(waits, is_deferrable=self._is_deferrable()),
            page_limit=self.max_pages,
            record_limit=self.max_records,
            cursor=self._first_cursor(),
            raw=bool(self.output_path),
        )

    def _finish(self, hook: IntegryHook, call: ActivityCall, context: Context) -> Any:
        if not self.output_path:
            return self._collect(hook, call)
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.hooks.parts import Owner

        owner = Owner.of_task(context)
        if call.is_query and self._is_deferrable():
            self._defer(self.output_path, owner)
        return self._write(hook, call, self.output_path, owner)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Go on after the trigger fired.

        Raises:
            AirflowFailException: Something that a retry cannot mend.
            AirflowException: Something that a retry may mend.
        """
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.hooks.outcomes import acting_for

        with acting_for(context, self.end_user, self.account):
            return self.complete(context, event)

    def complete(self, context: Context, event: dict[str, Any] | None) -> Any:
        """Do what is left after a trigger; `execute_complete` calls it."""
        self._name_file()
        event = event or {}
        if event.get("status") == "done":
            return event["result"]
        if event.get("status") == "waited":
            return self._run(context, Waits.from_event(event))
        message = str(event.get("message") or "The trigger ended without saying why.")
        raise AirflowException(message) if event.get("retryable") else AirflowFailException(message)

    def _first_cursor(self) -> str | int | None:
        # An XCom or a Variable that is not there yet is rendered as one of these.
        return None if self.cursor in ("", "None") else self.cursor

    def _is_deferrable(self) -> bool:
        # Lazy for start-up cost: not needed to parse a DAG file.
        from airflow_provider_integry import config

        return config.default_deferrable() if self.deferrable is None else self.deferrable

    def _defer(self, output_path: str, owner: Owner | None) -> NoReturn:
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
            self.compression,
            self.max_records,
            self.max_pages,
            self._first_cursor(),
            None if owner is None else [owner.key, owner.try_number],
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
        self._log_paging(call)
        self.log.info("Activity %s: %d records in %d pages.", self.activity, len(records), call.pages)
        return records

    def _write(self, hook: IntegryHook, call: ActivityCall, output_path: str, owner: Owner | None) -> dict[str, Any]:
        # Lazy for start-up cost: Airflow's object storage is not needed to parse a DAG file.
        from airflow_provider_integry.hooks.streaming import write_records

        if call.is_file:
            return self._save(hook, call, output_path, owner)
        summary = write_records(hook, call, output_path, self.compression, owner)
        self._log_paging(call)
        self.log.info(
            "Activity %s: %d records in %d pages written to %s.",
            self.activity,
            summary["records"],
            summary["pages"],
            output_path,
        )
        return summary

    def _log_paging(self, call: ActivityCall) -> None:
        if call.paging_found is not None:
            self.log.info("Activity %s: paging as the first answer shows: %s.", self.activity, call.paging_found)

    def _save(self, hook: IntegryHook, call: ActivityCall, output_path: str, owner: Owner | None) -> dict[str, Any]:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.hooks.files import save_answer

        summary = save_answer(hook, call, output_path, owner)
        self.log.info("Activity %s: %d bytes written to %s.", self.activity, summary["bytes"], output_path)
        return summary

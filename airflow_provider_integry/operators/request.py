"""Calling any path of a connected API as a task, without a connector that describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_integry.operators.activity import IntegryActivityOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_integry.connectors.one_off import Content
    from airflow_provider_integry.operators.incremental import Incremental


class IntegryRequestOperator(IntegryActivityOperator):
    """Send one request, or page through a list, with everything that an activity has.

    It is signed, retried, kept to the connection's hosts and to its connector's limits, and its records
    can stream to object storage. Of `json`, `form` with `files`, and `body`, one can be given.

    Args:
        integry_conn_id: The Airflow connection. (templated)
        path: Path below the base URL; a whole URL only on a host of the connection. (templated)
        method: HTTP method. (templated)
        query: Query. A list is sent as ``a=1&a=2``, a mapping as ``a[b]=1``. (templated)
        headers: Headers beside the connection's. (templated)
        json: Body as JSON. (templated)
        form: Fields of a form. (templated)
        files: Files of a multipart form by field: a text, or a mapping with ``path`` (object-storage
            URL) or ``base64``, and, if wanted, ``name`` and ``type``. (templated)
        body: Raw body: a text, or a file as in `files`. (templated)
        result: JMESPath of the output, or of the list of records. (templated)
        paging: How the answer comes in pages, as in a connector: ``{"kind": "cursor", …}``. With it, or
            with ``{"kind": "none"}``, the answer is a list of records. (templated)
        answer: What comes back: ``json``, ``csv`` (records), ``text`` or ``file``.
        delimiter: What stands between the columns of CSV.
        incremental: Read only what is new: ``{"field": "updated_at", "param": "updated_since", "initial":
            None}``. The largest `field` of the records is kept in an XCom of this task, for each end user by
            itself, and the next run sends it as query parameter `param`. Needs `paging`; a file must be JSON
            lines. (templated)
        connector: Name or path of the connector whose hosts, headers, errors and limits hold; None for the
            connection's own, if it has one. (templated)
        end_user: As for `IntegryActivityOperator`. (templated)
        account: Which of several accounts of that end user. (templated)
        output_path: As for `IntegryActivityOperator`. (templated)
        deferrable: As for `IntegryActivityOperator`.
        kwargs: Arguments of `IntegryActivityOperator` and `BaseOperator`.
    Returns:
        As for `IntegryActivityOperator`.
    """

    template_fields: Sequence[str] = (
        "integry_conn_id",
        "path",
        "method",
        "query",
        "headers",
        "json",
        "form",
        "files",
        "body",
        "result",
        "paging",
        "incremental",
        *(
            name
            for name in IntegryActivityOperator.template_fields
            if name not in ("integry_conn_id", "activity", "inputs")
        ),
    )
    template_fields_renderers = dict.fromkeys(("query", "headers", "json", "form", "paging"), "json")

    def __init__(  # noqa: PLR0913 - one argument for each part of a request
        self,
        *,
        integry_conn_id: str,
        path: str,
        method: str = "GET",
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        body: str | Mapping[str, Any] | None = None,
        result: str | None = None,
        paging: Mapping[str, Any] | None = None,
        answer: str = "json",
        delimiter: str | None = None,
        incremental: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(integry_conn_id=integry_conn_id, activity="request", **kwargs)
        self.path = path
        self.method = method
        self.query = query
        self.headers = headers
        self.json = json
        self.form = form
        self.files = files
        self.body = body
        self.result = result
        self.paging = paging
        self.answer = answer
        self.delimiter = delimiter
        self.incremental = incremental

    def act(self, context: Context) -> Any:
        """Send the request, and return or write what it gives; `execute` calls it."""
        began = self._describe(context)
        return self._keep(context, began, super().act(context))

    def complete(self, context: Context, event: dict[str, Any] | None) -> Any:
        """Do what is left after a trigger; `execute_complete` calls it."""
        began = self._describe(context)
        return self._keep(context, began, super().complete(context, event))

    def _describe(self, context: Context) -> Any:
        """Say the request as an activity; return the value that an incremental read begins with.

        The hook takes a description in the place of a connector's name.
        """
        # Lazy for start-up cost: not needed to parse a DAG file.
        from airflow_provider_integry.connectors.one_off import build_one_off
        from airflow_provider_integry.hooks.task_failure import task_errors

        with task_errors(self.end_user):
            plan = self._plan()
            began = plan.begin(context) if plan else None
            query = {**(self.query or {}), **({plan.param: began} if plan and began is not None else {})}
            found = build_one_off(self.method, self.path, self._content(query), self._options())
        self.inputs = found.inputs
        # The hook takes this in the place of a name.
        described: Any = {"connector": self.connector, "activity": found.activity}
        self.connector = described
        return began

    def _plan(self) -> Incremental | None:
        if self.incremental is None:
            return None
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.errors import ConfigurationError
        from airflow_provider_integry.operators.incremental import Incremental

        if self.paging is None and self.answer != "csv":
            raise ConfigurationError(
                "Argument 'incremental' needs records: give 'paging' too, {\"kind\": \"none\"} for one page."
            )
        if self.output_path and self.output_path.endswith(".parquet"):
            raise ConfigurationError("Argument 'incremental' reads JSON lines again; end output_path with .jsonl.")
        is_own = self.end_user is None
        return Incremental(self.incremental, () if is_own else (self.integry_conn_id, self.end_user, self.account))

    def _keep(self, context: Context, began: Any, result: Any) -> Any:
        """Keep where an incremental read has ended; return the result, with `newest` where it is a summary."""
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.hooks.task_failure import task_errors

        with task_errors(self.end_user):
            plan = self._plan()
            if plan is None:
                return result
            if not self.output_path:
                plan.keep(context, began, result)
                return result
            # Lazy for start-up cost, as above.
            from airflow_provider_integry.hooks.lines import read_lines

            return {**result, "newest": plan.keep(context, began, read_lines(self.output_path))}

    def _content(self, query: Mapping[str, Any]) -> Content:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.connectors.one_off import Content

        return Content(query, self.headers, self.json, self.form, self.files, self.body)

    def _options(self) -> dict[str, Any]:
        return {
            "result": self.result,
            "paging": None if self.paging is None else dict(self.paging),
            "answer": None if self.answer == "json" else self.answer,
            "delimiter": self.delimiter,
        }

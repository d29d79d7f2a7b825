"""The button "Authorize" at a task in Airflow's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator


class AuthorizeLink(BaseOperatorLink):
    """Leads from a task to the page on which its connection is authorized.

    Airflow asks the worker for the link when a task ends or defers, and keeps it. Until then, and for tasks that
    start in the triggerer, tab "Authorize" of the task shows the same link.
    """

    name = "Authorize"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """Return the link of a task whose fields are rendered."""
        # Lazy for start-up cost: not needed to parse a DAG file.
        from airflow_provider_integry.authorizations.links import authorize_link

        fields: Any = operator
        # A batch of end users has no page of its own.
        end_user = fields.end_user if isinstance(fields.end_user, str) else None
        return authorize_link(fields.integry_conn_id, end_user, fields.account)

"""Finding the end users who have authorized a connection, as a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_integry.links import AuthorizeLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_integry.authorizations.end_user_client import EndUserList

# A token endpoint that is down for a while must not let a customer disappear from a run without a word.
AUTHORIZED = ("ready", "unreachable")


class IntegryEndUsersOperator(BaseOperator):
    """Return the end users who have authorized a connection, to map other tasks over.

    Args:
        integry_conn_id: The Airflow connection. (templated)
        account: Only end users with this account; None for their default one. (templated)
        batch_size: End users of a batch; None for no batches, as long as Airflow can map so many tasks.
        include: How an authorization stands that is wanted: names of `Readiness`.
        has_all_accounts: Whether to return each account of each end user, for ``expand_kwargs``.
        kwargs: Arguments of `BaseOperator`.
    Returns:
        List of end users, those who came first in front. With `batch_size`, and where there are more than Airflow's
        [core] max_map_length: list of lists of them. With `has_all_accounts`: list of
        ``{"end_user": …, "account": …}``.
    """

    template_fields: Sequence[str] = ("integry_conn_id", "account")
    operator_extra_links = (AuthorizeLink(),)
    ui_color = "#d9ead3"
    # For the link: it leads to the connection's own page.
    end_user = None

    def __init__(
        self,
        *,
        integry_conn_id: str,
        account: str | None = None,
        batch_size: int | None = None,
        include: Sequence[str] = AUTHORIZED,
        has_all_accounts: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _check(batch_size, include, has_all_accounts=has_all_accounts)
        self.integry_conn_id = integry_conn_id
        self.account = account
        self.batch_size = batch_size
        self.include = tuple(include)
        self.has_all_accounts = has_all_accounts

    def execute(self, context: Context) -> list[Any]:
        """Ask for the end users, and return them.

        Raises:
            AirflowFailException: The connection has no end users, or more accounts than Airflow can map.
        """
        # Lazy for start-up cost: not needed to parse a DAG file.
        from airflow_provider_integry import config

        found = self._find()
        self._tell(found)
        most = config.max_map_length()
        if not self.has_all_accounts:
            return cut_into_batches([one.end_user for one in found.end_users], self.batch_size, most)
        if len(found.end_users) > most:
            raise AirflowFailException(
                f"Connection '{self.integry_conn_id}' has {len(found.end_users)} authorized accounts; Airflow maps"
                f" {most}. Raise option [core] max_map_length, or take ready_end_users(), which makes batches."
            )
        return [{"end_user": one.end_user, "account": one.account} for one in found.end_users]

    def _find(self) -> EndUserList:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.authorizations.end_user_client import find_end_users
        from airflow_provider_integry.authorizations.steps import run_steps
        from airflow_provider_integry.hooks.integry import IntegryHook
        from airflow_provider_integry.hooks.task_failure import task_errors

        with task_errors():
            settings = IntegryHook(self.integry_conn_id).for_anyone().settings
            found: EndUserList = run_steps(
                find_end_users(settings, self.include, self.account, has_all_accounts=self.has_all_accounts)
            )
            return found

    def _tell(self, found: EndUserList) -> None:
        others = ", ".join(f"{count} {readiness}" for readiness, count in sorted(found.left_out.items()))
        tail = f"; left out: {others}" if others else ""
        self.log.info("Connection %s: %d end users%s.", self.integry_conn_id, len(found.end_users), tail)


def cut_into_batches(end_users: list[str], batch_size: int | None, most: int) -> list[Any]:
    """Return end users as they are, or in batches of nearly the same size.

    Args:
        end_users: All of them.
        batch_size: Most of a batch, where that makes no more than `most` batches; None for no batches if possible.
        most: How many tasks Airflow can map.
    """
    if batch_size is None and len(end_users) <= most:
        return end_users
    size = max(batch_size or 1, -(-len(end_users) // most))
    count = -(-len(end_users) // size)
    return [end_users[len(end_users) * n // count : len(end_users) * (n + 1) // count] for n in range(count)]


def _check(batch_size: int | None, include: Sequence[str], *, has_all_accounts: bool) -> None:
    # Lazy for start-up cost, as above.
    from airflow_provider_integry.auth.readiness import Readiness

    if batch_size is not None and batch_size < 1:
        raise ValueError(f"Argument 'batch_size' is {batch_size}; give 1 or more, or None.")
    if batch_size is not None and has_all_accounts:
        raise ValueError("Argument 'batch_size' does not go with accounts: each of them is a task of its own.")
    known = [str(one) for one in Readiness]
    unknown = [include] if isinstance(include, str) else [one for one in include if one not in known]
    if unknown or not include:
        raise ValueError(f"Argument 'include' is a list of: {', '.join(known)}; it has {unknown or 'nothing'}.")

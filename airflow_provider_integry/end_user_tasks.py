"""One flow for every customer: who they are, the same work for each, and how it went."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_integry.operators.end_users import AUTHORIZED, IntegryEndUsersOperator
from airflow_provider_integry.operators.outcomes import Fail, IntegryOutcomesOperator

if TYPE_CHECKING:
    from airflow.sdk import XComArg

    from airflow_provider_integry.hooks.integry import IntegryHook


def ready_end_users(
    conn_id: str,
    *,
    account: str | None = None,
    batch_size: int | None = None,
    include: Sequence[str] = AUTHORIZED,
    task_id: str = "ready_end_users",
    **kwargs: Any,
) -> XComArg:
    """Return the end users who have authorized a connection, for ``.expand(end_user=ready_end_users("crm"))``.

    It is a task: it looks when the flow runs. Those whose token endpoint does not answer at the moment are among
    them; those that somebody has to authorize (again) are not.

    Args:
        conn_id: The Airflow connection; may be a template.
        account: Only end users with this account; None for their default one; may be a template.
        batch_size: End users of a batch; None for no batches, as long as Airflow can map so many tasks.
        include: How an authorization stands that is wanted: names of `Readiness`.
        task_id: Name of the task; a number is added where the DAG has it already.
        kwargs: Arguments of `BaseOperator`.
    Returns:
        What the task will return: a list of end users. With `batch_size`, and where there are more than Airflow's
        [core] max_map_length (1,024 unless changed): a list of lists of them, which `end_user` of the operators
        takes as well.
    """
    return _make(conn_id, task_id, kwargs, account=account, batch_size=batch_size, include=include)


def ready_accounts(
    conn_id: str, *, include: Sequence[str] = AUTHORIZED, task_id: str = "ready_accounts", **kwargs: Any
) -> XComArg:
    """Return every account of every end user, for ``.expand_kwargs(ready_accounts("crm"))``.

    Args:
        conn_id: The Airflow connection; may be a template.
        include: How an authorization stands that is wanted: names of `Readiness`.
        task_id: Name of the task; a number is added where the DAG has it already.
        kwargs: Arguments of `BaseOperator`.
    Returns:
        What the task will return: a list of ``{"end_user": …, "account": …}``.
    """
    return _make(conn_id, task_id, kwargs, include=include, has_all_accounts=True)


def for_each_end_user(
    conn_id: str,
    end_users: Sequence[str],
    act: Callable[[IntegryHook], Any],
    *,
    account: str | None = None,
    connector: str | None = None,
    rounds: int = 1,
    fails: bool = True,
) -> list[dict[str, Any]]:
    """Do the same for each of some end users, one after the other; one that fails does not stop the rest.

    For code of your own inside a task, where a batch of `ready_end_users` arrives.

    Args:
        conn_id: The Airflow connection.
        end_users: The end users, such as one batch.
        act: Called with the hook of each; what it returns is kept as ``result``.
        account: Which of several accounts of each.
        connector: Name or path of the connector; None for the connection's own.
        rounds: How often those are tried in all whose error may pass, after the others.
        fails: Whether the task fails, after everybody's turn, where one of them did.
    Returns:
        For each: ``{"end_user": …, "account": …, "state": "success", "failed" or "skipped", "reason": why, "link":
        where it can be authorized, "result": …}``.
    Raises:
        AirflowFailException: Somebody failed; what this would have returned is the task's XCom all the same.
    """
    # Lazy for start-up cost: not needed to parse a DAG file.
    from airflow_provider_integry.hooks.integry import IntegryHook
    from airflow_provider_integry.hooks.outcomes import Batch
    from airflow_provider_integry.hooks.task_failure import task_errors

    context = _find_context()
    batch = Batch(end_users, account, rounds=rounds)
    batch.open(context)
    for turn in batch.turns():
        with turn, task_errors(turn.end_user):
            turn.result = act(IntegryHook(conn_id, turn.end_user, account, connector))
    return batch.close(context, fails=fails)


def end_user_outcomes(*tasks: Any, fail: Fail = "any", task_id: str = "end_user_outcomes", **kwargs: Any) -> XComArg:
    """Return how a run went for each end user, when all of these tasks have ended however.

    It is a task, and comes after them. Being the last one it decides how the run ends: by default it fails where an
    end user did.

    Args:
        tasks: The tasks: operators, or what they return.
        fail: When it fails: ``any`` end user failed, ``all`` did, or ``never``.
        task_id: Name of the task; a number is added where the DAG has it already.
        kwargs: Arguments of `BaseOperator`.
    Returns:
        What the task will return; see `IntegryOutcomesOperator`.
    """
    operators = [getattr(task, "operator", task) for task in tasks]
    name = _choose_name(task_id, kwargs)
    outcomes = IntegryOutcomesOperator(
        task_id=name, of=[operator.task_id for operator in operators], fail=fail, **kwargs
    )
    outcomes.set_upstream(operators)
    output: XComArg = outcomes.output
    return output


def _make(conn_id: str, task_id: str, kwargs: dict[str, Any], **options: Any) -> XComArg:
    name = _choose_name(task_id, kwargs)
    output: XComArg = IntegryEndUsersOperator(task_id=name, integry_conn_id=conn_id, **options, **kwargs).output
    return output


def _choose_name(task_id: str, kwargs: Mapping[str, Any]) -> str:
    # Lazy for start-up cost: not needed to parse other DAG files.
    from airflow.sdk.bases.decorator import get_unique_task_id

    return get_unique_task_id(task_id, kwargs.get("dag"), kwargs.get("task_group"))


def _find_context() -> Mapping[str, Any]:
    """Return the task's context; an empty one outside of a task, for tests and shells."""
    # Lazy for start-up cost, as above.
    from airflow.sdk import get_current_context

    try:
        found: Mapping[str, Any] = get_current_context()
    except RuntimeError:
        return {}
    return found

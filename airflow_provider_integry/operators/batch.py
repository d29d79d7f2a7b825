"""What an operator does with a batch of end users: the same for one after the other, each by itself."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from airflow_provider_integry.whose import PLACE

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_integry.operators.activity import IntegryActivityOperator


def run_batch(operator: IntegryActivityOperator, context: Context) -> list[dict[str, Any]]:
    """Run an operator for each end user of its list.

    Those whose error may pass are tried again when the others are done, as often as the task has retries.

    Returns:
        How it went for each; see `Batch.close`.
    Raises:
        AirflowFailException: Somebody failed; or all would write to one file.
    """
    # Lazy for start-up cost: not needed to parse a DAG file.
    from airflow_provider_integry import config
    from airflow_provider_integry.errors import OutputPathError
    from airflow_provider_integry.hooks.outcomes import build_batch
    from airflow_provider_integry.hooks.records import XComBudget
    from airflow_provider_integry.hooks.task_failure import task_errors

    with task_errors():
        if operator.output_path and PLACE not in operator.output_path:
            problem = f"would be written once for each end user of the batch; write {PLACE} into it"
            raise OutputPathError(operator.output_path, problem)
    budget = XComBudget(operator.activity, config.max_xcom_bytes())
    batch = build_batch(operator, operator.end_user, operator.account)
    batch.open(context)
    for turn in batch.turns():
        with turn:
            one = copy.copy(operator)
            one.end_user = turn.end_user
            one.deferrable = False
            result = one.act(context)
            with task_errors(turn.end_user):
                budget.spend(result)
            turn.result = result
    return batch.close(context)

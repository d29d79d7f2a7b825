"""How a run went for each end user, gathered when everybody's tasks have ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from airflow.sdk import Context

Fail = Literal["any", "all", "never"]
# What Airflow has not let fail.
_WELL = ("success", "skipped", "removed")


class IntegryOutcomesOperator(BaseOperator):
    """Return how a run went for each end user, whatever became of their tasks.

    It begins when all tasks before it have ended. Being the last task of a run it decides how the run ends.

    Args:
        of: Ids of the tasks that act for end users: mapped ones, batches, or for one end user.
        fail: When it fails: ``any`` end user failed, ``all`` did, or ``never``.
        kwargs: Arguments of `BaseOperator`; `trigger_rule` is ``all_done`` unless given.
    Returns:
        List of ``{"end_user": …, "account": …, "task_id": …, "map_index": …, "state": Airflow's word, "reason": why,
        "link": where it can be authorized, or None}``. An `end_user` of None stands for a task that ended before it
        said whose it is. When the task fails this is its XCom ``return_value`` all the same.
    """

    template_fields: Sequence[str] = ("of",)
    ui_color = "#f4cccc"

    def __init__(self, *, of: Sequence[str], fail: Fail = "any", **kwargs: Any) -> None:
        super().__init__(**{"trigger_rule": "all_done", **kwargs})
        if isinstance(of, str) or not of:
            raise ValueError("Argument 'of' is a list of task ids; name one at least.")
        if fail not in ("any", "all", "never"):
            raise ValueError(f"Argument 'fail' is '{fail}'; give 'any', 'all' or 'never'.")
        self.of = list(of)
        self.fail = fail

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Gather, tell in the log, and return.

        Raises:
            AirflowFailException: End users failed, and `fail` asks for it.
        """
        # Lazy for start-up cost: not needed to parse a DAG file.
        from airflow_provider_integry.hooks.outcomes import describe_failures

        table = gather_outcomes(context, self.of)
        failed = [one for one in table if one["state"] not in _WELL]
        self.log.info("%d end users, %d of them without success.", len(table), len(failed))
        for one in failed:
            self.log.warning(
                "End user '%s' (%s[%s]): %s. %s",
                one["end_user"],
                one["task_id"],
                one["map_index"],
                one["state"],
                one["reason"],
            )
        is_failure = bool(failed) and (self.fail == "any" or (self.fail == "all" and len(failed) == len(table)))
        if is_failure:
            context["ti"].xcom_push(key="return_value", value=table)
            raise AirflowFailException(describe_failures(failed, len(table)))
        return table


def gather_outcomes(context: Mapping[str, Any], task_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return how a run went for each end user of some tasks.

    Args:
        context: Context of a task of the same run.
        task_ids: The tasks.
    """
    return [one for task_id in task_ids for one in _gather(context["ti"], task_id)]


def _gather(instance: Any, task_id: str) -> Iterator[dict[str, Any]]:
    # Lazy for start-up cost, as above.
    from airflow_provider_integry.hooks.outcomes import KEY, build_outcome

    told = instance.get_task_states(dag_id=instance.dag_id, task_ids=[task_id], run_ids=[instance.run_id])
    states = {_read_place(name, task_id): str(state) for name, state in told.get(instance.run_id, {}).items()}
    noted: dict[int, list[dict[str, Any]]] = {}
    for outcomes in instance.xcom_pull(task_ids=[task_id], key=KEY):
        for one in outcomes or ():
            noted.setdefault(one["map_index"], []).append(one)
    for place, state in sorted(states.items()):
        whose = noted.get(place)
        if whose is None and state not in _WELL:
            whose = [{**build_outcome("", None, state), "end_user": None}]
        for one in whose or ():
            # Those of a batch have states of their own.
            is_alone = len(whose or ()) == 1
            found = state if is_alone or one["state"] is None else one["state"]
            reason = one["reason"] or ("" if found in _WELL else "The task ended without a reason; see its log.")
            yield {**one, "task_id": task_id, "map_index": place, "state": found, "reason": reason}


def _read_place(name: str, task_id: str) -> int:
    """Return the map index in Airflow's name of a task instance; -1 for one that is not mapped."""
    rest = name.removeprefix(f"{task_id}_")
    return int(rest) if rest != name and rest.isdigit() else -1

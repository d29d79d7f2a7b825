"""Which connection a task instance uses, and for whom, as Airflow's database knows it while the task waits or runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from airflow.models.dagbag import DBDagBag
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.orm import Session

_FIELDS = ("integry_conn_id", "end_user", "account")
_PACKAGE = "airflow_provider_integry."


class TaskKey(NamedTuple):
    """Which task instance."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int


class TaskFields(NamedTuple):
    """What a task instance uses.

    Attributes:
        conn_id: The connection; empty where the task uses none of this provider's.
        end_user, account: For whom; None where the task does not say.
        is_rendered: Whether these are values; templates otherwise, which nobody has rendered yet.
    """

    conn_id: str = ""
    end_user: str | None = None
    account: str | None = None
    is_rendered: bool = True


def find_fields(key: TaskKey) -> TaskFields | None:
    """Return what a task instance uses; None where there is no such task instance; may block."""
    with create_session(scoped=False) as session:
        instance = session.scalar(
            select(TaskInstance).where(
                TaskInstance.dag_id == key.dag_id,
                TaskInstance.run_id == key.run_id,
                TaskInstance.task_id == key.task_id,
                TaskInstance.map_index == key.map_index,
            )
        )
        if instance is None:
            return None
        found = TaskFields()
        for values in _look(session, instance, key):
            found = _read(values) or found
            if found.conn_id and found.is_rendered:
                break
        return found


def _look(session: Session, instance: TaskInstance, key: TaskKey) -> Iterator[Mapping[str, Any]]:
    """Give what is known of the task's fields, in the order of trust.

    What the trigger waits with is exact, but for tasks that begin in the triggerer: there it holds templates. What
    the worker has rendered is of this try or the one before. The DAG holds templates.
    """
    trigger = instance.trigger
    if trigger is not None and trigger.classpath.startswith(_PACKAGE):
        yield trigger.kwargs
    rendered = session.get(RenderedTaskInstanceFields, key)
    if rendered is not None:
        yield rendered.rendered_fields
    dag = DBDagBag().get_dag_for_run(instance.dag_run, session=session)
    if dag is not None and dag.has_task(key.task_id):
        task: Any = dag.get_task(key.task_id)
        yield (
            task.partial_kwargs
            if hasattr(task, "partial_kwargs")
            else {name: getattr(task, name, None) for name in _FIELDS}
        )


def _read(values: Mapping[str, Any]) -> TaskFields | None:
    """Return what these values say; None where they name no connection."""
    # A function of @task.integry may have them as parameters.
    named = values.get("op_kwargs")
    more = named if isinstance(named, Mapping) else {}
    conn_id, end_user, account = (values.get(name) or more.get(name) for name in _FIELDS)
    if not isinstance(conn_id, str) or not conn_id:
        return None
    if not isinstance(end_user, str | None) or not isinstance(account, str | None):
        return None
    is_rendered = not any(mark in text for text in (conn_id, end_user, account) if text for mark in ("{{", "{%"))
    return TaskFields(conn_id, end_user, account, is_rendered)

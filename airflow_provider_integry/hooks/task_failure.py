"""The one place where an error of ours becomes Airflow's way to fail a task."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_integry.errors import IntegryError


@contextmanager
def task_errors() -> Generator[None, None, None]:
    """Fail the task at once, without Airflow's retries, for errors that a retry cannot mend.

    Retryable errors pass through, so that the task's own `retries` apply.
    """
    try:
        yield
    except IntegryError as error:
        if error.retryable:
            raise
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error

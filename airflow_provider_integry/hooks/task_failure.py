"""The one place where an error of ours becomes Airflow's way to fail a task."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_integry.errors import IntegryError


@contextmanager
def task_errors(end_user: str | None = None) -> Generator[None, None, None]:
    """Fail the task at once, without Airflow's retries, for errors that a retry cannot mend.

    Retryable errors pass through, so that the task's own `retries` apply.

    Args:
        end_user: Whose task it is, for errors that do not say so themselves; None for nobody's.
    """
    try:
        yield
    except IntegryError as error:
        if error.retryable:
            raise
        text = f"{type(error).__name__}: {error}"
        is_told = end_user is None or f"'{end_user}'" in text
        raise AirflowFailException(text if is_told else f"End user '{end_user}': {text}") from error

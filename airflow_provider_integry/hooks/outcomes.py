"""How it went for each end user: noted where the tasks after them can read it, and told apart from each other."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException, AirflowSkipException
from airflow.sdk.log import redact  # type: ignore[attr-defined]

from airflow_provider_integry.errors import IntegryError

log = logging.getLogger(__name__)
# Key of the XCom in which a task says whose it is, and how it went.
KEY = "integry_outcomes"
_MOST_REASON = 1000
# How many end users an error names.
_NAMED = 5
# Whoever is tried again is not waited for longer: a worker's slot is held meanwhile.
_MOST_PAUSE_S = 60.0


def build_outcome(
    end_user: str, account: str | None = None, state: str | None = None, error: BaseException | None = None
) -> dict[str, Any]:
    """Return how it went for one end user.

    Args:
        end_user: The end user.
        account: Which of several accounts; None for the default one.
        state: ``success``, ``failed`` or ``skipped``; None while nobody knows.
        error: What went wrong.
    Returns:
        ``{"end_user", "account", "state", "reason", "link"}``; the link is where it can be authorized, None where
        that is not what is missing.
    """
    reason, link = ("", None) if error is None else (describe_error(error, end_user), find_link(error))
    return {"end_user": end_user, "account": account, "state": state, "reason": reason, "link": link}


def describe_error(error: BaseException, end_user: str) -> str:
    """Return an error in words, with its class; ours are named already in what Airflow's own classes say.

    Secrets of this task are masked as in its log: code of somebody's own may put anything into an error.

    Args:
        error: What went wrong.
        end_user: For whom; the words need not begin with that.
    """
    text = str(error).removeprefix(f"End user '{end_user}': ")
    is_airflows = isinstance(error, AirflowFailException | AirflowSkipException)
    text = str(redact(text if is_airflows and text else f"{type(error).__name__}: {text}"))
    return text if len(text) <= _MOST_REASON else f"{text[:_MOST_REASON]}…"


def find_link(error: BaseException) -> str | None:
    """Return where the authorization that an error misses can be given; None where that does not mend it."""
    seen: BaseException | None = error
    while seen is not None:
        link = getattr(seen, "link", None)
        if isinstance(link, str):
            return link
        seen = seen.__cause__
    return None


def note(context: Mapping[str, Any], outcomes: Iterable[Mapping[str, Any]]) -> None:
    """Keep outcomes in an XCom of the task; what cannot be kept does not fail it."""
    task = context.get("ti")
    if task is None:
        return
    kept = [{**one, "map_index": getattr(task, "map_index", -1)} for one in outcomes]
    try:
        task.xcom_push(key=KEY, value=kept)
    except Exception as error:  # noqa: BLE001 - Airflow raises different classes in different processes
        log.warning("How it went for each end user could not be noted: %s", type(error).__name__)


@contextmanager
def acting_for(context: Mapping[str, Any], end_user: str | None, account: str | None) -> Iterator[None]:
    """Note for whom a task acts, and why it fails if it does.

    Args:
        context: The task's context.
        end_user: The end user; None for the connection's own account, of which nothing is noted.
        account: Which of several accounts.
    """
    if end_user is None:
        yield
        return
    note(context, [build_outcome(end_user, account)])
    try:
        yield
    except AirflowRescheduleException:
        # A sensor that looks again later.
        raise
    except AirflowSkipException as error:
        note(context, [build_outcome(end_user, account, "skipped", error)])
        raise
    except Exception as error:
        log.error("End user '%s': %s", end_user, describe_error(error, end_user))  # noqa: TRY400 - Airflow logs the traceback
        note(context, [build_outcome(end_user, account, "failed", error)])
        raise


class Turn:
    """The work for one end user; a context manager that keeps what goes wrong to itself.

    Attributes:
        end_user: Whose turn it is.
        result: Set by the work.
        state: ``success``, ``failed`` or ``skipped``, when it is over.
        error: What went wrong.
    """

    def __init__(self, end_user: str) -> None:
        self.end_user = end_user
        self.result: Any = None
        self.state: str | None = None
        self.error: Exception | None = None

    def __enter__(self) -> Turn:
        self.result, self.state, self.error = None, None, None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            self.state = "success"
            return True
        # Whatever ends the task as a whole, such as its timeout, is none of these.
        if not isinstance(error, Exception):
            return False
        self.state, self.error = "skipped" if isinstance(error, AirflowSkipException) else "failed", error
        is_ours = isinstance(error, IntegryError | AirflowFailException | AirflowSkipException)
        log.warning(
            "End user '%s': %s",
            self.end_user,
            describe_error(error, self.end_user),
            exc_info=None if is_ours else error,
        )
        return True

    @property
    def is_worth_another(self) -> bool:
        """Whether trying again may help: what Airflow would retry for a task of its own."""
        if self.state != "failed" or isinstance(self.error, AirflowFailException):
            return False
        return not isinstance(self.error, IntegryError) or self.error.retryable


class Batch:
    """End users whose turn comes one after the other; one that fails does not stop the rest.

    Args:
        end_users: Their names; one that is there twice has one turn.
        account: Which of several accounts of each.
        rounds: How often those are tried whose error may pass.
        pause_s: Seconds between two rounds.
    Raises:
        AirflowFailException: One of them is no text.
    """

    def __init__(
        self, end_users: Sequence[Any], account: str | None = None, *, rounds: int = 1, pause_s: float = 0.0
    ) -> None:
        wrong = next((one for one in end_users if not isinstance(one, str)), None)
        if wrong is not None:
            raise AirflowFailException(f"An end user is a text; one of the batch is {type(wrong).__name__}.")
        self._turns = [Turn(name) for name in dict.fromkeys(end_users)]
        self._account = account
        self._rounds = rounds
        self._pause_s = pause_s

    def open(self, context: Mapping[str, Any]) -> None:
        """Note who is in it, for the case that the task is killed."""
        note(context, [build_outcome(turn.end_user, self._account) for turn in self._turns])

    def turns(self) -> Iterator[Turn]:
        """Return whose turn it is, until everybody is done."""
        due = self._turns
        for number in range(max(1, self._rounds)):
            if number and due:
                log.info("%d end users are tried again in %.0f s.", len(due), self._pause_s)
                time.sleep(self._pause_s)
            yield from due
            due = [turn for turn in self._turns if turn.is_worth_another]

    def close(self, context: Mapping[str, Any], *, fails: bool = True) -> list[dict[str, Any]]:
        """Note how it went, and return it.

        Args:
            context: The task's context.
            fails: Whether the task fails where one of them did.
        Returns:
            What `build_outcome` returns, with ``result``, for each.
        Raises:
            AirflowFailException: Somebody failed; the table is the task's XCom ``return_value`` all the same.
        """
        outcomes = [build_outcome(turn.end_user, self._account, turn.state, turn.error) for turn in self._turns]
        note(context, outcomes)
        table = [{**one, "result": turn.result} for one, turn in zip(outcomes, self._turns, strict=True)]
        failed = [one for one in outcomes if one["state"] == "failed"]
        log.info("%d of %d end users are done.", len(outcomes) - len(failed), len(outcomes))
        if failed and fails:
            if (task := context.get("ti")) is not None:
                task.xcom_push(key="return_value", value=table)
            raise AirflowFailException(describe_failures(failed, len(outcomes)))
        return table


def build_batch(task: Any, end_users: Sequence[str], account: str | None) -> Batch:
    """Return the batch of a task: its `retries` and `retry_delay` say how often, and how soon, others are tried."""
    pause_s = min(task.retry_delay.total_seconds(), _MOST_PAUSE_S)
    return Batch(end_users, account, rounds=1 + (task.retries or 0), pause_s=pause_s)


def describe_failures(failed: Sequence[Mapping[str, Any]], count: int) -> str:
    """Return in a sentence who failed, and why; the first few of them."""
    told = "; ".join(f"'{one['end_user']}': {one['reason'] or one['state']}" for one in failed[:_NAMED])
    more = f"; and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    return f"{len(failed)} of {count} end users failed: {told}{more}"

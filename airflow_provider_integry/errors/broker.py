"""Kept grants cannot be read, or the broker that keeps them cannot be asked."""

from __future__ import annotations

from airflow_provider_integry.errors.base import IntegryError


class StoreError(IntegryError):
    """Kept grants cannot be read or written."""


class StoreNotReadyError(StoreError):
    """Tables are missing, or there is no Fernet key; the message says what to run or set."""


class StoreUnavailableError(StoreError):
    """The database does not answer, or is busy."""

    retryable = True


class UnreadableGrantError(StoreError):
    """One kept grant cannot be decrypted; others are not concerned.

    Args:
        problem: What is wrong.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"A kept grant {problem}. If the Fernet key was changed, set option [core] fernet_key to 'new,old' and run"
            " 'airflow integry rotate-keys'; otherwise authorize again."
        )
        self.problem = problem


class BrokerError(IntegryError):
    """The API server's part of this provider did not hand out a credential."""


class BrokerUnreachableError(BrokerError):
    """The API server does not answer at this URL, or this provider is not installed there.

    Args:
        url: What was asked.
        problem: What happened, and which option to set.
    """

    retryable = True

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(f"The API server at {url} cannot be asked for a credential: {problem}")
        self.url = url
        self.problem = problem


class BrokerRefusedError(BrokerError):
    """The broker does not accept that this process may use the connection.

    Args:
        conn_id: The connection.
        problem: What may be different between here and there.
    """

    def __init__(self, conn_id: str, problem: str) -> None:
        super().__init__(f"Connection '{conn_id}': the API server hands out no credential: {problem}")
        self.conn_id = conn_id
        self.problem = problem


class BrokerFailedError(BrokerError):
    """The broker failed in a way that it does not explain; its log does."""

    retryable = True


class RefreshInProgressError(BrokerError):
    """Somebody else is renewing the token, and has not come to an end in the time there was to wait.

    Args:
        conn_id: The connection.
        waited_s: Seconds waited.
    """

    retryable = True

    def __init__(self, conn_id: str, waited_s: float) -> None:
        super().__init__(
            f"Connection '{conn_id}': its token is still being renewed after {waited_s:.0f} s of waiting; a retry of"
            " this task will find it. Option [integry] wait_s says how long a task waits."
        )
        self.conn_id = conn_id
        self.waited_s = waited_s


class PollTakenError(BrokerError):
    """Somebody else looks for these new records now.

    Args:
        conn_id: The connection.
        activity: The trigger of its connector.
    """

    retryable = True

    def __init__(self, conn_id: str, activity: str) -> None:
        super().__init__(
            f"Connection '{conn_id}': somebody else looks for new records of '{activity}' now. Where two DAGs want the"
            " same records, give one of the polls a name."
        )
        self.conn_id = conn_id
        self.activity = activity

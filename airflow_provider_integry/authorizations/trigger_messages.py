"""What a task or trigger and the API server say to each other about webhooks and polls, version 1."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

WEBHOOK_PAYLOAD_PATH = "/v1/webhooks/payload"
POLL_OPEN_PATH = "/v1/polls/open"
POLL_PLAN_PATH = "/v1/polls/plan"
POLL_SETTLE_PATH = "/v1/polls/settle"
# A round of new records has at most so many events and bytes.
MAX_EVENTS = 1000
MAX_BODY = 8 * 1024 * 1024
# Nobody holds a poll for longer without saying anything.
MAX_HOLD_S = 90_000.0

Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Digest = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[0-9a-f]*$")]
# Databases refuse NUL in a text.
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
Name = Annotated[str, msgspec.Meta(max_length=1024, pattern=r"^[^\x00]*$")]
Identifier = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class PayloadRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Ask for the payload of a delivery that is not in its asset event.

    Attributes:
        conn_id, end_user, account, webhook: Whose it is.
        delivery: Its id.
    """

    conn_id: Text
    webhook: Identifier
    delivery: Digest
    end_user: Text | None = None
    account: Text | None = None


class PayloadAnswer(msgspec.Struct, frozen=True):
    """The payload: JSON. None where it is not kept (any more)."""

    is_kept: bool
    payload: Any = None


class Consumer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who the events of a poll are for: the assets of a trigger, or a task.

    Attributes:
        trigger_id: Airflow's number of the trigger; None for a task.
        dag_id, task_id, run_id, map_index: The task instance; empty for a trigger.
    """

    trigger_id: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    dag_id: Name = ""
    task_id: Name = ""
    run_id: Name = ""
    map_index: Annotated[int, msgspec.Meta(ge=-1, le=2**31 - 1)] = -1


class PollName(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which poll.

    Attributes:
        conn_id, end_user, account, activity: Whose records, and which.
        inputs: SHA-256, in hex, of the inputs.
        name: What tells it from others of the same; None for the only one.
    """

    conn_id: Text
    activity: Identifier
    inputs: Digest
    end_user: Text | None = None
    account: Text | None = None
    name: Name | None = None


class PollOpenRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Begin to look: nobody else does from now on.

    Attributes:
        poll: Which one.
        consumer: Who the events are for.
        holder: Random text of the process that looks.
        hold_s: For how long others leave it alone.
    """

    poll: PollName
    consumer: Consumer
    holder: Digest
    hold_s: Annotated[float, msgspec.Meta(ge=0, le=MAX_HOLD_S)]


class PollEvent(msgspec.Struct, frozen=True):
    """One event that is still to be announced: its place in its round, and its records."""

    index: int
    records: list[Any]


class PollAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a poll stands.

    Attributes:
        version: To be named with the next change; None while somebody else looks.
        round: Number of the last round.
        total: How many events it has; 0 when all of it is settled.
        events: Those of them that were not accepted yet.
        state: How far the poll has come; None before the first look.
        held_s: Seconds for which somebody else still looks.
        key: Name of the poll, for its events.
    """

    version: int | None
    round: int = 0
    total: int = 0
    events: list[PollEvent] = []
    state: dict[str, Any] | None = None
    held_s: float = 0.0
    key: str = ""


class PollPlanRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Keep new records before anybody is told of them.

    Attributes:
        poll: Which one.
        consumer: Who the events are for.
        holder: Random text of the process that looks.
        version: What the last answer named.
        state: How far the poll has come when all events are accepted.
        events: The records of each event; none for how far it has come alone.
        hold_s: For how long others leave it alone.
    """

    poll: PollName
    consumer: Consumer
    holder: Digest
    version: Count
    state: dict[str, Any]
    events: Annotated[list[list[Any]], msgspec.Meta(max_length=MAX_EVENTS)]
    hold_s: Annotated[float, msgspec.Meta(ge=0, le=MAX_HOLD_S)]


class PollSettleRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Ask which events of the last round were accepted; with all of them the poll moves on."""

    poll: PollName
    consumer: Consumer
    holder: Digest

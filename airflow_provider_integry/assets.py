"""Assets that start DAGs: when somebody authorizes, when a service calls, when there are new records.

``DAG(schedule=authorization_asset("slack_acme"))`` runs after each consent. The event's `extra` holds
``conn_id``, ``end_user``, ``account``, ``authorization_id``, ``account_id``, ``scopes`` and ``readiness``, never a
secret. Airflow sends no event to an asset that no DAG uses, and starts no DAG that is paused at that moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetWatcher

from airflow_provider_integry.authorizations.asset_names import (
    any_names,
    lost_names,
    poll_names,
    ready_names,
    webhook_names,
)

if TYPE_CHECKING:
    from airflow.sdk import Context


def authorization_asset(conn_id: str, end_user: str | None = None) -> Asset:
    """Return the asset that has an event whenever this authorization becomes ready.

    Args:
        conn_id: The Airflow connection.
        end_user: The end user; None for the connection's own account.
    Raises:
        ValueError: A text is empty, or holds half of a character.
    """
    return Asset(**ready_names(conn_id, end_user)._asdict())


def authorization_lost_asset(conn_id: str, end_user: str | None = None) -> Asset:
    """Return the asset that has an event whenever this authorization is lost or revoked.

    The event's `extra` names the cause as well: ``invalid_grant``, ``refresh_outcome_unknown``,
    ``no_refresh_token`` or ``revoked``. Arguments and errors are those of `authorization_asset`.
    """
    return Asset(**lost_names(conn_id, end_user)._asdict())


def any_authorization_asset(conn_id: str) -> Asset:
    """Return the asset that has an event whenever any authorization of a connection becomes ready.

    DAGs with `PartitionedAssetTimetable` have a run for each end user, whose name is ``dag_run.partition_key``;
    ordinary DAGs are started too. For each kind there is an event of its own. Where DAGs of both kinds use the asset
    of one connection, an ordinary DAG's run is told of both: in the one that is not for it, `extra` has a
    ``partition_key``. Airflow has no room for end users of more than 250 characters in a key: they, and the
    connection's own account, start ordinary DAGs alone.

    Args:
        conn_id: The Airflow connection.
    Raises:
        ValueError: The text is empty, or holds half of a character.
    """
    return Asset(**any_names(conn_id)._asdict())


def webhook_asset(conn_id: str, activity: str, end_user: str | None = None) -> Asset:
    """Return the asset that has an event for each delivery of a webhook.

    Airflow may start one run for several deliveries: `webhook_events` returns all of a run.

    Args:
        conn_id: The Airflow connection.
        activity: A trigger of its connector, of mode webhook.
        end_user: The end user whose webhook it is; None for the connection's own.
    Raises:
        ValueError: A text is empty, or holds half of a character.
    """
    return Asset(**webhook_names(conn_id, activity, end_user)._asdict())


def poll_asset(
    conn_id: str,
    activity: str,
    inputs: Mapping[str, Any] | None = None,
    *,
    end_user: str | None = None,
    name: str | None = None,
    **options: Any,
) -> Asset:
    """Return the asset that has an event for new records, with the trigger that looks for them.

    Airflow may start one run for several events: `poll_records` returns the records of a run.

    Args:
        conn_id: The Airflow connection.
        activity: A trigger of its connector, of mode poll.
        inputs: Its inputs. Polls of one activity with different inputs need names.
        end_user: End user whose authorization is used; None for the connection's own account.
        name: What tells this poll from others of the same activity.
        options: Further arguments of `PollTrigger`: ``batch_size``, ``interval_s``, ``from_start``, ``account``,
            ``connector``.
    Raises:
        ValueError: A text is empty, or holds half of a character.
    """
    # Lazy for start-up cost: most DAG files need no trigger.
    from airflow_provider_integry.triggers.poll import PollTrigger

    names = poll_names(conn_id, activity, end_user, name)
    trigger = PollTrigger(conn_id, activity, inputs, end_user=end_user, name=name, **options)
    return Asset(**names._asdict(), watchers=[AssetWatcher(name=names.name, trigger=trigger)])


def webhook_events(context: Context) -> list[dict[str, Any]]:
    """Return the deliveries that a run was started by, oldest first; for ``.expand`` and for loops.

    Args:
        context: The task's context.
    Returns:
        For each ``conn_id``, ``end_user``, ``account``, ``webhook``, ``delivery``, ``event_id``, ``event_type``,
        ``received_at`` (UTC epoch seconds), ``bytes`` and ``payload``. A payload that is not in the asset event is
        fetched from the API server.
    Raises:
        AirflowFailException: It is not kept there any more.
        AirflowException: It cannot be fetched now.
    """
    found = [dict(extra) for extra in _extras(context) if "webhook" in extra and "delivery" in extra]
    for event in found:
        if "payload" not in event:
            event["payload"] = _fetch_payload(event)
    return found


def poll_records(context: Context) -> list[Any]:
    """Return the new records that a run was started by, oldest first; for ``.expand`` and for loops.

    Args:
        context: The task's context.
    """
    payloads = [extra.get("payload") for extra in _extras(context) if extra.get("from_trigger")]
    rounds = [one for one in payloads if isinstance(one, Mapping) and "poll" in one and "records" in one]
    return [record for one in rounds for record in one["records"]]


def _extras(context: Context) -> Iterator[Mapping[str, Any]]:
    """Return what the events of a run say, oldest first."""
    events = [event for one in context["triggering_asset_events"].values() for event in one]
    for event in sorted(events, key=lambda one: one.timestamp):
        if isinstance(event.extra, Mapping):
            yield event.extra


def _fetch_payload(event: Mapping[str, Any]) -> Any:
    # Lazy for start-up cost: not needed to parse a DAG file.
    from airflow_provider_integry.authorizations.steps import run_steps
    from airflow_provider_integry.authorizations.trigger_client import read_payload
    from airflow_provider_integry.authorizations.trigger_messages import PayloadRequest
    from airflow_provider_integry.errors import ActivityError
    from airflow_provider_integry.hooks.integry import IntegryHook
    from airflow_provider_integry.hooks.task_failure import task_errors

    asked = PayloadRequest(
        event["conn_id"], event["webhook"], event["delivery"], event.get("end_user"), event.get("account")
    )
    with task_errors():
        answer = run_steps(read_payload(IntegryHook(asked.conn_id).for_anyone().settings, asked))
        if not answer.is_kept:
            raise ActivityError(
                asked.webhook,
                f"delivery {asked.delivery} is not kept any more; option [integry] webhook_days says for how long",
            )
        return answer.payload

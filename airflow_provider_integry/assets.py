"""Assets that start DAGs when somebody authorizes, or when an authorization is lost.

``DAG(schedule=authorization_asset("slack_acme"))`` runs after each consent. The event's `extra` holds
``conn_id``, ``end_user``, ``account``, ``authorization_id``, ``account_id``, ``scopes`` and ``readiness``, never a
secret. Airflow sends no event to an asset that no DAG uses, and starts no DAG that is paused at that moment.
"""

from __future__ import annotations

from airflow.sdk import Asset

from airflow_provider_integry.authorizations.asset_names import any_names, lost_names, ready_names


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

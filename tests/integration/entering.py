"""End users of one connection who have entered credentials, kept in this process's database."""

from __future__ import annotations

from typing import Any

from airflow_provider_integry.authorizations.airflow_store import local_journal, local_store, read_raw, read_settings
from airflow_provider_integry.authorizations.entered import fill, store_entered
from airflow_provider_integry.authorizations.events import AirflowEvents
from airflow_provider_integry.authorizations.grant import Authorization, AuthorizationKey
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.subject import Subject, build_subject
from airflow_provider_integry.connectors.user_info import Account


def subject_of(conn_id: str, end_user: str | None, account: str | None = None) -> Subject:
    """Return what a connection says of an authorization."""
    settings = read_settings(conn_id)
    assert settings is not None
    return build_subject(settings, AuthorizationKey(conn_id, None, end_user, account))


def enter(
    conn_id: str,
    end_user: str | None,
    fields: dict[str, str],
    *,
    account: str | None = None,
    who: Account | None = None,
) -> Authorization:
    """Enter credentials as a form or a command does."""
    raw = read_raw(conn_id)
    assert raw is not None
    fill(raw, fields)
    subject = subject_of(conn_id, end_user, account)
    steps = store_entered(local_store(), local_journal(), AirflowEvents(), subject, fields, who, owner="tester")
    found: Any = run_steps(steps)
    return found

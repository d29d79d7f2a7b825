"""The authorization that arguments name: its connection, its key, and its name in sentences."""

from __future__ import annotations

from argparse import Namespace

from airflow_provider_integry.authorizations.accounts import resolve_id
from airflow_provider_integry.authorizations.airflow_store import local_store, read_settings, team_of
from airflow_provider_integry.authorizations.choose import check_end_user
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.subject import Subject, build_subject
from airflow_provider_integry.settings import ConnectionSettings


def find_settings(conn_id: str) -> ConnectionSettings:
    """Return a connection, or end the command where there is none.

    Raises:
        ConnectionConfigError: A field of it is missing or wrong.
    """
    settings = read_settings(conn_id)
    if settings is None:
        raise SystemExit(
            f"There is no connection '{conn_id}' in the database, the environment of this process or a secrets"
            " backend. Make it first; see 'airflow connections add --help'."
        )
    return settings


def build(settings: ConnectionSettings, args: Namespace) -> Subject:
    """Return the authorization that arguments name.

    Raises:
        NotAuthorizedError: The connection acts for itself alone, and an end user or account was given.
    """
    check_end_user(settings, args.end_user, args.account)
    return build_subject(settings, key_of(args))


def key_of(args: Namespace) -> AuthorizationKey:
    """Return what the authorization is kept under that arguments name; the account may be named by its id.

    Raises:
        NotAuthorizedError: There is no account of this id.
    """
    key = AuthorizationKey(args.conn_id, team_of(args.conn_id), args.end_user, args.account)
    return resolve_id(local_store(), key)


def name_of(args: Namespace) -> str:
    """Return the authorization's name for a sentence: ``connection 'crm', end user 'acme'``."""
    parts = [f"connection '{args.conn_id}'"]
    if args.end_user is not None:
        parts.append(f"end user '{args.end_user}'")
    if args.account is not None:
        parts.append(f"account '{args.account}'")
    return ", ".join(parts)

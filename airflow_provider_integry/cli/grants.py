"""``airflow integry import`` and ``airflow integry revoke``: one grant, replaced or wiped."""

from __future__ import annotations

import getpass
import sys
from argparse import Namespace
from pathlib import Path

from airflow.utils.platform import getuser

from airflow_provider_integry.authorizations.airflow_store import (
    local_journal,
    local_refresher,
    local_store,
    read_settings,
    team_of,
)
from airflow_provider_integry.authorizations.choose import check_end_user
from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.manage import check_grant, check_importable, import_grant, revoke_grant
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.subject import Subject, build_subject
from airflow_provider_integry.cli.command import command, confirm
from airflow_provider_integry.errors import ConfigurationError, IntegryError
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings

# Longer than any refresh token; a wrong file is noticed before it is read into memory.
MAX_TOKEN_CHARS = 100_000


@command()
def import_token(args: Namespace) -> None:
    """Make a refresh token the grant of a connection."""
    subject = _find_subject(args)
    token = _read_token(args.file, subject)
    row = import_grant(local_store(), local_journal(), subject, token, owner=getuser())
    print(f"Authorization {row.id} of {_name(row.conn_id, args)} has the imported grant now.")
    if args.verify:
        _verify(subject)


@command()
def revoke(args: Namespace) -> None:
    """Wipe a grant."""
    name = _name(args.conn_id, args)
    key = AuthorizationKey(args.conn_id, team_of(args.conn_id), args.end_user, args.account)
    row = local_store().find(key.digest)
    if row is None:
        raise SystemExit(f"Nothing is kept of {name}.")
    seed_digest = _find_pasted(args)
    if not args.yes:
        confirm(f"Wipe the grant of {name}? It has to be authorized or imported again afterwards.")
    revoke_grant(local_store(), local_journal(), key, seed_digest, owner=getuser())
    print(
        f"The grant of {name} is wiped (authorization {row.id}). Tokens that tasks hold work until they end: revoke the"
        " grant at the service too."
    )


def _find_subject(args: Namespace) -> Subject:
    settings = read_settings(args.conn_id)
    if settings is None:
        raise SystemExit(
            f"There is no connection '{args.conn_id}' in the database, the environment of this process or a secrets"
            " backend. Make it first; see 'airflow connections add --help'."
        )
    check_importable(settings)
    return _build_subject(settings, args)


def _build_subject(settings: ConnectionSettings, args: Namespace) -> Subject:
    check_grant(settings)
    check_end_user(settings, args.end_user, args.account)
    return build_subject(settings, AuthorizationKey(args.conn_id, team_of(args.conn_id), args.end_user, args.account))


def _find_pasted(args: Namespace) -> str | None:
    """Return the digest of what is pasted into a connection.

    Raises:
        AuthorizationError: The connection holds no grant that could be wiped.
    """
    try:
        settings = read_settings(args.conn_id)
    except ConfigurationError:
        # Its grant can be wiped whatever is wrong with it.
        return None
    return _build_subject(settings, args).seed_digest if settings else None


def _read_token(path: str | None, subject: Subject) -> Secret:
    """Read a refresh token from a file, from standard input, or from the terminal."""
    if path is None and sys.stdin.isatty():
        text = getpass.getpass(f"Refresh token of connection '{subject.key.conn_id}' (not shown): ")
        where = "What was typed"
    elif path in (None, "-"):
        text, where = sys.stdin.read(MAX_TOKEN_CHARS + 1), "Standard input"
    else:
        text, where = _read_file(path), f"File '{path}'"
    token = text.strip()
    if not token:
        raise SystemExit(f"{where} is empty; it must hold a refresh token and nothing else.")
    if len(token) > MAX_TOKEN_CHARS or any(char.isspace() or not char.isprintable() for char in token):
        raise SystemExit(f"{where} is no refresh token: it must hold one word, without spaces or further lines.")
    return Secret(token)


def _read_file(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(MAX_TOKEN_CHARS + 1)
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SystemExit(f"File '{path}' cannot be read: {problem}.") from None


def _verify(subject: Subject) -> None:
    try:
        found = run_steps(local_refresher().hand_out(subject))
    except IntegryError as error:
        raise SystemExit(f"The grant is stored, and no token was obtained with it: {error}") from None
    row = found.row
    ends = f", good for {row.expires_at - row.now:.0f} s" if row.expires_at is not None else ""
    scopes = f", with scopes {row.scopes}" if row.scopes else ""
    print(f"A token was obtained with it{ends}{scopes}.")


def _name(conn_id: str, args: Namespace) -> str:
    parts = [f"connection '{conn_id}'"]
    if args.end_user is not None:
        parts.append(f"end user '{args.end_user}'")
    if args.account is not None:
        parts.append(f"account '{args.account}'")
    return ", ".join(parts)

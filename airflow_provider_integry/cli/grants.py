"""``airflow integry import`` and ``airflow integry revoke``: one grant, replaced, or given back and wiped."""

from __future__ import annotations

import getpass
import sys
from argparse import Namespace
from contextlib import closing
from pathlib import Path

from airflow.utils.platform import getuser

from airflow_provider_integry.authorizations.airflow_store import (
    local_journal,
    local_refresher,
    local_store,
    read_settings,
)
from airflow_provider_integry.authorizations.manage import check_grant, check_importable, import_grant
from airflow_provider_integry.authorizations.revoke import revoke_authorization
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.subject import Subject
from airflow_provider_integry.cli.chosen import build, find_settings, key_of, name_of
from airflow_provider_integry.cli.command import command, confirm
from airflow_provider_integry.cli.output import make_printable
from airflow_provider_integry.cli.revoke_all import revoke_all
from airflow_provider_integry.errors import ConfigurationError, IntegryError
from airflow_provider_integry.secret import Secret

# Longer than any refresh token; a wrong file is noticed before it is read into memory.
MAX_TOKEN_CHARS = 100_000


@command()
def import_token(args: Namespace) -> None:
    """Make a refresh token the grant of a connection."""
    settings = find_settings(args.conn_id)
    check_importable(settings)
    subject = build(settings, args)
    token = _read_token(args.file, subject)
    row = import_grant(local_store(), local_journal(), subject, token, owner=getuser())
    print(f"Authorization {row.id} of {name_of(args)} has the imported grant now.")
    if args.verify:
        _verify(subject)


@command()
def revoke(args: Namespace) -> None:
    """Give a grant, or all of a connection, back to the service, and wipe it."""
    if args.all:
        revoke_all(args)
        return
    name = name_of(args)
    key = key_of(args)
    if local_store().find(key.digest) is None:
        raise SystemExit(f"Nothing is kept of {name}.")
    subject = _find_revocable(args)
    if not args.yes:
        where = "here alone" if args.local_only else "here and at the service"
        again = "entered" if subject and subject.is_entered else "authorized or imported"
        confirm(f"Revoke the grant of {name}, {where}? It has to be {again} again afterwards.")
    steps = revoke_authorization(
        local_store(),
        local_journal(),
        local_refresher(),
        subject,
        key,
        owner=getuser(),
        is_local_only=args.local_only,
    )
    # Closed in any case: a grant is wiped also when somebody interrupts the talk with the service.
    with closing(steps):
        outcome = run_steps(steps)
    print(f"{name[:1].upper()}{name[1:]}: {make_printable(outcome.describe())}")


def _find_revocable(args: Namespace) -> Subject | None:
    """Return what the connection says; None where it is gone, or something is wrong with it.

    Raises:
        AuthorizationError: The connection holds no grant that could be wiped.
    """
    try:
        settings = read_settings(args.conn_id)
    except ConfigurationError:
        # Its grant can be wiped whatever is wrong with it.
        return None
    if settings is None:
        return None
    if not settings.takes_entered(args.end_user, args.account):
        check_grant(settings)
    return build(settings, args)


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

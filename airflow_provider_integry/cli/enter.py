"""``airflow integry authorize`` for end users of connections with keys, passwords or JWTs: they enter their own."""

from __future__ import annotations

import getpass
import json
import sys
from argparse import Namespace

from airflow.utils.platform import getuser

from airflow_provider_integry.authorizations.airflow_store import local_journal, local_store
from airflow_provider_integry.authorizations.check import name_account
from airflow_provider_integry.authorizations.entered import account_fields, refill, store_entered, verify
from airflow_provider_integry.authorizations.events import AirflowEvents
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.subject import Subject, check_new_names
from airflow_provider_integry.cli.chosen import name_of
from airflow_provider_integry.cli.command import confirm
from airflow_provider_integry.cli.output import make_printable
from airflow_provider_integry.connection_fields import Field
from airflow_provider_integry.connectors.user_info import Account
from airflow_provider_integry.errors import IntegryError
from airflow_provider_integry.settings import ConnectionSettings

# Several fields of the greatest length.
MAX_CHARS = 512 * 1024


def authorize_entered(args: Namespace, settings: ConnectionSettings, subject: Subject) -> None:
    """Ask for an end user's credentials, try them, and keep them.

    Raises:
        EnteredFieldError: A field is missing, not asked for, or cannot be used.
        SystemExit: The API refuses them; nothing is kept.
    """
    if args.device or args.no_wait:
        raise SystemExit("--device and --no-wait are for consent; here credentials are entered.")
    check_new_names(subject.key)
    entered = _read(args, account_fields(settings))
    filled = refill(settings, entered)
    account = None if args.no_verify else _try(filled)
    _check_same(args, subject, account)
    steps = store_entered(local_store(), local_journal(), AirflowEvents(), subject, entered, account, owner=getuser())
    row = run_steps(steps)
    known = f" as {name_account(account)}" if account and (account.id or account.name) else ""
    print(make_printable(f"Authorized: {name_of(args)}{known}. Its connected account id is {row.public_id}."))


def _read(args: Namespace, fields: tuple[Field, ...]) -> dict[str, str]:
    if sys.stdin.isatty():
        print(f"Credentials of {name_of(args)}:", file=sys.stderr)
        return {item.name: _ask(item) for item in fields}
    text = sys.stdin.read(MAX_CHARS + 1)
    try:
        found = json.loads(text) if len(text) <= MAX_CHARS else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        names = ", ".join(f'"{item.name}": "…"' for item in fields)
        raise SystemExit(f"Standard input is no JSON object of texts; write {{{names}}}.")
    return found


def _ask(item: Field) -> str:
    need = "" if item.required else ", may be empty"
    try:
        if item.is_secret:
            return getpass.getpass(f"{item.label} (not shown{need}): ")
        return input(f"{item.label}{f' ({need[2:]})' if need else ''}: ")
    except EOFError:
        raise SystemExit("\nNothing was kept.") from None


def _try(filled: ConnectionSettings) -> Account | None:
    try:
        return run_steps(verify(filled))
    except IntegryError as error:
        raise SystemExit(make_printable(f"Nothing was kept: {error} --no-verify keeps it all the same.")) from None


def _check_same(args: Namespace, subject: Subject, account: Account | None) -> None:
    """Ask before another account takes the place of one that is known."""
    row = local_store().find(subject.key.digest)
    if args.yes or row is None or row.state != "active" or row.account_id is None or account is None:
        return
    if account.id is not None and account.id[:255] != row.account_id:
        before = name_account(Account(row.account_id, row.account_name))
        confirm(make_printable(f"{name_of(args)} is {before}; this is {name_account(account)}. Replace it?"))

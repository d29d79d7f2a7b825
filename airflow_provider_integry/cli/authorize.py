"""``airflow integry authorize`` and ``airflow integry test``: somebody is asked for consent, and it is tried."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from airflow.utils.platform import getuser

from airflow_provider_integry.auth.device_flow import DeviceCode
from airflow_provider_integry.authorizations.airflow_store import (
    local_consents,
    local_journal,
    local_refresher,
    local_store,
)
from airflow_provider_integry.authorizations.check import check_authorization, name_account
from airflow_provider_integry.authorizations.choose import check_end_user
from airflow_provider_integry.authorizations.consents import Consent
from airflow_provider_integry.authorizations.device import DeviceListener, authorize_device
from airflow_provider_integry.authorizations.events import AirflowEvents
from airflow_provider_integry.authorizations.grant import Authorization
from airflow_provider_integry.authorizations.links import authorize_link
from airflow_provider_integry.authorizations.manage import check_grant
from airflow_provider_integry.authorizations.steps import run_steps
from airflow_provider_integry.authorizations.subject import Subject, is_served
from airflow_provider_integry.cli.chosen import build, find_settings, name_of
from airflow_provider_integry.cli.command import command
from airflow_provider_integry.cli.enter import authorize_entered
from airflow_provider_integry.cli.interrupts import interruptible
from airflow_provider_integry.cli.output import make_printable
from airflow_provider_integry.cli.progress import Progress, format_left
from airflow_provider_integry.connectors.user_info import Account
from airflow_provider_integry.settings import ConnectionSettings

LOOK_S = 1.0
_DOING = {
    "pending": "Somebody is on the service's page",
    "taken": "Somebody has come back from the service",
    "other_account": "Another account was given; Airflow's page asks whether it is the right one",
}


@command()
def authorize(args: Namespace) -> None:
    """Ask somebody for consent, by a link to open or a code to enter, and wait for the answer."""
    settings = find_settings(args.conn_id)
    if settings.takes_entered(args.end_user, args.account):
        authorize_entered(args, settings, build(settings, args))
        return
    check_grant(settings)
    subject = build(settings, args)
    if args.device:
        _authorize_device(args, settings, subject)
    else:
        _authorize_by_link(args, subject)


@command()
def test(args: Namespace) -> None:
    """Try an authorization against its API."""
    settings = find_settings(args.conn_id)
    check_end_user(settings, args.end_user, args.account)
    subject = build(settings, args) if is_served(settings, args.end_user, args.account) else None
    result = run_steps(check_authorization(local_refresher(), settings, subject))
    message = make_printable(result.message)
    if not result.is_ok:
        raise SystemExit(message)
    print(message)


# -- by a link -------------------------------------------------------------------------------------


def _authorize_by_link(args: Namespace, subject: Subject) -> None:
    if not subject.has_consent:
        raise SystemExit(
            f"Connection '{args.conn_id}' has no consent page: set field 'grant_type' to 'authorization_code', or"
            " import a refresh token with 'airflow integry import'."
        )
    since = local_store().read_clock()
    if args.no_wait:
        print(_find_link(args))
        return
    with interruptible("The link stays good.") as check, _shown() as progress:
        print(_find_link(args), flush=True)
        row = _wait(args, subject, since, _Shown(progress, check))
    _report(args, row)


def _find_link(args: Namespace) -> str:
    link = authorize_link(args.conn_id, args.end_user, args.account)
    if link.startswith("/"):
        note = "Option [api] base_url does not say where Airflow is: put its address in front of this path."
        print(note, file=sys.stderr)
    return link


def _wait(args: Namespace, subject: Subject, since: float, shown: _Shown) -> Authorization:
    """Wait until the authorization is given.

    Raises:
        SystemExit: It was denied or failed, or nobody has given it in time.
    """
    was_active = _is_active(local_store().find(subject.key.digest))
    ends_at = time.monotonic() + args.timeout
    while True:
        consent = local_consents().find_newest(subject.key.digest, since)
        row = local_store().find(subject.key.digest)
        if row is not None and _is_given(consent, row, was_active=was_active):
            return row
        if consent is not None and consent.outcome not in _DOING:
            raise SystemExit(_explain(args, consent))
        left_s = ends_at - time.monotonic()
        if left_s <= 0:
            raise SystemExit(f"Nobody has authorized {name_of(args)} in {args.timeout:g} s. The link stays good.")
        doing = _DOING[consent.outcome] if consent else "Waiting for somebody to open the link"
        shown.tell(f"{doing} ... {format_left(left_s)}")
        time.sleep(min(LOOK_S, left_s))


def _is_active(row: Authorization | None) -> bool:
    return row is not None and row.state == "active"


def _is_given(consent: Consent | None, row: Authorization, *, was_active: bool) -> bool:
    """Return whether there is a grant that was not there before: out of a consent, or imported meanwhile."""
    if not _is_active(row):
        return False
    return not was_active or (consent is not None and consent.outcome == "ready")


def _explain(args: Namespace, consent: Consent) -> str:
    said = consent.message or ""
    if consent.outcome == "declined":
        said = "another account was given, and declined on Airflow's page; the grant that was there stays."
    return make_printable(f"Not authorized, {name_of(args)}: {said or consent.outcome}")


# -- by a code -------------------------------------------------------------------------------------


def _authorize_device(args: Namespace, settings: ConnectionSettings, subject: Subject) -> None:
    if args.no_wait:
        raise SystemExit("--device has to wait: only this command can fetch what the code is traded for.")
    with interruptible("The code is of no use any more.") as check, _shown() as progress:
        shown = _Shown(progress, check)
        listener = DeviceListener(
            _show_code,
            lambda left_s: shown.tell(f"Waiting for the code to be entered ... {format_left(left_s)}"),
            lambda before, after: _ask(args, progress, before, after),
            args.timeout,
        )
        row = run_steps(
            authorize_device(
                local_store(), local_journal(), AirflowEvents(), settings, subject, listener, owner=getuser()
            )
        )
    _report(args, row)


def _show_code(code: DeviceCode) -> None:
    print(f"Open {code.verification_uri} and enter the code {code.user_code}")
    if code.verification_uri_complete:
        print(f"or open {code.verification_uri_complete}")
    sys.stdout.flush()


def _ask(args: Namespace, progress: Progress, before: str, after: str) -> bool:
    progress.end()
    told = make_printable(f"{name_of(args)} is authorized as {before}; this is {after}.")
    if args.yes:
        return True
    try:
        return input(f"{told} Replace it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print(f"\n{told} Give --yes to replace it.", file=sys.stderr)
        return False


# -- both ------------------------------------------------------------------------------------------


def _report(args: Namespace, row: Authorization) -> None:
    account = Account(row.account_id, row.account_name)
    known = f" as {name_account(account)}" if account.id or account.name else ""
    scopes = f", with scopes {row.scopes}" if row.scopes else ""
    print(make_printable(f"Authorized: {name_of(args)}{known}{scopes}."))


@contextmanager
def _shown() -> Iterator[Progress]:
    progress = Progress()
    try:
        yield progress
    finally:
        progress.end()


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is told while something is waited for.

    Attributes:
        progress: Where it is told.
        check: Raises KeyboardInterrupt after Ctrl-C.
    """

    progress: Progress
    check: Callable[[], None]

    def tell(self, text: str) -> None:
        """Tell one thing, unless nobody wants to wait any longer."""
        self.check()
        self.progress.tell(text)

"""``airflow integry status``: where every authorization stands."""

from __future__ import annotations

from argparse import Namespace
from datetime import datetime, timezone

from airflow_provider_integry.authorizations.airflow_store import local_store
from airflow_provider_integry.authorizations.overview import Standing, list_standings
from airflow_provider_integry.cli.command import command
from airflow_provider_integry.cli.output import Row, print_rows

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


@command()
def status(args: Namespace) -> None:
    """Show where authorizations stand."""
    standings = list_standings(local_store(), args.conn_id, args.end_user)
    render = describe if args.output in ("table", "plain") else export
    count = print_rows((render(one) for one in standings), args.output)
    if count == 0 and args.conn_id is not None:
        what = "no authorization, and no connection of this provider's types"
        if args.end_user is not None:
            what = f"no authorization of end user '{args.end_user}'"
        raise SystemExit(f"Connection '{args.conn_id}': there is {what}.")


def export(standing: Standing) -> Row:
    """Return a row for programs: times in ISO 8601, UTC, and null where there is nothing."""
    key, found = standing.key, standing.status
    return {
        "authorization_id": standing.id,
        "conn_id": key.conn_id,
        "conn_type": standing.conn_type,
        "team": key.team,
        "end_user": key.end_user,
        "account": key.account,
        "readiness": found.readiness,
        "account_id": found.account_id,
        "account_name": found.account_name,
        "scopes": found.scopes,
        "expires_in_s": round(found.expires_in_s, 1) if found.expires_in_s is not None else None,
        "refreshed_at": _format_time(found.refreshed_at, "milliseconds"),
        "last_error": standing.last_error or None,
        "grant_ends_at": _format_time(found.grant_ends_at, "seconds"),
    }


def describe(standing: Standing) -> Row:
    """Return a row for people."""
    key, found = standing.key, standing.status
    return {
        "conn_id": key.conn_id,
        "end_user": key.end_user or "",
        "account": key.account or "",
        "readiness": found.readiness,
        "account_name": found.account_name or "",
        "scopes": " ".join(found.scopes or ()),
        "expires_in": _format_span(found.expires_in_s),
        "refreshed_at": (_format_time(found.refreshed_at, "seconds") or "").replace("T", " "),
        "last_error": standing.last_error,
        "grant_ends_at": (_format_time(found.grant_ends_at, "seconds") or "").replace("T", " "),
    }


def _format_time(seconds: float | None, precision: str) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec=precision).replace("+00:00", "Z")


def _format_span(seconds: float | None) -> str:
    """Return a span in its largest unit: ``59 min``; what is over is ``expired``."""
    if seconds is None:
        return ""
    if seconds <= 0:
        return "expired"
    unit_s, name = next((unit for unit in _UNITS if seconds >= unit[0]), _UNITS[-1])
    return f"{int(seconds // unit_s)} {name}"

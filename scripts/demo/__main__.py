"""Run the demo: ``python -m scripts.demo run``, or ``up`` to stay up for clicking."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from scripts.demo import flows, results
from scripts.demo.airflow_api import AirflowApi
from scripts.demo.connections import CONSENT, CUSTOMERS, LATE, build_connections, late_extra
from scripts.demo.console import DemoError, elapsed_s, say, show, show_tail, step
from scripts.demo.person import give_consent
from scripts.demo.ports import check_free, find_free_ports
from scripts.demo.saas.accounts import Accounts, generate_accounts
from scripts.demo.saas.consent import PEOPLE
from scripts.demo.sandbox import ROOT, USER, Ports, Sandbox, find_airflow, lock, make_sandbox
from scripts.demo.services import Services
from scripts.demo.shop import order_something


def main(arguments: list[str] | None = None) -> int:
    """Run the demo and return the exit code."""
    options = _parse(arguments)
    # A parent that ignores SIGINT (a shell's background job) hands that down to all children, and
    # then nothing could be stopped; SIGTERM and a closed terminal stop as Ctrl-C does.
    _handle_signals(_interrupt)
    try:
        find_airflow()
        folder = options.folder.resolve()
        with lock(folder):
            return _run(folder, options)
    except DemoError as error:
        _show_failure(error)
    except KeyboardInterrupt:
        say("Interrupted.")
    return 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.demo", description=__doc__)
    parser.add_argument("mode", choices=("run", "up"), help="run: stop when done; up: stay until Ctrl-C")
    parser.add_argument("--folder", type=Path, default=ROOT / ".demo", help="where to work (default: .demo)")
    parser.add_argument("--port", type=int, help="port of Airflow's pages (default: a free one)")
    parser.add_argument("--dags", type=Path, help="another folder of DAGs, beside the examples")
    parser.add_argument("--log-level", default="INFO", help="Airflow's logging level")
    parser.add_argument("--report", type=Path, help="file to write results to, as JSON")
    parser.add_argument("--secrets", type=Path, metavar="FOLDER", help="where to note all credentials; for tests")
    return parser.parse_args(arguments)


def _handle_signals(handler: Callable[[int, FrameType | None], object]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    _handle_signals(_ignore)  # one is enough
    raise KeyboardInterrupt


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing; unlike SIG_IGN this is not handed down to children."""


def _run(folder: Path, options: argparse.Namespace) -> int:
    box = make_sandbox(folder, _choose_ports(options.port), more_dags=options.dags, log_level=options.log_level)
    services = Services(box)
    is_good = is_clean = False
    # Whatever happens, and be it an error in the demo itself: what was started is stopped.
    try:
        is_good = _perform_and_stay(box, services, options)
    except DemoError as error:
        _show_failure(error)
    except KeyboardInterrupt:
        say("Interrupted.")
    finally:
        _handle_signals(_ignore)  # nothing may disturb the stopping
        with step("Stopping everything"):
            is_clean = services.stop()
    if is_good and is_clean:
        say(f"All good: every flow succeeded, nothing is left running ({elapsed_s():.0f} s in all).")
        return 0
    say(f"The demo failed. Logs are in {box.folder}")
    return 1


def _perform_and_stay(box: Sandbox, services: Services, options: argparse.Namespace) -> bool:
    accounts = generate_accounts()
    ledger = _note_secrets(options.secrets, {**accounts.secrets(), "airflow_password": box.password})
    report = _perform(box, services, accounts, ledger)
    _write(options.report, report)
    if options.mode == "up":
        try:
            _stay(box, services)
        except KeyboardInterrupt:
            say("Stopping, as you asked.")
    return True


def _perform(box: Sandbox, services: Services, accounts: Accounts, ledger: Path | None) -> dict[str, Any]:
    """Bring everything up, run the flows, show what they did, and return it."""
    api = AirflowApi(box.airflow_url, USER, box.password, services.airflow_log)
    say(f"Working in {box.folder}")
    with step("Starting Acme, a small service to talk to"):
        services.start_acme(accounts, ledger)
    with step("Making Airflow's database"):
        services.make_database()
    with step("Starting Airflow"):
        services.start_airflow()
        _import_connections(box, services, accounts)
        services.wait_until_healthy(api)
        api.log_in()
        flows.wait_for_dags(api, services)
    with step("Running the example DAGs"):
        runs = flows.run_all(
            api,
            services,
            folder_url=f"file://{box.files}",
            authorize={
                "late_authorization": lambda: _authorize(api, box, accounts),
                "wait_for_consent": lambda: _give_consents(api, box),
                "orders_to_files": lambda: order_something(box, services, accounts),
            },
        )
    say("Task states:")
    results.show_states(runs)
    results.check_states(runs, box, services)
    say("What was read and written:")
    found = results.show_records(api, runs, box)
    read_back = results.read_back(services, found["variable"])
    counts = results.show_token_counts(box)
    show(f"The page to open ('make up' keeps it there): {box.airflow_url}/dags/crm_contacts/runs/{runs[1].run_id}")
    return {
        "url": box.airflow_url,
        "acme_url": box.acme_url,
        "user": USER,
        "runs": {run.dag_id: run.state for run in runs},
        "variable": {"key": found["variable"]["key"], "value": read_back},
        "records": {name: len(value) for name, value in found.items() if isinstance(value, list)},
        "tokens": counts,
    }


def _import_connections(box: Sandbox, services: Services, accounts: Accounts) -> None:
    connections = build_connections(box, accounts)
    services.import_connections(connections)
    for conn_id, connection in connections.items():
        say(f"  connection {conn_id} ({connection['conn_type']}) imported")


def _authorize(api: AirflowApi, box: Sandbox, accounts: Accounts) -> None:
    say(f"  {LATE}: its refresh token is filled in now, as a person would in the form")
    connection = build_connections(box, accounts)[LATE]
    api.update_connection(LATE, connection["conn_type"], connection["host"], late_extra(box, accounts))


def _give_consents(api: AirflowApi, box: Sandbox) -> None:
    """Give consent for the connection itself, and for two customers."""
    _give_consent(api, box, PEOPLE[0], None)
    for end_user, person in zip(CUSTOMERS, PEOPLE, strict=True):
        _give_consent(api, box, person, end_user)


def _give_consent(api: AirflowApi, box: Sandbox, person: str, end_user: str | None) -> None:
    whose = f"for customer {end_user}" if end_user else "its own"
    say(f"  {CONSENT}: {whose}: the link is opened now, and 'Allow' is pressed on Acme's page, as a person would")
    for left in reversed(range(3)):
        try:
            said = give_consent(box.airflow_url, api.make_token(), CONSENT, person=person, end_user=end_user)
            break
        except DemoError as error:
            # SQLite may be locked for a moment, see `airflow_api.send`; beginning again does no harm.
            if not left:
                raise
            say(f"  {CONSENT}: {error} Beginning again, as a person would")
    say(f"  {CONSENT}: Airflow's page says: {said}")


def _stay(box: Sandbox, services: Services) -> None:
    """Wait for Ctrl-C, or for Airflow to end by itself."""
    say("Airflow stays up. Ctrl-C stops everything.")
    show(f"Open      {box.airflow_url}")
    show(f"Then see  {box.airflow_url}/plugin/authorizations   (who is connected; revoke, and authorize again)")
    show(f"User      {USER}")
    show(f"Password  {box.password}   (made for this run alone)")
    while True:
        services.check_alive()
        time.sleep(1)


def _choose_ports(wanted: int | None) -> Ports:
    free = find_free_ports(4)
    return Ports(check_free(wanted) if wanted else free[0], free[1], free[2], free[3])


def _show_failure(error: DemoError) -> None:
    say(f"FAILED: {error}")
    if error.log is not None:
        show_tail(error.log)


def _write(path: Path | None, value: Any) -> None:
    if path is not None:
        # Whoever waits for the file finds it whole.
        part = path.with_name(f"{path.name}.part")
        part.write_text(json.dumps(value, indent=2), encoding="utf-8")
        part.replace(path)


def _note_secrets(folder: Path | None, values: dict[str, str]) -> Path | None:
    """Write the credentials of this run, and return the file for those that are made later."""
    if folder is None:
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / "accounts.json", values)
    return folder / "tokens.txt"


if __name__ == "__main__":
    sys.exit(main())

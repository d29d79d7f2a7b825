"""What sensors cost while they wait in a triggerer."""

from __future__ import annotations

import secrets
from typing import Any

from comparison import Curve, Plan, Row, Samples, Subject, Target
from cryptography.fernet import Fernet
from processes import sandbox

COUNTS = (10, 100, 1000, 3162)
INTERVAL_S = 10.0
INTERVALS = 3
PEER = "HttpSensorTrigger"


def measure(plan: Plan) -> Subject:
    """Let more and more of them wait."""
    environment = {
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
    }
    with sandbox() as box, box.serving("not_found_server") as url:
        numbers = (INTERVAL_S, INTERVALS, *COUNTS)
        found: dict[str, Any] = box.run("sensors_probe", url, *map(str, numbers), environment=environment)

    def samples(name: str, key: str, unit: str) -> Samples:
        return Samples(name, [found[name][str(COUNTS[-1])][key]], unit)

    def curve(what: str, key: str, unit: str) -> Curve:
        series = {name: [(count, by_count[str(count)][key]) for count in COUNTS] for name, by_count in found.items()}
        return Curve(what, "waiting sensors", unit, series)

    most = f"{COUNTS[-1]:,} sensors"
    return Subject(
        f"Sensors that wait on one event loop, with an interval of {INTERVAL_S:.0f} s",
        [
            Row(
                f"{most}, requests per interval",
                samples("ours", "requests", ""),
                samples(PEER, "requests", ""),
                Target(0.01, "ratio"),
            ),
            Row(f"{most}, CPU per interval", samples("ours", "cpu_s", "s"), samples(PEER, "cpu_s", "s")),
        ],
        [
            f"the mean of {INTERVALS} intervals, after two in which they came",
            "A: AuthorizationReadyTrigger, which asks a real API server for all that wait on the loop together",
            (
                "B: HttpSensorTrigger of the HTTP provider, each of which asks for itself, and makes a session each"
                " time; a small server in another process answers 404"
            ),
        ],
        [curve("requests per interval", "requests", "requests"), curve("CPU time per interval", "cpu_s", "s")],
    )

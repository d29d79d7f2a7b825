"""What becomes of time and memory as there is more and more of it."""

from __future__ import annotations

from statistics import median
from typing import Any

from comparison import Curve, Plan, Row, Samples, Subject, Target
from cryptography.fernet import Fernet
from processes import Sandbox, sandbox

from subjects.calls import connections_to

PAGES = (10, 100, 1000)
RECORDS = 1000
BYTES = 350
AUTHORIZATIONS = (100, 1000, 10_000, 100_000)
# Rounds of the smaller sizes; the largest one has as many.
ROUNDS = 3
EXTRACTORS = ("ours", "requests + json")


def measure(plan: Plan) -> Subject:
    """Extract and look up in growing sizes."""
    found: dict[str, dict[int, list[dict[str, Any]]]] = {name: {pages: [] for pages in PAGES} for name in EXTRACTORS}
    with sandbox() as box:
        for pages in PAGES:
            with box.serving("pages_server", str(pages), str(RECORDS), str(BYTES)) as base_url:
                environment = connections_to(base_url, box.folder)
                for _ in range(ROUNDS):
                    for name in EXTRACTORS:
                        found[name][pages].append(_extract(box, name, base_url, environment))
        environment = {"AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode()}
        looked = box.run("authorizations_probe", *map(str, AUTHORIZATIONS), environment=environment)

    def curve(what: str, key: str, unit: str) -> Curve:
        series = {
            name: [(pages * RECORDS, median(one[key] for one in ones)) for pages, ones in by_pages.items()]
            for name, by_pages in found.items()
        }
        return Curve(what, "records", unit, series)

    few, many = (
        Samples(f"{pages * RECORDS:,} records", [one["peak_mib"] for one in found["ours"][pages]], "MiB")
        for pages in (PAGES[0], PAGES[-1])
    )
    kinds = looked[str(AUTHORIZATIONS[0])]
    return Subject(
        "Growth",
        [Row("peak memory of an extraction", many, few, Target(1.2, "ratio"))],
        [
            f"extraction: records of {BYTES} bytes, {RECORDS} a page, to a JSON-lines file; {ROUNDS} rounds",
            "memory: ours is what Airflow's SDK takes before anything is read; a loop with requests alone wins there",
            "authorizations: in Airflow's database on SQLite, of one connection; the medians of 31 look-ups",
        ],
        [
            curve("extraction, wall time", "wall", "s"),
            curve("extraction, CPU time", "cpu", "s"),
            curve("extraction, peak memory", "peak_mib", "MiB"),
            Curve(
                "look-ups among authorizations",
                "authorizations",
                "ms",
                {kind: [(count, looked[str(count)][kind]) for count in AUTHORIZATIONS] for kind in kinds},
            ),
        ],
    )


def _extract(box: Sandbox, name: str, base_url: str, environment: dict[str, str]) -> dict[str, Any]:
    target = box.folder / "records.jsonl"
    target.unlink(missing_ok=True)
    done: dict[str, Any] = box.run("extraction_probe", name, base_url, str(target), environment=environment)
    return done

"""What it costs to read many records into a file."""

from __future__ import annotations

from typing import Any

from comparison import Row, Samples, Subject, Target
from processes import ProbeError, Sandbox, sandbox

from subjects.calls import connections_to

PAGES = 200
RECORDS = 1000
BYTES = 350
LIMIT = 0.3
CONTENDERS = ("ours", "requests + json", "HttpOperator")
Found = dict[str, list[dict[str, Any]]]


def measure(rounds: int) -> Subject:
    """Read everything as each contender, in turns, each time in a fresh process."""
    found: Found = {name: [] for name in CONTENDERS}
    with sandbox() as box, box.serving("pages_server", str(PAGES), str(RECORDS), str(BYTES)) as base_url:
        environment = connections_to(base_url, box.folder)
        order = list(CONTENDERS)
        for _ in range(rounds):
            for name in order:
                found[name].append(_extract(box, name, base_url, environment))
            order.append(order.pop(0))

    def row(clock: str, peer: str, target: Target | None = None) -> Row:
        ours, theirs = (Samples(name, [sample[clock] for sample in found[name]], "s") for name in ("ours", peer))
        return Row(f"all pages to a file, {clock}", ours, theirs, target)

    rows = [
        row("cpu", "requests + json", Target(LIMIT, "ratio")),
        row("wall", "requests + json", Target(LIMIT, "ratio")),
        row("cpu", "HttpOperator"),
        row("wall", "HttpOperator"),
    ]
    size = f"{PAGES * RECORDS:,} records of {BYTES} bytes in {PAGES} pages"
    return Subject(
        f"{size} to JSON lines; cursor paging, from a loopback server in another process",
        rows,
        [
            (
                "A: IntegryActivityOperator with output_path, which copies the bytes of each record and writes a page"
                " while it fetches the next; B: a requests.Session, .json() and json.dumps of each record into a file"
            ),
            "HttpOperator keeps all pages in memory until the last; its response_filter then writes the same file",
            "the server has made all answers before; its own work is in the wall time of all, and in nobody's CPU time",
        ],
    )


def _extract(box: Sandbox, contender: str, base_url: str, environment: dict[str, str]) -> dict[str, Any]:
    target = box.folder / "records.jsonl"
    target.unlink(missing_ok=True)
    found: dict[str, Any] = box.run("extraction_probe", contender, base_url, str(target), environment=environment)
    if found["records"] != PAGES * RECORDS:
        raise ProbeError(f"{contender} wrote {found['records']} records")
    return found

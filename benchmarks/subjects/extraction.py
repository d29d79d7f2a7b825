"""What it costs to read many records into a file."""

from __future__ import annotations

import shutil
from typing import Any

from comparison import Plan, Row, Samples, Subject, Target
from peers import AIRBYTE, DLT, SINGER
from processes import ProbeError, Sandbox, sandbox

from subjects.calls import connections_to

PAGES = 200
RECORDS = 1000
BYTES = 350
LIMIT = 0.3
CONTENDERS = ("ours", "requests + json", "HttpOperator")
# How each peer is asked for the same: its environment, the probe, and the way.
PEERS = {
    "dlt, iterated": (DLT, "extraction_dlt", "iterated"),
    "dlt pipeline": (DLT, "extraction_dlt", "pipeline"),
    "Singer SDK": (SINGER, "extraction_singer", "sdk"),
    "Airbyte CDK": (AIRBYTE, "extraction_airbyte", "cdk"),
}
Found = dict[str, list[dict[str, Any]]]
_PEER_NOTES = (
    (
        "dlt, iterated: its REST source in a for loop, and json.dumps; dlt pipeline: extract, normalize and load into"
        " its filesystem destination, uncompressed, which does more than the others"
    ),
    (
        "Singer SDK and Airbyte CDK write their messages, which hold each record, into the file; both are made for"
        " more than this: schemas, state, many streams"
    ),
)


def measure(plan: Plan) -> Subject:
    """Read everything as each contender, in turns, each time in a fresh process."""
    peers = tuple(PEERS) if plan.with_peers else ()
    for peer, _, _ in (PEERS[name] for name in peers):
        peer.install()
    found: Found = {name: [] for name in (*CONTENDERS, *peers)}
    with sandbox() as box, box.serving("pages_server", str(PAGES), str(RECORDS), str(BYTES)) as base_url:
        environment = connections_to(base_url, box.folder)
        order = list(found)
        for _ in range(plan.rounds):
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
        *(row(clock, name) for name in peers for clock in ("cpu", "wall")),
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
            *(_PEER_NOTES if peers else ()),
            "the server has made all answers before; its own work is in the wall time of all, and in nobody's CPU time",
        ],
    )


def _extract(box: Sandbox, contender: str, base_url: str, environment: dict[str, str]) -> dict[str, Any]:
    target = box.folder / "records.jsonl"
    target.unlink(missing_ok=True)
    shutil.rmtree(box.folder / "dlt", ignore_errors=True)
    found: dict[str, Any]
    if contender in PEERS:
        peer, probe, way = PEERS[contender]
        found = box.run(probe, way, base_url, str(target), environment=environment, python=peer.python)
    else:
        found = box.run("extraction_probe", contender, base_url, str(target), environment=environment)
    if found["records"] != PAGES * RECORDS:
        raise ProbeError(f"{contender} wrote {found['records']} records")
    return found

"""How much memory a large extraction takes, beside a task that does nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from integration.extracting import connector_file
from integration.loopback import CONN_ID, Answer, Server, connection, to_variable

RECORDS = 1000
LIMIT = 1.5
ACTIVITIES = {"list": "path: /items, result: data, paging: {kind: cursor, param: page, cursor: next}"}
# What a task's process has loaded when its `execute` begins; Airflow forks it from a supervisor that has the same.
# Not `getrusage`: what that says includes the process that started this one.
HEAD = """
import re, sys
from pathlib import Path
import airflow.sdk.execution_time.task_runner
from airflow.providers.standard.operators.empty import EmptyOperator
"""
EMPTY = f"""{HEAD}
EmptyOperator(task_id="t").execute({{}})
print(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1])
"""
FULL = f"""{HEAD}
from airflow_provider_integry.operators.activity import IntegryActivityOperator
operator = IntegryActivityOperator(
    task_id="t", integry_conn_id="{CONN_ID}", activity="list", output_path=sys.argv[1], deferrable=False
)
print(operator.execute({{}})["records"], file=sys.stderr)
print(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1])
"""


def build_template():
    """Return a page of records of 350 bytes, in which @@@@@@ stands for its number."""
    records = []
    for number in range(RECORDS):
        record = {"id": f"@@@@@@-{number:04}", "name": f"Customer {number}", "balance": number / 100, "notes": ""}
        missing = 350 - len(json.dumps(record))
        records.append(json.dumps({**record, "notes": "x" * missing}))
    return f'{{"data":[{",".join(records)}],"next":NEXT}}'.encode()


@pytest.fixture
def serve_many():
    template = build_template()

    def answer(request):
        number = int(request.query.get("page", ["1"])[0])
        following = b"null" if number == server.last_page else b"%d" % (number + 1)
        body = template.replace(b"@@@@@@", b"%06d" % number).replace(b"NEXT", following)
        return Answer(200, body, {"Content-Type": "application/json"})

    with Server(answer) as server:
        # What arrived is not looked at, and would be a lot.
        server.requests = NoList()
        yield server


class NoList(list):
    def append(self, item):
        pass


def measure(code, *arguments, **environment):
    """Run code in a process of its own; return its peak in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env={**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parent.parent.parent)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout.splitlines()[-1]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell a process's peak")
@pytest.mark.parametrize(
    "pages",
    [
        200,
        pytest.param(
            1000,
            marks=pytest.mark.skipif("INTEGRY_FAULTS" not in os.environ, reason="a long run, for INTEGRY_FAULTS=1"),
        ),
    ],
)
def test_a_large_extraction_takes_hardly_more_memory_than_an_empty_task(serve_many, tmp_path, pages):
    serve_many.last_page = pages
    name, value = to_variable(connection(serve_many.url, connector=connector_file(tmp_path, **ACTIVITIES)))
    target = tmp_path / "items.jsonl"

    empty = measure(EMPTY)
    full = measure(FULL, f"file://{target}", **{name: value})

    print(f"{pages * RECORDS} records: peak {full:.0f} MiB; an empty task {empty:.0f} MiB; {full / empty:.2f} times")
    assert full < LIMIT * empty
    with target.open("rb") as lines:
        idents = {line[8:19] for line in lines}
    assert len(idents) == pages * RECORDS

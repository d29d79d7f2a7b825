"""What goes wrong in the middle of an extraction: an error that says so, no half file, nothing left running."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from integration.extracting import PUMPS, connector_file, extract, read_lines, writer_threads
from integration.loopback import CONN_ID, Answer, Raw, Server, TokenServer, oauth2, to_json

from airflow_provider_integry.errors import (
    ConnectionBrokenError,
    OutputBrokenError,
    PagingError,
    ResponseFormatError,
    ServerError,
)
from airflow_provider_integry.hooks import records
from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.hooks.streaming import awrite_records

PATHS = {
    "by_cursor": "path: /items, result: items, paging: {kind: cursor, param: page, cursor: next}",
    "by_url": "path: /items, result: items, paging: {kind: next_url, url: next}",
    "by_link": "path: /items, result: items, paging: {kind: link}",
    "by_page": "path: /items, result: items, paging: {kind: page, param: page, size: 1}",
    "by_key": "path: /items, result: items, paging: {kind: keyset, param: after, field: id, size: 1}",
    "found": "path: /items, result: items, paging: {kind: auto}",
}
HTML = Answer(200, b"<html><title>Maintenance</title></html>", {"Content-Type": "text/html"})
TRUNCATED = Raw(
    (b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"items": [{"id": 2}',)
)


def page(number, following=None, **headers):
    return to_json({"items": [{"id": number}], "next": following}, **headers)


@pytest.fixture
def serve_pages(answer_with, set_connection, tmp_path):
    def start(*answers, **fields):
        server = answer_with(*answers)
        folder = tmp_path / "connectors"
        folder.mkdir()
        set_connection(server.url, **{"connector": connector_file(folder, **PATHS), "max_retries": 0, **fields})
        (tmp_path / "out").mkdir()
        return server

    return start


@pytest.fixture(autouse=True)
def _nothing_left_running():
    yield
    assert writer_threads() == []


def fail(pump, activity, tmp_path, error, told):
    """Extract, and see it fail with nothing left in the folder."""
    with pytest.raises(error, match=told) as caught:
        extract(pump, activity, f"{tmp_path}/out/items.jsonl")
    assert list((tmp_path / "out").iterdir()) == []
    return caught.value


# -- pages that lead nowhere ------------------------------------------------------------------------


@pytest.mark.parametrize("pump", PUMPS)
@pytest.mark.parametrize(
    ("activity", "answers", "told"),
    [
        ("by_cursor", [page(1, "2"), page(2, "3"), page(3, "2")], "same cursor twice"),
        ("by_url", [page(1, "?page=2"), page(2, "?page=3"), page(3, "?page=2")], "same URL twice"),
        ("by_link", [page(1, Link="<?p=2>; rel=next"), page(2, Link="<?p=2>; rel=next")], "same URL twice"),
        ("by_page", [page(1), page(2), page(3), page(2)], "page 4 is the same as page 2, byte for byte"),
        ("by_key", [page(1), page(2), page(1, "x")], "goes from 2 to 1"),
        ("found", [page(1, "?page=2"), page(2, "?page=2")], "same URL twice"),
    ],
)
def test_a_loop_is_an_error(serve_pages, tmp_path, activity, answers, told, pump):
    server = serve_pages(*answers, page(99, "99"))

    error = fail(pump, activity, tmp_path, PagingError, told)

    assert not error.retryable
    assert len(server.requests) == len(answers)


@pytest.mark.parametrize("pump", PUMPS)
@pytest.mark.parametrize("activity", ["by_url", "by_link", "found"])
@pytest.mark.parametrize(
    "elsewhere", ["https://127.0.0.1:{port}", "http://127.0.0.1:{other}", "http://localhost:{port}"]
)
def test_a_next_link_to_another_scheme_port_or_host_is_refused(
    serve_pages, answer_with, tmp_path, activity, elsewhere, pump
):
    other = answer_with(page(2))
    server = serve_pages(page(1))
    url = f"{elsewhere.format(port=server.port, other=other.port)}/items?page=2"
    server.script(page(1, url, Link=f'<{url}>; rel="next"'))

    error = fail(pump, activity, tmp_path, PagingError, "a credential does not follow a link elsewhere")

    assert not error.retryable
    assert (len(server.requests), other.connections) == (1, 0)


# -- answers that are no pages ----------------------------------------------------------------------


@pytest.mark.parametrize("pump", PUMPS)
@pytest.mark.parametrize(
    ("answer", "error", "told", "is_retryable"),
    [
        (HTML, ResponseFormatError, "200 .text/html. with something that is not JSON: .*Maintenance", False),
        (TRUNCATED, ConnectionBrokenError, "broke", True),
        (Answer(200, b'{"items": [{"id": 2}'), ResponseFormatError, "not JSON", False),
        (Answer(500, b'{"message": "out of order"}'), ServerError, "500: out of order", True),
    ],
)
def test_a_page_that_is_none_is_a_clear_error(serve_pages, tmp_path, answer, error, told, is_retryable, pump):
    serve_pages(page(1, "2"), answer)

    assert fail(pump, "by_cursor", tmp_path, error, told).retryable is is_retryable


@pytest.mark.parametrize("pump", PUMPS)
@pytest.mark.parametrize("answer", [TRUNCATED, Answer(500), Raw(())])
def test_what_passes_is_tried_again_and_nothing_comes_twice(serve_pages, tmp_path, answer, pump):
    serve_pages(page(1, "2"), answer, page(2, "3"), answer, page(3), max_retries=2)

    extract(pump, "by_cursor", f"{tmp_path}/out/items.jsonl")

    assert read_lines(tmp_path / "out" / "items.jsonl") == [{"id": 1}, {"id": 2}, {"id": 3}]


@pytest.mark.parametrize("pump", PUMPS)
def test_a_failure_that_does_not_pass_is_told_after_the_retries(serve_pages, tmp_path, pump):
    server = serve_pages(page(1, "2"), Answer(500), max_retries=1)

    fail(pump, "by_cursor", tmp_path, ServerError, "500")

    assert len(server.requests) == 3


@pytest.mark.parametrize("pump", PUMPS)
def test_a_token_that_expires_midway_is_renewed_and_nothing_is_lost(set_connection, tmp_path, pump):
    class Api(TokenServer):
        """Takes back its token after the second page."""

        def _serve(self, request):
            if request.path == "/items":
                number = int(request.query.get("page", ["1"])[0])
                self.api_answer = page(number, str(number + 1) if number < 6 else None)
                if number == 3 and self.token_requests == 1:
                    self.revoke()
            return super()._serve(request)

    with Api() as server:
        set_connection(oauth2(server, connector=connector_file(tmp_path, **PATHS)))
        summary = extract(pump, "by_cursor", f"{tmp_path}/items.jsonl")

    assert [record["id"] for record in read_lines(tmp_path / "items.jsonl")] == [1, 2, 3, 4, 5, 6]
    assert summary["pages"] == 6
    assert (server.token_requests, server.count("/items")) == (2, 7)


# -- storage that fails -----------------------------------------------------------------------------


@pytest.mark.parametrize("pump", PUMPS)
def test_a_disk_that_fails_midway_ends_the_fetching_too(serve_pages, tmp_path, monkeypatch, pump):
    server = serve_pages(lambda request: page(len(server.requests), str(len(server.requests) + 1)))
    written = []

    def write(self, page):
        if len(written) == 3:
            raise ConnectionResetError(104, "storage is gone")
        written.append(page)
        put(self, page)

    put = records.RecordWriter._put
    monkeypatch.setattr(records.RecordWriter, "_put", write)

    fail(pump, "by_cursor", tmp_path, OutputBrokenError, "storage is gone|reset|writing broke off")
    assert len(server.requests) <= 3 + 2


# -- tasks that are ended ---------------------------------------------------------------------------


def test_a_cancelled_trigger_leaves_nothing(serve_pages, tmp_path):
    serve_pages(page(1, "2"), Raw((30.0,)))

    async def cancel_midway():
        hook = IntegryHook(CONN_ID)
        call = hook.start("by_cursor", {}, raw=True)
        running = asyncio.create_task(awrite_records(hook, call, f"{tmp_path}/out/items.jsonl"))
        while not list((tmp_path / "out").iterdir()):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()

    asyncio.run(cancel_midway())

    assert list((tmp_path / "out").iterdir()) == []


TASK = textwrap.dedent(
    """
    import sys
    from types import SimpleNamespace
    from airflow_provider_integry.operators.activity import IntegryActivityOperator

    operator = IntegryActivityOperator(
        task_id="t", integry_conn_id="acme", activity="by_cursor", output_path=sys.argv[1], deferrable=False
    )
    task = SimpleNamespace(
        dag_id="d", run_id="r", task_id="t", map_index=-1, max_tries=1, try_number=int(sys.argv[2])
    )
    print(operator.execute({"ti": task}), flush=True)
    """
)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_task_that_is_killed_midway_and_retried_gives_a_complete_file_once(tmp_path, set_connection, number):
    def answer(request):
        ident = int(request.query.get("page", ["1"])[0])
        if ident == 30 and not killed:
            server.stopping.wait(20)
        return page(ident, str(ident + 1) if ident < 60 else None)

    killed = []
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "items.jsonl"
    target.write_text("of an earlier run\n")
    with Server(answer) as server:
        raw_connection = {"connector": connector_file(tmp_path, **PATHS), "max_retries": 0}
        set_connection(server.url, **raw_connection)
        with start_task(target, 1) as task:
            deadline = time.monotonic() + 60
            while len(server.requests) < 30:
                assert time.monotonic() < deadline
                assert task.poll() is None
                time.sleep(0.02)
            task.send_signal(number)
            assert task.wait(20) != 0
        killed.append(True)
        assert target.read_text() == "of an earlier run\n"
        # Neither could clean up: it is Airflow that turns SIGTERM into an exception.
        assert len(list(target.parent.iterdir())) == 2
        with start_task(target, 2) as again:
            output, _ = again.communicate(timeout=60)

    assert again.returncode == 0
    assert "'records': 60" in output
    assert [record["id"] for record in read_lines(target)] == list(range(1, 61))
    assert list(target.parent.iterdir()) == [target]


def start_task(target, try_number):
    """Run the operator in a process of its own, with the connections of this one."""
    root = str(Path(__file__).parent.parent.parent)
    return subprocess.Popen(
        [sys.executable, "-c", TASK, f"file://{target}", str(try_number)],
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        text=True,
    )

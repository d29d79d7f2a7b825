"""What the demo says when it cannot go on, and that it leaves nothing behind then either."""

from __future__ import annotations

import signal
import socket
import sys
import sysconfig
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from running_demo import find_processes, read_output, start_demo, wait_for

TIMEOUT_S = 120


def test_a_port_in_use_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert start_demo(tmp_path, "run", "--port", str(port)).wait(TIMEOUT_S) == 1
    assert f"FAILED: Port {port} cannot be used (Address already in use)" in read_output(tmp_path)


def test_a_missing_airflow_is_told_with_what_to_do(tmp_path):
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.symlink_to(sys.executable)
    process = start_demo(tmp_path, "run", python=str(python), PYTHONPATH=sysconfig.get_path("purelib"))
    assert process.wait(TIMEOUT_S) == 1
    output = read_output(tmp_path)
    assert "FAILED: There is no 'airflow' beside" in output
    assert "make demo" in output


@pytest.mark.system
def test_a_failed_step_shows_its_log_and_a_second_demo_in_the_folder_is_refused(tmp_path):
    (tmp_path / "second").mkdir()
    first = start_demo(tmp_path, "run", "--log-level", "NO-SUCH-LEVEL")
    try:
        wait_for(lambda: "Making Airflow's database ..." in read_output(tmp_path), "the first step", 30, 0.1)
        (tmp_path / "second" / "demo").symlink_to(tmp_path / "demo")
        assert start_demo(tmp_path / "second", "run").wait(TIMEOUT_S) == 1
        assert f"A demo is running in {tmp_path / 'demo'} (process {first.pid})" in read_output(tmp_path / "second")
    finally:
        code = first.wait(TIMEOUT_S)
    assert code == 1
    output = read_output(tmp_path)
    assert "FAILED: 'airflow db migrate' failed (exit code 1)." in output
    assert "Last lines of" in output
    assert "NO-SUCH-LEVEL" in output
    assert find_processes(tmp_path) == []


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_demo_that_is_interrupted_stops_everything(tmp_path, number):
    process = start_demo(tmp_path, "run")
    wait_for(lambda: "Starting Airflow ..." in read_output(tmp_path), "Airflow's start", 60, 0.1)
    process.send_signal(number)
    assert process.wait(TIMEOUT_S) == 1
    assert "Interrupted." in read_output(tmp_path)
    assert find_processes(tmp_path) == []


@pytest.mark.system
def test_a_part_of_airflow_that_dies_ends_the_demo_at_once(tmp_path):
    process = start_demo(tmp_path, "run")
    dag_processor = wait_for(lambda: find_process(tmp_path, "dag-processor"), "the DAG processor's start", 90, 0.1)
    time.sleep(2)
    dag_processor.kill()
    assert process.wait(TIMEOUT_S) == 1
    assert "FAILED: Airflow's dag-processor ended by itself." in read_output(tmp_path)
    assert find_processes(tmp_path) == []


def find_process(folder, word):
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()).is_relative_to(folder) and word in process.cmdline():
                return process
    return None

"""Parse DAG files and print what it cost: ``parse_probe.py fresh|processor ROUNDS TASKS FILE...``."""

from __future__ import annotations

import gc
import importlib.machinery
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import airflow.sdk

_names = count()


def main() -> None:
    """Measure one file in this process, or several in turns in children of a DAG processor."""
    state, rounds, tasks, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    # What every process that parses has done long before: these are imported when they are first touched.
    assert airflow.sdk.BaseOperator
    assert airflow.sdk.BaseSensorOperator
    airflow.sdk.DAG("warm_up", schedule=None)
    if state == "fresh":
        freeze_garbage()
        print(json.dumps(measure(load, files[0], tasks)))
        return

    # Airflow imports it in the process that forks the ones that parse.
    from airflow.dag_processing import processor

    freeze_garbage()
    first = take_turns(load, rounds, tasks, files)
    for file in files:
        # The processor does this before each fork.
        processor._pre_import_airflow_modules(file, None)  # noqa: SLF001 - what is measured
    later = take_turns(load, rounds, tasks, files)
    whole = take_turns(parse_and_serialize, rounds, tasks, files)
    print(json.dumps({"first": first, "later": later, "whole": whole}))


def take_turns(
    work: Callable[[str, int], None], rounds: int, tasks: int, files: list[str]
) -> dict[str, list[dict[str, float]]]:
    """Measure each file in forked children, in turns that begin with another one each time."""
    found: dict[str, list[dict[str, float]]] = {file: [] for file in files}
    order = list(files)
    for turn in range(rounds + 1):
        for file in order:
            sample = in_child(lambda file=file: measure(work, fresh_copy(file), tasks))
            if turn:
                found[file].append(sample)
        order.append(order.pop(0))
    return found


def fresh_copy(file: str) -> str:
    """Copy a file under a new name, so that there is no byte code of it."""
    original = Path(file)
    copy = original.with_name(f"{original.stem}_{os.getpid()}_{next(_names)}.py")
    copy.write_bytes(original.read_bytes())
    return str(copy)


def freeze_garbage() -> None:
    """Keep the collector off what is there already, as Airflow's DAG processor does before it forks.

    Otherwise a full collection, a hundred milliseconds, falls on whoever happens to be measured.
    """
    gc.collect()
    gc.freeze()


def load(file: str, tasks: int) -> None:
    """Run a DAG file as Airflow's importer does."""
    name = f"unusual_prefix_{Path(file).stem}"
    loader = importlib.machinery.SourceFileLoader(name, file)
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    loader.exec_module(module)
    assert len(module.dag.tasks) == tasks


def parse_and_serialize(file: str, tasks: int) -> None:
    """Do what the processor's child does with one file."""
    from airflow.dag_processing import processor

    request = processor.DagFileParseRequest(
        file=file, bundle_path=Path(file).parent, bundle_name="bench", callback_requests=[]
    )
    parsed = processor._parse_file(request, None)  # noqa: SLF001 - what is measured
    assert parsed is not None
    assert not parsed.import_errors, parsed.import_errors
    assert len(parsed.serialized_dags[0].data["dag"]["tasks"]) == tasks


def measure(work: Callable[[str, int], None], file: str, tasks: int) -> dict[str, float]:
    """Return what some work took, in ms of wall and of CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work(file, tasks)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall_ms": wall * 1e3, "cpu_ms": cpu * 1e3}


def in_child(work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Do some work in a forked child, which leaves nothing behind in this process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            os.write(writer, json.dumps(work()).encode())
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    result: dict[str, float] = json.loads(text)
    return result


if __name__ == "__main__":
    main()

"""What it costs to parse a DAG file of 100 tasks: import of the operator, compiling, constructing."""

from __future__ import annotations

from comparison import Plan, Row, Samples, Subject, Target
from processes import Sandbox, sandbox

TASKS = 100
# Children of the DAG processor a round: one alone is noisy, for a fork copies pages.
CHILDREN = 3
LIMIT = 0.15
FILES = {
    "ours": (
        "from airflow_provider_integry.operators.activity import IntegryActivityOperator",
        (
            'IntegryActivityOperator(task_id="task_{i}", integry_conn_id="crm", activity="create_contact",'
            ' inputs={{"name": "Ada", "limit": {i}}})'
        ),
    ),
    "HttpOperator": (
        "from airflow.providers.http.operators.http import HttpOperator",
        (
            'HttpOperator(task_id="task_{i}", http_conn_id="crm", endpoint="/contacts",'
            ' data={{"name": "Ada", "limit": {i}}})'
        ),
    ),
    "EmptyOperator": (
        "from airflow.providers.standard.operators.empty import EmptyOperator",
        'EmptyOperator(task_id="task_{i}")',
    ),
}


def measure(plan: Plan) -> Subject:
    """Parse each file in processes of its own, in turns."""
    with sandbox() as box:
        files = {name: _write(box, name) for name in FILES}
        fresh: dict[str, list[dict[str, float]]] = {name: [] for name in FILES}
        for turn in range(plan.rounds + 1):
            for name in FILES:
                sample = box.run("parse_probe", "fresh", "1", str(TASKS), _write(box, name, f"turn-{turn}"))
                # The first one makes Airflow's home and compiles the operators to byte code.
                if turn:
                    fresh[name].append(sample)
        children = box.run("parse_probe", "processor", str(plan.rounds * CHILDREN), str(TASKS), *files.values())

    def row(what: str, stage: str, clock: str, peer: str = "HttpOperator", limit: float | None = None) -> Row:
        def samples(name: str) -> Samples:
            found = fresh[name] if stage == "fresh" else children[stage][files[name]]
            return Samples(name, [sample[f"{clock}_ms"] for sample in found], "ms")

        return Row(what, samples("ours"), samples(peer), Target(limit, "ratio") if limit else None)

    rows = [
        row("first parse after airflow.sdk, CPU", "fresh", "cpu", limit=LIMIT),
        row("first parse after airflow.sdk, wall", "fresh", "wall", limit=LIMIT),
        row("first parse after airflow.sdk, CPU", "fresh", "cpu", peer="EmptyOperator"),
        row("first parse in a DAG processor, CPU", "first", "cpu", limit=LIMIT),
        row("first parse in a DAG processor, CPU", "first", "cpu", peer="EmptyOperator"),
        row("every later parse in a DAG processor, CPU", "later", "cpu"),
        row("later parse and serialization there, CPU", "whole", "cpu"),
    ]
    return Subject(
        f"Parse of a DAG file with {TASKS} tasks",
        rows,
        [
            (
                "first parse: a new file is loaded as Airflow loads it (read, compiled, run), the import of the"
                " operator included; after airflow.sdk: in a fresh process, which has made one empty DAG before"
            ),
            (
                f"in a DAG processor: in a child forked from a process that has airflow.dag_processing.processor loaded"
                f" and its garbage frozen, as Airflow does; {CHILDREN} children a round"
            ),
            (
                "every later parse: as before, but with the files' `airflow.…` modules imported before the fork"
                " (parsing_pre_import_modules). Airflow does so for its own namespace only: A pays for its import each"
                " time, B does not"
            ),
            "later parse and serialization: all that the processor's child does with one file",
        ],
    )


def build_dag_file(name: str) -> str:
    """Build a DAG file of one contender, each task written out as people write them."""
    head, task = FILES[name]
    lines = [
        "from airflow.sdk import DAG",
        head,
        "",
        f'with DAG("bench_{name.lower()}", schedule=None) as dag:',
        *(f"    {task.format(i=i)}" for i in range(TASKS)),
    ]
    return "\n".join(lines) + "\n"


def _write(box: Sandbox, name: str, turn: str = "processor") -> str:
    """Write a DAG file into a folder of its own, where no byte code of it is."""
    folder = box.folder / f"dags-{name}-{turn}"
    folder.mkdir()
    file = folder / f"bench_{name.lower()}.py"
    file.write_text(build_dag_file(name), encoding="utf-8")
    return str(file)

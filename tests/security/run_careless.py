"""Run the DAG in `dags/careless.py` as `airflow dags test` does, and write down how its tasks ended.

Run in a process of its own: ``python run_careless.py results.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from airflow.settings import Session
from airflow.utils.db import initdb

sys.path.insert(0, str(Path(__file__).parent / "dags"))


def main() -> None:
    """Make the database, run the DAG, write the states."""
    session = Session()
    initdb(session=session)
    from careless import careless

    run = careless().test()
    session.expire_all()
    states = {f"{ti.task_id}[{ti.map_index}]": ti.state for ti in run.get_task_instances(session=session)}
    Path(sys.argv[1]).write_text(json.dumps(states, default=str))


main()

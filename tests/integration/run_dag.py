"""Run the DAG in `dags/flows.py` as `airflow dags test` does, and write down what came of it.

Run in a process of its own: ``python run_dag.py results.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.xcom import XComModel
from airflow.settings import Session
from airflow.utils.db import initdb

sys.path.insert(0, str(Path(__file__).parent / "dags"))


def main() -> None:
    """Make the database, run the DAG, write states, XComs and rendered fields."""
    session = Session()
    initdb(session=session)
    from flows import flows

    run = flows().test()
    session.expire_all()
    results = {
        "states": {f"{ti.task_id}[{ti.map_index}]": ti.state for ti in run.get_task_instances(session=session)},
        "tries": {f"{ti.task_id}[{ti.map_index}]": ti.try_number for ti in run.get_task_instances(session=session)},
        "xcoms": {
            f"{row.task_id}[{row.map_index}]": XComModel.deserialize_value(row)
            for row in session.query(XComModel).filter(XComModel.key == "return_value")
        },
        "rendered": {
            f"{row.task_id}[{row.map_index}]": row.rendered_fields for row in session.query(RenderedTaskInstanceFields)
        },
    }
    Path(sys.argv[1]).write_text(json.dumps(results, default=str))


main()

"""DAGs that are started by an authorization, that wait for one, and that fail for lack of one."""

from __future__ import annotations

from airflow.sdk import DAG, PartitionedAssetTimetable, task

from airflow_provider_integry.assets import any_authorization_asset, authorization_asset, authorization_lost_asset
from airflow_provider_integry.operators.activity import IntegryActivityOperator
from airflow_provider_integry.sensors.authorization import IntegryAuthorizationSensor

# A name that is hard on everything that carries it.
USER = "a/../b é%2F 1"


@task
def tell(triggering_asset_events=None, dag_run=None):
    """Return what a task learns of the events that have started it."""
    events = [event for asset_events in triggering_asset_events.values() for event in asset_events]
    return {"extras": [event.extra for event in events], "partition_key": dag_run.partition_key}


for dag_id, schedule in {
    "on_ready": authorization_asset("acme", USER),
    "on_own": authorization_asset("acme"),
    "on_lost": authorization_lost_asset("acme", USER),
    "on_any": any_authorization_asset("acme"),
    "per_user": PartitionedAssetTimetable(assets=any_authorization_asset("acme")),
}.items():
    with DAG(dag_id, schedule=schedule):
        tell()

with DAG("waiting", schedule=None):
    for name, options in {
        "deferred": {},
        "from_trigger": {"start_from_trigger": True},
        "templated": {"start_from_trigger": True, "end_user": "{{ dag_run.conf['user'] }}"},
    }.items():
        IntegryAuthorizationSensor(
            task_id=name, integry_conn_id="acme", poke_interval=4, timeout=600, **{"end_user": USER, **options}
        )
    IntegryAuthorizationSensor.partial(
        task_id="mapped", integry_conn_id="acme", poke_interval=4, timeout=600, start_from_trigger=True
    ).expand(end_user=[USER, "user-2"])
    IntegryAuthorizationSensor(
        task_id="hopeless", integry_conn_id="machine", end_user="nobody", retries=3, start_from_trigger=True
    )

with DAG("failing", schedule=None, default_args={"retries": 3}):
    IntegryActivityOperator(task_id="nobody", integry_conn_id="acme", end_user="nobody", activity="who_am_i")
    IntegryActivityOperator(task_id="revoked", integry_conn_id="acme", end_user=USER, activity="who_am_i")

with DAG("crowd", schedule=None, max_active_runs=1000):
    for number in range(5):
        IntegryAuthorizationSensor(
            task_id=f"wait_{number}",
            integry_conn_id="acme",
            end_user=f"{{{{ dag_run.conf['group'] }}}}-{number}",
            poke_interval=20,
            timeout=3600,
            start_from_trigger=True,
        )

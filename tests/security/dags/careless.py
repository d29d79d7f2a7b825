"""A DAG whose tasks print, return and raise what they should not."""

from __future__ import annotations

import logging

from airflow.sdk import dag, task
from security.canaries import CONNECTIONS

from airflow_provider_integry.hooks.integry import IntegryHook
from airflow_provider_integry.operators.request import IntegryRequestOperator

log = logging.getLogger(__name__)


@dag(schedule=None)
def careless() -> None:
    """Use each connection in four careless ways."""

    @task
    def say(conn_id: str) -> str:
        hook = IntegryHook(conn_id)
        session = hook.get_conn()
        log.info("an ordinary line of a careless task")
        log.debug("%s %r %s %r", hook, hook.settings, hook.auth, vars(hook))
        answer = session.get("/echo?x=1")
        log.info("%s: %s %s", answer, answer.text, answer.headers)
        print(session, hook.settings.auth)
        return f"{hook} {hook.settings} {hook.test_connection()}"

    @task
    def fail(conn_id: str) -> None:
        hook = IntegryHook(conn_id)
        answer = hook.get_conn().get("/refuse")
        secret = hook.settings.secrets
        try:
            answer.raise_for_status()
        except OSError as error:
            # Its own words hold the URL, and so a key in the query: that is a known limit.
            raise RuntimeError(f"{hook!r} {secret!r} {type(error)}") from None

    say.expand(conn_id=list(CONNECTIONS))
    fail.expand(conn_id=list(CONNECTIONS))
    IntegryRequestOperator.partial(task_id="ask", method="GET", path="/items").expand(integry_conn_id=list(CONNECTIONS))
    IntegryRequestOperator.partial(task_id="refused", method="GET", path="/refuse").expand(
        integry_conn_id=list(CONNECTIONS)
    )


careless()

"""Keep every grant alive, and be told before one ends."""

from airflow_provider_integry.keep_alive import build_keep_alive_dag

dag = build_keep_alive_dag()

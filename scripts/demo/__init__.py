"""The demo: a real Airflow, a small service to talk to, and the example DAGs run against it."""

"""The part that runs inside Airflow's API server."""

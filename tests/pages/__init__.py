"""Our pages in a real Airflow API server, with users who may do different things."""

"""The eight connection forms in a real Chromium, against a real Airflow API server."""

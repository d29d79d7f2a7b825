"""Airflow provider for APIs that need a key, a signature, a login or somebody's consent."""

__version__ = "0.1.0"

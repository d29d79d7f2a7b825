"""A real Airflow with its API servers, scheduler, workers and triggerer, and a play that it performs."""

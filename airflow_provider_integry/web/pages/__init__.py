"""The pages that people open in Airflow: the list of authorizations, and what is done with one of them."""

"""The reference pages of the documentation, built from the tables in the code.

Each module builds one page as Markdown text. Nothing here needs MkDocs or Airflow, and nothing that
it builds is committed.
"""

"""Datasette over a file of SQLite."""

import sqlite3

from common import read_records, serve_asgi
from datasette.app import Datasette

if __name__ == "__main__":
    with sqlite3.connect("shop.db") as database:
        database.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, note TEXT)")
        rows = [(one["id"], one["name"], one["note"]) for one in read_records()]
        database.executemany("INSERT INTO customers VALUES (?, ?, ?)", rows)
    database.close()
    serve_asgi(Datasette(["shop.db"], settings={"max_returned_rows": 25, "default_page_size": 10}).app())

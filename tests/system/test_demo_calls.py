"""What the demo does when Airflow's API server gets in its own way on SQLite."""

from __future__ import annotations

import pytest
import requests
from flask import Flask
from servers.live import Fault

from scripts.demo import airflow_api
from scripts.demo.airflow_api import MOST_TRIES, send

PATH = "/api/v2/connections/acme_account"


@pytest.fixture
def ask(serve, monkeypatch):
    """Send a request to a server that misbehaves first; return the status and how many requests arrived."""
    monkeypatch.setattr(airflow_api, "PAUSE_S", 0.01)
    app = Flask(__name__)
    app.add_url_rule("/<path:path>", view_func=lambda path: {"path": path}, methods=["GET", "PATCH", "POST"])
    server = serve(app)

    def ask(method, fault):
        server.misbehave(PATH, fault)
        with requests.Session() as session:
            answer = send(session, method, f"{server.url}{PATH}", {"host": "new"}, lock_wait_s=0.2)
        assert all(b"new" in one.body for one in server.seen)
        return answer.status_code, server.count(PATH)

    return ask


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_what_a_locked_database_refused_is_asked_again_and_said(ask, method, capsys):
    assert ask(method, Fault(2, 500, delay_s=0.3)) == (200, 3)
    assert capsys.readouterr().out.count(f"Airflow answered 500 to {method} after 0.3 s") == 2


def test_it_is_given_up_in_the_end(ask):
    assert ask("PATCH", Fault(9, 500, delay_s=0.3)) == (500, MOST_TRIES)


def test_any_other_failure_is_final(ask):
    assert ask("PATCH", Fault(1, 500)) == (500, 1)


def test_what_could_be_done_twice_is_asked_once(ask):
    assert ask("POST", Fault(1, 500, delay_s=0.3)) == (500, 1)

"""A broker over all tables that webhooks and polls need, with connections, connectors, and DAGs that use assets."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests
from integration.command_line import Installation
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

SECRET = "hush-hush-hush-hush"
CONNECTOR = """
name: hooks
title: Hooks
base_url: https://api.example.com
activities:
  signed:
    kind: trigger
    mode: webhook
    verify:
      kind: hmac
      header: X-Signature
      signed: "v0:{timestamp}:{body}"
      prefix: "v0="
      timestamp: {header: X-Timestamp}
    event_id: {in: body, name: id}
    event_type: {in: header, name: X-Event}
    events: [made, changed]
    challenge: {method: POST, in: body, name: challenge, when: type == 'url_verification', signed: true}
  plain:
    kind: trigger
    mode: webhook
    verify: {kind: hmac, header: X-Hub-Signature-256, prefix: "sha256="}
    payload: data
    answer_replays: accept
  token:
    kind: trigger
    mode: webhook
    verify: {kind: token, in: query, name: key}
    challenge: {name: hub.challenge, secret_param: hub.verify_token}
  basic:
    kind: trigger
    mode: webhook
    verify: {kind: basic, user: ada}
    challenge: {in: header, name: X-Verification, answer: json, answer_key: verification}
  crc:
    kind: trigger
    mode: webhook
    verify: {kind: hmac, header: X-Twitter-Webhooks-Signature, encoding: base64, prefix: "sha256="}
    challenge: {name: crc_token, answer: json, answer_key: response_token, hmac: true}
"""
SET_UP = """
from airflow import settings
from airflow.models import import_all_models
from airflow.models.base import Base

import_all_models()
Base.metadata.create_all(settings.engine)
from airflow_provider_integry.authorizations.end_user_tables import metadata
metadata.create_all(settings.engine)
"""
USE = """
import sys
from airflow.models.asset import AssetActive, AssetModel, DagScheduleAssetReference
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.session import create_session
from airflow_provider_integry.assets import webhook_asset

with create_session() as session:
    session.merge(DagBundleModel(name="b"))
    session.flush()
    session.add(DagModel(dag_id="d", bundle_name="b", is_paused=False))
    session.flush()
    for activity, end_user in ASSETS:
        asset = webhook_asset("svc", activity, end_user)
        model = AssetModel(name=asset.name, uri=asset.uri, group=asset.group)
        session.add(model)
        session.add(AssetActive.for_asset(model))
        session.flush()
        session.add(DagScheduleAssetReference(dag_id="d", asset_id=model.id))
"""
EVENTS = """
SELECT asset.name, asset_event.extra FROM asset_event JOIN asset ON asset.id = asset_event.asset_id
ORDER BY asset_event.id
"""
DELIVERIES = "SELECT outcome, event_id FROM integry_webhook_delivery ORDER BY received_at"
ASK = """
import json, os, sys
import airflow
os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = "airflow-db-not-allowed:///"
from types import SimpleNamespace
from airflow_provider_integry.assets import webhook_events
event = SimpleNamespace(timestamp=1, extra=json.load(sys.stdin))
[found] = webhook_events({'triggering_asset_events': {'a': [event]}})
print('FOUND', json.dumps(found['payload']))
"""


class Hooked(Installation):
    """A rig with a connection `svc` whose connector has webhooks."""

    def __init__(self, folder: Path, database: str | None = None) -> None:
        super().__init__(folder, database)
        (folder / "hooks.yaml").write_text(CONNECTOR, encoding="utf-8")
        self.connections["svc"] = {
            "conn_type": "integry_api_key",
            "host": "https://api.example.com",
            "password": "api-key-1",
            "extra": {"connector": str(folder / "hooks.yaml"), "webhook_secret": SECRET},
        }
        self.urls: dict[str, str] = {}

    def make_tables(self) -> None:
        self.run(SET_UP)

    def use(self, *assets: tuple[str, str | None]) -> None:
        """Let a DAG use the assets of webhooks."""
        self.run(USE.replace("ASSETS", repr(list(assets))))

    def add_webhook(self, activity: str, end_user: str | None = None) -> str:
        """Make a webhook; return the path of its URL."""
        code = (
            "from airflow_provider_integry.authorizations.airflow_store import local_webhooks\n"
            "from airflow_provider_integry.authorizations.webhook_store import WebhookKey\n"
            f"print('ID', local_webhooks().add(WebhookKey('svc', None, {activity!r}, {end_user!r}), 'ada').id)"
        )
        found = self.run(code).rpartition("ID ")[2].strip()
        return f"/integry/public/webhooks/{found}"

    def events(self) -> list[list[Any]]:
        """Return name and extra of every asset event."""
        return [[name, json.loads(extra)] for name, extra in self.read(EVENTS)]

    def deliveries(self) -> list[tuple[str, str | None]]:
        """Return outcome and id of every delivery that is kept."""
        return [tuple(row) for row in self.read(DELIVERIES)]

    def read(self, query: str) -> list[Any]:
        engine = create_engine(self.database, poolclass=NullPool)
        with engine.connect() as database:
            return list(database.execute(text(query)))

    def ask_payload(self, extra: dict[str, Any]) -> Any:
        """Return the payload of a delivery as a task gets it, which has no database."""
        done = subprocess.run(
            [sys.executable, "-c", ASK],
            env=self.task_environment(self.ports[0]),
            input=json.dumps(extra),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.rpartition("FOUND ")[2])


def sign(body: bytes, *, at: float | None = None, secret: str = SECRET, event: str = "made") -> dict[str, str]:
    """Return the headers of a delivery to webhook `signed`."""
    timestamp = f"{time.time() if at is None else at:.0f}"
    mac = hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "X-Signature": f"v0={mac}",
        "X-Timestamp": timestamp,
        "X-Event": event,
        "Content-Type": "application/json",
    }


def post(url: str, body: bytes = b"{}", headers: dict[str, str] | None = None, **options: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, data=body, headers=headers or {}, timeout=30, **options)


def get(url: str, **options: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=30, **options)

"""A broker process to be asked by hand, and proofs of every kind for it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
from servers.live import LiveServer
from servers.oauth2 import OAuth2Api

from airflow_provider_integry.authorizations.proof import ProofKey, derive_keep_alive_key, derive_key, sign_proof
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings, RawConnection, parse_connection
from broker.rig import Rig


class Installation:
    """One broker, an authorization server, and a way to ask with any proof.

    Args:
        folder: Where it keeps its files.
        service: The authorization server.
        api: Its state.
    """

    def __init__(self, folder: Path, service: LiveServer, api: OAuth2Api) -> None:
        self.service = service
        self.api = api
        self.rig = Rig(folder)
        self.pasted: list[str] = []
        self.port = 0

    @property
    def url(self) -> str:
        """URL of the provider's application."""
        return f"http://127.0.0.1:{self.port}/integry"

    def connect(self, conn_id: str, **extra: Any) -> None:
        """Make a connection with a pasted refresh token."""
        refresh_token = self.api.authorize()
        self.pasted.append(refresh_token)
        values = {"grant_type": "refresh_token", "refresh_token": refresh_token, **extra}
        self.rig.connect(conn_id, self.service.url, **values)

    def start(self, **more: str) -> int:
        """Start one more API server; the first one is asked by default."""
        port = self.rig.start_server(**more)
        self.port = self.port or port
        return port

    def post(
        self,
        path: str,
        body: object,
        proof: str | None = None,
        *,
        port: int | None = None,
        session: requests.Session | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a body, as JSON or as it is."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        if proof is not None:
            sent["Authorization"] = f"Bearer {proof}"
        url = f"http://127.0.0.1:{port or self.port}/integry{path}"
        return (session or requests).post(url, data=data, headers=sent, timeout=30)

    def ask(self, conn_id: str, end_user: str | None = None, *, proof: str | None, **more: Any) -> requests.Response:
        """Ask for a token."""
        body = {"conn_id": conn_id, **({"end_user": end_user} if end_user is not None else {})}
        return self.post("/v1/credentials", body, proof, **more)

    def grant(self, conn_id: str, *end_users: str) -> None:
        """Keep a grant for each of these end users, as a consent would."""
        tokens = {user: self.api.authorize(user=user) for user in end_users}
        self.pasted += tokens.values()
        self.rig.run(_ADD.format(conn_id=conn_id, tokens=tokens))


_ADD = """
from airflow_provider_integry.authorizations.airflow_store import local_store, read_settings
from airflow_provider_integry.authorizations.crypto import seal
from airflow_provider_integry.authorizations.grant import AuthorizationKey, GrantSecrets
from airflow_provider_integry.authorizations.subject import build_subject
from airflow_provider_integry.secret import Secret

settings = read_settings({conn_id!r})
for user, token in {tokens!r}.items():
    subject = build_subject(settings, AuthorizationKey(settings.conn_id, None, user, None))
    secrets = GrantSecrets(refresh_token=Secret(token))
    assert local_store().add(subject.key, {{
        "conn_type": subject.conn_type, "binding": subject.binding, "is_grant": True, "seed": None,
        "sealed": seal(secrets, subject.key.digest),
    }})
"""


def settings_of(installation: Installation, conn_id: str) -> ConnectionSettings:
    """Return a connection as a task has it."""
    found = installation.rig.connections[conn_id]
    columns = {"schema": None, "port": None, "login": None, "password": None, **found}
    return parse_connection(RawConnection(conn_id=conn_id, **{**columns, "extra": json.dumps(found["extra"])}))


def key_of(installation: Installation, conn_id: str) -> ProofKey:
    """Return the key of a connection's proofs."""
    return derive_key(Secret(installation.rig.installation_secret), settings_of(installation, conn_id))


def installation_key(installation: Installation) -> ProofKey:
    """Return the key for keeping grants alive."""
    return derive_keep_alive_key(Secret(installation.rig.installation_secret))


def sign(key: ProofKey, claims: dict[str, str], *, now: float | None = None, nonce: str | None = None) -> str:
    """Sign a proof that is good now."""
    return sign_proof(key, claims, now=time.time() if now is None else now, nonce=nonce or uuid4().hex)

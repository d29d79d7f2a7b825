"""The API for host applications over real HTTP, with the services of a test behind it."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import requests
import uvicorn
from fastapi import APIRouter, FastAPI
from integration.host_app import SECRETS, HostApps

from airflow_provider_integry.auth.end_user_identity import sign_identity, user_hash
from airflow_provider_integry.end_users.links import Links
from airflow_provider_integry.end_users.sessions import Sessions
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.web.headers import SafeHeaders
from airflow_provider_integry.web.public.api import routes, script

INSTALLATION = Secret("i" * 64)


class HostApi:
    """Asks the API as servers and pages of host applications do.

    Args:
        url: Where its operations are.
        apps: What is behind it.
    """

    def __init__(self, url: str, apps: HostApps) -> None:
        self.url, self.apps = url, apps
        self._session = requests.Session()
        self._session.trust_env = False

    def send(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> requests.Response:
        return self._session.request(method, f"{self.url}{path}", headers=headers, timeout=20, **more)

    def host(self, method: str, path: str, body: Any = None, *, name: str = "acme", **more: Any) -> requests.Response:
        """Ask as a server, with the app secret."""
        return self.send(method, path, by_secret(name), json=body, **more)

    def user(
        self, user_id: str, method: str, path: str, body: Any = None, *, name: str = "acme", **more: Any
    ) -> requests.Response:
        """Ask as a page, with the hash of its user."""
        headers = {"Origin": f"https://{name}.example", **by_hash(user_id, name), **more.pop("headers", {})}
        return self.send(method, path, headers, json=body, **more)


def by_secret(name: str = "acme", secret: str | None = None) -> dict[str, str]:
    pair = f"{name}:{SECRETS[name] if secret is None else secret}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def by_hash(user_id: str, name: str = "acme", secret: str | None = None) -> dict[str, str]:
    hashed = user_hash(Secret(SECRETS[name] if secret is None else secret), user_id)
    return {
        "X-Integry-App-Key": quote(name, safe=""),
        "X-Integry-User-Id": quote(user_id, safe=""),
        "X-Integry-User-Hash": hashed,
    }


def by_token(user_id: str | None, name: str = "acme", secret: str | None = None, **more: Any) -> dict[str, str]:
    given = {"now": time.time(), "unique": uuid4().hex, **more}
    token = sign_identity(name, Secret(SECRETS[name] if secret is None else secret), user_id, **given)
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def serving(apps: HostApps, more: APIRouter | None = None) -> Iterator[HostApi]:
    """Serve the API, and end with the block.

    Args:
        apps: What is behind it.
        more: Further routes below ``/integry``; connect links then lead to this server.
    """
    sessions = Sessions(lambda: INSTALLATION, apps.directory.find)
    where: list[str] = []
    links = apps.links if more is None else Links(apps.link_store, apps.directory, lambda: where[0])
    services = routes.Services(apps.service, links, apps.identities, sessions)
    app = FastAPI(openapi_url=None)
    if more is not None:
        app.include_router(more)
    app.include_router(routes.build_router(lambda: services))
    app.include_router(script.build_router())
    app.add_middleware(SafeHeaders)
    root = FastAPI(openapi_url=None)
    root.mount("/integry", app)
    server = uvicorn.Server(uvicorn.Config(root, "127.0.0.1", 0, log_level="info", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        where.append(f"http://127.0.0.1:{port}")
        yield HostApi(f"{where[0]}/integry/public/v1", apps)
    finally:
        server.should_exit = True
        thread.join()

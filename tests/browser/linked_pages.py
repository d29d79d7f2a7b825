"""Stands in for the page of a connect link: what the embedded script sees of it, and how it may go wrong."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request, Response
from integration.host_app import HostApps

from airflow_provider_integry.authorizations.steps import arun_steps
from airflow_provider_integry.end_users.links import Finished
from airflow_provider_integry.secret import Secret

BROWSER = Secret("b" * 43)
PAGE = """<!doctype html><title>Link</title><h1>Connect</h1>
<button id="tell">Connect</button><button id="silent">Connect, and say nothing</button>
<button id="lie">Lie</button><button id="deny">Deny</button>
<script>
const opener = window.opener;
for (const button of document.querySelectorAll("button")) button.onclick = async () => {
  const answer = await fetch("./end?" + button.id + "&" + location.search.slice(1), {method: "POST"});
  const {message, origin} = await answer.json();
  if (button.id === "lie") opener.postMessage({...message, link: "li_other"}, origin);
  else if (button.id !== "silent") opener.postMessage(message, origin);
  document.querySelector("h1").textContent = "Done";
};
</script>"""


def build_router(apps: HostApps) -> APIRouter:
    router = APIRouter()

    async def show() -> Response:
        return Response(PAGE, 200, {"Content-Security-Policy": "default-src 'self' 'unsafe-inline'"}, "text/html")

    async def end(request: Request) -> Response:
        finished = await _finish(apps, request.query_params["link"], is_denied="deny" in request.query_params)
        return Response(json.dumps({"message": dict(finished.message), "origin": finished.origin}))

    router.add_api_route("/public/connect", show, methods=["GET"])
    router.add_api_route("/public/end", end, methods=["POST"])
    return router


async def _finish(apps: HostApps, token: str, *, is_denied: bool) -> Finished:
    link = apps.links.claim(token, BROWSER)
    if is_denied:
        return apps.links.finish(link.id, "denied", browser_key=BROWSER)
    return await arun_steps(apps.service.enter(*apps.links.enter(link.id, BROWSER), {"password": "good-key"}))

"""Write what activities give to a server that speaks S3 (moto), as tasks and triggers do; print what became of it.

It runs with this project, Airflow, and Airflow's provider for Amazon, which is there for ``s3://``.
"""

import asyncio
import gzip
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

from moto.server import ThreadedMotoServer

PAGES, PER_PAGE, TEXT = 12, 1000, "x" * 800
CONNECTOR = """
name: lists
title: Lists
activities:
  listed: {kind: query, path: /listed, result: items, paging: {kind: cursor, param: page, cursor: next}}
  broken: {kind: query, path: /broken, result: items, paging: {kind: cursor, param: page, cursor: next}}
  picture: {kind: action, method: GET, path: /picture, answer: file}
"""
PICTURE = bytes(range(256)) * 1000


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = urlsplit(self.path)
        page = int(parse_qs(parts.query).get("page", ["1"])[0])
        items = [{"id": number, "text": TEXT} for number in range((page - 1) * PER_PAGE, page * PER_PAGE)]
        body = PICTURE
        if parts.path != "/picture":
            body = json.dumps({"items": items, "next": page + 1 if page < PAGES else None}).encode()
        self.send_response(404 if parts.path == "/broken" and page == PAGES else 200)
        self.send_header("Content-Type", "image/png" if parts.path == "/picture" else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def start(folder):
    """Start both servers and say where they are, before Airflow is imported; return a client of the storage."""
    api = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    storage = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    storage.start()
    host, port = storage.get_host_and_port()
    (folder / "lists.yaml").write_text(CONNECTOR)
    extra = {"allow_http": True, "connector": str(folder / "lists.yaml"), "max_retries": 0}
    acme = {"conn_type": "integry_api_key", "host": f"http://127.0.0.1:{api.server_port}", "password": "k"}
    os.environ["AIRFLOW_CONN_ACME"] = json.dumps({**acme, "extra": extra})
    where = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
    aws = {"conn_type": "aws", "login": "key", "password": "secret", "extra": where}
    os.environ["AIRFLOW_CONN_STORAGE"] = json.dumps(aws)

    import boto3

    client = boto3.client("s3", aws_access_key_id="key", aws_secret_access_key="secret", **where)
    client.create_bucket(Bucket="lake")
    return client


def run(activity, path, *, try_number=1, run_id="r", deferrable=False):
    from airflow.sdk.exceptions import TaskDeferred

    from airflow_provider_integry.operators.activity import IntegryActivityOperator

    operator = IntegryActivityOperator(
        task_id="t",
        integry_conn_id="acme",
        activity=activity,
        output_path=f"s3://storage@lake/{path}",
        deferrable=deferrable,
    )
    task = SimpleNamespace(dag_id="d", run_id=run_id, task_id="t", map_index=-1, max_tries=3, try_number=try_number)
    try:
        return operator.execute({"ti": task})
    except TaskDeferred as deferred:
        return operator.execute_complete({"ti": task}, fire(deferred.trigger))


def fire(trigger):
    async def first():
        return (await anext(trigger.run())).payload

    return asyncio.run(first())


def main():
    client = start(Path(sys.argv[1]))

    from airflow_provider_integry.hooks.parts import Owner, name_part

    def names(prefix):
        found = client.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])
        return sorted(one["Key"].removeprefix(prefix) for one in found)

    def read(key):
        return client.get_object(Bucket="lake", Key=key)["Body"].read()

    def ids(text):
        return [json.loads(line)["id"] for line in text.splitlines()] == list(range(PAGES * PER_PAGE))

    def part(run_id, try_number, name="items.jsonl"):
        task = SimpleNamespace(dag_id="d", run_id=run_id, task_id="t", map_index=-1, try_number=try_number)
        return name_part(name, Owner.of_task({"ti": task}))

    result = {}
    for kind, is_deferrable in (("task", False), ("trigger", True)):
        summary = run("listed", f"{kind}/items.jsonl", deferrable=is_deferrable)
        text = read(f"{kind}/items.jsonl")
        result[kind] = [summary["records"], summary["bytes"] == len(text), ids(text), names(f"{kind}/")]
    run("listed", "packed/items.jsonl.gz")
    result["packed"] = [ids(gzip.decompress(read("packed/items.jsonl.gz"))), names("packed/")]
    summary = run("picture", "picture/a.png")
    result["picture"] = [summary["content_type"], read("picture/a.png") == PICTURE, names("picture/")]
    try:
        run("broken", "broken/items.jsonl")
    except Exception as error:  # noqa: BLE001 - it is told
        result["broken"] = [type(error).__name__, str(error), names("broken/")]
    left = [part("r", 1), part("r", 2), part("r", 3), part("another", 1), part("r", 1, "items.jsonl.gz")]
    for name in left:
        client.put_object(Bucket="lake", Key=f"left/{name}", Body=b"half")
    run("listed", "left/items.jsonl", try_number=3)
    result["left"] = [names("left/"), sorted([*left[2:], "items.jsonl"])]
    run("listed", "left/items.jsonl", try_number=3, deferrable=True)
    result["left by a triggerer"] = [names("left/"), sorted([*left[3:], "items.jsonl"])]
    print("RESULT" + json.dumps(result), flush=True)
    # Servers and loops of libraries are of no interest any more.
    os._exit(0)


if __name__ == "__main__":
    main()

"""Ask one real API server for kept credentials, and for connections as Airflow's tasks do.

``broker_probe.py ROUNDS CLIENTS REQUESTS PARALLEL WAITING_S``, in a process with Airflow's database.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from api_server import ApiServer, TokenEndpoint, add_connection, make_task_token, proof_maker, serving_airflow
from keep_alive import KeepAliveClient, build_request, clients, load, percentile

WARM_UP = 200
TURN = 160
PAUSE_S = 0.02
WAITING_ROUNDS = 3


def main() -> None:
    """Measure throughput, then parallel reads, then what others notice while requests wait."""
    rounds, count, requests, parallel = map(int, sys.argv[1:5])
    waiting_s = float(sys.argv[5])
    with serving_airflow() as server, TokenEndpoint() as endpoint:
        port = server.port
        url = f"http://127.0.0.1:{endpoint.server_port}"
        add_connection("fresh", url)
        add_connection("slow", url)
        found: dict[str, Any] = {"load": asyncio.run(measure(server, rounds, count, requests))}
        found["parallel"] = asyncio.run(read_in_parallel(port, endpoint, parallel))
        endpoint.latency_s = waiting_s
        found["waiting"] = asyncio.run(look_while_waiting(port, endpoint, parallel, waiting_s))
    print(json.dumps(found))


def credentials_of(conn_id: str) -> Callable[[], bytes]:
    """Return what builds requests for the token of a connection."""
    make_proof = proof_maker(conn_id)
    return lambda: build_request("POST", "/integry/v1/credentials", make_proof(), {"conn_id": conn_id})


async def measure(server: ApiServer, rounds: int, count: int, requests: int) -> dict[str, Any]:
    """Let both endpoints answer in short turns; return seconds per round, of the clock and of the server's CPU."""
    theirs = build_request("GET", "/execution/connections/fresh", make_task_token())
    contenders = {"ours": credentials_of("fresh"), "execution": lambda: theirs}
    found: dict[str, dict[str, list[float]]] = {name: {"wall": [], "cpu": [], "p99": []} for name in contenders}
    with clients(server.port, count) as pool:
        for build in contenders.values():
            _, _, statuses = await load(pool, build, WARM_UP)
            assert set(statuses) == {200}, statuses
        for _ in range(rounds):
            for name, values in (await measure_round(server, pool, contenders, requests)).items():
                for clock, value in values.items():
                    found[name][clock].append(value)
    return found


async def measure_round(
    server: ApiServer, pool: list[KeepAliveClient], contenders: dict[str, Callable[[], bytes]], requests: int
) -> dict[str, dict[str, float]]:
    """Send so many requests as each: what disturbs the machine meanwhile disturbs both alike."""
    spent = {name: [0.0, 0.0] for name in contenders}
    all_times: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    for _ in range(requests // TURN):
        for name in order:
            before = server.cpu_s
            elapsed_s, times, statuses = await load(pool, contenders[name], TURN)
            assert set(statuses) == {200}, statuses
            spent[name][0] += elapsed_s
            spent[name][1] += server.cpu_s - before
            all_times[name] += times
        order.reverse()
    return {
        name: {"wall": wall, "cpu": cpu, "p99": percentile(all_times[name], 0.99)}
        for name, (wall, cpu) in spent.items()
    }


async def read_in_parallel(port: int, endpoint: TokenEndpoint, parallel: int) -> dict[str, Any]:
    """Read one fresh credential over so many connections at once."""
    before = endpoint.count
    with clients(port, parallel) as pool:
        elapsed_s, times, statuses = await load(pool, credentials_of("fresh"), parallel)
    return {
        "elapsed_s": elapsed_s,
        "p99_s": percentile(times, 0.99),
        "statuses": statuses,
        "token_requests": endpoint.count - before,
    }


async def look_while_waiting(port: int, endpoint: TokenEndpoint, waiting: int, waiting_s: float) -> dict[str, Any]:
    """Ask for Airflow's version, alone and while requests wait for a slow token endpoint."""
    found: dict[str, Any] = {"idle_s": [], "busy_s": [], "token_requests": [], "tokens": []}
    build = credentials_of("slow")
    for number in range(WAITING_ROUNDS):
        if number:
            expire("slow")
        found["idle_s"].append(percentile(await look(port, time.monotonic() + waiting_s), 0.95))
        before = endpoint.count
        asking = [asyncio.create_task(ask_on(port, build)) for _ in range(waiting)]
        busy = await look(port, time.monotonic() + waiting_s)
        found["busy_s"].append(percentile(busy, 0.95))
        found["tokens"].append(len(set(await asyncio.gather(*asking))))
        found["token_requests"].append(endpoint.count - before)
    return found


async def look(port: int, until: float) -> list[float]:
    """Ask for the version now and then; return the seconds of each answer."""
    request, client = build_request("GET", "/api/v2/version"), KeepAliveClient(port)
    times = []
    while time.monotonic() < until:
        started = time.perf_counter()
        status, _ = await client.send(request)
        times.append(time.perf_counter() - started)
        assert status == 200, status
        await asyncio.sleep(PAUSE_S)
    client.close()
    return times


async def ask_on(port: int, build: Callable[[], bytes]) -> str:
    """Ask until there is a token, as a task does."""
    client = KeepAliveClient(port)
    while True:
        status, body = await client.send(build())
        if status == 200:
            client.close()
            return str(json.loads(body)["access_token"])
        assert status == 503, body


def expire(conn_id: str) -> None:
    """Let the kept token of a connection be past its end."""
    from airflow import settings
    from sqlalchemy import update

    from airflow_provider_integry.authorizations.tables import authorization as table

    past = {"expires_at": 1.0, "advise_at": 1.0, "require_at": 1.0}
    with settings.engine.begin() as connection:
        connection.execute(update(table).where(table.c.conn_id == conn_id).values(**past))


if __name__ == "__main__":
    main()

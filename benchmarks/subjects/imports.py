"""What it costs to import our operator and sensor, beyond what every DAG file costs anyway."""

from __future__ import annotations

from typing import Any

from comparison import Plan, Row, Samples, Subject, Target
from processes import sandbox

OURS = "airflow_provider_integry.operators.activity,airflow_provider_integry.sensors.authorization"
THEIRS = "airflow.providers.http.operators.http"
LIMIT_MS = 20.0


def measure(plan: Plan) -> Subject:
    """Import each in fresh processes, in turns."""
    found: dict[str, list[dict[str, Any]]] = {OURS: [], THEIRS: []}
    provider_info: dict[str, list[dict[str, Any]]] = {"airflow_provider_integry": [], "airflow/providers/http": []}
    with sandbox() as box:
        for turn in range(plan.rounds + 1):
            for modules, samples in found.items():
                sample = box.run("import_probe", modules)
                # The first one compiles to byte code and makes Airflow's home.
                if turn:
                    samples.append(sample)
            for package, samples in provider_info.items():
                sample = box.run("provider_info_probe", package)
                if turn:
                    samples.append(sample)

    def samples(name: str, modules: str, clock: str) -> Samples:
        return Samples(name, [sample[f"{clock}_ms"] for sample in found[modules]], "ms")

    rows = [
        Row(
            f"import, {label}",
            samples("ours", OURS, clock),
            samples("HTTP provider", THEIRS, clock),
            Target(LIMIT_MS, "value"),
        )
        for label, clock in (("CPU", "cpu"), ("wall", "wall"))
    ]
    info = [[sample["cpu_ms"] for sample in samples] for samples in provider_info.values()]
    rows.append(
        Row("provider info, CPU", Samples("ours", info[0], "ms"), Samples("HTTP provider", info[1], "ms")),
    )
    return Subject(
        "Import of operator and sensor after `import airflow.sdk` with BaseOperator and BaseSensorOperator touched",
        rows,
        [
            f"A imports {OURS.replace(',', ' and ')}; B {THEIRS}; a fresh process each, byte code cached",
            (
                "provider info: get_provider_info() of each, which `import airflow.sdk` has called already (it belongs"
                " to Airflow's own start: once a process that is not forked)"
            ),
            f"heavy modules there already with airflow.sdk: {_names(found[OURS][0]['heavy_before'])}",
            f"A adds {found[OURS][0]['added']} modules; heavy ones: {_names(found[OURS][0]['heavy_added'])}",
            f"B adds {found[THEIRS][0]['added']} modules; heavy ones: {_names(found[THEIRS][0]['heavy_added'])}",
        ],
    )


def _names(names: list[str]) -> str:
    return ", ".join(names) or "none"

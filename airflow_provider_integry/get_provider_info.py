"""What Airflow is told about this provider, generated from the tables; imports nothing heavy."""

from __future__ import annotations

from typing import Any

from airflow_provider_integry import __version__
from airflow_provider_integry.connection_fields import Field
from airflow_provider_integry.connection_types import ALL_CONNECTION_TYPES, ConnectionType

PACKAGE = "airflow-provider-integry"
_INTEGRATION = "Integry"
_STANDARD_FIELDS = ("host", "port", "schema", "login", "password", "extra")
_JSON_TYPES = {"integer": "integer", "number": "number", "boolean": "boolean"}

OPTIONS: dict[str, dict[str, Any]] = {
    "connectors_folder": {
        "description": (
            "Folder with connector files. A connection or task that names connector `crm` uses `crm.yaml` in it."
            " It must exist on every machine that runs tasks."
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "/opt/airflow/connectors",
        "default": "",
    },
    "max_xcom_bytes": {
        "description": (
            "Most bytes, counted as JSON, that an activity returns through XCom. A larger result is refused with"
            " the advice to set `output_path`, which streams it to object storage."
        ),
        "version_added": "0.1.0",
        "type": "integer",
        "example": None,
        "default": "1048576",
    },
    "api_url": {
        "description": (
            "URL of the API server as tasks and triggers reach it, without `/integry`. Empty: taken from"
            " `[core] execution_api_server_url`, then `[api] base_url`, then http://localhost:8080. Set it where the"
            " execution API is served by other processes than the rest (`airflow api-server --apps`)."
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "http://airflow-api-server:8080",
        "default": "",
    },
    "wait_s": {
        "description": "Seconds that a task waits for a token that somebody else is renewing.",
        "version_added": "0.1.0",
        "type": "float",
        "example": None,
        "default": "60",
    },
    "defer_wait_s": {
        "description": (
            "When an API asks for a longer wait than this, in seconds, a task with `deferrable` gives its worker slot"
            " back, and begins its activity again after that time."
        ),
        "version_added": "0.1.0",
        "type": "float",
        "example": None,
        "default": "30",
    },
    "journal_folder": {
        "description": (
            "Folder, on a disk that survives the API server, for grants that have arrived and are not stored yet;"
            " encrypted. API servers on several machines should share it. Empty: `integry_journal` in AIRFLOW_HOME."
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "/var/lib/airflow/integry_journal",
        "default": "",
    },
    "public_url": {
        "description": (
            "URL at which services reach `/integry/public/` of the API server, for webhooks; a proxy may offer that"
            " prefix alone on another host. Empty: `[api] base_url`."
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "https://hooks.example.com",
        "default": "",
    },
    "workspaces": {
        "description": (
            "Ids of workspace connections, separated by commas, that are kept in a secrets backend. Those in Airflow's"
            " database and in the environment of the API servers are found without it."
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "acme_workspace",
        "default": "",
    },
    "api_requests_per_minute": {
        "description": (
            "Most requests in a minute that each API server takes of one host application; 0 for no limit. The API for"
            " host applications answers 429 to more."
        ),
        "version_added": "0.2.0",
        "type": "integer",
        "example": None,
        "default": "3000",
    },
    "api_user_requests_per_minute": {
        "description": "The same for one end user of a host application, whose requests come from a browser.",
        "version_added": "0.2.0",
        "type": "integer",
        "example": None,
        "default": "120",
    },
    "api_address_requests_per_minute": {
        "description": (
            "The same for one address, or one IPv6 network of 64 bits, whoever asks. Behind a proxy all addresses are"
            " the proxy's, unless the API server is told to trust what it says of them (FORWARDED_ALLOW_IPS)."
        ),
        "version_added": "0.2.0",
        "type": "integer",
        "example": None,
        "default": "6000",
    },
    "max_webhook_bytes": {
        "description": "Most bytes of one delivery of a webhook. A larger one is refused before it is read.",
        "version_added": "0.1.0",
        "type": "integer",
        "example": None,
        "default": "1048576",
    },
    "webhook_event_bytes": {
        "description": (
            "Most bytes of a payload, as JSON, that goes into the asset event. A larger one is kept, and"
            " `webhook_events` fetches it."
        ),
        "version_added": "0.1.0",
        "type": "integer",
        "example": None,
        "default": "16384",
    },
    "webhook_days": {
        "description": "Days for which deliveries of webhooks are kept, and for which a replay of one is known.",
        "version_added": "0.1.0",
        "type": "integer",
        "example": None,
        "default": "30",
    },
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description as Airflow's schemas have it."""
    return {
        "package-name": PACKAGE,
        "name": "Integry",
        "description": "APIs that need a key, a signature, a login or somebody's consent, as connections and tasks.",
        "state": "ready",
        "source-date-epoch": 1795305600,
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://docs.integry.io/",
                "tags": ["service"],
            }
        ],
        "hooks": [_modules("hooks.integry", "hooks.typed", "hooks.workspace")],
        "operators": [_modules("operators.activity", "operators.request")],
        "sensors": [_modules("sensors.activity", "sensors.authorization")],
        "extra-links": ["airflow_provider_integry.links.AuthorizeLink"],
        "triggers": [
            _modules("triggers.activity", "triggers.authorization", "triggers.poll", "triggers.waiting"),
        ],
        "connection-types": [_build_connection_type(item) for item in ALL_CONNECTION_TYPES],
        "task-decorators": [
            {"name": "integry", "class-name": f"{__package__}.decorators.integry.integry_task"},
        ],
        "cli": [f"{__package__}.cli.get_commands"],
        "db-managers": [f"{__package__}.authorizations.manager.IntegryDBManager"],
        "config": {
            "integry": {
                "description": "Options of the Integry provider.",
                "options": OPTIONS,
            }
        },
    }


def _modules(*names: str) -> dict[str, Any]:
    return {
        "integration-name": _INTEGRATION,
        "python-modules": [f"airflow_provider_integry.{name}" for name in names],
    }


def _build_connection_type(item: ConnectionType) -> dict[str, Any]:
    standard = [entry for entry in item.fields if entry.column]
    extras = [entry for entry in item.fields if not entry.column]
    used = {entry.column for entry in standard}
    return {
        "connection-type": item.name,
        "hook-class-name": item.hook_class_name,
        "hook-name": item.label,
        "ui-field-behaviour": {
            "hidden-fields": [name for name in _STANDARD_FIELDS if name not in used],
            "relabeling": {str(entry.column): _label(entry) for entry in standard},
            "placeholders": {str(entry.column): entry.placeholder for entry in standard if entry.placeholder},
        },
        "conn-fields": {entry.name: _build_field(entry) for entry in extras},
    }


def _build_field(item: Field) -> dict[str, Any]:
    """Return one extra field; ``string`` without ``null`` is what Airflow's form takes for required.

    It has no ``default``: as soon as one field is changed, Airflow's form saves the defaults of all others as if
    they had been typed, and what a connector knows about a field counts only where the connection leaves it empty.

    An object is asked for as JSON text: inside a real object, Airflow masks keys such as ``password``, whatever
    they hold, and what it shows as ``***`` nobody can edit. Text it leaves alone.
    """
    kind = _JSON_TYPES.get(item.kind, "string")
    schema: dict[str, Any] = {"type": kind if item.required else [kind, "null"]}
    if item.is_secret:
        schema["format"] = "password"
    if item.kind == "object":
        # Nobody types a boolean. A second type makes the form of Airflow 3.3 show the real objects of imported
        # connections as JSON, in place of "[object Object]"; with "object" as that type it would store objects.
        schema.update(type=[kind, "boolean", "null"], format="multiline")
    if item.choices:
        schema["enum"] = list(item.choices)
    if item.section:
        schema["section"] = item.section
    if item.minimum is not None:
        schema["minimum"] = item.minimum
    if item.required:
        schema["minLength"] = 1
    return {"label": item.label, "description": _describe(item), "schema": schema}


def _label(item: Field) -> str:
    """Return the label of a standard field, which Airflow's form can neither mark as required nor explain."""
    if item.required:
        return f"{item.label} (required)"
    return f"{item.label} (for {item.required_when[1]})" if item.required_when else item.label


def _describe(item: Field) -> str:
    """Return the help text with default and example in it: Airflow's form shows no placeholder in an extra field."""
    empty = f" Empty: {_show(item.default)}." if item.default not in (None, False) else ""
    example = f" Example: {item.placeholder}" if item.placeholder else ""
    return f"{item.description}{empty}{example}"


def _show(default: Any) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default)

"""The operation that names the account behind a credential: guessed from its path."""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_integry.connectors.openapi.operations import read_operation
from airflow_provider_integry.connectors.openapi.refs import References, UnresolvedError
from airflow_provider_integry.connectors.openapi.results import list_fields
from airflow_provider_integry.connectors.openapi.schemas import Schemas

# In the order of how sure they are.
_PATHS = tuple(
    re.compile(pattern)
    for pattern in (
        r"/(v\d[\d.]*/)?(users?/)?(me|myself|self|whoami)$",
        r"/(v\d[\d.]*/)?(api/)?(auth\.test|oauth/userinfo|userinfo|user_info|profile|user|account)$",
        r".*/(me|myself|whoami|userinfo)$",
    )
)
_IDS = ("id", "gid", "uuid", "uid", "accountid", "userid", "account", "sub")
_NAMES = ("email", "login", "username", "displayname", "name", "emailaddress", "fullname", "user")


def guess_user_info(refs: References, schemas: Schemas, prefix: str) -> dict[str, Any] | None:
    """Return the key `user_info` of a connector; None when no operation looks like it."""
    paths = refs.document["paths"]
    for pattern in _PATHS:
        for path in sorted(paths, key=len):
            if "{" not in str(path) and pattern.fullmatch(str(path).rstrip("/").lower()):
                found = _read(refs, schemas, str(path), prefix)
                if found is not None:
                    return found
    return None


def _read(refs: References, schemas: Schemas, path: str, prefix: str) -> dict[str, Any] | None:
    try:
        item = refs.mapping(refs.document["paths"][path])
        if not isinstance(item.get("get"), dict):
            return None
        operation = read_operation(refs, path, "get", item, item["get"])
    except UnresolvedError:
        return None
    if operation.servers or any(one.is_required and one.place == "query" for one in operation.parameters):
        return None
    fields = list_fields(schemas, operation.answer, 2)
    plain = {one.name: one.expression for one in reversed(fields) if _is_scalar(one.schema)}
    ids = [plain[name] for name in _IDS if name in plain]
    names = [plain[name] for name in _NAMES if name in plain]
    if not ids and not names:
        return None
    return {
        "path": f"{prefix}{path}",
        **({"id": ids[0]} if ids else {}),
        **({"name": names[0]} if names else {}),
    }


def _is_scalar(schema: dict[str, Any]) -> bool:
    return schema.get("type") not in ("object", "array") and "properties" not in schema

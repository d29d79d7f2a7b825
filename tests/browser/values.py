"""What is typed into the forms: a value for every field, other than its default."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from airflow_provider_integry.connection_fields import Field
from airflow_provider_integry.connection_types import ConnectionType

# Printable ASCII that JSON, HTML, URLs and shells would each change if somebody encoded it once too often.
AWKWARD = "-\"'\\<b>&amp;%20+/={}*"
TEXTS = {
    "connector": "crm",
    "user_info_url": "/me?x=1&y=%20z",
    "account_name_path": 'data."the name"',
    "user_agent": 'tests/1.0 (+https://example.com; "quoted" \\ <b>)',
    "scopes": "contacts.read,contacts.write",
    "allowed_hosts": "files.example.com other.example.com:8443",
    "expired_statuses": "403, 419",
    "expired_when": 'error.code == `190` && "a key"',
    "login_url": "/auth/token",
    "string_to_sign": '{timestamp}\\n{method} {path_and_query} "{body}"',
    "resource": "urn:example:käse",
}
OBJECTS = {
    "headers": {"Accept-Language": "en, de;q=0.5", "X-Quote": 'a "b" \\ {c}'},
    "sign_headers": {"X-Key": "{key}", "X-Signature": "v1={signature}"},
    "assertion_claims": {"tenant": "ä", "admin": True, "roles": ["a", {"b": None}], "n": 1.5},
    "exchange_headers": {"X-App": "1"},
    "param_names": {"client_id": "app_key", "scope": ""},
    "signed_callback": {"parameter": "hmac", "hash": "sha512", "encoding": "base64url"},
    "kept_values": {"instance_url": 'answer."the url"', "realm": "callback.realmId"},
    "login_body": {"user": "{username}", "password": "{password}"},
}
# Secrets of a form of their own; every other secret is any text.
SECRETS = {
    "proxy_url": "http://u:p%40ss@proxy.example.com:3128",
    "secret_headers": '{"X-Second-Key": "a \\"b\\" %20+/="}',
}
# Choices that make the parser read the fields which are left aside otherwise.
CHOICES = {
    "integry_oauth1": {"signature_method": "RSA-SHA256"},
    "integry_oauth2": {"grant_type": "refresh_token", "client_auth": "private_key_jwt"},
    "integry_api_key_secret": {"pair_style": "hmac", "key_encoding": "text"},
    "integry_jwt": {"jwt_source": "sign", "algorithm": "RS256"},
}


def build_values(conn_type: ConnectionType) -> dict[str, Any]:
    """Return a value for every field of a type, by name: its example's where that has one."""
    example = {**conn_type.example, **conn_type.example.get("extra", {}), **CHOICES.get(conn_type.name, {})}
    return {field.name: _build(field, example) for field in conn_type.fields}


def _build(field: Field, example: Mapping[str, Any]) -> Any:
    if field.name == "private_key":
        return _build_pem()
    value = example.get(field.name)
    if field.is_secret:
        return SECRETS.get(field.name) or (value or f"{field.name}-value") + AWKWARD
    return _invent(field) if value is None else value


def _invent(field: Field) -> Any:
    match field.kind:
        case "boolean":
            return not field.default
        case "integer":
            return (field.default or 0) + 7
        case "number":
            return (field.default or 0) + 2.5
        case "choice":
            return next(choice for choice in field.choices if choice != field.default)
        case "object":
            # As somebody types it: over several lines.
            return json.dumps(OBJECTS.get(field.name, {"name": "value"}), ensure_ascii=False, indent=2)
        case "url":
            return f"https://{field.name.replace('_', '-')}.example.com/a%20b"
    if field.name.endswith("_path"):
        return TEXTS.get(field.name, "data.item")
    return TEXTS.get(field.name, f"{field.name}-value".replace("_", "-"))


@cache
def _build_pem() -> str:
    """Return a private key as the forms want it: on one line."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode().strip().replace("\n", "\\n")

"""The one table of connection types: what each form asks for, which of it is secret, and examples.

Everything that must agree is generated from here: Airflow's forms (`get_provider_info.py`), the
parser (`settings.py`), the reference documentation and the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_integry.connection_fields import (
    ADVANCED_FIELDS,
    BASIC_FIELDS,
    CONNECTOR_FIELD,
    KEY_FIELDS,
    Field,
    base_url_field,
)
from airflow_provider_integry.end_user_fields import END_USER_FIELDS, WORKSPACE_FIELDS
from airflow_provider_integry.mechanism_fields import JWT_FIELDS, OAUTH1_FIELDS, OAUTH2_FIELDS
from airflow_provider_integry.pair_fields import PAIR_FIELDS

_COMMON_FIELDS: tuple[Field, ...] = (*ADVANCED_FIELDS, *END_USER_FIELDS)
STANDARD_FIELDS = ("host", "port", "schema", "login", "password", "extra")


@dataclass(frozen=True)
class ConnectionType:
    """One authentication mechanism as an Airflow connection type.

    Attributes:
        name: `conn_type` in Airflow.
        label: Name in Airflow's list of types.
        summary: One sentence for the documentation.
        hook: Name of the hook class in `module`.
        fields: Its form, in order.
        example: A complete connection as ``airflow connections`` takes it, with made-up credentials.
        module: Module of `hooks` that has the hook class.
    """

    name: str
    label: str
    summary: str
    hook: str
    fields: tuple[Field, ...]
    example: Mapping[str, Any] = field(default_factory=dict)
    module: str = "typed"

    @property
    def hook_class_name(self) -> str:
        """Dotted path of the hook class."""
        return f"airflow_provider_integry.hooks.{self.module}.{self.hook}"

    @property
    def fields_by_name(self) -> dict[str, Field]:
        """Fields by name."""
        return {item.name: item for item in self.fields}


CONNECTION_TYPES: tuple[ConnectionType, ...] = (
    ConnectionType(
        "integry_oauth1",
        "Integry OAuth 1.0a",
        "Each request is signed with the application's and the account's secrets (RFC 5849).",
        "IntegryOAuth1Hook",
        (
            base_url_field(required=False),
            CONNECTOR_FIELD,
            *OAUTH1_FIELDS,
            *_COMMON_FIELDS,
        ),
        {
            "conn_type": "integry_oauth1",
            "host": "https://api.example.com/1.1",
            "extra": {
                "consumer_key": "example-consumer",
                "consumer_secret": "example-consumer-secret",
                "oauth_token": "example-token",
                "oauth_token_secret": "example-token-secret",
            },
        },
    ),
    ConnectionType(
        "integry_oauth2",
        "Integry OAuth 2.0",
        "Short-lived access tokens, fetched and refreshed at the service's token endpoint (RFC 6749).",
        "IntegryOAuth2Hook",
        (
            base_url_field(required=False),
            CONNECTOR_FIELD,
            *OAUTH2_FIELDS,
            *_COMMON_FIELDS,
        ),
        {
            "conn_type": "integry_oauth2",
            "host": "https://api.example.com/v1",
            "extra": {
                "grant_type": "client_credentials",
                "client_id": "example-client",
                "client_secret": "example-client-secret",
                "exchange_url": "https://auth.example.com/oauth/token",
                "scopes": "contacts.read contacts.write",
            },
        },
    ),
    ConnectionType(
        "integry_api_key",
        "Integry API key",
        "One key in a header, the query or a cookie.",
        "IntegryApiKeyHook",
        (base_url_field(required=False), CONNECTOR_FIELD, *KEY_FIELDS, *_COMMON_FIELDS),
        {
            "conn_type": "integry_api_key",
            "host": "https://api.example.com/v1",
            "password": "example-api-key",
            "extra": {"key_name": "X-Api-Key"},
        },
    ),
    ConnectionType(
        "integry_api_key_secret",
        "Integry API key and secret",
        "A key and a secret, as two headers or as a Basic pair.",
        "IntegryApiKeySecretHook",
        (
            base_url_field(required=False),
            CONNECTOR_FIELD,
            *PAIR_FIELDS,
            *_COMMON_FIELDS,
        ),
        {
            "conn_type": "integry_api_key_secret",
            "host": "https://api.example.com/v1",
            "extra": {"api_key": "example-api-key", "api_secret": "example-api-secret"},
        },
    ),
    ConnectionType(
        "integry_api_key_url",
        "Integry API key with URL",
        "One key for an API whose URL belongs to the account.",
        "IntegryApiKeyUrlHook",
        (base_url_field(required=True), CONNECTOR_FIELD, *KEY_FIELDS, *_COMMON_FIELDS),
        {
            "conn_type": "integry_api_key_url",
            "host": "https://acme.example.com/api",
            "password": "example-api-key",
        },
    ),
    ConnectionType(
        "integry_jwt",
        "Integry JWT",
        "A JSON Web Token, signed here or fetched from a login endpoint.",
        "IntegryJwtHook",
        (
            base_url_field(required=False),
            CONNECTOR_FIELD,
            *JWT_FIELDS,
            *_COMMON_FIELDS,
        ),
        {
            "conn_type": "integry_jwt",
            "host": "https://api.example.com/v1",
            "extra": {
                "jwt_source": "sign",
                "private_key": "example-signing-key-of-at-least-32-bytes",
                "issuer": "example-issuer",
            },
        },
    ),
    ConnectionType(
        "integry_basic",
        "Integry Basic",
        "User name and password with every request (RFC 7617).",
        "IntegryBasicHook",
        (base_url_field(required=False), CONNECTOR_FIELD, *BASIC_FIELDS, *_COMMON_FIELDS),
        {
            "conn_type": "integry_basic",
            "host": "https://api.example.com/v1",
            "login": "ada@example.com",
            "password": "example-password",
        },
    ),
    ConnectionType(
        "integry_basic_url",
        "Integry Basic with URL",
        "User name and password for an API whose URL belongs to the account.",
        "IntegryBasicUrlHook",
        (base_url_field(required=True), CONNECTOR_FIELD, *BASIC_FIELDS, *_COMMON_FIELDS),
        {
            "conn_type": "integry_basic_url",
            "host": "https://acme.example.com/api",
            "login": "ada@example.com",
            "password": "example-password",
        },
    ),
)

# No API: it has no credential to sign with, no activities and no authorizations of its own.
WORKSPACE_TYPE = ConnectionType(
    "integry_workspace",
    "Integry workspace",
    "A host application whose users connect accounts of their own: its key and secret, its addresses, its looks.",
    "IntegryWorkspaceHook",
    WORKSPACE_FIELDS,
    {
        "conn_type": "integry_workspace",
        "login": "acme-app",
        "password": "example-app-secret-of-at-least-32-characters",
        "extra": {
            "login_url": "https://app.example.com/login",
            "return_urls": "https://app.example.com/integrations",
            "allowed_origins": "https://app.example.com",
            "brand_name": "Acme",
        },
    },
    "workspace",
)
ALL_CONNECTION_TYPES: tuple[ConnectionType, ...] = (*CONNECTION_TYPES, WORKSPACE_TYPE)

CONNECTION_TYPES_BY_NAME: Mapping[str, ConnectionType] = {item.name: item for item in CONNECTION_TYPES}

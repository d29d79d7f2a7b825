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
    HEADER_FIELDS,
    HMAC_FIELDS,
    KEY_FIELDS,
    Field,
    base_url_field,
)

STANDARD_FIELDS = ("host", "port", "schema", "login", "password", "extra")


@dataclass(frozen=True)
class ConnectionType:
    """One authentication mechanism as an Airflow connection type.

    Attributes:
        name: `conn_type` in Airflow.
        label: Name in Airflow's list of types.
        summary: One sentence for the documentation.
        hook: Name of the hook class in `hooks.integry`.
        fields: Its form, in order.
        example: A complete connection as ``airflow connections`` takes it, with made-up credentials.
    """

    name: str
    label: str
    summary: str
    hook: str
    fields: tuple[Field, ...]
    example: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hook_class_name(self) -> str:
        """Dotted path of the hook class."""
        return f"airflow_provider_integry.hooks.integry.{self.hook}"

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
            Field(
                "consumer_key",
                "Consumer key",
                "Identifies your application; also called API key or client identifier.",
                required=True,
            ),
            Field("consumer_secret", "Consumer secret", "Your application's secret.", "secret"),
            Field(
                "oauth_token",
                "Access token",
                "The account's token. Empty: requests are signed with the application's secrets alone (two-legged).",
                "secret",
            ),
            Field("oauth_token_secret", "Access token secret", "The account's token secret.", "secret"),
            Field(
                "signature_method",
                "Signature method",
                "How the API wants requests signed.",
                "choice",
                choices=(
                    "HMAC-SHA1",
                    "HMAC-SHA256",
                    "HMAC-SHA512",
                    "RSA-SHA1",
                    "RSA-SHA256",
                    "RSA-SHA512",
                    "PLAINTEXT",
                ),
                default="HMAC-SHA1",
            ),
            Field(
                "private_key",
                "Private key",
                "PEM, for the RSA methods only. On one line, with literal \\n, or base64-encoded.",
                "secret",
            ),
            Field("realm", "Realm", "Sent in the header where the API asks for one.", placeholder="123456_SB1"),
            Field(
                "placement",
                "Parameters go into",
                "Where the API wants the signature. 'body' is for APIs that take forms.",
                "choice",
                choices=("header", "query", "body"),
                default="header",
            ),
            Field(
                "body_hash",
                "Body hash",
                "Sign a hash of a body that is no form (oauth_body_hash), where the API asks for it.",
                "boolean",
                default=False,
            ),
            *ADVANCED_FIELDS,
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
            Field(
                "grant_type",
                "Grant type",
                "client_credentials: the application acts for itself. refresh_token: it acts for an account whose"
                " refresh token is pasted below.",
                "choice",
                choices=("client_credentials", "refresh_token"),
                default="client_credentials",
            ),
            Field("client_id", "Client id", "Identifies your application.", required=True),
            Field("client_secret", "Client secret", "Your application's secret. Empty for public clients.", "secret"),
            Field(
                "exchange_url",
                "Token endpoint",
                "URL where tokens are fetched.",
                "url",
                required=True,
                placeholder="https://auth.example.com/oauth/token",
            ),
            Field(
                "refresh_url",
                "Refresh endpoint",
                "URL where tokens are refreshed, where that is another one. Empty: the token endpoint.",
                "url",
            ),
            Field(
                "refresh_token",
                "Refresh token",
                "For grant type refresh_token: the token that the service gave you for the account.",
                "secret",
                required_when=("grant_type", "refresh_token"),
            ),
            Field(
                "scopes",
                "Scopes",
                "What is asked for, separated by spaces or commas.",
                "list",
                placeholder="contacts.read contacts.write",
            ),
            Field(
                "scope_separator",
                "Scope separator",
                "What the service wants between scopes.",
                "choice",
                choices=("space", "comma", "plus"),
                default="space",
            ),
            Field(
                "client_auth",
                "Client authentication",
                "How the token endpoint wants id and secret: as Basic header, in the body, or no secret at all.",
                "choice",
                choices=("client_secret_basic", "client_secret_post", "none"),
                default="client_secret_basic",
            ),
            Field(
                "basic_encoding",
                "Basic encoding",
                "rfc6749 percent-encodes id and secret first, as the standard says; raw does not, as many want.",
                "choice",
                choices=("rfc6749", "raw"),
                default="rfc6749",
            ),
            Field(
                "exchange_format",
                "Request format",
                "Body of the token request.",
                "choice",
                choices=("form", "json"),
                default="form",
            ),
            Field("audience", "Audience", "Sent as 'audience' where the service asks for it."),
            Field("resource", "Resource", "Sent as 'resource' where the service asks for it (RFC 8707)."),
            Field(
                "exchange_params",
                "Further parameters",
                "Further parameters of the token request, as a JSON object. No secrets here: this field is shown.",
                "object",
            ),
            Field(
                "answer_path",
                "Token path",
                "JMESPath of the access token in the answer, where it is in an unusual place.",
                placeholder="data.access_token",
            ),
            Field(
                "lifetime_s",
                "Lifetime (seconds)",
                "How long a token lives when the answer does not tell. Empty: until the API refuses it.",
                "number",
                minimum=1,
            ),
            *HEADER_FIELDS,
            *ADVANCED_FIELDS,
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
        (base_url_field(required=False), CONNECTOR_FIELD, *KEY_FIELDS, *ADVANCED_FIELDS),
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
            Field("api_key", "API key", "The key as the service shows it.", "secret", required=True),
            Field("api_secret", "API secret", "The secret that belongs to the key.", "secret", required=True),
            Field(
                "pair_style",
                "Sent as",
                "headers: each in a header of its own. basic: as user name and password of Basic authentication."
                " hmac: the secret signs each request, as the fields below say.",
                "choice",
                choices=("headers", "basic", "hmac"),
                default="headers",
            ),
            Field("key_header", "Header for the key", "With 'headers': name of the header.", default="X-Api-Key"),
            Field(
                "second_header", "Header for the second", "With 'headers': name of the header.", default="X-Api-Secret"
            ),
            *HMAC_FIELDS,
            *ADVANCED_FIELDS,
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
        (base_url_field(required=True), CONNECTOR_FIELD, *KEY_FIELDS, *ADVANCED_FIELDS),
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
            Field(
                "jwt_source",
                "JWT comes from",
                "sign: made here with the signing key. login: fetched with user name and password.",
                "choice",
                choices=("sign", "login"),
                default="sign",
            ),
            Field(
                "private_key",
                "Signing key",
                "sign: the shared secret (HS256 ...) or the private key as PEM (RS256, ES256 ...), on one line, with"
                " literal \\n, or base64-encoded.",
                "secret",
                required_when=("jwt_source", "sign"),
            ),
            Field(
                "algorithm",
                "Algorithm",
                "sign: how the JWT is signed.",
                "choice",
                choices=(
                    "HS256",
                    "HS384",
                    "HS512",
                    "RS256",
                    "RS384",
                    "RS512",
                    "PS256",
                    "PS384",
                    "PS512",
                    "ES256",
                    "ES384",
                    "ES512",
                    "EdDSA",
                ),
                default="HS256",
            ),
            Field("issuer", "Issuer", "sign: the claim 'iss'."),
            Field("subject", "Subject", "sign: the claim 'sub'."),
            Field("audience", "Audience", "sign: the claim 'aud'."),
            Field("key_id", "Key id", "sign: the header 'kid'."),
            Field("claims", "Further claims", "sign: further claims, as a JSON object.", "object"),
            Field(
                "lifetime_s",
                "Lifetime (seconds)",
                "sign: how long each JWT is valid. login: how long to use one that does not tell.",
                "integer",
                default=300,
                minimum=5,
            ),
            Field(
                "login_url",
                "Login URL",
                "login: path or URL that takes user name and password.",
                required_when=("jwt_source", "login"),
                placeholder="/auth/token",
            ),
            Field(
                "login",
                "User name",
                "login: the user name.",
                column="login",
                required_when=("jwt_source", "login"),
            ),
            Field(
                "password",
                "Password",
                "login: the password.",
                "secret",
                column="password",
                required_when=("jwt_source", "login"),
            ),
            Field(
                "login_format",
                "Login format",
                "login: body of the login request, or Basic authentication.",
                "choice",
                choices=("json", "form", "basic"),
                default="json",
            ),
            Field(
                "login_body",
                "Login body",
                "login: the body as a JSON object; {username} and {password} stand for the two. Empty: the object of"
                " the example.",
                "object",
                placeholder='{"username": "{username}", "password": "{password}"}',
            ),
            Field(
                "answer_path",
                "Token path",
                "login: JMESPath of the token in the answer. Empty: the usual keys.",
                placeholder="data.jwt",
            ),
            Field(
                "expires_path",
                "Expiry path",
                "login: JMESPath of the expiry in the answer. Empty: the usual keys, then the JWT's own 'exp'.",
                placeholder="data.expires_at",
            ),
            *HEADER_FIELDS,
            *ADVANCED_FIELDS,
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
        (base_url_field(required=False), CONNECTOR_FIELD, *BASIC_FIELDS, *ADVANCED_FIELDS),
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
        (base_url_field(required=True), CONNECTOR_FIELD, *BASIC_FIELDS, *ADVANCED_FIELDS),
        {
            "conn_type": "integry_basic_url",
            "host": "https://acme.example.com/api",
            "login": "ada@example.com",
            "password": "example-password",
        },
    ),
)

CONNECTION_TYPES_BY_NAME: Mapping[str, ConnectionType] = {item.name: item for item in CONNECTION_TYPES}

"""Fields of connection forms: what a field is, and the groups that several types share.

Airflow shows a field as ``***`` when its *name* contains one of its sensitive words. So the name of
every secret field contains one (`secret`, `token`, `private_key`, `api_key`, `proxy` ...) and the
name of no other field does: it is `exchange_url`, never ``token_url``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

FieldKind = Literal[
    "text", "secret", "url", "integer", "number", "boolean", "choice", "object", "secret_object", "list"
]
Column = Literal["host", "login", "password"]


@dataclass(frozen=True)
class Field:
    """One field of a connection form.

    Attributes:
        name: Key in the connection's `extra`, or the standard column when `column` is set.
        label: What the form calls it.
        description: Help below the field: what it is, where it comes from, what happens when empty.
        kind: What may be typed. ``list`` is text separated by spaces or commas; ``object`` is JSON.
        column: Standard column of Airflow's connection that holds it.
        required: Whether the connection is incomplete without it.
        required_when: Other field's name and value that make this one required.
        default: Value when left empty.
        choices: Allowed values of a ``choice``.
        placeholder: Example shown inside the empty field.
        minimum: Least value of a number.
        section: Heading of the form under which the field is found; None for the first one.
        is_account: Whether it belongs to the account and not to the app: each end user has a value of its own.
        account_when: Other field's name and value without which it is not asked of end users; None for `required_when`.
    """

    name: str
    label: str
    description: str
    kind: FieldKind = "text"
    column: Column | None = None
    required: bool = False
    required_when: tuple[str, str] | None = None
    default: Any = None
    choices: tuple[str, ...] = ()
    placeholder: str | None = None
    minimum: float | None = None
    section: str | None = None
    is_account: bool = False
    account_when: tuple[str, str] | None = None

    @property
    def is_secret(self) -> bool:
        """Whether the value must never be shown."""
        return self.kind in ("secret", "secret_object")


def in_section(section: str, *fields: Field) -> tuple[Field, ...]:
    """Return fields under a heading of the form."""
    return tuple(replace(item, section=section) for item in fields)


def by_section(fields: tuple[Field, ...], sections: Mapping[str, str]) -> tuple[Field, ...]:
    """Return fields in the order of their headings.

    Args:
        fields: Fields; those that no heading names come first, as they are.
        sections: Headings to the names of their fields, separated by spaces and in order.
    """
    named = {item.name: item for item in fields}
    placed = {name: heading for heading, names in sections.items() for name in names.split()}
    first = tuple(item for item in fields if item.name not in placed)
    return (*first, *(replace(named[name], section=heading) for name, heading in placed.items()))


def base_url_field(*, required: bool) -> Field:
    """Build the field for the base URL; required where it belongs to the account."""
    tail = (
        "Each account has its own: the person who fills in this form knows it."
        if required
        else "May be left empty when a connector is set: the connector knows it."
    )
    return Field(
        "host",
        "Base URL",
        f"Where the API lives; paths are appended to it. {tail}",
        "url",
        column="host",
        required=required,
        placeholder="https://api.example.com/v1",
        is_account=required,
    )


CONNECTOR_FIELD = Field(
    "connector",
    "Connector",
    "Which API this is: the name of a connector, or the path of its YAML file. Needed to run activities by name."
    " What it knows about the fields below, such as endpoints and scopes, counts where they are left empty.",
    placeholder="crm",
)
WEBHOOK_FIELDS: tuple[Field, ...] = in_section(
    "Webhooks",
    Field(
        "webhook_secret",
        "Webhook secret",
        "What the service signs its webhooks with, or sends along: the service shows it, or you make it up for both."
        " Needed for webhooks alone.",
        "secret",
    ),
    Field(
        "old_webhook_secret",
        "Old webhook secret",
        "The one before it, which is accepted too while you change it at the service. Empty it when that is done.",
        "secret",
    ),
    Field(
        "webhook_payloads",
        "Webhook payloads",
        "Asset events can be read by people who may not read connections. With 'in_event' small payloads are in them;"
        " with 'by_reference' none is, and tasks fetch all of them.",
        "choice",
        choices=("in_event", "by_reference"),
        default="in_event",
    ),
)
REQUEST_FIELDS: tuple[Field, ...] = in_section(
    "Account, requests and transport",
    Field(
        "user_info_url",
        "User information URL",
        "A path or URL that names the account behind these credentials. The Test button and the authorization"
        " sensor call it. {name} stands for a kept value. Empty: the connector's.",
        placeholder="/me",
    ),
    Field(
        "account_id_path",
        "Account id path",
        "JMESPath of the account's id in the answer of the user information URL. Empty: the connector's.",
        placeholder="data.id",
    ),
    Field(
        "account_name_path",
        "Account name path",
        "JMESPath of the account's name in the same answer. Empty: the connector's, or the usual keys.",
        placeholder="data.email",
    ),
    Field(
        "headers",
        "Headers",
        "Further headers of every request, as a JSON object. They are shown: credentials belong into 'Secret headers'.",
        "object",
        placeholder='{"Accept-Language": "en"}',
    ),
    Field(
        "secret_headers",
        "Secret headers",
        "Further credentials that travel beside this one, as a JSON object of headers. Kept secret like a password.",
        "secret_object",
        placeholder='{"X-Api-Key": "application-key"}',
    ),
    Field(
        "allowed_hosts",
        "Other allowed hosts",
        "Hosts beside the base URL's that may receive the credential, separated by spaces or commas.",
        "list",
        placeholder="files.example.com uploads.example.com:8443",
    ),
    Field(
        "allow_http",
        "Allow http",
        "Send credentials over unencrypted http too. For servers on your own machine or network only.",
        "boolean",
        default=False,
    ),
    Field(
        "timeout_s",
        "Timeout (seconds)",
        "How long to wait for a connection, and for each part of an answer.",
        "number",
        default=30.0,
        minimum=0.1,
    ),
    Field(
        "deadline_s",
        "Total time (seconds)",
        "How long one request may take in all, with its retries and their waits.",
        "number",
        default=300.0,
        minimum=0.1,
    ),
    Field(
        "max_retries",
        "Retries",
        "How often a request that failed for a passing reason is sent again. 0 turns retrying off.",
        "integer",
        default=3,
        minimum=0,
    ),
    Field("user_agent", "User agent", "Text of the User-Agent header. Empty: this provider's name and version."),
    Field(
        "proxy_url",
        "Proxy",
        "HTTP proxy for these requests; may hold its own user and password. The environment's proxies are not used.",
        "secret",
        placeholder="http://proxy.example.com:3128",
    ),
    Field(
        "ca_file",
        "CA file",
        "PEM file on the workers with the certificate authorities to trust. Empty: the usual ones.",
        placeholder="/etc/ssl/certs/company.pem",
    ),
    Field(
        "client_cert_file",
        "Client certificate file",
        "PEM file on the workers with the client certificate, for APIs that ask for one (mTLS).",
        placeholder="/etc/integry/client.pem",
    ),
    Field(
        "client_key_file",
        "Client key file",
        "PEM file on the workers with the client certificate's key, where it is a file of its own.",
        placeholder="/etc/integry/client.key",
    ),
)
ADVANCED_FIELDS: tuple[Field, ...] = (*REQUEST_FIELDS, *WEBHOOK_FIELDS)
HEADER_FIELDS = (
    Field(
        "header_name",
        "Header name",
        "Header that carries the token to the API.",
        default="Authorization",
    ),
    Field(
        "header_prefix",
        "Header prefix",
        "Word before the token. Write 'none' for the bare token.",
        default="Bearer",
    ),
)
EXPIRED_FIELDS = (
    Field(
        "expired_statuses",
        "Statuses of an expired token",
        "Statuses beside 401 with which the API says that the token has expired, separated by spaces or commas:"
        " the request is sent once more with a new one.",
        "list",
        placeholder="403",
    ),
    Field(
        "expired_when",
        "Answer of an expired token",
        "JMESPath that is true in the JSON answer of an expired token, where these statuses have other meanings too.",
        placeholder="error.code == `190`",
    ),
)
KEY_FIELDS: tuple[Field, ...] = (
    Field(
        "password",
        "API key",
        "The key as the service shows it.",
        "secret",
        column="password",
        required=True,
        is_account=True,
    ),
    Field(
        "key_location",
        "Key goes into",
        "Where the API wants the key.",
        "choice",
        choices=("header", "query", "cookie"),
        default="header",
    ),
    Field(
        "key_name",
        "Key name",
        "Name of the header, query parameter or cookie. Empty: 'Authorization' in a header, 'api_key' elsewhere.",
        placeholder="X-Api-Key",
    ),
    Field(
        "key_prefix",
        "Key prefix",
        "Text before the key; a space follows unless it ends in '='. Empty: 'Bearer' when the header is"
        " 'Authorization', nothing otherwise. Write 'none' for the bare key.",
        placeholder="Bearer",
    ),
)
BASIC_FIELDS: tuple[Field, ...] = (
    Field(
        "login",
        "User name",
        "Sent as UTF-8.",
        column="login",
        required=True,
        placeholder="ada@example.com",
        is_account=True,
    ),
    Field(
        "password",
        "Password",
        "The password, or the API token that the service wants in its place. May be empty where the service says so.",
        "secret",
        column="password",
        is_account=True,
    ),
)

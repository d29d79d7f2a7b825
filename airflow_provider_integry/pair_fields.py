"""Fields of a key and a secret: as headers, as a Basic pair, or as declared HMAC signatures."""

from __future__ import annotations

from airflow_provider_integry.connection_fields import Field, in_section

HMAC_FIELDS: tuple[Field, ...] = in_section(
    "Signature (sent as: hmac)",
    Field(
        "string_to_sign",
        "String to sign",
        "hmac: what is signed, with placeholders: {method}, {url}, {host}, {path}, {query}, {path_and_query},"
        " {sorted_query}, {body}, {body_hash}, {content_type}, {timestamp}, {nonce}, {key}. A line break is \\n.",
        required_when=("pair_style", "hmac"),
        placeholder="{timestamp}{method}{path_and_query}{body}",
    ),
    Field(
        "sign_headers",
        "Headers with the signature",
        "hmac: the headers to send, as a JSON object; {signature} and the placeholders stand for their values."
        " No secrets here: this field is shown.",
        "object",
        required_when=("pair_style", "hmac"),
        placeholder='{"X-Key": "{key}", "X-Time": "{timestamp}", "X-Signature": "{signature}"}',
    ),
    Field(
        "hash_name",
        "Hash",
        "hmac: hash of the signature and of {body_hash}.",
        "choice",
        choices=("sha256", "sha512", "sha384", "sha1", "md5"),
        default="sha256",
    ),
    Field(
        "signature_encoding",
        "Signature encoding",
        "hmac: how the signature is written.",
        "choice",
        choices=("hex", "base64", "base64url"),
        default="hex",
    ),
    Field(
        "body_hash_encoding",
        "Body hash encoding",
        "hmac: how {body_hash} is written.",
        "choice",
        choices=("hex", "base64", "base64url"),
        default="hex",
    ),
    Field(
        "key_encoding",
        "Key encoding",
        "hmac: how the bytes of the API secret are written.",
        "choice",
        choices=("text", "base64", "hex"),
        default="text",
    ),
    Field(
        "time_format",
        "Time format",
        "hmac: how {timestamp} is written.",
        "choice",
        choices=("seconds", "milliseconds", "iso8601", "http_date"),
        default="seconds",
    ),
)

PAIR_FIELDS: tuple[Field, ...] = (
    Field("api_key", "API key", "The key as the service shows it.", "secret", required=True, is_account=True),
    Field("api_secret", "API secret", "The secret that belongs to the key.", "secret", required=True, is_account=True),
    Field(
        "pair_style",
        "Sent as",
        "headers: each in a header of its own. basic: as user name and password of Basic authentication."
        " hmac: the secret signs each request, as the fields below say.",
        "choice",
        choices=("headers", "basic", "hmac"),
        default="headers",
    ),
    Field(
        "key_header", "Header for the key", "headers: name of the header that carries the API key.", default="X-Api-Key"
    ),
    Field(
        "second_header",
        "Header for the secret",
        "headers: name of the header that carries the API secret.",
        default="X-Api-Secret",
    ),
    *HMAC_FIELDS,
)

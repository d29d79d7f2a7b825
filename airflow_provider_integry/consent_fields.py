"""Fields of connections that somebody authorizes on the service's own consent page."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_integry.connection_fields import Field, in_section

KEPT_FIELD = Field(
    "kept_values",
    "Kept values",
    "What to keep of the service's answers with the grant, as a JSON object of names and JMESPaths into"
    ' {"callback": {...}, "answer": {...}}; tasks find them as hook.kept_values. This field is shown.',
    "object",
    placeholder='{"instance_url": "answer.instance_url", "realm": "callback.realmId"}',
)
CONSENT_PARAMS_FIELD = Field(
    "authorize_params",
    "Consent page parameters",
    "Further parameters of the URL of the consent page, as a JSON object. No secrets here: this field is shown.",
    "object",
    placeholder='{"access_type": "offline", "prompt": "consent"}',
)
OAUTH2_CONSENT_FIELDS: tuple[Field, ...] = (
    CONSENT_PARAMS_FIELD,
    Field(
        "pkce",
        "PKCE",
        "Proof key of the consent (RFC 7636). plain and none are for services that know no better.",
        "choice",
        choices=("S256", "plain", "none"),
        default="S256",
    ),
    Field(
        "response_mode",
        "Answer comes as",
        "How the consent page answers: in the query of the redirect URI, or as a form that is posted there.",
        "choice",
        choices=("query", "form_post"),
        default="query",
    ),
    Field(
        "par_url",
        "Pushed request endpoint",
        "Where the parameters of the consent page are pushed before it is opened (RFC 9126). Empty: the issuer's,"
        " where it describes itself and has one.",
        "url",
    ),
    Field(
        "device_url",
        "Device endpoint",
        "Where 'airflow integry authorize --device' asks for a code (RFC 8628). Empty: the issuer's.",
        "url",
    ),
    Field(
        "revoke_url",
        "Revocation endpoint",
        "Where a grant is given back when it is revoked here (RFC 7009). Empty: the issuer's.",
        "url",
    ),
    Field(
        "signed_callback",
        "Signed callback",
        "For services that sign the redirect with the client secret, as a JSON object: 'parameter', 'hash', 'encoding'"
        " and 'escaping'; what is left out is Shopify's. This field is shown.",
        "object",
        placeholder='{"parameter": "hmac", "hash": "sha256", "encoding": "hex"}',
    ),
    KEPT_FIELD,
)
OAUTH1_CONSENT_FIELDS: tuple[Field, ...] = in_section(
    "Consent (instead of an access token)",
    Field(
        "request_url",
        "Temporary credentials endpoint",
        "Where a consent begins; also called request token URL. Fill in the three URLs and leave the access token"
        " empty: somebody then gives consent on the service's own page; see 'Authorizations' in Airflow's navigation.",
        "url",
        placeholder="https://api.example.com/oauth/request_token",
    ),
    Field(
        "authorize_url",
        "Consent page",
        "URL of the service's consent page; also called authorize URL.",
        "url",
        placeholder="https://www.example.com/oauth/authorize",
    ),
    Field(
        "access_url",
        "Token endpoint",
        "Where a consent is traded for the account's token; also called access token URL.",
        "url",
        placeholder="https://api.example.com/oauth/access_token",
    ),
    replace(CONSENT_PARAMS_FIELD, placeholder='{"expiration": "never", "scope": "read,write"}'),
    Field(
        "exchange_method",
        "Endpoints take",
        "How the two endpoints are called.",
        "choice",
        choices=("POST", "GET"),
        default="POST",
    ),
    Field(
        "unconfirmed_callback",
        "Accept an unconfirmed callback",
        "For a service that is known to leave oauth_callback_confirmed=true out of its answers. Leave it off"
        " otherwise: it tells OAuth 1.0a from its unsafe forerunner.",
        "boolean",
        default=False,
    ),
    replace(KEPT_FIELD, placeholder='{"user_id": "answer.user_id", "realm": "callback.realmId"}'),
)

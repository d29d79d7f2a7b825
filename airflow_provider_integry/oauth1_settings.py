"""From the fields of an OAuth 1.0a connection to its credentials, or to how they are got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from airflow_provider_integry.auth.credentials import OAUTH1_PARAMETERS, OAuth1, check_header_text, check_no_controls
from airflow_provider_integry.auth.keys import check_signing_key
from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth_values import EmptyFieldError, read_kept, read_texts, read_url
from airflow_provider_integry.errors import CredentialFormatError
from airflow_provider_integry.field_values import FieldValues
from airflow_provider_integry.secret import Secret

# Fields to their labels.
_ENDPOINTS: Mapping[str, str] = {
    "request_url": "Temporary credentials endpoint",
    "authorize_url": "Consent page",
    "access_url": "Token endpoint",
}
# Parameters that are ours to set; `oauth_callback` belongs into the signed request alone.
_RESERVED = OAUTH1_PARAMETERS | {"oauth_callback", "oauth_verifier"}


def build_oauth1(values: FieldValues, base_url: str | None) -> OAuth1 | OAuth1Consent:
    """Return consumer and token, or how a token is got where none is pasted and there is a consent page.

    Raises:
        EmptyFieldError: A field is empty that the others make necessary.
        CredentialFormatError: A value cannot be sent.
        UrlNotAllowedError: An endpoint may not be called.
    """
    credentials = _build_credentials(values)
    if credentials.token or not any(values.text(name) for name in _ENDPOINTS):
        return credentials
    return _build_consent(values, credentials)


def _build_credentials(values: FieldValues) -> OAuth1:
    method = values.word("signature_method")
    pem = values.secret("private_key")
    if method.startswith("RSA"):
        if not pem:
            raise EmptyFieldError("private_key", f"is empty, and needed for {method}; fill in the PEM")
        pem = check_signing_key(pem, "RS256", "private_key")
    elif not values.secret("consumer_secret"):
        raise EmptyFieldError("consumer_secret", f"is empty, and needed for {method}; fill it in")
    realm = values.text("realm")
    if realm:
        check_header_text(realm, "realm")
        if '"' in realm or "\\" in realm:
            raise CredentialFormatError("realm", "holds a quote or backslash; remove it")
    return OAuth1(
        consumer_key=check_no_controls(values.word("consumer_key"), "consumer_key"),
        consumer_secret=values.secret("consumer_secret") or Secret(""),
        token=values.secret("oauth_token"),
        token_secret=values.secret("oauth_token_secret"),
        signature_method=cast("Any", method),
        realm=realm,
        private_key=pem,
        placement=cast("Any", values.word("placement")),
        has_body_hash=values.boolean("body_hash"),
    )


def _build_consent(values: FieldValues, credentials: OAuth1) -> OAuth1Consent:
    for name, label in _ENDPOINTS.items():
        if not values.text(name):
            problem = f"is empty, and needed to ask for consent; fill in '{label}', or paste an access token instead"
            raise EmptyFieldError(name, problem)
    method = values.word("exchange_method")
    if method == "GET" and credentials.placement == "body":
        raise CredentialFormatError("exchange_method", "is GET, whose parameters cannot go into the body; choose POST")
    params = read_texts(values.mapping("authorize_params"), "authorize_params")
    for name in params:
        if name in _RESERVED:
            raise CredentialFormatError("authorize_params", f"'{name}' is set by this provider; remove it")
    return OAuth1Consent(
        # A secret without its token belongs to nobody.
        consumer=replace(credentials, token_secret=None),
        request_url=read_url(values, "request_url") or "",
        authorize_url=read_url(values, "authorize_url") or "",
        access_url=read_url(values, "access_url") or "",
        authorize_params=params,
        method=cast("Any", method),
        accepts_unconfirmed=values.boolean("unconfirmed_callback"),
        kept=read_kept(values),
    )

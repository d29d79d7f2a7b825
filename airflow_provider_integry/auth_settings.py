"""From the fields of a connection to its credentials, or to the settings that get them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from airflow_provider_integry.auth.authorization_code_settings import CodeConsent
from airflow_provider_integry.auth.callback_signature import CallbackSignature
from airflow_provider_integry.auth.client_assertion import AssertionSettings
from airflow_provider_integry.auth.credentials import (
    ApiKey,
    ApiKeyPair,
    Basic,
    Credentials,
    check_cookie_text,
    check_header_name,
    check_header_text,
    check_no_controls,
)
from airflow_provider_integry.auth.expiry_rule import ExpiryRule
from airflow_provider_integry.auth.hmac_signing import HmacSigned
from airflow_provider_integry.auth.jwt import JwtLogin, JwtSigning
from airflow_provider_integry.auth.keys import check_signing_key, normalize_pem
from airflow_provider_integry.auth.oauth1_consent import OAuth1Consent
from airflow_provider_integry.auth.oauth2 import GIVEN_GRANTS, OAuth2Settings
from airflow_provider_integry.auth.token import TokenShape
from airflow_provider_integry.auth_values import (
    EmptyFieldError,
    check_path,
    read_headers,
    read_kept,
    read_texts,
    read_url,
)
from airflow_provider_integry.errors import CredentialFormatError, MissingFieldError, UrlNotAllowedError
from airflow_provider_integry.field_values import FieldValues
from airflow_provider_integry.oauth1_settings import build_oauth1
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.urls import check_url, join_url


@dataclass(frozen=True, slots=True)
class Unfilled:
    """No account of the connection's own: its fields are for end users to fill in.

    Attributes:
        error: What is raised where the connection's own account is needed.
    """

    error: MissingFieldError

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Nothing is in here."""
        return ()


AuthSettings = Credentials | OAuth1Consent | OAuth2Settings | JwtSigning | JwtLogin | Unfilled
_UNITS_S = {"seconds": 1.0, "milliseconds": 0.001, "minutes": 60.0}
_DAY_S = 86_400.0
# More than anybody keeps a grant.
_MOST_DAYS = 36_500.0
_SEPARATORS = {"space": " ", "comma": ",", "plus": "+"}


def build_auth(conn_type: str, values: FieldValues, base_url: str | None) -> AuthSettings:
    """Return the credentials of a connection, or how to get them.

    Args:
        conn_type: Name of the connection type.
        values: Its checked fields.
        base_url: The connection's base URL, against which a relative login URL is resolved.
    Returns:
        `Unfilled` where fields of the account are empty, and that is allowed.
    Raises:
        CredentialFormatError: A credential cannot be sent, or a key cannot be read; `what` is the field.
        UrlNotAllowedError: An endpoint may not be called; `what` is the field.
    """
    return Unfilled(values.missing) if values.missing else _BUILDERS[conn_type](values, base_url)


def _build_oauth2(values: FieldValues, base_url: str | None) -> OAuth2Settings:
    allow_http = values.boolean("allow_http")
    client_auth = values.word("client_auth")
    _check_client_secret(values, client_auth)
    if not values.text("exchange_url") and not values.text("issuer"):
        raise EmptyFieldError("exchange_url", "is empty, and there is no issuer to ask; fill in 'Token endpoint'")
    grant_type = values.word("grant_type")
    if grant_type == "authorization_code" and not values.text("authorize_url") and not values.text("issuer"):
        raise EmptyFieldError("authorize_url", "is empty, and there is no issuer to ask; fill in 'Consent page'")
    signs = grant_type == "jwt_bearer" or client_auth == "private_key_jwt"
    return OAuth2Settings(
        grant_type=cast("Any", grant_type),
        exchange_url=read_url(values, "exchange_url"),
        refresh_url=read_url(values, "refresh_url"),
        issuer=read_url(values, "issuer"),
        assertion=_build_assertion(values, needed_for=grant_type if signs else None),
        assertion_audience=values.text("assertion_audience"),
        param_names=read_texts(values.mapping("param_names"), "param_names"),
        extra_headers=read_headers(values.mapping("exchange_headers"), "exchange_headers"),
        method=cast("Any", values.word("exchange_method")),
        uses_dpop=values.boolean("dpop"),
        allow_http=allow_http,
        client_id=values.word("client_id"),
        client_secret=values.secret("client_secret"),
        client_auth=cast("Any", client_auth),
        basic_encoding=cast("Any", values.word("basic_encoding")),
        scopes=values.items("scopes"),
        scope_separator=_SEPARATORS[values.word("scope_separator")],
        audience=values.text("audience"),
        resource=values.text("resource"),
        refresh_token=values.secret("refresh_token"),
        extra_params=read_texts(values.mapping("exchange_params"), "exchange_params"),
        body_format=cast("Any", values.word("exchange_format")),
        header_name=check_header_name(values.word("header_name"), "header_name"),
        header_prefix=_prefix(values.word("header_prefix"), "header_prefix"),
        shape=_shape(values, values.number("lifetime_s")),
        refresh_retry_window_s=values.number("refresh_retry_window") or 0.0,
        consent=_build_consent(values) if grant_type in GIVEN_GRANTS else None,
        grant_lifetime_s=min(days, _MOST_DAYS) * _DAY_S if (days := values.number("grant_lifetime_days")) else None,
    )


# Made anew for each authorization: with fixed ones anybody's answer would do.
_MADE_ANEW = ("state", "code_challenge", "code_challenge_method")


def _build_consent(values: FieldValues) -> CodeConsent:
    params = read_texts(values.mapping("authorize_params"), "authorize_params")
    for name in _MADE_ANEW:
        if name in params:
            raise CredentialFormatError("authorize_params", f"'{name}' is set by this provider; remove it")
    return CodeConsent(
        authorize_url=read_url(values, "authorize_url"),
        params=params,
        pkce=cast("Any", values.word("pkce")),
        response_mode=cast("Any", values.word("response_mode")),
        par_url=read_url(values, "par_url"),
        device_url=read_url(values, "device_url"),
        revoke_url=read_url(values, "revoke_url"),
        signature=_build_signature(values),
        kept=read_kept(values),
    )


# Key of field 'signed_callback' to attribute and allowed values.
_SIGNATURE = {
    "parameter": ("parameter", ()),
    "hash": ("hash_name", ("sha1", "sha256", "sha384", "sha512")),
    "encoding": ("encoding", ("hex", "base64", "base64url")),
    "escaping": ("escaping", ("delimiters", "form", "none")),
}


def _build_signature(values: FieldValues) -> CallbackSignature | None:
    declared = read_texts(values.mapping("signed_callback"), "signed_callback")
    if not declared:
        return None
    for name, text in declared.items():
        if name not in _SIGNATURE:
            raise CredentialFormatError("signed_callback", f"'{name[:40]}' is not one of {', '.join(_SIGNATURE)}")
        allowed = _SIGNATURE[name][1]
        if allowed and text not in allowed:
            raise CredentialFormatError("signed_callback", f"'{name}' is none of {', '.join(allowed)}")
    secret = values.secret("client_secret")
    if not secret:
        raise EmptyFieldError("client_secret", "is empty, and needed to verify signed callbacks; fill it in")
    return CallbackSignature(secret, **cast("Any", {_SIGNATURE[name][0]: text for name, text in declared.items()}))


def _check_client_secret(values: FieldValues, client_auth: str) -> None:
    if not client_auth.startswith("client_secret_"):
        return
    secret = values.secret("client_secret")
    if not secret:
        raise EmptyFieldError(
            "client_secret", f"is empty, and needed for {client_auth}; fill it in, or set client_auth to 'none'"
        )
    if client_auth == "client_secret_bearer":
        check_header_text(secret.reveal(), "client_secret")
    if values.word("basic_encoding") != "raw":
        return
    user = {"client_secret_basic": values.word("client_id"), "client_secret_basic_user": secret.reveal()}
    if ":" in user.get(client_auth, ""):
        field = "client_id" if client_auth == "client_secret_basic" else "client_secret"
        raise CredentialFormatError(field, "holds a colon, which raw Basic encoding cannot carry; use rfc6749")


def read_expiry_rule(values: FieldValues) -> ExpiryRule:
    """Return which answers mean an expired token.

    Raises:
        CredentialFormatError: A status is none, or cannot mean this; or the expression is no JMESPath.
    """
    texts, expression = values.items("expired_statuses"), values.text("expired_when")
    for text in texts:
        if not re.fullmatch("[0-9]{3}", text):
            raise CredentialFormatError("expired_statuses", f"'{text[:40]}' is not an HTTP status; write '403'")
    check_path(expression, "expired_when")
    return ExpiryRule(frozenset(int(text) for text in texts), expression)


def _build_assertion(values: FieldValues, *, needed_for: str | None) -> AssertionSettings | None:
    if needed_for is None:
        return None
    key = values.secret("private_key")
    if key is None:
        raise EmptyFieldError("private_key", "is empty, and needed to sign a JWT for the token endpoint; fill it in")
    algorithm = values.word("algorithm")
    return AssertionSettings(
        key=check_signing_key(key, algorithm, "private_key"),
        algorithm=cast("Any", algorithm),
        key_id=values.text("key_id"),
        subject=values.text("subject"),
        claims=values.mapping("assertion_claims"),
    )


def _build_api_key(values: FieldValues, base_url: str | None) -> ApiKey:
    location = values.word("key_location")
    name = values.text("key_name") or ("Authorization" if location == "header" else "api_key")
    prefix = values.text("key_prefix")
    if prefix is None:
        prefix = "Bearer" if location == "header" and name.lower() == "authorization" else "none"
    prefix = _prefix(prefix, "key_prefix")
    key = values.secret("password") or Secret("")
    if location == "query":
        check_no_controls(key.reveal(), "password")
    else:
        check_header_name(name, "key_name")
        check_header_text(key.reveal(), "password")
    if location == "cookie":
        check_cookie_text(prefix, "key_prefix")
        check_cookie_text(key.reveal(), "password")
    return ApiKey(key, cast("Any", location), name, prefix)


def _build_api_key_secret(values: FieldValues, base_url: str | None) -> Credentials:
    key = values.secret("api_key") or Secret("")
    secret = values.secret("api_secret") or Secret("")
    if values.word("pair_style") == "basic":
        check_no_controls(key.reveal(), "api_key")
        check_no_controls(secret.reveal(), "api_secret")
        if ":" in key.reveal():
            raise CredentialFormatError("api_key", "holds a colon, which Basic authentication cannot carry")
        return Basic(key.reveal(), secret)
    if values.word("pair_style") == "hmac":
        return _build_hmac(values, key, secret)
    check_header_text(key.reveal(), "api_key")
    check_header_text(secret.reveal(), "api_secret")
    key_header = check_header_name(values.word("key_header"), "key_header")
    second_header = check_header_name(values.word("second_header"), "second_header")
    if key_header.lower() == second_header.lower():
        raise CredentialFormatError("second_header", "is the same as the header for the key; give two names")
    return ApiKeyPair(key, secret, key_header, second_header)


def _build_hmac(values: FieldValues, key: Secret, secret: Secret) -> HmacSigned:
    headers = read_texts(values.mapping("sign_headers"), "sign_headers")
    for name in headers:
        check_header_name(name, "sign_headers")
    check_no_controls(key.reveal(), "api_key")
    return HmacSigned(
        key,
        secret,
        string_to_sign=values.word("string_to_sign"),
        headers=headers,
        hash_name=cast("Any", values.word("hash_name")),
        encoding=cast("Any", values.word("signature_encoding")),
        body_hash_encoding=cast("Any", values.word("body_hash_encoding")),
        secret_encoding=cast("Any", values.word("key_encoding")),
        timestamp_format=cast("Any", values.word("time_format")),
    )


def _build_basic(values: FieldValues, base_url: str | None) -> Basic:
    login = check_no_controls(values.word("login"), "login")
    if ":" in login:
        raise CredentialFormatError("login", "holds a colon, which Basic authentication cannot carry")
    password = values.secret("password") or Secret("")
    check_no_controls(password.reveal(), "password")
    return Basic(login, password)


def _build_jwt(values: FieldValues, base_url: str | None) -> JwtSigning | JwtLogin:
    name = check_header_name(values.word("header_name"), "header_name")
    prefix = _prefix(values.word("header_prefix"), "header_prefix")
    if values.word("jwt_source") == "login":
        return _build_login(values, base_url, name, prefix)
    algorithm = values.word("algorithm")
    key = check_signing_key(values.secret("private_key") or Secret(""), algorithm, "private_key")
    return JwtSigning(
        key=key,
        algorithm=cast("Any", algorithm),
        lifetime_s=int(values.number("lifetime_s") or 300),
        issuer=values.text("issuer"),
        subject=values.text("subject"),
        audience=values.text("audience"),
        key_id=values.text("key_id"),
        claims=values.mapping("claims"),
        header_name=name,
        header_prefix=prefix,
    )


def _build_login(values: FieldValues, base_url: str | None, name: str, prefix: str) -> JwtLogin:
    url = join_url(base_url, values.word("login_url"))
    if "://" not in url:
        raise UrlNotAllowedError("login_url", "is a path, but there is no base URL; give an absolute URL")
    url = check_url(url, "login_url", allow_http=values.boolean("allow_http"))
    body = values.mapping("login_body") or {"username": "{username}", "password": "{password}"}
    second_url = values.text("second_url")
    if second_url:
        second_url = check_url(join_url(base_url, second_url), "second_url", allow_http=values.boolean("allow_http"))
    cookie_name = values.text("cookie_name")
    check_path(values.text("second_path"), "second_path")
    return JwtLogin(
        second_url=second_url,
        second_body=values.mapping("second_body"),
        second_shape=TokenShape(values.text("second_path"), None, values.number("lifetime_s") if second_url else None),
        cookie_name=check_header_name(cookie_name, "cookie_name") if cookie_name else None,
        url=url,
        username=values.word("login"),
        password=values.secret("password") or Secret(""),
        body_format=cast("Any", values.word("login_format")),
        body=body,
        shape=_shape(values, values.number("lifetime_s")),
        header_name=name,
        header_prefix=prefix,
    )


def _shape(values: FieldValues, lifetime_s: float | None) -> TokenShape:
    unit_s = _UNITS_S.get(values.text("expires_unit") or "seconds", 1.0)
    shape = TokenShape(values.text("answer_path"), values.text("expires_path"), lifetime_s, unit_s)
    check_path(shape.token_path, "answer_path")
    check_path(shape.expires_path, "expires_path")
    return shape


def _prefix(word: str, what: str) -> str:
    """Return the prefix with its separator: a space, unless it ends in '='."""
    if word.lower() == "none":
        return ""
    check_header_text(word, what)
    return word if word.endswith("=") else f"{word} "


_BUILDERS: Mapping[str, Callable[[FieldValues, str | None], AuthSettings]] = {
    "integry_oauth1": build_oauth1,
    "integry_oauth2": _build_oauth2,
    "integry_api_key": _build_api_key,
    "integry_api_key_secret": _build_api_key_secret,
    "integry_api_key_url": _build_api_key,
    "integry_jwt": _build_jwt,
    "integry_basic": _build_basic,
    "integry_basic_url": _build_basic,
}
__all__ = [
    "AuthSettings",
    "EmptyFieldError",
    "Unfilled",
    "build_auth",
    "check_path",
    "normalize_pem",
    "read_expiry_rule",
    "read_headers",
    "read_texts",
]

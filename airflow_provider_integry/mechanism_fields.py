"""Fields that belong to one mechanism: OAuth 1.0a, OAuth 2.0, JWT."""

from __future__ import annotations

from airflow_provider_integry.connection_fields import EXPIRED_FIELDS, HEADER_FIELDS, Field, by_section
from airflow_provider_integry.consent_fields import OAUTH1_CONSENT_FIELDS, OAUTH2_CONSENT_FIELDS

OAUTH1_FIELDS: tuple[Field, ...] = (
    Field(
        "consumer_key",
        "Consumer key",
        "Identifies your application; also called API key or client identifier.",
        required=True,
    ),
    Field(
        "consumer_secret", "Consumer secret", "Your application's secret. Needed for every method but RSA.", "secret"
    ),
    Field(
        "oauth_token",
        "Access token",
        "The account's token. Empty: somebody gives consent on the service's page, where its URLs are filled in below;"
        " otherwise requests are signed with the application's secrets alone (two-legged).",
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
        "Where the API wants the OAuth parameters. 'body' is for APIs that take forms.",
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
    *OAUTH1_CONSENT_FIELDS,
)

OAUTH2_FIELDS: tuple[Field, ...] = by_section(
    (
        Field(
            "grant_type",
            "Grant type",
            "client_credentials: the application acts for itself. authorization_code: somebody gives consent on the"
            " service's own page; see 'Authorizations' in Airflow's navigation. refresh_token: like that, with a"
            " refresh token that is pasted below. jwt_bearer: a JWT signed with the private key is traded for a token.",
            "choice",
            choices=("client_credentials", "authorization_code", "refresh_token", "jwt_bearer"),
            default="client_credentials",
        ),
        Field("client_id", "Client id", "Identifies your application.", required=True),
        Field(
            "client_secret",
            "Client secret",
            "Your application's secret. Empty for private_key_jwt and for public clients.",
            "secret",
        ),
        Field(
            "exchange_url",
            "Token endpoint",
            "URL where tokens are fetched. May be left empty when an issuer is set that describes itself (RFC 8414).",
            "url",
            placeholder="https://auth.example.com/oauth/token",
        ),
        Field(
            "issuer",
            "Issuer",
            "Identifier of the authorization server: its token endpoint is looked up there, assertions made for it.",
            "url",
            placeholder="https://auth.example.com",
        ),
        Field(
            "authorize_url",
            "Consent page",
            "For grant type authorization_code: URL of the service's consent page. May be left empty when an issuer is"
            " set that describes itself.",
            "url",
            placeholder="https://auth.example.com/oauth/authorize",
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
            "For grant type refresh_token: the token that the service gave you for the account. The API server takes it"
            " into its own keeping at the first use, and empties this field. Paste a new one to replace the grant.",
            "secret",
        ),
        Field(
            "grant_lifetime_days",
            "Grant ends after days",
            "For grant type refresh_token: the service ends a grant this many days after consent, whatever is done."
            " Used to warn in time where the service's answers do not tell. Empty: no such end.",
            "number",
            minimum=1,
            placeholder="365",
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
            "How the token endpoint wants id and secret: as Basic header, in the body, the secret alone as Bearer"
            " header or as Basic user name without password, as a JWT signed with the private key, or no secret at"
            " all.",
            "choice",
            choices=(
                "client_secret_basic",
                "client_secret_post",
                "client_secret_bearer",
                "client_secret_basic_user",
                "private_key_jwt",
                "none",
            ),
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
            "private_key",
            "Private key",
            "For jwt_bearer and private_key_jwt: PEM on one line, with literal \\n, or base64-encoded.",
            "secret",
        ),
        Field(
            "algorithm",
            "Algorithm",
            "How the JWTs for jwt_bearer and private_key_jwt are signed.",
            "choice",
            choices=("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"),
            default="RS256",
        ),
        Field("key_id", "Key id", "Header 'kid' of those JWTs."),
        Field("subject", "Subject", "jwt_bearer: claim 'sub', the account to act for. Empty: the client id."),
        Field(
            "assertion_audience",
            "Assertion audience",
            "Claim 'aud' of these JWTs. Empty: the issuer, or the token endpoint where there is none.",
        ),
        Field(
            "assertion_claims",
            "Assertion claims",
            "Further claims of these JWTs, as a JSON object. No secrets here: this field is shown.",
            "object",
        ),
        Field(
            "exchange_method",
            "Token request method",
            "GET puts the parameters into the query, for the few services that want it.",
            "choice",
            choices=("POST", "GET"),
            default="POST",
        ),
        Field(
            "exchange_format",
            "Token request format",
            "Body of the token request.",
            "choice",
            choices=("form", "json"),
            default="form",
        ),
        Field("audience", "Audience", "Sent as 'audience' where the service asks for it."),
        Field("resource", "Resource", "Sent as 'resource' where the service asks for it (RFC 8707)."),
        Field(
            "exchange_params",
            "Token request parameters",
            "Further parameters of the token request, as a JSON object. No secrets here: this field is shown.",
            "object",
        ),
        Field(
            "dpop",
            "DPoP",
            "Bind tokens to a key that is made and kept with them (RFC 9449), where the service offers it.",
            "boolean",
            default=False,
        ),
        Field(
            "param_names",
            "Token parameter names",
            "Other names of parameters, as a JSON object; an empty name leaves the parameter out. This field is shown.",
            "object",
            placeholder='{"client_id": "app_key"}',
        ),
        Field(
            "exchange_headers",
            "Token request headers",
            "Further headers of the token request, as a JSON object. No secrets here: this field is shown.",
            "object",
        ),
        Field(
            "answer_path",
            "Token path",
            "JMESPath of the access token in the answer, where it is in an unusual place.",
            placeholder="data.access_token",
        ),
        Field(
            "expires_path",
            "Expiry path",
            "JMESPath of the expiry in the answer. Empty: the usual keys, then the token's own 'exp'.",
        ),
        Field(
            "expires_unit",
            "Expiry unit",
            "Unit of the lifetime in the answer.",
            "choice",
            choices=("seconds", "milliseconds", "minutes"),
            default="seconds",
        ),
        Field(
            "lifetime_s",
            "Lifetime (seconds)",
            "How long a token lives when the answer does not tell. Empty: until the API refuses it.",
            "number",
            minimum=1,
        ),
        Field(
            "refresh_retry_window",
            "Refresh retry window (seconds)",
            "For how long after a lost answer the service takes the old refresh token again. After that it is no longer"
            " tried, and the grant counts as lost. 0: it is tried whenever a token is needed, and the service decides.",
            "number",
            default=0,
            minimum=0,
        ),
        *OAUTH2_CONSENT_FIELDS,
        *HEADER_FIELDS,
        *EXPIRED_FIELDS,
    ),
    {
        "Consent (authorization_code)": (
            "authorize_params pkce response_mode par_url device_url revoke_url signed_callback kept_values"
        ),
        "Assertions (jwt_bearer, private_key_jwt)": (
            "private_key algorithm key_id subject assertion_audience assertion_claims"
        ),
        "Token request": (
            "scope_separator basic_encoding exchange_method exchange_format audience resource exchange_params"
            " param_names exchange_headers dpop"
        ),
        "Token answer": (
            "answer_path expires_path expires_unit lifetime_s refresh_retry_window grant_lifetime_days header_name"
            " header_prefix expired_statuses expired_when"
        ),
    },
)


def _signed(name: str, label: str, description: str) -> Field:
    """Build a field that says who signs: each account may have its own, or none."""
    return Field(name, label, description, is_account=True, account_when=("jwt_source", "sign"))


JWT_FIELDS: tuple[Field, ...] = by_section(
    (
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
            is_account=True,
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
        _signed("issuer", "Issuer", "sign: the claim 'iss'."),
        _signed("subject", "Subject", "sign: the claim 'sub'."),
        Field("audience", "Audience", "sign: the claim 'aud'."),
        _signed("key_id", "Key id", "sign: the header 'kid'."),
        Field(
            "claims",
            "Further claims",
            "sign: further claims, as a JSON object. No secrets here: this field is shown.",
            "object",
        ),
        Field(
            "lifetime_s",
            "Lifetime (seconds)",
            "sign: how long each JWT is valid. login: how long to use a token whose answer names no expiry.",
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
            is_account=True,
        ),
        Field(
            "password",
            "Password",
            "login: the password.",
            "secret",
            column="password",
            required_when=("jwt_source", "login"),
            is_account=True,
        ),
        Field(
            "login_format",
            "Login format",
            "login: how user name and password are sent: as a JSON body, as a form, or as a Basic header.",
            "choice",
            choices=("json", "form", "basic"),
            default="json",
        ),
        Field(
            "login_body",
            "Login body",
            "login: the body as a JSON object; {username} and {password} stand for the two. Empty: the object of"
            " the example. No secrets here: this field is shown.",
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
        Field(
            "cookie_name",
            "Session cookie",
            "login: name of the cookie that the login sets, where the API wants that and no token.",
            placeholder="JSESSIONID",
        ),
        Field(
            "second_url",
            "Second step URL",
            "login: path or URL that trades the login's token for the one to use, where there are two steps.",
        ),
        Field(
            "second_body",
            "Second step body",
            "login: JSON object to send there; {token} stands for the first token, which is also sent as Bearer."
            " No secrets here: this field is shown.",
            "object",
        ),
        Field(
            "second_path",
            "Second step path",
            "login: JMESPath of the token in the second answer. Empty: the usual keys.",
        ),
        *HEADER_FIELDS,
        *EXPIRED_FIELDS,
    ),
    {
        "Signing (JWT comes from: sign)": "private_key algorithm issuer subject audience key_id claims",
        "Login (JWT comes from: login)": (
            "login_url login_format login_body answer_path expires_path cookie_name second_url second_body second_path"
        ),
        "Use": "lifetime_s header_name header_prefix expired_statuses expired_when",
    },
)

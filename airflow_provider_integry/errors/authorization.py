"""There is no usable credential."""

from __future__ import annotations

from typing import ClassVar

from airflow_provider_integry.errors.base import IntegryError


class AuthorizationError(IntegryError):
    """There is no usable credential."""


class NotAuthorizedError(AuthorizationError):
    """Nobody has authorized this connection (for this end user) yet.

    Args:
        conn_id: The connection.
        end_user: The end user; None for the connection's own account.
        reason: Why, and what to do.
        link: Where it can be authorized; None where there is no such page for it.
    """

    def __init__(self, conn_id: str, end_user: str | None, reason: str, link: str | None = None) -> None:
        who = f" for end user '{end_user}'" if end_user is not None else ""
        mend = f" Authorize it: {link}" if link else ""
        super().__init__(f"Connection '{conn_id}' is not authorized{who}: {reason}{mend}")
        self.conn_id = conn_id
        self.end_user = end_user
        self.reason = reason
        self.link = link


class ReauthorizationNeededError(NotAuthorizedError):
    """The grant is lost: somebody has to authorize again.

    Args:
        conn_id: The connection.
        end_user: The end user; None for the connection's own account.
        reason: Why, and what to do.
        cause: One word: `invalid_grant`, `refresh_outcome_unknown`, `no_refresh_token`.
        link: Where it can be authorized; None where there is no such page for it.
    """

    def __init__(self, conn_id: str, end_user: str | None, reason: str, cause: str, link: str | None = None) -> None:
        super().__init__(conn_id, end_user, reason, link)
        self.cause = cause


class CredentialsRejectedError(AuthorizationError):
    """The API refuses the credential (status 401).

    Args:
        conn_id: The connection.
        status: HTTP status.
        detail: What the API says; empty when nothing.
        link: Where it can be authorized again; None where nobody is asked for consent.
    """

    def __init__(self, conn_id: str, status: int, detail: str = "", link: str | None = None) -> None:
        tail = f" It says: {detail.rstrip('.')}." if detail else ""
        advice = "Check the connection's credential fields, or authorize again."
        mend = f"Authorize it again: {link}" if link else advice
        super().__init__(f"Connection '{conn_id}': the API refuses the credential (status {status}).{tail} {mend}")
        self.conn_id = conn_id
        self.status = status
        self.detail = detail
        self.link = link


class NonRenewableTokenError(AuthorizationError):
    """The token has expired and there is nothing to refresh it with."""


class CallbackSignatureError(AuthorizationError):
    """A callback whose signature does not show that the service sent it like this.

    Args:
        problem: What is wrong with it; nothing of its parameters.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"The callback was refused: {problem}. Start the authorization again, from its beginning.")
        self.problem = problem


class ConsentDeniedError(AuthorizationError):
    """Somebody said no on the service's consent page, or the service said no in their place.

    Args:
        conn_id: The connection.
        error: The service's code (RFC 6749 section 4.1.2.1), `access_denied` for a plain no.
        description: The service's explanation, at most 200 characters; empty where there is none.
    """

    def __init__(self, conn_id: str, error: str, description: str = "") -> None:
        said = f" It says: {description.rstrip('.')}." if description else ""
        super().__init__(f"Connection '{conn_id}': the service did not give its consent ({error}).{said}")
        self.conn_id = conn_id
        self.error = error
        self.description = description


class DeviceCodeExpiredError(AuthorizationError):
    """Nobody has entered the code of a device while it was good.

    Args:
        conn_id: The connection.
    """

    def __init__(self, conn_id: str) -> None:
        super().__init__(
            f"Connection '{conn_id}': the code has expired before anybody entered it. Start again, and enter the new"
            " one in time."
        )
        self.conn_id = conn_id


class CallbackError(AuthorizationError):
    """A callback that does not fit an authorization that was begun here; nothing was sent anywhere.

    Args:
        problem: What is wrong with it; nothing of its parameters.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"The callback was refused: {problem}. Start the authorization again, from its beginning.")
        self.problem = problem


class TokenResponseError(AuthorizationError):
    """The token endpoint's answer holds no token, or one that cannot be used.

    Args:
        url: Endpoint without its query.
        status: HTTP status.
        problem: What is missing, with the content type; a short redacted excerpt at most.
    """

    def __init__(self, url: str, status: int, problem: str) -> None:
        super().__init__(f"Token endpoint {url} answered {status}: {problem}")
        self.url = url
        self.status = status
        self.problem = problem


class TokenEndpointError(AuthorizationError):
    """The token endpoint refused the request.

    Args:
        url: Endpoint without its query.
        status: HTTP status.
        error: The error code of RFC 6749 section 5.2, or the vendor's own; empty where there is none.
        description: The vendor's explanation, at most 200 characters, redacted.
        advice: What to do next.
    """

    endpoint: ClassVar[str] = "Token endpoint"
    advice: ClassVar[str] = "Check the connection's token settings."

    def __init__(self, url: str, status: int, error: str, description: str = "") -> None:
        code = f" '{error}'" if error else ""
        said = f" ({description})" if description else ""
        super().__init__(f"{self.endpoint} {url} answered {status}{code}{said}. {self.advice}")
        self.url = url
        self.status = status
        self.error = error
        self.description = description


class InvalidRequestError(TokenEndpointError):
    """invalid_request: a parameter is missing or wrong."""

    advice = "A parameter is missing or wrong: check grant type, extra parameters and client authentication."


class InvalidClientError(TokenEndpointError):
    """invalid_client: client authentication failed."""

    advice = "Check client id and client secret, and whether the server wants them as Basic or in the body."


class ConsumerRefusedError(InvalidClientError):
    """OAuth 1.0a: the service does not accept the application, or its signature."""

    advice = "Check consumer key, consumer secret or private key, signature method, and this machine's clock."


class LoginRefusedError(TokenEndpointError):
    """A login endpoint refused user name and password."""

    endpoint = "Login"
    advice = "Check user name and password, and the form of the login's body."


class InvalidGrantError(TokenEndpointError):
    """invalid_grant: the refresh token or code is expired, used or revoked."""

    advice = "The grant is expired, used or revoked: authorize again, or paste a new refresh token."


class ConsentUsedUpError(InvalidGrantError):
    """OAuth 1.0a: the service does not trade the consent for a token (any more)."""

    advice = "The consent has expired, was used or was taken back: start the authorization again, from its beginning."


class UnauthorizedClientError(TokenEndpointError):
    """unauthorized_client: this client may not use this grant type."""

    advice = "The application is not allowed this grant type: enable it where the application is registered."


class UnsupportedGrantTypeError(TokenEndpointError):
    """unsupported_grant_type: the server does not know this grant type."""

    advice = "Check the grant type, and whether refreshing uses another URL (field 'refresh_url')."


class InvalidScopeError(TokenEndpointError):
    """invalid_scope: a scope is unknown or not allowed."""

    advice = "Check the field 'scopes' against what the application is registered for."


class TokenEndpointUnavailableError(TokenEndpointError):
    """The token endpoint is down, throttling, or a proxy answers in its place.

    Args:
        retry_after_s: Seconds the server asks to wait; None when it does not say.
    """

    retryable = True
    advice = "The server is not available now; trying later may help."

    def __init__(
        self, url: str, status: int, error: str, description: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(url, status, error, description)
        self.retry_after_s = retry_after_s

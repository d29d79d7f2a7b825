"""Everything this package raises on purpose, as one tree.

One class is one cause. Fields carry what a program may want to know; the message tells a person
which thing is wrong and what to do next. Messages and fields hold no secret and no response body
beyond a short, redacted excerpt. `retryable` says whether the same call may succeed later::

    IntegryError
    ├── ConfigurationError               something a person typed is wrong
    │   ├── ConnectionConfigError        a field of an Airflow connection
    │   │   ├── MissingFieldError        needed and empty: the connection is incomplete
    │   │   └── UnknownConnectionTypeError
    │   ├── UrlNotAllowedError           a URL that may not be called
    │   ├── CredentialFormatError        a credential that cannot be put on the wire
    │   ├── ConnectorNotFoundError       no connector of that name
    │   ├── ConnectorFormatError         a connector that is not valid
    │   ├── UnknownActivityError         the connector has no such activity
    │   ├── InvalidInputError            an activity input is missing, extra or ill-typed
    │   └── OutputPathError              an output_path that cannot be written
    ├── AuthorizationError               no usable credential
    │   ├── NotAuthorizedError           nobody has authorized yet
    │   ├── CredentialsRejectedError     the API refuses the credential
    │   ├── NonRenewableTokenError       expired, and nothing to refresh it with
    │   ├── CallbackSignatureError       a callback that the service has not signed like this
    │   ├── TokenResponseError           the token endpoint's answer makes no sense
    │   └── TokenEndpointError           the token endpoint said no (RFC 6749 section 5.2)
    │       ├── InvalidRequestError      invalid_request
    │       ├── InvalidClientError       invalid_client
    │       ├── LoginRefusedError        a login refused user name and password
    │       ├── InvalidGrantError        invalid_grant: authorize again
    │       ├── UnauthorizedClientError  unauthorized_client
    │       ├── UnsupportedGrantTypeError  unsupported_grant_type
    │       ├── InvalidScopeError        invalid_scope
    │       └── TokenEndpointUnavailableError  5xx, 429, HTML from a proxy (retryable)
    ├── TransportError                   the request did not complete
    │   ├── ConnectFailedError           no connection: nothing was sent (retryable)
    │   ├── ConnectionBrokenError        broken while sending or reading (retryable)
    │   ├── RequestTimeoutError          no answer in time (retryable)
    │   ├── CertificateError             TLS refused
    │   ├── RedirectRefusedError         a redirect that would leak or loop
    │   ├── HostNotAllowedError          the credential may not go to that host
    │   └── ResponseTooLargeError        more bytes than allowed
    ├── OutputBrokenError                writing a result broke off (retryable)
    └── ActivityError                    the API was reached and the activity failed
        ├── HttpStatusError              status 4xx
        │   ├── ThrottledError           status 429 (retryable)
        │   └── ServerError              status 5xx, 408, 425 (retryable)
        ├── ResponseFormatError          the answer is not what the connector describes
        ├── PagingError                  paging loops or leads elsewhere
        └── ResultTooLargeError          more than fits into XCom
"""

from __future__ import annotations

from typing import ClassVar


class IntegryError(Exception):
    """Base of every error of this package."""

    retryable: ClassVar[bool] = False


class ConfigurationError(IntegryError):
    """Something a person wrote is wrong; calling again will not help."""


class ConnectionConfigError(ConfigurationError):
    """A field of an Airflow connection is missing or wrong.

    Args:
        conn_id: The connection.
        field: Name of the field as it stands in the form or in `extra`.
        problem: What is wrong and what to do, without the value of a secret field.
    """

    def __init__(self, conn_id: str, field: str, problem: str) -> None:
        super().__init__(f"Connection '{conn_id}', field '{field}': {problem}")
        self.conn_id = conn_id
        self.field = field
        self.problem = problem


class MissingFieldError(ConnectionConfigError):
    """A field that is needed is empty: the connection is not complete yet."""


class UnknownConnectionTypeError(ConnectionConfigError):
    """The connection's type is not one of this provider's."""


class UrlNotAllowedError(ConfigurationError):
    """A URL that may not be called: scheme, user info, host or characters.

    Args:
        what: Which URL ("base URL", "field 'exchange_url'").
        problem: What is wrong and what to do.
    """

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(f"{what}: {problem}")
        self.what = what
        self.problem = problem


class CredentialFormatError(ConfigurationError):
    """A credential that cannot be put on the wire (control characters, unreadable key ...).

    Args:
        what: Which credential, by its field name.
        problem: What is wrong and what to do; never the value.
    """

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(f"{what}: {problem}")
        self.what = what
        self.problem = problem


class ConnectorNotFoundError(ConfigurationError):
    """No connector of that name in any of the places that were looked at."""

    def __init__(self, name: str, looked_in: list[str], suggestion: str | None = None) -> None:
        hint = f" Did you mean '{suggestion}'?" if suggestion else ""
        places = "; ".join(looked_in) or "nowhere"
        super().__init__(
            f"There is no connector '{name}'.{hint} Looked in: {places}. Put the YAML file into the"
            " folder of option [integry] connectors_folder, or give its path."
        )
        self.name = name
        self.looked_in = looked_in


class ConnectorFormatError(ConfigurationError):
    """A connector description is not valid.

    Args:
        source: File name or connector name.
        key: Dotted path of the wrong key, for example ``activities.list_contacts.paging.cursor``.
        problem: What is wrong and what is allowed.
        line: Line in the file, from 1, where known.
    """

    def __init__(self, source: str, key: str, problem: str, line: int | None = None) -> None:
        where = f"{source}, line {line}" if line else source
        at = f" at '{key}'" if key else ""
        super().__init__(f"Connector {where}{at}: {problem}")
        self.source = source
        self.key = key
        self.problem = problem
        self.line = line


class UnknownActivityError(ConfigurationError):
    """The connector has no activity of that name."""

    def __init__(self, connector: str, activity: str, known: list[str], suggestion: str | None = None) -> None:
        hint = f" Did you mean '{suggestion}'?" if suggestion else ""
        super().__init__(
            f"Connector '{connector}' has no activity '{activity}'.{hint} It has: {', '.join(known) or 'none'}."
        )
        self.connector = connector
        self.activity = activity
        self.known = known


class InvalidInputError(ConfigurationError):
    """An input of an activity is missing, unknown or ill-typed; nothing was sent.

    Args:
        activity: The activity.
        path: Dotted path of the input, for example ``contact.email``; empty for the whole.
        problem: What is wrong and what is allowed.
    """

    def __init__(self, activity: str, path: str, problem: str) -> None:
        at = f" '{path}'" if path else "s"
        super().__init__(f"Activity '{activity}', input{at}: {problem}")
        self.activity = activity
        self.path = path
        self.problem = problem


class OutputPathError(ConfigurationError):
    """`output_path` cannot be written."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"output_path '{path}': {problem}")
        self.path = path
        self.problem = problem


class AuthorizationError(IntegryError):
    """There is no usable credential."""


class NotAuthorizedError(AuthorizationError):
    """Nobody has authorized this connection (for this end user) yet."""

    def __init__(self, conn_id: str, end_user: str | None, reason: str) -> None:
        who = f" for end user '{end_user}'" if end_user is not None else ""
        super().__init__(f"Connection '{conn_id}' is not authorized{who}: {reason}")
        self.conn_id = conn_id
        self.end_user = end_user
        self.reason = reason


class CredentialsRejectedError(AuthorizationError):
    """The API refuses the credential (status 401)."""

    def __init__(self, conn_id: str, status: int, detail: str = "") -> None:
        tail = f" It says: {detail.rstrip('.')}." if detail else ""
        super().__init__(
            f"Connection '{conn_id}': the API refuses the credential (status {status}).{tail}"
            " Check the connection's credential fields, or authorize again."
        )
        self.conn_id = conn_id
        self.status = status
        self.detail = detail


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


class LoginRefusedError(TokenEndpointError):
    """A login endpoint refused user name and password."""

    endpoint = "Login"
    advice = "Check user name and password, and the form of the login's body."


class InvalidGrantError(TokenEndpointError):
    """invalid_grant: the refresh token or code is expired, used or revoked."""

    advice = "The grant is expired, used or revoked: authorize again, or paste a new refresh token."


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


class TransportError(IntegryError):
    """A request did not complete.

    Args:
        url: The URL without query and user info.
        problem: What happened and what to do.
    """

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(f"{url}: {problem}")
        self.url = url
        self.problem = problem


class ConnectFailedError(TransportError):
    """No connection could be made; nothing was sent."""

    retryable = True


class ConnectionBrokenError(TransportError):
    """The connection broke while sending or reading; the server may have acted."""

    retryable = True


class RequestTimeoutError(TransportError):
    """No complete answer in time; the server may have acted."""

    retryable = True


class CertificateError(TransportError):
    """TLS refused: certificate, host name or protocol."""


class RedirectRefusedError(TransportError):
    """A redirect that would take a credential or a body to another host, or that loops."""


class HostNotAllowedError(TransportError):
    """The credential may not be sent to this host; nothing was sent."""


class ResponseTooLargeError(TransportError):
    """The answer has more bytes than allowed."""


class ActivityError(IntegryError):
    """The API was reached, and the activity failed.

    Args:
        activity: The activity.
        problem: What happened and what to do.
    """

    def __init__(self, activity: str, problem: str) -> None:
        super().__init__(f"Activity '{activity}': {problem}")
        self.activity = activity
        self.problem = problem


class HttpStatusError(ActivityError):
    """The API answered with a status that is not a success.

    Args:
        activity: The activity.
        status: HTTP status.
        detail: The vendor's own message, at most 200 characters, redacted.
        request_id: The vendor's id of this request, where it sends one.
        retry_after_s: Seconds the server asks to wait; None when it does not say.
    """

    def __init__(
        self,
        activity: str,
        status: int,
        detail: str = "",
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        tail = f": {detail}" if detail else ""
        ident = f" (request id {request_id})" if request_id else ""
        super().__init__(activity, f"the API answered {status}{ident}{tail}")
        self.status = status
        self.detail = detail
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class ThrottledError(HttpStatusError):
    """Status 429: too many requests."""

    retryable = True


class ServerError(HttpStatusError):
    """Status 5xx, 408 or 425: the server could not answer now."""

    retryable = True


class ResponseFormatError(ActivityError):
    """The answer is not what the connector describes."""


class PagingError(ActivityError):
    """Paging loops, leads to another host, or does not end."""


class OutputBrokenError(IntegryError):
    """Writing to `output_path` broke off; nothing was left behind."""

    retryable = True

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"output_path '{path}': {problem}")
        self.path = path
        self.problem = problem


class ResultTooLargeError(ActivityError):
    """The result is larger than XCom should hold; nothing was stored."""

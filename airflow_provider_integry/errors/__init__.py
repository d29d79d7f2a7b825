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
    │   ├── EnteredFieldError            what an end user has entered for a field of an account
    │   ├── ConnectorNotFoundError       no connector of that name
    │   ├── ConnectorFormatError         a connector that is not valid
    │   ├── ApiDescriptionError          an OpenAPI document that cannot be imported
    │   ├── UnknownActivityError         the connector has no such activity
    │   ├── InvalidInputError            an activity input is missing, extra or ill-typed
    │   ├── OutputPathError              an output_path that cannot be written
    │   ├── LinkRequestError             a connect link that cannot be made like this
    │   └── AccountMoveError             an account that cannot take another's place
    ├── AuthorizationError               no usable credential
    │   ├── NotAuthorizedError           nobody has authorized yet
    │   │   └── ReauthorizationNeededError  somebody has, and has to do so again
    │   ├── CredentialsRejectedError     the API refuses the credential
    │   ├── NonRenewableTokenError       expired, and nothing to refresh it with
    │   ├── CallbackSignatureError       a callback that the service has not signed like this
    │   ├── CallbackError                a callback that fits nothing that was begun here
    │   ├── ConsentDeniedError           somebody said no on the service's consent page
    │   ├── DeviceCodeExpiredError       nobody has entered the code of a device in time
    │   ├── EndUserError                 a host application's request cannot be fulfilled
    │   │   ├── EndUserIdentityError     nobody has shown who they are
    │   │   ├── EndUserNotFoundError     nothing of that id, or not for the one who asks
    │   │   ├── EventSignatureError      a delivery that is not from the workspace
    │   │   ├── HostApiError             the API for host applications refuses
    │   │   │   └── HostApiUnavailableError  not now (retryable)
    │   │   ├── ImplicitAuthorizationError  passed credentials that are not taken
    │   │   └── ConnectLinkError         a connect link that cannot be used (any more)
    │   ├── TokenResponseError           the token endpoint's answer makes no sense
    │   └── TokenEndpointError           the token endpoint said no (RFC 6749 section 5.2)
    │       ├── InvalidRequestError      invalid_request
    │       ├── InvalidClientError       invalid_client
    │       │   └── ConsumerRefusedError OAuth 1.0a: application or signature refused
    │       ├── LoginRefusedError        a login refused user name and password
    │       ├── InvalidGrantError        invalid_grant: authorize again
    │       │   └── ConsentUsedUpError   OAuth 1.0a: no token for this consent (any more)
    │       ├── UnauthorizedClientError  unauthorized_client
    │       ├── UnsupportedGrantTypeError  unsupported_grant_type
    │       ├── InvalidScopeError        invalid_scope
    │       └── TokenEndpointUnavailableError  5xx, 429, HTML from a proxy (retryable)
    ├── StoreError                       kept grants cannot be read or written
    │   ├── StoreNotReadyError           tables are missing, or there is no Fernet key
    │   ├── StoreUnavailableError        the database does not answer (retryable)
    │   └── UnreadableGrantError         one kept grant cannot be decrypted
    ├── BrokerError                      the API server hands out no credential
    │   ├── BrokerUnreachableError       it does not answer (retryable)
    │   ├── BrokerRefusedError           it does not accept the proof of this process
    │   ├── BrokerFailedError            it failed without saying why (retryable)
    │   ├── RefreshInProgressError       somebody else is renewing the token (retryable)
    │   └── PollTakenError               somebody else looks for these new records (retryable)
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
        │   ├── ThrottledError           too many requests: status 429 (retryable)
        │   ├── ServerError              status 5xx, 408, 425 (retryable)
        │   ├── FailureAnsweredError     status 2xx, and the answer says that it failed
        │   ├── PassingFailureError      a code that is declared to pass by itself (retryable)
        │   └── TokenExpiredError        declared to mean that the credential has expired
        ├── LimitReachedError            our own limit leaves no room now (retryable)
        ├── OutcomeUnknownError          a write was sent and no answer came: not sent again
        ├── ResponseFormatError          the answer is not what the connector describes
        │   └── SchemaMismatchError      it does not fit the declared schema
        ├── PagingError                  paging loops or leads elsewhere
        └── ResultTooLargeError          more than fits into XCom
"""

from __future__ import annotations

from airflow_provider_integry.errors.activity import (
    ActivityError,
    FailureAnsweredError,
    HttpStatusError,
    LimitReachedError,
    OutcomeUnknownError,
    OutputBrokenError,
    PagingError,
    PassingFailureError,
    ResponseFormatError,
    ResultTooLargeError,
    SchemaMismatchError,
    ServerError,
    ThrottledError,
    TokenExpiredError,
)
from airflow_provider_integry.errors.authorization import (
    AuthorizationError,
    CallbackError,
    CallbackSignatureError,
    ConsentDeniedError,
    ConsentUsedUpError,
    ConsumerRefusedError,
    CredentialsRejectedError,
    DeviceCodeExpiredError,
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    LoginRefusedError,
    NonRenewableTokenError,
    NotAuthorizedError,
    ReauthorizationNeededError,
    TokenEndpointError,
    TokenEndpointUnavailableError,
    TokenResponseError,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
)
from airflow_provider_integry.errors.base import (
    IntegryError,
)
from airflow_provider_integry.errors.broker import (
    BrokerError,
    BrokerFailedError,
    BrokerRefusedError,
    BrokerUnreachableError,
    PollTakenError,
    RefreshInProgressError,
    StoreError,
    StoreNotReadyError,
    StoreUnavailableError,
    UnreadableGrantError,
)
from airflow_provider_integry.errors.configuration import (
    ApiDescriptionError,
    ConfigurationError,
    ConnectionConfigError,
    ConnectorFormatError,
    ConnectorNotFoundError,
    CredentialFormatError,
    EnteredFieldError,
    InvalidInputError,
    MissingFieldError,
    OutputPathError,
    UnknownActivityError,
    UnknownConnectionTypeError,
    UrlNotAllowedError,
)
from airflow_provider_integry.errors.end_users import (
    AccountMoveError,
    ConnectLinkError,
    EndUserError,
    EndUserIdentityError,
    EndUserNotFoundError,
    EventSignatureError,
    HostApiError,
    HostApiUnavailableError,
    ImplicitAuthorizationError,
    LinkRequestError,
)
from airflow_provider_integry.errors.transport import (
    CertificateError,
    ConnectFailedError,
    ConnectionBrokenError,
    HostNotAllowedError,
    RedirectRefusedError,
    RequestTimeoutError,
    ResponseTooLargeError,
    TransportError,
)

__all__ = [
    "AccountMoveError",
    "ActivityError",
    "ApiDescriptionError",
    "AuthorizationError",
    "BrokerError",
    "BrokerFailedError",
    "BrokerRefusedError",
    "BrokerUnreachableError",
    "CallbackError",
    "CallbackSignatureError",
    "CertificateError",
    "ConfigurationError",
    "ConnectFailedError",
    "ConnectLinkError",
    "ConnectionBrokenError",
    "ConnectionConfigError",
    "ConnectorFormatError",
    "ConnectorNotFoundError",
    "ConsentDeniedError",
    "ConsentUsedUpError",
    "ConsumerRefusedError",
    "CredentialFormatError",
    "CredentialsRejectedError",
    "DeviceCodeExpiredError",
    "EndUserError",
    "EndUserIdentityError",
    "EndUserNotFoundError",
    "EnteredFieldError",
    "EventSignatureError",
    "FailureAnsweredError",
    "HostApiError",
    "HostApiUnavailableError",
    "HostNotAllowedError",
    "HttpStatusError",
    "ImplicitAuthorizationError",
    "IntegryError",
    "InvalidClientError",
    "InvalidGrantError",
    "InvalidInputError",
    "InvalidRequestError",
    "InvalidScopeError",
    "LimitReachedError",
    "LinkRequestError",
    "LoginRefusedError",
    "MissingFieldError",
    "NonRenewableTokenError",
    "NotAuthorizedError",
    "OutcomeUnknownError",
    "OutputBrokenError",
    "OutputPathError",
    "PagingError",
    "PassingFailureError",
    "PollTakenError",
    "ReauthorizationNeededError",
    "RedirectRefusedError",
    "RefreshInProgressError",
    "RequestTimeoutError",
    "ResponseFormatError",
    "ResponseTooLargeError",
    "ResultTooLargeError",
    "SchemaMismatchError",
    "ServerError",
    "StoreError",
    "StoreNotReadyError",
    "StoreUnavailableError",
    "ThrottledError",
    "TokenEndpointError",
    "TokenEndpointUnavailableError",
    "TokenExpiredError",
    "TokenResponseError",
    "TransportError",
    "UnauthorizedClientError",
    "UnknownActivityError",
    "UnknownConnectionTypeError",
    "UnreadableGrantError",
    "UnsupportedGrantTypeError",
    "UrlNotAllowedError",
]

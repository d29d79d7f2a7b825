"""From what was found to readiness, with a reason in words."""

from __future__ import annotations

import pytest

from airflow_provider_integry.auth.readiness import Readiness
from airflow_provider_integry.connectors.user_info import Account
from airflow_provider_integry.errors import (
    CertificateError,
    ConnectFailedError,
    ConnectionBrokenError,
    ConnectionConfigError,
    CredentialsRejectedError,
    HostNotAllowedError,
    HttpStatusError,
    InvalidClientError,
    InvalidGrantError,
    InvalidScopeError,
    MissingFieldError,
    NonRenewableTokenError,
    NotAuthorizedError,
    RequestTimeoutError,
    ResponseFormatError,
    ServerError,
    ThrottledError,
    TokenEndpointUnavailableError,
    TokenResponseError,
)
from airflow_provider_integry.hooks.probe import Findings, find_readiness

URL = "https://auth.example.com/token"


def raiser(error):
    def fail():
        raise error

    return fail


def nothing():
    return None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InvalidGrantError(URL, 400, "invalid_grant"), Readiness.NEEDS_REAUTHORIZATION),
        (NonRenewableTokenError("expired"), Readiness.NEEDS_REAUTHORIZATION),
        (InvalidClientError(URL, 401, "invalid_client"), Readiness.NEEDS_REAUTHORIZATION),
        (InvalidScopeError(URL, 400, "invalid_scope"), Readiness.NEEDS_REAUTHORIZATION),
        (TokenResponseError(URL, 200, "no token"), Readiness.NEEDS_REAUTHORIZATION),
        (CredentialsRejectedError("acme", 401), Readiness.NEEDS_REAUTHORIZATION),
        (HttpStatusError("user_info", 401), Readiness.NEEDS_REAUTHORIZATION),
        (HttpStatusError("user_info", 403), Readiness.NEEDS_REAUTHORIZATION),
        (TokenEndpointUnavailableError(URL, 503, "down"), Readiness.UNREACHABLE),
        (ConnectFailedError(URL, "no"), Readiness.UNREACHABLE),
        (ConnectionBrokenError(URL, "no"), Readiness.UNREACHABLE),
        (RequestTimeoutError(URL, "no"), Readiness.UNREACHABLE),
        (ServerError("user_info", 500), Readiness.UNREACHABLE),
        (ThrottledError("user_info", 429), Readiness.UNREACHABLE),
    ],
)
def test_what_the_api_says_decides(error, expected):
    findings = find_readiness(nothing, raiser(error))

    assert findings == Findings(expected, str(error), was_verified=True)


@pytest.mark.parametrize(
    "error",
    [
        HttpStatusError("user_info", 404),
        ResponseFormatError("user_info", "is HTML"),
        CertificateError(URL, "untrusted"),
        HostNotAllowedError(URL, "elsewhere"),
    ],
)
def test_what_says_nothing_about_the_authorization_is_raised(error):
    with pytest.raises(type(error)):
        find_readiness(nothing, raiser(error))


def test_an_end_user_whose_authorization_cannot_come_is_an_error_and_not_waited_for():
    with pytest.raises(NotAuthorizedError):
        find_readiness(raiser(NotAuthorizedError("acme", "user-7", "not kept yet")), None)


def test_what_is_not_there_yet_is_pending_and_the_api_is_not_asked():
    error = MissingFieldError("acme", "password", "is empty")
    asked = []

    findings = find_readiness(raiser(error), lambda: asked.append(1))

    assert findings == Findings(Readiness.PENDING, str(error))
    assert asked == []


def test_a_wrong_field_is_raised_rather_than_waited_for():
    with pytest.raises(ConnectionConfigError):
        find_readiness(raiser(ConnectionConfigError("acme", "host", "has ftp://")), nothing)


def test_complete_settings_are_ready_when_the_api_is_not_to_be_asked():
    assert find_readiness(nothing, None) == Findings(Readiness.READY)


def test_an_accepted_credential_is_ready_with_its_account():
    account = Account("u1", "Ada")

    assert find_readiness(nothing, lambda: account) == Findings(Readiness.READY, "", account, was_verified=True)


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        (Findings(Readiness.PENDING, "The key is empty."), "The key is empty."),
        (Findings(Readiness.UNREACHABLE, "It is down.", was_verified=True), "It is down."),
        (Findings(Readiness.READY), "The settings are complete."),
        (Findings(Readiness.READY, account=Account("u1", "Ada"), was_verified=True), "Connected as Ada (id u1)."),
        (Findings(Readiness.READY, account=Account(None, "Ada"), was_verified=True), "Connected as Ada."),
        (Findings(Readiness.READY, account=Account("u1"), was_verified=True), "Connected as u1."),
        (Findings(Readiness.READY, account=Account(), was_verified=True), "Connected."),
    ],
)
def test_findings_are_told_in_one_sentence(findings, expected):
    assert findings.describe() == expected


def test_a_credential_that_could_not_be_tried_says_how_to_try_it():
    assert "User information URL" in Findings(Readiness.READY, was_verified=True).describe()

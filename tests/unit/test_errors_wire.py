import json

import pytest

from airflow_provider_integry import errors
from airflow_provider_integry.authorizations.errors_wire import from_wire, to_wire
from airflow_provider_integry.errors import AuthorizationError, BrokerFailedError, RefreshInProgressError


@pytest.mark.parametrize(
    "error",
    [
        BrokerFailedError("The API server answered 500; its log says why."),
        RefreshInProgressError("acme", 60.0),
        errors.ReauthorizationNeededError("acme", "ada", "the grant is lost.", "invalid_grant"),
        errors.TokenEndpointUnavailableError("https://auth.example.com/token", 503, "", "", 30.0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_arrives_as_it_was_sent(error):
    arrived = from_wire(json.loads(json.dumps(to_wire(error))))

    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


def test_an_error_that_this_version_does_not_know_keeps_its_message():
    sent = {**to_wire(RefreshInProgressError("acme", 60.0)), "error": "NotYetInventedError"}

    arrived = from_wire(sent)

    assert type(arrived) is AuthorizationError
    assert str(arrived) == str(RefreshInProgressError("acme", 60.0))


def test_an_error_with_other_fields_than_this_version_knows_keeps_its_message():
    error = RefreshInProgressError("acme", 60.0)

    arrived = from_wire({**to_wire(error), "fields": {"conn_id": "acme", "since": 0}})

    assert type(arrived) is AuthorizationError
    assert str(arrived) == str(error)

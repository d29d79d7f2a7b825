"""Our own credentials in answers are blanked where they may be quoted, and data is left as it is."""

from __future__ import annotations

import pytest

from airflow_provider_integry.auth.wire import HttpResponse
from airflow_provider_integry.authorizations.echoes import EchoFilter
from airflow_provider_integry.secret import Secret


def blank(status, content_type, body):
    echoes = EchoFilter()
    echoes.add([Secret("admin-key")])
    headers = (("Content-Type", content_type),) if content_type else ()
    return echoes.blank(HttpResponse(status, headers, body)).body


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "text/javascript", ""])
def test_the_json_of_a_success_is_data_under_whatever_content_type(content_type):
    body = b' [{"role": "admin-key"}]'
    assert blank(200, content_type, body) == body


@pytest.mark.parametrize(
    ("status", "content_type"), [(401, "application/json"), (500, "text/html"), (200, "text/html")]
)
def test_what_may_be_quoted_in_an_error_is_blanked(status, content_type):
    assert blank(status, content_type, b"bad key admin-key!") == b"bad key ***!"

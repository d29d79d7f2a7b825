"""Times in headers, as services write them."""

from __future__ import annotations

import pytest

from airflow_provider_integry.auth.wire import parse_http_date, parse_iso_time

# 23 November 2026, 05:55:12 UTC.
AT = 1795413312.0


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-23T05:55:12Z", AT),
        ("2026-11-23T05:55Z", AT - 12),
        ("20261123T055512Z", AT),
        ("2026-11-23t05:55:12.5z", AT + 0.5),
        ("2026-11-23T05:55:12,250Z", AT + 0.25),
        ("2026-11-23T05:55:12.1234567Z", AT + 0.1234567),
        ("2026-11-23 06:55:12 +01:00", AT),
        ("2026-11-23T00:25:12-0530", AT),
        ("2026-11-23T04:55:12-01", AT),
    ],
)
def test_iso_times_are_read_in_their_usual_forms(text: str, at: float) -> None:
    assert parse_iso_time(text) == pytest.approx(at, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2026-11-23", "2026-11-23T05:55:12", "2026-13-01T00:00:00Z", "2026-11-23T25:00Z", "٢٠٢٦-11-23T05:55Z"],
)
def test_what_is_no_moment_is_none(text: str) -> None:
    """A time without a zone is no moment: guessed wrongly, it would be waited for hours."""
    assert parse_iso_time(text) is None


def test_http_dates_are_read_in_all_three_forms() -> None:
    forms = ["Mon, 23 Nov 2026 05:55:12 GMT", "Monday, 23-Nov-26 05:55:12 GMT", "Mon Nov 23 05:55:12 2026"]

    assert [parse_http_date(form) for form in forms[:2]] == [AT, AT]
    assert parse_http_date("yesterday") is None

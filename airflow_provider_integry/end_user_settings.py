"""What a connection says about end users, checked."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_integry.field_values import FieldValues
from airflow_provider_integry.urls import check_url


@dataclass(frozen=True, slots=True)
class EndUserSettings:
    """Who may have accounts of their own here, and what they read about it.

    Attributes:
        workspace: Connection of the host application whose users may; None for none.
        is_listed: Whether its marketplace shows this connection.
        has_several: Whether one end user may have several accounts.
        name, description, logo: What end users see; None when empty.
    """

    workspace: str | None = None
    is_listed: bool = False
    has_several: bool = False
    name: str | None = None
    description: str | None = None
    logo: str | None = None


def read_end_users(values: FieldValues) -> EndUserSettings:
    """Return what a connection's checked fields say.

    Raises:
        UrlNotAllowedError: The logo's address is not https.
    """
    logo = values.text("app_logo")
    return EndUserSettings(
        workspace=values.text("workspace"),
        is_listed=values.text("listing") == "listed",
        has_several=values.text("accounts_per_user") == "several",
        name=values.text("app_name"),
        description=values.text("app_description"),
        logo=check_url(logo, "app_logo") if logo else None,
    )

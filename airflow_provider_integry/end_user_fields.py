"""Fields about end users: what connections say of them, and the form of a workspace."""

from __future__ import annotations

from airflow_provider_integry.connection_fields import Field, in_section

END_USER_FIELDS: tuple[Field, ...] = in_section(
    "End users",
    Field(
        "workspace",
        "Workspace",
        "Connection of type 'integry_workspace' whose host application may connect accounts of its users here."
        " Empty: no host application may.",
        placeholder="acme_workspace",
    ),
    Field(
        "listing",
        "Marketplace",
        "Whether the workspace's public marketplace page shows this connection.",
        "choice",
        choices=("listed", "unlisted"),
        default="unlisted",
    ),
    Field(
        "accounts_per_user",
        "Accounts per user",
        "Whether one end user may connect one account here, or several.",
        "choice",
        choices=("one", "several"),
        default="one",
    ),
    Field(
        "app_name", "App name", "What end users read as the name of this API. Empty: the connector's title, or its id."
    ),
    Field("app_description", "App description", "One or two sentences for end users, as plain text."),
    Field(
        "app_logo",
        "App logo",
        "Address of a picture for end users; https alone.",
        "url",
        placeholder="https://static.example.com/crm.png",
    ),
)

WORKSPACE_FIELDS: tuple[Field, ...] = (
    Field(
        "login",
        "App key",
        "Names the host application in its calls. Not a secret: it stands in web pages.",
        column="login",
        required=True,
        placeholder="acme-app",
    ),
    Field(
        "password",
        "App secret",
        "What the host application's server signs with: at least 32 characters, for example from"
        " `openssl rand -hex 32`. It must not reach a browser.",
        "secret",
        column="password",
        required=True,
    ),
    Field(
        "login_url",
        "Login URL",
        "Page of the host application on which its users sign in. Visitors of the marketplace, and users of connect"
        " links, are sent there, and come back with a signed token.",
        "url",
        placeholder="https://app.example.com/login",
    ),
    Field(
        "return_urls",
        "Return URLs",
        "Where users may be sent when they are done, separated by spaces or commas. A URL allows itself and what lies"
        " below its path.",
        "list",
        placeholder="https://app.example.com/integrations",
    ),
    Field(
        "allowed_origins",
        "Allowed origins",
        "Origins of the host application's web pages that may call from a browser, separated by spaces or commas.",
        "list",
        placeholder="https://app.example.com",
    ),
    Field(
        "host_connection",
        "Host connection",
        "Connection for the host application's own API: the credential that it passes on for a signed-in user is for"
        " this one.",
        placeholder="acme_api",
    ),
    Field(
        "events_url",
        "Events URL",
        "Where the host application is told, by signed POSTs, which accounts were connected, disconnected, lost or"
        " migrated.",
        "url",
        placeholder="https://app.example.com/integry-events",
    ),
    Field(
        "allow_http",
        "Allow http",
        "Accept http in the URLs of this form too. For servers on your own machine or network only.",
        "boolean",
        default=False,
    ),
    *in_section(
        "Branding",
        Field("brand_name", "Name", "What end users read as the host application's name. Empty: the app key."),
        Field(
            "brand_logo",
            "Logo",
            "Address of the host application's logo; https alone.",
            "url",
            placeholder="https://static.example.com/logo.svg",
        ),
        Field(
            "brand_colour",
            "Colour",
            "Colour of buttons and links on the pages of end users, as six hex digits.",
            placeholder="#1a4fa3",
        ),
    ),
)

"""Names, arguments and help of the commands about end users; as light as `definition`, which includes them."""

from __future__ import annotations

from airflow.cli.cli_config import ARG_OUTPUT, ARG_VERBOSE, ARG_YES, ActionCommand, Arg, lazy_load_command

_PACKAGE = "airflow_provider_integry.cli"

CONN_ID = Arg(("conn_id",), help="Airflow connection", metavar="CONN_ID")
ACCOUNT = Arg(("--account",), help="Name of one of several accounts (default: the first one)", metavar="TEXT")
ANY_END_USER = Arg(("--end-user",), help="Only this end user's accounts", metavar="TEXT")
LOCAL_ONLY = Arg(("--local-only",), help="Wipe it here, and do not tell the service", action="store_true")
LINK_END_USER = Arg(("--end-user",), help="User of the host application that it is for", metavar="TEXT", required=True)
BINDING = Arg(
    ("--binding",),
    help=(
        "How it is made sure that it is that user: 'login' sends the browser to the host application's login page and"
        " back, 'code' holds the result until the host application fetches it, 'holder' believes whoever has the link"
        " (default: 'login' where the workspace has a login URL, else 'code')"
    ),
    choices=("login", "code", "holder"),
)
RETURN_URL = Arg(
    ("--return-url",), help="Where the browser goes in the end; one of the workspace's return URLs", metavar="URL"
)
ORIGIN = Arg(
    ("--origin",), help="Whose page is told by postMessage; one of the workspace's allowed origins", metavar="ORIGIN"
)
STATE = Arg(("--state",), help="Text that goes back to the return URL", metavar="TEXT")
MINUTES = Arg(
    ("--minutes",),
    help="For how many minutes it can be opened, at most 1440 (default: %(default)g)",
    metavar="N",
    type=float,
    default=15.0,
)
LINK_ID = Arg(("link_id",), help="Id of the link, beginning with 'li_'", metavar="LINK_ID")
WORKSPACE = Arg(("workspace",), help="Connection of type 'integry_workspace'", metavar="WORKSPACE")
OF_CONN_ID = Arg(("--conn-id",), help="Only accounts of this connection", metavar="CONN_ID")
READINESS = Arg(
    ("--readiness",),
    help="Only accounts that stand like this (default: all that are not revoked)",
    choices=("ready", "needs_reauthorization", "unreachable", "pending", "revoked"),
)
ACCOUNT_ID = Arg(("account_id",), help="Connected account id, beginning with 'ca_'", metavar="ACCOUNT_ID")
NEW_ACCOUNT_ID = Arg(("new_account_id",), help="Account that takes its place", metavar="NEW_ACCOUNT_ID")

ACCOUNT_COMMANDS = (
    ActionCommand(
        name="list",
        help="Show the accounts of a host application's users",
        description="Show the accounts that users of a host application have connected, in all its connections.",
        epilog="Example: airflow integry accounts list acme_workspace --end-user 4711",
        func=lazy_load_command(f"{_PACKAGE}.accounts.list_all"),
        args=(WORKSPACE, OF_CONN_ID, ANY_END_USER, READINESS, ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="test",
        help="Try an account against its API",
        description="Ask the API whose account it is. Exit status 1 when it does not work.",
        func=lazy_load_command(f"{_PACKAGE}.accounts.test"),
        args=(ACCOUNT_ID, ARG_VERBOSE),
    ),
    ActionCommand(
        name="disconnect",
        help="Give an account back to its service, and wipe it",
        description=(
            "Revoke an account at its service, where that has an endpoint for it (RFC 7009), and wipe it here in any"
            " case. The host application is told by an event."
        ),
        func=lazy_load_command(f"{_PACKAGE}.accounts.disconnect"),
        args=(ACCOUNT_ID, LOCAL_ONLY, ARG_YES, ARG_VERBOSE),
    ),
    ActionCommand(
        name="default",
        help="Make an account the one that is used where none is named",
        description="Choose which of several accounts of an end user is used by calls that name none.",
        func=lazy_load_command(f"{_PACKAGE}.accounts.set_default"),
        args=(ACCOUNT_ID, ARG_VERBOSE),
    ),
    ActionCommand(
        name="migrate",
        help="Let one account take the place of another",
        description=(
            "Let all that names an account, by its id or its name, use another one of the same connection and end user,"
            " and wipe the old one here. The service is not told: it may take the end of one grant for the end of both."
        ),
        func=lazy_load_command(f"{_PACKAGE}.accounts.migrate"),
        args=(ACCOUNT_ID, NEW_ACCOUNT_ID, ARG_YES, ARG_VERBOSE),
    ),
)
LINK_COMMANDS = (
    ActionCommand(
        name="link",
        help="Make a connect link for an end user, and print it",
        description=(
            "Make a link that one end user of a host application opens to connect an account of their own, by"
            " consent or by filling in a form. It works once, in one browser, for a short time, and is shown"
            " this once. The connection must name its workspace."
        ),
        epilog="Example: airflow integry link crm --end-user 4711 --return-url https://app.example.com/done",
        func=lazy_load_command(f"{_PACKAGE}.links.link"),
        args=(
            CONN_ID,
            LINK_END_USER,
            ACCOUNT,
            BINDING,
            RETURN_URL,
            ORIGIN,
            STATE,
            MINUTES,
            ARG_VERBOSE,
        ),
    ),
    ActionCommand(
        name="revoke-link",
        help="Take a connect link back",
        description="Make a connect link useless that was not used yet.",
        func=lazy_load_command(f"{_PACKAGE}.links.revoke_link"),
        args=(LINK_ID, ARG_VERBOSE),
    ),
)

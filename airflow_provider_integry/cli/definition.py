"""Names, arguments and help of the commands; imports nothing heavy, because every ``airflow`` command does."""

from __future__ import annotations

from airflow.cli.cli_config import (
    ARG_OUTPUT,
    ARG_VERBOSE,
    ARG_YES,
    ActionCommand,
    Arg,
    CLICommand,
    GroupCommand,
    lazy_load_command,
)

from airflow_provider_integry.cli.end_user_commands import ACCOUNT_COMMANDS, LINK_COMMANDS

_PACKAGE = "airflow_provider_integry.cli"

CONN_ID = Arg(("conn_id",), help="Airflow connection", metavar="CONN_ID")
ANY_CONN_ID = Arg(
    ("conn_id",), help="Only this connection's authorizations; all where it is left out", metavar="CONN_ID", nargs="?"
)
END_USER = Arg(
    ("--end-user",), help="End user that the authorization is for (default: the connection's own)", metavar="TEXT"
)
ACCOUNT = Arg(("--account",), help="Which of several accounts (default: the only one)", metavar="TEXT")
ANY_END_USER = Arg(("--end-user",), help="Only this end user's authorizations", metavar="TEXT")
FILE = Arg(
    ("-f", "--file"),
    help=(
        "File that holds the refresh token and nothing else; '-' is standard input. Without it the token is read from"
        " standard input, and asked for without echo where that is a terminal. There is no argument for the token"
        " itself: command lines are kept in shells, process lists and Airflow's audit log"
    ),
    metavar="PATH",
)
VERIFY = Arg(
    ("--verify",),
    help="Obtain a token with it at once, and say what came of it (exit status 1 when it is refused)",
    action="store_true",
)
DEVICE = Arg(
    ("--device",),
    help=(
        "Show a code to enter on any device (RFC 8628), where the service has such codes; for machines that no browser"
        " is sent back to"
    ),
    action="store_true",
)
NO_WAIT = Arg(("--no-wait",), help="Print the link and end", action="store_true")
NO_VERIFY = Arg(
    ("--no-verify",),
    help="Keep what is entered without trying it against the API first; where nothing is entered it means nothing",
    action="store_true",
)
TIMEOUT = Arg(
    ("--timeout",),
    help="Seconds to wait for somebody to authorize (default: %(default)s)",
    metavar="SECONDS",
    type=float,
    default=600.0,
)
EVERY_GRANT = Arg(
    ("--all",), help="Revoke the grants of all end users and accounts of the connection", action="store_true"
)
LOCAL_ONLY = Arg(("--local-only",), help="Wipe it here, and do not tell the service", action="store_true")
TO_REVISION = Arg(("--revision",), help="Revision to migrate to (default: the newest)", metavar="ID")
BACK_TO_REVISION = Arg(
    ("--revision",), help="Revision to go back to; 'base' removes the tables", metavar="ID", required=True
)

CONNECTOR = Arg(("connector",), help="Name or path of a connector", metavar="CONNECTOR")
CONNECTORS = Arg(("connectors",), help="Names, files, or folders of files", metavar="CONNECTOR", nargs="+")
ACTIVITY_TO_RUN = Arg(("activity",), help="Activity of the connector", metavar="ACTIVITY")
ONE_ACTIVITY = Arg(("activity",), help="Show the inputs of this activity", metavar="ACTIVITY", nargs="?")
DOCUMENT = Arg(
    ("document",), help="OpenAPI 3 or Swagger 2.0 document, JSON or YAML; '-' is standard input", metavar="FILE"
)
NAME = Arg(("--name",), help="Name of the connector (default: made of the document's title)", metavar="NAME")
OPERATION = Arg(
    ("--operation",),
    help="Take this operation, by its id or as 'GET /path'; '*' stands for anything; may be repeated (default: all)",
    metavar="ID",
    action="append",
)
TAG = Arg(("--tag",), help="Take the operations with this tag; may be repeated", metavar="TAG", action="append")
DEPRECATED = Arg(("--deprecated",), help="Take operations along that are deprecated", action="store_true")
BASE_URL = Arg(("--base-url",), help="Base URL in place of the document's server", metavar="URL")
WRITE_TO = Arg(("--output-file",), help="File to write; standard output where it is left out", metavar="PATH")
FORCE = Arg(("--force",), help="Replace the file if it is there", action="store_true")
OTHER_CONNECTOR = Arg(
    ("--connector",), help="Name or path of the connector (default: the connection's own)", metavar="CONNECTOR"
)
INPUTS = Arg(
    ("inputs",),
    help="Inputs: NAME=VALUE, which is JSON where the input takes no text, or NAME:=JSON",
    metavar="NAME=VALUE",
    nargs="*",
)
INPUTS_FILE = Arg(("--inputs-file",), help="JSON file with an object of inputs; '-' is standard input", metavar="PATH")
RECORDS_TO = Arg(
    ("--output-file",),
    help="File, or object-storage URL, for the records as JSON lines; they are printed where it is left out",
    metavar="PATH",
)
MAX_PAGES = Arg(("--max-pages",), help="End after this many pages", metavar="N", type=int)
MAX_RECORDS = Arg(("--max-records",), help="End after this many records", metavar="N", type=int)
DRY_RUN = Arg(("--dry-run",), help="Check the inputs and show the request, without sending it", action="store_true")

HOOK = Arg(("activity",), help="Trigger of its connector, of mode webhook", metavar="ACTIVITY")
HOOK_CONN_ID = Arg(("conn_id",), help="Only this connection's webhooks", metavar="CONN_ID", nargs="?")
HOOK_END_USER = Arg(
    ("--end-user",), help="End user whose events they are (default: the connection's own)", metavar="TEXT"
)

_WEBHOOKS = (
    ActionCommand(
        name="add",
        help="Make the URL of a webhook, and print it",
        description=(
            "Make the URL that a service is given to tell what has happened, or print the one that there is. The"
            " connection needs a connector with that trigger, and its webhook secret."
        ),
        epilog="Example: airflow integry webhooks add github issue_changed",
        func=lazy_load_command(f"{_PACKAGE}.webhooks.add"),
        args=(CONN_ID, HOOK, HOOK_END_USER, ACCOUNT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="list",
        help="Show the webhooks that there are",
        description="Show every webhook with its URL.",
        func=lazy_load_command(f"{_PACKAGE}.webhooks.list_all"),
        args=(HOOK_CONN_ID, ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="remove",
        help="Remove a webhook; its URL ends",
        description="Remove a webhook with what it has delivered. Whoever calls its URL is answered 404 from then on.",
        func=lazy_load_command(f"{_PACKAGE}.webhooks.remove"),
        args=(CONN_ID, HOOK, HOOK_END_USER, ACCOUNT, ARG_YES, ARG_VERBOSE),
    ),
)
_DATABASE = (
    ActionCommand(
        name="upgrade",
        help="Make or migrate the provider's tables",
        description=(
            "Make the provider's tables in Airflow's database, or migrate them. 'airflow db migrate' does the same"
            " after Airflow's own migrations; this command is for installing or upgrading the provider alone."
        ),
        func=lazy_load_command(f"{_PACKAGE}.database.upgrade"),
        args=(TO_REVISION, ARG_VERBOSE),
    ),
    ActionCommand(
        name="downgrade",
        help="Take the provider's tables back, which may lose grants",
        description=(
            "Take the provider's tables back to an earlier revision. With 'base' the tables are removed with every"
            " grant in them. Airflow's own 'db downgrade' never does this."
        ),
        func=lazy_load_command(f"{_PACKAGE}.database.downgrade"),
        args=(BACK_TO_REVISION, ARG_YES, ARG_VERBOSE),
    ),
    ActionCommand(
        name="check",
        help="Check that the provider's tables are those of this version",
        description="Compare the revision of the tables with this version's; exit status 1 when they differ.",
        func=lazy_load_command(f"{_PACKAGE}.database.check"),
        args=(ARG_VERBOSE,),
    ),
)

_CONNECTORS = (
    ActionCommand(
        name="list",
        help="List connectors",
        description=(
            "List the connectors that can be named: those in the folder of option connectors_folder, of installed"
            " packages, and of the catalog."
        ),
        func=lazy_load_command(f"{_PACKAGE}.connectors.list_all"),
        args=(ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="show",
        help="Show what a connector can do",
        description="Show the activities of a connector, or the inputs of one activity.",
        func=lazy_load_command(f"{_PACKAGE}.connectors.show"),
        args=(CONNECTOR, ONE_ACTIVITY, ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="validate",
        help="Check connector files",
        description="Load connectors and tell what is wrong with them; exit status 1 when one is not valid.",
        func=lazy_load_command(f"{_PACKAGE}.connectors.validate"),
        args=(CONNECTORS, ARG_VERBOSE),
    ),
    ActionCommand(
        name="import",
        help="Make a connector out of an OpenAPI document",
        description=(
            "Make a connector out of an OpenAPI 3 or Swagger 2.0 document. What the document cannot say, such as how"
            " answers come in pages, is guessed and marked with a comment; what is left out is told on standard error."
        ),
        epilog="Example: airflow integry connectors import openapi.yaml --tag contacts --output-file crm.yaml",
        func=lazy_load_command(f"{_PACKAGE}.connectors.import_openapi"),
        args=(DOCUMENT, NAME, OPERATION, TAG, DEPRECATED, BASE_URL, WRITE_TO, FORCE, ARG_VERBOSE),
    ),
    ActionCommand(
        name="schema",
        help="Print the JSON Schema of connector files, for editors",
        description="Print the JSON Schema (draft 2020-12) of connector files.",
        func=lazy_load_command(f"{_PACKAGE}.connectors.schema"),
        args=(ARG_VERBOSE,),
    ),
)

COMMANDS: list[CLICommand] = [
    GroupCommand(
        name="integry",
        help="Look after authorizations of Integry connections",
        description="Look after the grants that the Integry provider keeps in Airflow's database.",
        subcommands=(
            ActionCommand(
                name="status",
                help="Show where authorizations stand",
                description=(
                    "Show every authorization: what is kept in the database, and the connections of this provider's"
                    " types in the database and in this process's environment that nothing is kept of. Reads no"
                    " secret of a grant and asks no service."
                ),
                func=lazy_load_command(f"{_PACKAGE}.status.status"),
                args=(ANY_CONN_ID, ANY_END_USER, ARG_OUTPUT, ARG_VERBOSE),
            ),
            ActionCommand(
                name="import",
                help="Make a refresh token that was obtained elsewhere the grant of a connection",
                description=(
                    "Make a refresh token the grant of a connection of type 'integry_oauth2' with grant type"
                    " 'refresh_token', in the place of any that is there. The token is read from a file or standard"
                    " input."
                ),
                epilog="Example: pass show crm/refresh-token | airflow integry import crm --end-user acme --verify",
                func=lazy_load_command(f"{_PACKAGE}.grants.import_token"),
                args=(CONN_ID, END_USER, ACCOUNT, FILE, VERIFY, ARG_VERBOSE),
            ),
            ActionCommand(
                name="authorize",
                help="Ask somebody for consent, and wait for it; or for an end user's key or password",
                description=(
                    "Print the link to the page on which somebody authorizes the connection, wait until that is done,"
                    " and tell the account and its scopes. Exit status 1 when it is denied, or when nobody does it in"
                    " time. Where end users have keys, passwords or JWT keys of their own, these are asked for instead,"
                    " without echo where they are secret, or read as a JSON object of fields where standard input is no"
                    " terminal; they are tried against the API before they are kept."
                ),
                epilog="Example: airflow integry authorize slack_acme --end-user acme",
                func=lazy_load_command(f"{_PACKAGE}.authorize.authorize"),
                args=(CONN_ID, END_USER, ACCOUNT, DEVICE, NO_WAIT, NO_VERIFY, TIMEOUT, ARG_YES, ARG_VERBOSE),
            ),
            *LINK_COMMANDS,
            ActionCommand(
                name="test",
                help="Try an authorization against its API",
                description=(
                    "Obtain a token, renewing it only where that is needed, and ask the API whose account it is. Works"
                    " for connections with keys, passwords and signed JWTs too. Exit status 1 when it does not work."
                ),
                func=lazy_load_command(f"{_PACKAGE}.authorize.test"),
                args=(CONN_ID, END_USER, ACCOUNT, ARG_VERBOSE),
            ),
            ActionCommand(
                name="revoke",
                help="Give a grant back to its service, and wipe it",
                description=(
                    "Revoke a grant at its service, where that has an endpoint for it (RFC 7009), and wipe it in"
                    " Airflow's database in any case, so that no task gets a token from it any more. Says whether the"
                    " service was told: where it was not, tokens that tasks hold already work until they end."
                ),
                func=lazy_load_command(f"{_PACKAGE}.grants.revoke"),
                args=(CONN_ID, END_USER, ACCOUNT, EVERY_GRANT, LOCAL_ONLY, ARG_YES, ARG_VERBOSE),
            ),
            ActionCommand(
                name="rotate-keys",
                help="Encrypt all grants anew with the first Fernet key",
                description=(
                    "Encrypt every grant, and the journal entries of this machine, anew with the first key of Airflow's"
                    " option fernet_key. May run while tasks and API servers work, and may be repeated. Run it after"
                    " every process has been restarted with 'new,old', and 'airflow rotate-fernet-key' beside it for"
                    " Airflow's own data; then take the old key away. Exit status 1 when a grant cannot be decrypted."
                ),
                func=lazy_load_command(f"{_PACKAGE}.keys.rotate"),
                args=(ARG_VERBOSE,),
            ),
            ActionCommand(
                name="run",
                help="Run one activity, and print what it gives",
                description=(
                    "Run one activity of a connection's connector. The output of an action is printed as JSON; the"
                    " records of a query are printed as JSON lines while they come, or written to a file or to object"
                    " storage."
                ),
                epilog="Example: airflow integry run acme_crm list_contacts state=archived --max-records 10",
                func=lazy_load_command(f"{_PACKAGE}.run.run"),
                args=(
                    CONN_ID,
                    ACTIVITY_TO_RUN,
                    INPUTS,
                    INPUTS_FILE,
                    OTHER_CONNECTOR,
                    END_USER,
                    ACCOUNT,
                    RECORDS_TO,
                    MAX_PAGES,
                    MAX_RECORDS,
                    DRY_RUN,
                    ARG_VERBOSE,
                ),
            ),
            GroupCommand(
                name="accounts",
                help="Look after accounts of host applications' users",
                subcommands=ACCOUNT_COMMANDS,
            ),
            GroupCommand(
                name="connectors",
                help="List, show, check and import connectors",
                subcommands=_CONNECTORS,
            ),
            GroupCommand(
                name="webhooks",
                help="Make, show and remove the URLs of webhooks",
                subcommands=_WEBHOOKS,
            ),
            GroupCommand(
                name="db",
                help="Make, migrate and remove the provider's tables",
                subcommands=_DATABASE,
            ),
        ),
    )
]

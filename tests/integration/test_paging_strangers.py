"""Every kind of paging, against servers that other people wrote: their conventions are nobody's idea of this project.

They run in an environment of their own, made from pinned packages when it is needed.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from integration.extracting import PUMPS, connector_file, extract, read_lines
from servers.strangers import KEY, RECORDS, serve_stranger

# The first of these makes the environment.
# ruff: noqa: E501 - one line for each activity
pytestmark = pytest.mark.timeout(900)

SCIM_RESULT = "'Resources[].{id: to_number(externalId), name: userName, note: displayName}'"
STRIPE_RESULT = "'data[].{id: to_number(metadata.id), name: name, note: description, key: id}'"
JSONAPI = (
    "headers: {Accept: application/vnd.api+json},"
    " result: 'data[].{id: to_number(id), name: attributes.name, note: attributes.note}'"
)
# Name: server, activity, and how many pages it has. There are 57 records.
DECLARED = {
    # Django REST framework: its own default is ten records, and it gives no more than 25.
    "drf_numbers": ("django_rest", "path: /numbers, result: results, paging: {kind: page, param: page, total: count}", 6),
    "drf_numbers_of_size": (
        "django_rest",
        (
            "path: /numbers, result: results,"
            " paging: {kind: page, param: page, size_param: page_size, size: 20, total: count}"
        ),
        3,
    ),
    # It gives 25 where 40 were asked for, without a word: only the total shows the end.
    "drf_numbers_that_are_cut": (
        "django_rest",
        (
            "path: /numbers, result: results,"
            " paging: {kind: page, param: page, size_param: page_size, size: 40, total: count}"
        ),
        3,
    ),
    "drf_offsets": (
        "django_rest",
        (
            "path: /offsets, result: results,"
            " paging: {kind: offset, param: offset, size_param: limit, size: 20, total: count}"
        ),
        3,
    ),
    "drf_offsets_that_are_cut": (
        "django_rest",
        (
            "path: /offsets, result: results,"
            " paging: {kind: offset, param: offset, size_param: limit, size: 40, total: count}"
        ),
        3,
    ),
    "drf_offsets_to_an_empty_page": (
        "django_rest",
        "path: /offsets, result: results, paging: {kind: offset, param: offset}",
        7,
    ),
    "drf_cursors": ("django_rest", "path: /cursors, result: results, paging: {kind: next_url, url: next}", 6),
    "drf_cursors_of_size": (
        "django_rest",
        "path: /cursors, result: results, paging: {kind: next_url, url: next, size_param: page_size, size: 25}",
        3,
    ),
    "jsonapi_numbers": (
        "django_rest",
        (
            f"path: /jsonapi/numbers, {JSONAPI}, paging: {{kind: page, param: 'page[number]',"
            " size_param: 'page[size]', size: 20, total_pages: meta.pagination.pages}"
        ),
        3,
    ),
    "jsonapi_offsets": (
        "django_rest",
        (
            f"path: /jsonapi/offsets, {JSONAPI}, paging: {{kind: offset, param: 'page[offset]',"
            " size_param: 'page[limit]', size: 20, total: meta.pagination.count}"
        ),
        3,
    ),
    "jsonapi_links": (
        "django_rest",
        f"path: /jsonapi/numbers, {JSONAPI}, paging: {{kind: next_url, url: links.next}}",
        6,
    ),
    # Datasette: `_next` takes a token, and it refuses more than 25.
    "datasette_tokens": (
        "datasette_files",
        (
            "path: /shop/customers.json?_shape=objects, result: rows,"
            " paging: {kind: cursor, param: _next, cursor: next, size_param: _size, size: 20}"
        ),
        3,
    ),
    "datasette_urls": (
        "datasette_files",
        "path: /shop/customers.json?_shape=objects, result: rows, paging: {kind: next_url, url: next_url}",
        6,
    ),
    "datasette_links": (
        "datasette_files",
        "path: /shop/customers.json?_shape=array, paging: {kind: link, size_param: _size, size: 20}",
        3,
    ),
    "datasette_keys": (
        "datasette_files",
        (
            "path: /shop/customers.json?_shape=array&_sort=id,"
            " paging: {kind: keyset, param: id__gt, field: id, size_param: _size, size: 20}"
        ),
        3,
    ),
    "datasette_texts": (
        "datasette_files",
        (
            "path: /shop/customers.json?_shape=array&_sort=name,"
            " paging: {kind: keyset, param: name__gt, field: name, size_param: _size, size: 19}"
        ),
        4,
    ),
    # fastapi-pagination
    "fastapi_numbers": (
        "fastapi_pages",
        (
            "path: /numbers, result: items,"
            " paging: {kind: page, param: page, size_param: size, size: 20, total_pages: pages}"
        ),
        3,
    ),
    "fastapi_numbers_to_a_short_page": (
        "fastapi_pages",
        "path: /numbers, result: items, paging: {kind: page, param: page, size_param: size, size: 20}",
        3,
    ),
    # The last page is a full one.
    "fastapi_numbers_to_an_empty_page": (
        "fastapi_pages",
        "path: /numbers, result: items, paging: {kind: page, param: page, size_param: size, size: 19}",
        4,
    ),
    "fastapi_offsets": (
        "fastapi_pages",
        (
            "path: /offsets, result: items,"
            " paging: {kind: offset, param: offset, size_param: limit, size: 20, total: total}"
        ),
        3,
    ),
    "fastapi_links": (
        "fastapi_pages",
        "path: /linked, result: items, paging: {kind: next_url, url: links.next, size_param: size, size: 20}",
        3,
    ),
    "fastapi_headers": ("fastapi_pages", "path: /headers, result: items, paging: {kind: link, size_param: size, size: 20}", 3),
    "fastapi_cursors": (
        "fastapi_pages",
        (
            "path: /cursors, result: items,"
            " paging: {kind: cursor, param: cursor, cursor: next_page, size_param: size, size: 20}"
        ),
        3,
    ),
    "fastapi_tokens": (
        "fastapi_pages",
        (
            "path: /tokens, result: items,"
            " paging: {kind: cursor, param: cursor, cursor_header: X-Next, size_param: size, size: 20}"
        ),
        3,
    ),
    # SCIM counts from 1.
    "scim_positions": (
        "scim_users",
        (
            f"path: /v2/Users?sortBy=userName, result: {SCIM_RESULT}, paging: {{kind: offset, param: startIndex, start: 1,"
            " size_param: count, size: 8, total: totalResults}"
        ),
        8,
    ),
    "scim_cursors": (
        "scim_users",
        (
            f"path: /v2/Users?sortBy=userName, result: {SCIM_RESULT}, paging: {{kind: cursor, param: cursor, initial: '',"
            " cursor: nextCursor, size_param: count, size: 20}"
        ),
        3,
    ),
    # As Stripe does: after the id of the last record.
    "stripe": (
        "stripe_local",
        (
            f"path: /v1/customers, result: {STRIPE_RESULT}, paging: {{kind: keyset, param: starting_after, field: key,"
            " more: has_more, size_param: limit, size: 20}"
        ),
        3,
    ),
    # As Amazon does: a POST whose JSON body takes the token, and whose header says what is asked for.
    "aws": (
        "aws_logs",
        (
            "path: /, method: POST, result: 'logGroups[].{name: logGroupName}',"
            " headers: {X-Amz-Target: Logs_20140328.DescribeLogGroups},"
            " paging: {kind: cursor, in: body, param: nextToken, cursor: nextToken, size_param: limit, size: 20}"
        ),
        3,
    ),
}  # fmt: skip
# With no word about paging in the connector: what is found, and how many pages there are.
FOUND = {
    "drf_numbers": ("django_rest", "path: /numbers, result: results", "next_url: 'next'", 6),
    "drf_offsets": ("django_rest", "path: /offsets, result: results", "next_url: 'next'", 6),
    "drf_cursors": ("django_rest", "path: /cursors, result: results", "next_url: 'next'", 6),
    "jsonapi": ("django_rest", f"path: /jsonapi/numbers, {JSONAPI}", "next_url: 'links.next'", 6),
    "jsonapi_offsets": ("django_rest", f"path: /jsonapi/offsets, {JSONAPI}", "next_url: 'links.next'", 6),
    "datasette": ("datasette_files", "path: /shop/customers.json?_shape=objects, result: rows", "link", 6),
    "datasette_array": ("datasette_files", "path: /shop/customers.json?_shape=array", "link", 6),
    "fastapi_links": ("fastapi_pages", "path: /linked, result: items", "next_url: 'links.next'", 2),
    "fastapi_linked_offsets": ("fastapi_pages", "path: /linked-offsets, result: items", "next_url: 'links.next'", 2),
    "fastapi_headers": ("fastapi_pages", "path: /headers, result: items", "link", 2),
    "aws": (
        "aws_logs",
        (
            "path: /, method: POST, result: 'logGroups[].{name: logGroupName}',"
            " headers: {X-Amz-Target: Logs_20140328.DescribeLogGroups}"
        ),
        "cursor: 'nextToken'",
        2,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Start each server once, when it is first asked for."""
    urls = {}
    with ExitStack() as stack:

        def find(name):
            if name not in urls:
                urls[name] = stack.enter_context(serve_stranger(name, tmp_path_factory.mktemp(name)))
            return urls[name]

        yield find


@pytest.fixture
def connect(servers, set_connection, tmp_path):
    def go(server, **activities):
        connector = connector_file(tmp_path, **activities)
        set_connection(servers(server), password=KEY, connector=connector, max_retries=0)

    return go


def expected(server, records=RECORDS):
    """Return what a query's file must hold, as the server's own order has it."""
    if server == "stripe_local":
        return [{**record, "key": None} for record in records]
    return [{"name": record["name"]} for record in records] if server == "aws_logs" else records


def read(path):
    return [record | ({"key": None} if "key" in record else {}) for record in read_lines(path)]


@pytest.mark.parametrize("pump", PUMPS)
@pytest.mark.parametrize("name", sorted(DECLARED))
def test_all_records_come_once_in_their_order(connect, tmp_path, name, pump):
    server, text, pages = DECLARED[name]
    connect(server, **{name: text})

    summary = extract(pump, name, f"{tmp_path}/out.jsonl")

    assert read(tmp_path / "out.jsonl") == expected(server)
    assert (summary["records"], summary["pages"]) == (len(RECORDS), pages)


@pytest.mark.parametrize("pump", PUMPS)
@pytest.mark.parametrize("name", sorted(FOUND))
def test_what_nobody_declared_is_found_and_told(connect, tmp_path, name, pump):
    server, text, found, pages = FOUND[name]
    connect(server, **{name: f"{text}, paging: {{kind: auto}}"})

    summary = extract(pump, name, f"{tmp_path}/out.jsonl")

    assert read(tmp_path / "out.jsonl") == expected(server)
    assert summary["paging"].startswith(found)
    assert summary["pages"] == pages


@pytest.mark.parametrize(
    ("server", "text", "told"),
    [
        ("fastapi_pages", "path: /numbers, result: items", "counts 57 records under 'total' and holds 50"),
        ("fastapi_pages", "path: /cursors, result: items", "has a value under 'next_page'"),
        ("scim_users", "path: /v2/Users, result: Resources", "counts 57 records under 'totalResults' and holds"),
        ("stripe_local", "path: /v1/customers, result: data", "says 'has_more: true'"),
    ],
)
def test_more_that_nobody_can_find_is_an_error(connect, tmp_path, server, text, told):
    connect(server, guessed=f"{text}, paging: {{kind: auto}}")

    with pytest.raises(Exception, match=f"the first answer {told}.*declare 'paging'"):
        extract("sync", "guessed", f"{tmp_path}/out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("pump", PUMPS)
@pytest.mark.parametrize("name", ["drf_numbers_of_size", "datasette_tokens", "fastapi_headers", "scim_positions"])
def test_limits_of_records_and_pages_are_kept_to(connect, tmp_path, name, pump):
    server, text, _ = DECLARED[name]
    connect(server, **{name: text})

    by_records = extract(pump, name, f"{tmp_path}/records.jsonl", record_limit=33)
    by_pages = extract(pump, name, f"{tmp_path}/pages.jsonl", page_limit=2)

    assert read(tmp_path / "records.jsonl") == RECORDS[:33]
    assert by_records["records"] == 33
    assert read(tmp_path / "pages.jsonl") == RECORDS[: by_pages["records"]]
    assert by_pages["pages"] == 2


@pytest.mark.parametrize("pump", PUMPS)
@pytest.mark.parametrize("name", ["datasette_tokens", "datasette_keys", "fastapi_cursors", "scim_cursors", "stripe"])
def test_a_later_run_goes_on_where_one_ended(connect, tmp_path, name, pump):
    server, text, pages = DECLARED[name]
    connect(server, **{name: text})
    cursor, parts = None, []

    for number in range(pages):
        summary = extract(pump, name, f"{tmp_path}/{number}.jsonl", page_limit=1, cursor=cursor)
        cursor = summary["cursor"]
        parts += read(tmp_path / f"{number}.jsonl")

    assert parts == expected(server)

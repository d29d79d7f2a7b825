"""Every kind of paging, against servers that page as other people's APIs do."""

from __future__ import annotations

import pytest
from integration.extracting import PUMPS, connector_file, extract, read_lines
from servers.paged_apis import RECORDS, build_paged_apis

DECLARED = {
    "github": ("path: /github, paging: {kind: link, size_param: per_page, size: 10}", 3),
    "github_page": ("path: /github, paging: {kind: page, param: page, size_param: per_page, size: 10}", 3),
    "drf": ("path: /drf, result: results, paging: {kind: next_url, url: next}", 3),
    "drf_total": ("path: /drf, result: results, paging: {kind: page, param: page, total: count}", 3),
    "drf_limit": (
        (
            "path: /drf-limit, result: results,"
            " paging: {kind: offset, param: offset, size_param: limit, size: 7, total: count}"
        ),
        4,
    ),
    "stripe": (
        (
            "path: /stripe, result: data,"
            " paging: {kind: keyset, param: starting_after, field: id, more: has_more, size_param: limit, size: 10}"
        ),
        3,
    ),
    "slack": (
        "path: /slack, result: members, paging: {kind: cursor, param: cursor, cursor: response_metadata.next_cursor}",
        3,
    ),
    "hubspot": ("path: /hubspot, result: results, paging: {kind: cursor, param: after, cursor: paging.next.after}", 3),
    "odata": ("path: /odata, result: value, paging: {kind: next_url, url: '\"@odata.nextLink\"'}", 3),
    "jsonapi": ("path: /jsonapi, result: data, paging: {kind: next_url, url: links.next}", 3),
    "elastic": (
        (
            "path: /elastic, method: POST, result: 'hits.hits[]._source',"
            " paging: {kind: offset, in: body, param: from, size_param: size, size: 10, total: hits.total.value}"
        ),
        3,
    ),
    "kube": (
        (
            "path: /kube, result: items,"
            " paging: {kind: cursor, param: continue, cursor: metadata.continue, size_param: limit, size: 10}"
        ),
        3,
    ),
    "cosmos": (
        (
            "path: /cosmos, result: Documents,"
            " paging: {kind: cursor, in: header, param: x-ms-continuation, cursor_header: x-ms-continuation}"
        ),
        3,
    ),
    "zendesk": (
        (
            "path: /zendesk, result: users,"
            " paging: {kind: cursor, param: 'page[after]', cursor: meta.after_cursor, more: meta.has_more,"
            " size_param: 'page[size]', size: 10}"
        ),
        3,
    ),
    "spring": (
        (
            "path: /spring, result: content,"
            " paging: {kind: page, param: page, start: 0, total_pages: totalPages, size_param: size, size: 10}"
        ),
        3,
    ),
    "kube_at_once": ("path: /kube, result: items", 1),
}
# With no word about paging in the connector.
FOUND = {
    "github": ("link: header 'Link' with rel 'next'", "path: /github", "per_page"),
    "drf": ("next_url: 'next'", "path: /drf, result: results", None),
    "drf_limit": ("next_url: 'next'", "path: /drf-limit, result: results", "limit"),
    "slack": ("cursor: 'response_metadata.next_cursor'", "path: /slack, result: members", "limit"),
    "hubspot": ("next_url: 'paging.next.link'", "path: /hubspot, result: results", "limit"),
    "odata": ("next_url: '\"@odata.nextLink\"'", "path: /odata, result: value", None),
    "jsonapi": ("next_url: 'links.next'", "path: /jsonapi, result: data", None),
    "kube": ("nothing found: one page", "path: /kube, result: items", None),
}


@pytest.fixture
def apis(serve, set_connection, tmp_path):
    """Serve the APIs, and know a connector with these activities."""
    server = serve(build_paged_apis())

    def connect(**activities):
        set_connection(server.url, connector=connector_file(tmp_path, **activities), max_retries=0)
        return server

    return connect


@pytest.mark.parametrize("pump", PUMPS)
@pytest.mark.parametrize("name", sorted(DECLARED))
def test_all_records_come_once_in_their_order(apis, tmp_path, name, pump):
    text, pages = DECLARED[name]
    server = apis(**{name: text})

    summary = extract(pump, name, f"{tmp_path}/out.jsonl")

    assert read_lines(tmp_path / "out.jsonl") == RECORDS
    assert (summary["records"], summary["pages"], server.count()) == (len(RECORDS), pages, pages)


@pytest.mark.parametrize("pump", PUMPS)
@pytest.mark.parametrize("name", sorted(FOUND))
def test_what_nobody_declared_is_found_and_told(apis, tmp_path, name, pump):
    found, text, size_param = FOUND[name]
    size = f", size_param: {size_param}, size: 10" if size_param else ""
    server = apis(**{name: f"{text}, paging: {{kind: auto{size}}}"})

    summary = extract(pump, name, f"{tmp_path}/out.jsonl")

    assert read_lines(tmp_path / "out.jsonl") == RECORDS
    assert summary["paging"].startswith(found)
    assert server.count() == summary["pages"] == (1 if name == "kube" else 3)


def test_more_that_cannot_be_found_is_not_left_out(apis, tmp_path):
    apis(stripe="path: /stripe, result: data, paging: {kind: auto}")

    with pytest.raises(Exception, match=r"says 'has_more: true'.*declare 'paging'"):
        extract("sync", "stripe", f"{tmp_path}/out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("pump", PUMPS)
@pytest.mark.parametrize("name", ["stripe", "slack"])
def test_a_later_run_goes_on_where_one_ended(apis, tmp_path, name, pump):
    apis(**{name: DECLARED[name][0]})
    cursor, parts = None, []

    for number in range(3):
        path = tmp_path / f"{number}.jsonl"
        cursor = extract(pump, name, f"{path}", page_limit=1, cursor=cursor)["cursor"]
        parts += read_lines(path)

    assert parts == RECORDS


@pytest.mark.parametrize("pump", PUMPS)
def test_a_limit_of_records_is_kept_to_the_record(apis, tmp_path, pump):
    server = apis(slack=DECLARED["slack"][0])

    summary = extract(pump, "slack", f"{tmp_path}/out.jsonl", record_limit=13)

    assert read_lines(tmp_path / "out.jsonl") == RECORDS[:13]
    assert (summary["records"], summary["pages"], server.count()) == (13, 2, 2)

"""Small documents of each version to connectors: what is kept, what is guessed, what is left out and said."""

from __future__ import annotations

# ruff: noqa: E501 - documents are written as they come
import copy
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_integry.connectors.document import parse_document
from airflow_provider_integry.connectors.openapi.build import Choice, import_document
from airflow_provider_integry.connectors.openapi.source import read_document
from airflow_provider_integry.connectors.openapi.texts import build_name, build_sentence
from airflow_provider_integry.connectors.openapi.write import write_yaml
from airflow_provider_integry.connectors.render import build_request
from airflow_provider_integry.errors import ApiDescriptionError

THREE = """
openapi: 3.0.3
info: {title: Acme CRM API, version: 2024-01-01, description: "All of <b>Acme</b>. More text."}
servers:
  - url: https://{region}.acme.example/{version}
    variables: {region: {default: eu, enum: [eu, us]}, version: {default: v2, enum: [v2]}}
  - {url: https://sandbox.acme.example}
security: [{oauth: [read]}, {key: []}]
paths:
  /contacts:
    parameters: [{$ref: '#/components/parameters/Tenant'}]
    get:
      operationId: listContacts
      tags: [contacts]
      summary: List contacts.
      parameters:
        - {name: page, in: query, schema: {type: integer, minimum: 1}}
        - {name: per-page, in: query, schema: {type: integer, maximum: 200}}
        - {name: ids, in: query, explode: false, schema: {type: array, items: {type: integer}}}
        - {name: filter, in: query, style: deepObject, schema: {type: object, properties: {state: {enum: [a, b]}}}}
        - {name: X-Key, in: header, schema: {type: string}}
        - {name: made, in: query, style: deepObject, schema: {anyOf: [{type: object, properties: {gt: {type: integer}}}, {type: integer}]}}
        - {name: since, in: query, schema: {type: string, format: date-time, nullable: true}}
      responses:
        '200':
          description: ok
          content: {application/json: {schema: {$ref: '#/components/schemas/Page'}}}
        default: {description: error, content: {application/json: {schema: {type: array, items: {}}}}}
    post:
      operationId: createContact
      tags: [contacts]
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/NewContact'}}}
      responses: {'201': {description: created}}
  /contacts/{contact-id}/photo:
    put:
      requestBody: {content: {image/png: {}}, required: true}
      parameters: [{name: contact-id, in: path, required: true, schema: {type: integer}}]
      servers: [{url: https://uploads.acme.example}]
      responses: {'204': {description: done}}
    get:
      deprecated: true
      operationId: oldPhoto
      responses: {'200': {description: ok}}
  /me:
    get:
      operationId: me
      responses: {'200': {content: {application/json: {schema: {properties: {id: {type: integer}, email: {type: string}}}}}}}
  /broken:
    post:
      requestBody: {content: {application/json: {schema: {type: object}}}, required: true}
      parameters: [{name: sid, in: cookie, required: true, schema: {type: string}}]
      responses: {'200': {description: ok}}
  /elsewhere:
    $ref: 'other.yaml#/paths/x'
components:
  parameters: {Tenant: {name: tenant, in: query, required: true, schema: {type: string, enum: [no, yes]}}}
  schemas:
    Page:
      allOf:
        - {type: object, properties: {contacts: {type: array, items: {type: object}}}}
        - {type: object, properties: {meta: {type: object, properties: {total_count: {type: integer}}}}}
    Person: {type: object, required: [email], properties: {email: {type: string, format: email}, id: {readOnly: true}}}
    NewContact:
      allOf:
        - {$ref: '#/components/schemas/Person'}
        - type: object
          required: [age]
          properties:
            age: {type: integer, minimum: 0, exclusiveMinimum: true}
            boss: {$ref: '#/components/schemas/NewContact'}
            zip: {type: string, nullable: true, pattern: '^[0-9]{5}$'}
  securitySchemes:
    oauth:
      type: oauth2
      flows:
        authorizationCode: {authorizationUrl: https://acme.example/a, tokenUrl: https://acme.example/t, scopes: {read: r}}
    key: {type: apiKey, in: header, name: X-Key}
"""
TWO = {
    "swagger": "2.0",
    "info": {"title": "Store", "version": "1"},
    "host": "store.example",
    "basePath": "/api",
    "schemes": ["http", "https"],
    "securityDefinitions": {"basic": {"type": "basic"}},
    "security": [{"basic": []}],
    "paths": {
        "/pets": {
            "get": {
                "operationId": "findPets",
                "parameters": [
                    {"name": "status", "in": "query", "type": "array", "items": {"type": "string"}},
                    {"name": "tags", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "multi"},
                    {"name": "offset", "in": "query", "type": "integer"},
                    {"name": "limit", "in": "query", "type": "integer", "maximum": 50},
                ],
                "responses": {"200": {"$ref": "#/responses/Pets"}},
            },
            "post": {
                "operationId": "addPet",
                "parameters": [{"$ref": "#/parameters/Pet"}],
                "responses": {"200": {"description": "ok"}},
            },
        },
        "/pets/{id}/photo": {
            "post": {
                "operationId": "upload",
                "consumes": ["multipart/form-data"],
                "parameters": [
                    {"name": "id", "in": "path", "type": "integer", "required": True},
                    {"name": "photo", "in": "formData", "type": "file", "required": True},
                    {"name": "note", "in": "formData", "type": "string"},
                ],
                "responses": {"200": {"description": "ok"}},
            }
        },
        "/export": {"get": {"operationId": "export", "produces": ["text/csv"], "responses": {"200": {"schema": {"type": "string"}}}}},
    },
    "parameters": {"Pet": {"name": "pet", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Pet"}}},
    "responses": {"Pets": {"description": "", "schema": {"type": "array", "items": {"$ref": "#/definitions/Pet"}}}},
    "definitions": {"Pet": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
}  # fmt: skip
THREE_ONE = """
openapi: 3.1.0
info: {title: Stream, version: '1'}
servers: [{url: /v1}]
paths:
  /events:
    get:
      operationId: list-events
      parameters: [{name: cursor, in: query, schema: {type: [string, 'null']}}, {name: limit, in: query, schema: {type: integer, default: 25}}]
      responses:
        2XX:
          description: ok
          content:
            application/json:
              schema:
                type: object
                properties:
                  data: {type: array, items: {type: object}}
                  has_more: {type: boolean}
                  paging: {type: object, properties: {next_cursor: {type: [string, 'null']}}}
  /search:
    post:
      operationId: search
      requestBody: {required: true, content: {application/json: {schema: {anyOf: [{type: object, properties: {q: {const: x}}}, {type: 'null'}]}}}}
      responses: {'200': {description: ok, content: {application/json: {schema: {}}}}}
"""


def read(text):
    return read_document(text.encode() if isinstance(text, str) else json.dumps(text).encode(), "doc.yaml")


@pytest.fixture(scope="module")
def three():
    return import_document(read(THREE), "doc.yaml")


def build(done, activity, **inputs):
    return build_request(
        done.connector, activity, inputs, base_url="https://own.example/base" if not done.connector.base_url else None
    )


def test_the_head_says_what_the_document_says(three):
    connector = three.connector

    assert (connector.name, connector.title) == ("acme_crm", "Acme CRM API")
    assert connector.description == "All of Acme."
    assert connector.base_url == "https://eu.acme.example/v2"
    assert connector.hosts == ("uploads.acme.example",)
    assert connector.connection_types == ("integry_api_key", "integry_oauth2")
    assert (connector.user_info.path, connector.user_info.id, connector.user_info.name) == ("/me", "id", "email")
    assert "# Other servers: https://sandbox.acme.example." in three.text
    assert connector.auth == {
        "integry_api_key": {"key_name": "X-Key"},
        "integry_oauth2": {
            "grant_type": "authorization_code",
            "authorize_url": "https://acme.example/a",
            "exchange_url": "https://acme.example/t",
            "scopes": ["read"],
        },
    }


def test_a_list_is_a_query_whose_paging_is_marked_as_guessed(three):
    query = three.connector.activities["list_contacts"]

    assert (query.kind, query.result, query.title) == ("query", "contacts", "List contacts")
    assert query.paging.model_dump(by_alias=True, exclude_unset=True) == {
        "kind": "page",
        "param": "page",
        "total": "meta.total_count",
        "size_param": "per-page",
        "size": 200,
    }
    assert "# Guessed from parameters 'page' and 'per-page': check it." in three.text
    assert three.guessed == ["list_contacts"]


def test_parameters_become_inputs_that_are_sent_as_the_document_says(three):
    query = three.connector.activities["list_contacts"]
    request = build(three, "list_contacts", tenant="yes", ids=[1, 2], filter_state="a", made={"gt": 5})

    # The key belongs to the connection; `no` and `yes` are text, as in YAML 1.2.
    assert list(query.inputs) == ["tenant", "ids", "filter_state", "made", "since"]
    assert query.inputs["tenant"].json_schema == {"enum": ["no", "yes"]}
    assert query.inputs["since"].json_schema == {"type": ["string", "null"], "format": "date-time"}
    assert request.url == "https://eu.acme.example/v2/contacts?tenant=yes&ids=1%2C2&filter%5Bstate%5D=a&made%5Bgt%5D=5"


def test_a_body_is_given_field_by_field_with_all_of_joined(three):
    inputs = three.connector.activities["create_contact"].inputs
    request = build(three, "create_contact", tenant="no", email="a@b.example", age=1, zip=None)

    assert [key for key, spec in inputs.items() if spec.required] == ["tenant", "email", "age"]
    assert "id" not in inputs
    assert inputs["age"].json_schema == {"type": "integer", "exclusiveMinimum": 0}
    assert inputs["boss"].json_schema["required"] == ["email", "age"]
    assert json.loads(request.body) == {"email": "a@b.example", "age": 1, "zip": None}


def test_a_server_of_one_operation_becomes_a_host(three):
    request = build(three, "put_contacts_by_contact_id_photo", contact_id=7, body={"base64": "AP8="})

    assert (request.method, request.url) == ("PUT", "https://uploads.acme.example/contacts/7/photo")
    assert (request.body, request.header("Content-Type")) == (b"\x00\xff", "image/png")


def test_what_is_left_out_is_told_with_its_reason(three):
    assert three.left_out == [("POST /broken", "needs the cookie 'sid', which an activity cannot send")]
    assert "old_photo" not in three.connector.activities
    with_old = import_document(read(THREE), "doc.yaml", choice=Choice(operations=("oldPhoto",)))
    assert list(with_old.connector.activities) == ["old_photo"]


def test_swagger_2_is_read_with_its_own_rules():
    done = import_document(read(TWO), "swagger.json")
    pets = done.connector.activities["find_pets"]

    assert done.connector.base_url == "https://store.example/api"
    assert done.connector.connection_types == ("integry_basic",)
    assert (pets.kind, pets.result, pets.paging.kind, pets.paging.size) == ("query", None, "offset", 50)
    assert build(done, "find_pets", status=["a", "b"], tags=["c", "d"]).url.endswith("?status=a%2Cb&tags=c&tags=d")
    assert json.loads(build(done, "add_pet", name="Rex").body) == {"name": "Rex"}
    assert done.connector.activities["upload"].inputs["photo"].file
    assert (
        b'name="photo"; filename="a.png"'
        in build(done, "upload", id=1, photo={"base64": "AA==", "name": "a.png"}, note="x").body
    )
    assert done.connector.activities["export"].answer == "csv"


def test_openapi_3_1_and_a_server_without_a_host():
    done = import_document(read(THREE_ONE), "doc.yaml")
    events = done.connector.activities["list_events"]

    assert done.connector.base_url is None
    assert "fill in the connection's Base URL" in done.text
    assert (events.path, events.result) == ("/v1/events", "data")
    assert events.paging.model_dump(exclude_unset=True) == {
        "kind": "cursor",
        "param": "cursor",
        "cursor": "paging.next_cursor",
        "more": "has_more",
        "size_param": "limit",
        "size": 25,
    }
    assert json.loads(build(done, "search", body={"q": "x"}).body) == {"q": "x"}


def test_a_search_that_is_a_post_pages_in_its_body():
    document = read(THREE_ONE)
    schema = {
        "type": "object",
        "properties": {
            "filter": {"type": "object"},
            "start_cursor": {"type": "string"},
            "page_size": {"type": "integer", "maximum": 100},
        },
    }
    answer = document["paths"]["/events"]["get"]["responses"]
    document["paths"] = {
        "/databases/{id}/query": {
            "post": {
                "operationId": "query_database",
                "requestBody": {"content": {"application/json": {"schema": schema}}},
                "responses": answer,
            }
        },
        "/events": {
            "post": {
                "operationId": "create_events",
                "requestBody": {"content": {"application/json": {"schema": schema}}},
                "responses": answer,
            }
        },
    }
    done = import_document(document, "x")
    query, action = done.connector.activities["query_database"], done.connector.activities["create_events"]

    assert (query.kind, query.method, query.result, list(query.inputs)) == ("query", "POST", "data", ["id", "filter"])
    assert query.paging.model_dump(by_alias=True, exclude_unset=True) == {
        "kind": "cursor",
        "param": "start_cursor",
        "in": "body",
        "cursor": "paging.next_cursor",
        "more": "has_more",
        "size_param": "page_size",
        "size": 100,
    }
    assert (action.kind, list(action.inputs)) == ("action", ["filter", "start_cursor", "page_size"])


def test_operations_are_chosen_by_id_path_pattern_and_tag():
    def names(**choice):
        return sorted(import_document(read(THREE), "doc.yaml", choice=Choice(**choice)).connector.activities)

    assert names(tags=("contacts",)) == ["create_contact", "list_contacts"]
    assert names(operations=("GET /me",)) == ["me"]
    assert names(operations=("*Contact*",)) == ["create_contact", "list_contacts"]
    assert names(operations=("me",), tags=("contacts",)) == ["create_contact", "list_contacts", "me"]
    with pytest.raises(ApiDescriptionError, match="no operation 'listContact'; did you mean 'listContacts'"):
        names(operations=("listContact",))
    with pytest.raises(ApiDescriptionError, match="no tag 'contact'; did you mean 'contacts'"):
        names(tags=("contact",))


def test_the_base_url_can_be_chosen():
    done = import_document(read(THREE), "doc.yaml", base_url="https://us.acme.example/v2/")

    assert done.connector.base_url == "https://us.acme.example/v2"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no OpenAPI document"),
        (b"[]", "no OpenAPI document"),
        (b"{}", "neither 'openapi' nor 'swagger'"),
        (b"openapi: 4.0.0\npaths: {a: {}}", "version '4.0.0'; OpenAPI 3.0, 3.1, 3.2 and Swagger 2.0"),
        (b"openapi: 3.0.0\n", "nothing to import"),
        (b"a: [", "neither JSON nor YAML"),
        (b"\xff\xfe", "not UTF-8"),
        (
            b'{"openapi": "3.0.0", "paths": {"/a": {"get": {"responses": {}, "parameters": [{"$ref": "b.yaml"}]}}}}',
            "bundle",
        ),
        (b"{'a': " * 5000, "neither JSON nor YAML|nested too deep"),
    ],
)
def test_what_is_no_document_is_told(content, words):
    with pytest.raises(ApiDescriptionError, match=words):
        import_document(read_document(content, "x"), "x")


def test_a_document_is_never_more_than_plain_values():
    text = "openapi: 3.0.0\npaths: {/a: {get: {operationId: !!python/object/apply:os.getcwd [], responses: {}}}}"

    assert read(text)["paths"]["/a"]["get"]["operationId"] == []


# -- documents as people write them ------------------------------------------------------------------

JUNK = st.sampled_from(
    [None, True, 0, -1, 1.5, "", "x", "#/nowhere", [], ["x"], [None], {}, {"x": None}, {"$ref": "#/x"}, [{}]]
)


def places_of(node, path=()):
    """Give the path of every value of a document."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*path, key)
            yield from places_of(value, (*path, key))
    if isinstance(node, list):
        for index, value in enumerate(node):
            yield (*path, index)
            yield from places_of(value, (*path, index))


DOCUMENTS = [read_document(text.encode(), "x") for text in (THREE, THREE_ONE, json.dumps(TWO))]
PLACES = [list(places_of(document)) for document in DOCUMENTS]


@given(st.data())
def test_a_document_with_a_mistake_is_imported_or_refused_in_words(data):
    which = data.draw(st.integers(0, len(DOCUMENTS) - 1))
    document = copy.deepcopy(DOCUMENTS[which])
    for _ in range(data.draw(st.integers(1, 3))):
        *before, last = data.draw(st.sampled_from(PLACES[which]))
        node = document
        for step in before:
            node = (
                node[step]
                if (isinstance(node, dict) and step in node)
                or (isinstance(node, list) and isinstance(step, int) and step < len(node))
                else None
            )
        if isinstance(node, dict) or (isinstance(node, list) and isinstance(last, int) and last < len(node)):
            node[last] = copy.deepcopy(data.draw(JUNK))
    try:
        done = import_document(read_document(json.dumps(document).encode(), "x"), "x")
    except ApiDescriptionError:
        return
    assert done.connector.activities


# -- the writer --------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30) | st.sampled_from(
    [
        "no",
        "1e3",
        "0x1f",
        "null",
        "~",
        "a: b",
        "a #b",
        "- a",
        "{x}",
        "[x]",
        "/a/{b}",
        "2031-01-01",
        "'",
        '"',
        "a\nb",
        "",
        " a ",
    ]
)
KEYS = TEXTS.filter(bool)
VALUES = st.recursive(
    SCALARS | TEXTS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=5))
def test_what_is_written_is_read_back_the_same(value):
    text = write_yaml(value)

    assert parse_document(text, "x").plain() == value
    # And by another reader, which has its own mind about text without quotes.
    assert len(yaml.safe_load(text)) == len(value)


def test_names_and_sentences_are_plain():
    assert build_name("GetHTTPResponse-forUser.v2") == "get_http_response_for_user_v2"
    assert build_name("2fa") == "_2fa"
    assert (
        build_sentence("Lists <b>all</b> [things](https://x) with `user_id`. And more.")
        == "Lists all things with user_id."
    )
    assert len(build_sentence("word " * 200)) <= 160


# -- what connections are told ------------------------------------------------------------------------


FLOW = {"authorizationUrl": "https://id.acme.example/a", "tokenUrl": "https://id.acme.example/t"}


def import_schemes(schemes, security=None, server="https://api.acme.example/v1", scopes=None):
    operation = {"operationId": "ping", "responses": {"200": {"description": "ok"}}}
    if scopes is not None:
        operation["security"] = [{next(iter(schemes)): scopes}]
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Acme"},
        "servers": [{"url": server}],
        "paths": {"/ping": {"post": operation}},
        "components": {"securitySchemes": schemes},
        "security": security or [{name: []} for name in schemes],
    }
    return import_document(read(document), "doc.json")


def oauth(scopes=None, **flows):
    return {
        "oauth": {"type": "oauth2", "flows": {name: {**flow, "scopes": scopes or {}} for name, flow in flows.items()}}
    }


@pytest.mark.parametrize(
    ("scheme", "kind", "profile"),
    [
        ({"type": "http", "scheme": "basic"}, "integry_basic", None),
        (
            {"type": "http", "scheme": "Bearer"},
            "integry_api_key",
            {"key_name": "Authorization", "key_prefix": "Bearer"},
        ),
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, "integry_api_key", {"key_name": "X-Key"}),
        (
            {"type": "apiKey", "in": "query", "name": "key"},
            "integry_api_key",
            {"key_location": "query", "key_name": "key"},
        ),
        (
            {"type": "apiKey", "in": "cookie", "name": "sid"},
            "integry_api_key",
            {"key_location": "cookie", "key_name": "sid"},
        ),
        (
            {"type": "apiKey", "in": "header", "name": "Authorization", "description": "As `Token 123`."},
            "integry_api_key",
            {"key_name": "Authorization", "key_prefix": "Token"},
        ),
        (
            {"type": "apiKey", "in": "header", "name": "Authorization"},
            "integry_api_key",
            {"key_name": "Authorization", "key_prefix": "none"},
        ),
        (
            {"type": "openIdConnect", "openIdConnectUrl": "https://id.acme.example/x/.well-known/openid-configuration"},
            "integry_oauth2",
            {"grant_type": "authorization_code", "issuer": "https://id.acme.example/x", "scopes": ["openid"]},
        ),
    ],
)
def test_a_scheme_becomes_the_fields_of_a_connection(scheme, kind, profile):
    connector = import_schemes({"one": scheme}).connector

    assert connector.connection_types == (kind,)
    assert connector.auth == ({} if profile is None else {kind: profile})


@pytest.mark.parametrize(
    ("flows", "profile", "told"),
    [
        (
            {"clientCredentials": {"tokenUrl": "https://id.acme.example/t"}},
            {"grant_type": "client_credentials", "exchange_url": "https://id.acme.example/t"},
            "",
        ),
        (
            {"clientCredentials": {"tokenUrl": "https://id.acme.example/t"}, "authorizationCode": FLOW},
            {
                "grant_type": "authorization_code",
                "authorize_url": "https://id.acme.example/a",
                "exchange_url": "https://id.acme.example/t",
            },
            "Offered too: grant_type client_credentials, exchange_url https://id.acme.example/t.",
        ),
        (
            {"implicit": {"authorizationUrl": "https://id.acme.example/a"}},
            {"grant_type": "authorization_code", "authorize_url": "https://id.acme.example/a"},
            "fill in 'exchange_url'",
        ),
        (
            {"authorizationCode": {**FLOW, "tokenUrl": "/oauth/token", "refreshUrl": "renew"}},
            {
                "grant_type": "authorization_code",
                "authorize_url": "https://id.acme.example/a",
                "exchange_url": "https://api.acme.example/oauth/token",
                "refresh_url": "https://api.acme.example/v1/renew",
            },
            "",
        ),
        (
            {"authorizationCode": {**FLOW, "authorizationUrl": "https://{tenant}.acme.example/a"}},
            {"grant_type": "authorization_code", "exchange_url": "https://id.acme.example/t"},
            "'authorize_url' differs per account: fill it in",
        ),
    ],
)
def test_the_flows_of_oauth_become_grant_type_and_urls(flows, profile, told):
    done = import_schemes(oauth(**flows))

    assert done.connector.auth == {"integry_oauth2": profile}
    assert told in " ".join(done.text.replace("#", " ").split())


def test_a_password_flow_becomes_a_login():
    profile = import_schemes(oauth(password={"tokenUrl": "https://id.acme.example/t"})).connector.auth["integry_jwt"]

    assert (profile["jwt_source"], profile["login_url"]) == ("login", "https://id.acme.example/t")
    assert profile["login_body"] == {"grant_type": "password", "username": "{username}", "password": "{password}"}


def test_where_the_host_is_the_accounts_own_paths_stay_paths():
    flow = {"authorizationUrl": "/oauth/authorize", "tokenUrl": "/oauth/token"}
    done = import_schemes(oauth(authorizationCode=flow), server="https://{shop}.acme.example")

    assert done.connector.base_url is None
    assert done.connector.auth["integry_oauth2"]["exchange_url"] == "/oauth/token"


def test_scopes_are_those_of_the_chosen_operations():
    scopes = {"a": "A", "b": "B", "c": "C"}

    needed = import_schemes(oauth(scopes, authorizationCode=FLOW), scopes=["b"])
    unsaid = import_schemes(oauth(scopes, authorizationCode=FLOW))
    many = import_schemes(oauth({f"s{n}": "" for n in range(30)}, authorizationCode=FLOW))

    assert needed.connector.auth["integry_oauth2"]["scopes"] == ["b"]
    assert unsaid.connector.auth["integry_oauth2"]["scopes"] == ["a", "b", "c"]
    assert "take out what you do not use" in unsaid.text
    assert "scopes" not in many.connector.auth["integry_oauth2"]
    assert "Scopes among: s0 s1" in many.text


def test_two_keys_together_are_a_key_and_a_secret():
    schemes = {name: {"type": "apiKey", "in": "header", "name": name} for name in ("X-Id", "X-Secret")}
    done = import_schemes(schemes, security=[{"X-Id": [], "X-Secret": []}])

    expected = {"pair_style": "headers", "key_header": "X-Id", "second_header": "X-Secret"}
    assert done.connector.auth == {"integry_api_key_secret": expected}


def test_a_second_scheme_of_a_type_is_told_and_not_lost():
    schemes = {name: {"type": "apiKey", "in": "header", "name": name} for name in ("X-One", "X-Two")}
    done = import_schemes(schemes)

    assert done.connector.auth == {"integry_api_key": {"key_name": "X-One"}}
    assert "# Or: key_name X-Two." in done.text


# -- keyset -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("param", "field", "more"),
    [("starting_after", "id", "has_more"), ("since_id", "id", None), ("after_uuid", "uuid", None)],
)
def test_a_parameter_that_takes_a_field_of_the_last_record_is_guessed_to_be_keyset(param, field, more):
    record = {"type": "object", "properties": {field: {"type": "string"}, "name": {"type": "string"}}}
    answer = {
        "properties": {"data": {"type": "array", "items": record}, **({more: {"type": "boolean"}} if more else {})}
    }
    done = import_list([{"name": param, "in": "query", "schema": {"type": "string"}}], answer)

    paging = done.connector.activities["list"].paging.model_dump(exclude_unset=True)
    assert paging == {"kind": "keyset", "param": param, "field": field, **({"more": more} if more else {})}
    assert f"# Guessed from parameter '{param}' and field '{field}' of a record" in done.text
    assert done.guessed == ["list"]


@pytest.mark.parametrize(
    ("param", "record"),
    [("since_id", {"name": {"type": "string"}}), ("since_id", {"id": {"type": "object"}}), ("since", {"id": {}})],
)
def test_without_such_a_field_nothing_is_guessed(param, record):
    answer = {"type": "array", "items": {"type": "object", "properties": record}}
    done = import_list([{"name": param, "in": "query", "schema": {"type": "string"}}], answer)

    assert done.connector.activities["list"].paging.kind == "none"
    assert param in done.connector.activities["list"].inputs


def test_a_number_of_a_page_comes_before_a_field_of_the_last_record():
    given = [{"name": name, "in": "query", "schema": {"type": "integer"}} for name in ("since_id", "page")]
    answer = {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "integer"}}}}

    assert import_list(given, answer).connector.activities["list"].paging.kind == "page"


def import_list(parameters, answer):
    content = {"application/json": {"schema": answer}}
    operation = {
        "operationId": "list",
        "parameters": parameters,
        "responses": {"200": {"description": "ok", "content": content}},
    }
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Acme"},
        "servers": [{"url": "https://api.acme.example"}],
        "paths": {"/things": {"get": operation}},
    }
    return import_document(read(document), "doc.json")

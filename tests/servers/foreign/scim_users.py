"""scim2-server: SCIM (RFC 7644), whose positions begin at 1, with the cursors of RFC 9865."""

import json

from common import read_records, serve_wsgi
from scim2_models import ScimProvider
from scim2_server.applications.wsgi import WSGIApplication
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)
from werkzeug.test import Client

if __name__ == "__main__":
    config = load_default_service_provider_config().model_dump()
    config["pagination"] = {
        "cursor": True, "index": True, "defaultPaginationMethod": "index", "defaultPageSize": 10, "maxPageSize": 25,
    }  # fmt: skip
    config = type(load_default_service_provider_config()).model_validate(config)
    provider = ScimProvider.from_discovery(
        load_default_schemas().values(), load_default_resource_types().values(), config=config
    )
    app = WSGIApplication(InMemoryStorage(), provider, ScimService(provider, secret="not a secret"))
    for record in read_records():
        user = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": record["name"],
            "displayName": record["note"],
            "externalId": str(record["id"]),
        }
        answer = Client(app).post("/v2/Users", data=json.dumps(user), content_type="application/scim+json")
        assert answer.status_code == 201, answer.text
    serve_wsgi(app)

"""moto: Amazon CloudWatch Logs, which takes the token of the next page in a JSON body."""

from common import read_records, serve_wsgi
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.test import Client

CREATE = {"X-Amz-Target": "Logs_20140328.CreateLogGroup"}

if __name__ == "__main__":
    app = create_backend_app("logs")
    for record in read_records():
        answer = Client(app).post("/", json={"logGroupName": record["name"]}, headers=CREATE)
        assert answer.status_code == 200, answer.text
    serve_wsgi(app)

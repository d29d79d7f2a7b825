"""What the programs beside this one share; they run in an environment of their own, with nothing of this project."""

import json
import socket
import sys
from pathlib import Path


def read_records():
    return json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))


def listen():
    """Listen on a free port and say so; who connects now is answered when the program serves."""
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    found.listen(64)
    print(f"SERVING http://127.0.0.1:{found.getsockname()[1]}", flush=True)
    return found


def serve_asgi(app):
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    server.run(sockets=[listen()])


def serve_wsgi(app):
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    class Threads(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    server = make_server("127.0.0.1", 0, app, server_class=Threads, handler_class=WSGIRequestHandler)
    print(f"SERVING http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()

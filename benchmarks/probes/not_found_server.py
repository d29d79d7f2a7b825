"""A server that has nothing yet: 404 for everything, and ``GET /count`` tells how often; prints its port.

Standard library only: it is not what is measured.
"""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    count = 0

    def do_GET(self) -> None:
        is_question = self.path == "/count"
        Handler.count += not is_question
        body = str(Handler.count).encode() if is_question else b""
        self.send_response(200 if is_question else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """One that takes many connections at once."""

    request_queue_size = 1024
    daemon_threads = True


def main() -> None:
    """Serve until the process is ended."""
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

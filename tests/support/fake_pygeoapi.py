"""A server with pygeoapi's paths that says what it is told, for tests of the benchmark's client."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import override


@contextmanager
def fake_pygeoapi(*statuses: str) -> Iterator[str]:
    """Its address.

    Args:
        statuses: What the job's status is, one answer after the other; "404" means not known yet.
            The last one is repeated.
    """
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if "respond-async" in self.headers.get("Prefer", ""):
                self._answer(201, {}, "http://elsewhere/jobs/the-job?f=json")
            else:
                self._answer(200 if "good" in self.path else 500, {})

        def do_GET(self) -> None:
            if not self.path.startswith("/jobs/the-job?"):
                return self._answer(200, {})
            status = left.pop(0) if len(left) > 1 else left[0]
            return self._answer(404 if status == "404" else 200, {"status": status})

        def do_DELETE(self) -> None:
            self._answer(500, {})

        def _answer(self, code: int, body: object, location: str | None = None) -> None:
            content = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(content)

        @override
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

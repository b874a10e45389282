"""An HTTP server of a test's own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def listening(
    handler: Callable[..., BaseHTTPRequestHandler], address: str = "127.0.0.1", port: int = 0
) -> Iterator[str]:
    """Serve for as long as the context lasts; at ``port``, or at a free one. Yields its URL."""
    with ThreadingHTTPServer((address, port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://{address}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()

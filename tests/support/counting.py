"""A TCP proxy that notes the HTTP requests which pass through it."""

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, override
from urllib.parse import urlsplit

REQUEST = re.compile(rb"(GET|POST|PATCH|PUT|DELETE) (/\S*) HTTP/1\.1\r\n")
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@dataclass
class Counter:
    """Requests since the last ``take``, as ``POST /flow_runs/filter``; identifiers are ``ID``.

    Attributes:
        url: Prefect's API through the proxy.
        connections: How many were opened.
    """

    url: str = ""
    connections: int = 0
    _seen: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, data: bytes) -> None:
        with self._lock:
            for method, path in REQUEST.findall(data):
                plain = ID.sub("ID", path.decode().removeprefix("/api"))
                self._seen.append(f"{method.decode()} {plain}")

    def take(self) -> list[str]:
        with self._lock:
            seen, self._seen = self._seen, []
        return seen


@contextmanager
def counting(api_url: str) -> Iterator[Counter]:
    """A proxy in front of Prefect's API."""
    address = urlsplit(api_url)
    counter = Counter()

    def copy(source: socket.socket, target: socket.socket, note: Any) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                note(data)
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    class Handler(socketserver.BaseRequestHandler):
        @override
        def handle(self) -> None:
            counter.connections += 1
            with socket.create_connection((address.hostname, address.port)) as server:
                back = threading.Thread(
                    target=copy, args=(server, self.request, lambda _: None), daemon=True
                )
                back.start()
                copy(self.request, server, counter.note)
                back.join(5)

    class Proxy(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        block_on_close = False

    with Proxy(("127.0.0.1", 0), Handler) as proxy:
        counter.url = f"http://127.0.0.1:{proxy.server_address[1]}/api"
        threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield counter
        finally:
            proxy.shutdown()

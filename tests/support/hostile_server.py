"""Servers of an attacker: one that the stack may fetch from, and a trap that it must not reach."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import override
from urllib.parse import parse_qs, urlsplit

from support.listening import listening
from support.receiver import ADDRESS

Content = Callable[[], bytes]


@dataclass
class Trap:
    """A port of this machine's loopback addresses.

    Attributes:
        port: Its number.
        reached: First bytes of each connection: each is a fetch that was forbidden.
    """

    port: int = 0
    reached: list[bytes] = field(default_factory=list)


@contextmanager
def trapping() -> Iterator[Trap]:
    """The trap, on 127.0.0.1 and, where there is IPv6, on ::1."""
    trap = Trap()
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0)))]
        trap.port = sockets[0].getsockname()[1]
        with suppress(OSError):
            six = socket.create_server(("::1", trap.port), family=socket.AF_INET6)
            sockets.append(stack.enter_context(six))
        threads = [threading.Thread(target=_count, args=(one, trap)) for one in sockets]
        for thread in threads:
            thread.start()
        try:
            yield trap
        finally:
            for one in sockets:
                one.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def _count(listener: socket.socket, trap: Trap) -> None:
    with suppress(OSError):  # it was shut down
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(1)
                with suppress(OSError):
                    trap.reached.append(connection.recv(500))


@dataclass
class Attacker:
    """A server whose address is allowed.

    Attributes:
        url: Its address.
        files: What it serves, by name, at ``/file/<name>``.
        served: Paths that were asked for.
    """

    url: str = ""
    files: dict[str, Content] = field(default_factory=dict)
    served: list[str] = field(default_factory=list)

    def serve(self, name: str, content: Content) -> str:
        """Address of a file with this content."""
        self.files[name] = content
        return f"{self.url}/file/{name}"


@contextmanager
def attacking() -> Iterator[Attacker]:
    """The attacker's server on ``ADDRESS``.

    ``/to?status=302&location=X`` redirects to X; ``/hops?count=N&location=X`` after N redirects.
    """
    attacker = Attacker()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            attacker.served.append(self.path)
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/to":
                self.redirect(int(query["status"]), query["location"])
            elif parts.path == "/hops":
                left = int(query["count"]) - 1
                again = self.path.replace(f"count={left + 1}", f"count={left}")
                self.redirect(302, again if left else query["location"])
            else:
                self.send_file(attacker.files[parts.path.removeprefix("/file/")]())

        def redirect(self, status: int, location: str) -> None:
            self.send_response(status)
            self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def send_file(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(OSError):  # it wants no more
                self.wfile.write(content)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with listening(Handler, ADDRESS) as attacker.url:
        yield attacker

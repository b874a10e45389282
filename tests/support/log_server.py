"""A server that takes logs as Prefect's does, and refuses or fails where a test wants it to."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, override

from prefect.settings import PREFECT_CLIENT_CSRF_SUPPORT_ENABLED, temporary_settings

from support.listening import listening
from support.prefect_api import use_prefect

Rows = list[dict[str, Any]]


@dataclass
class LogServer:
    """Lines that have arrived.

    Attributes:
        answer: Gives the status for a batch; 201 keeps it, 0 keeps it and does not answer.
        is_ready: Whether the server says that its database answers.
        rows: The lines that were kept.
        batches: Sizes of all batches that were sent.
    """

    answer: Callable[[Rows], int] = lambda _: 201
    is_ready: bool = True
    rows: Rows = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    @property
    def messages(self) -> list[str]:
        """The messages in the order of their times, as Prefect shows them."""
        return [row["message"] for row in sorted(self.rows, key=lambda row: str(row["timestamp"]))]

    def reset(self) -> None:
        """Forget what has arrived, and take everything."""
        self.answer, self.is_ready = (lambda _: 201), True
        self.rows, self.batches = [], []

    def take(self, rows: Rows) -> int:
        """The status for a batch."""
        self.batches.append(len(rows))
        status = self.answer(rows)
        if status in (0, 201):
            self.rows += rows
        return status

    def find(self, wanted: dict[str, Any]) -> Rows:
        """The lines of one moment."""
        moment = wanted["logs"]["timestamp"]["after_"]
        return [row for row in self.rows if row["timestamp"] == moment]


@contextmanager
def log_server() -> Iterator[LogServer]:
    """The server, which this process takes for Prefect's."""
    server = LogServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.reply(200 if server.is_ready else 503, True)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.endswith("/logs/filter"):
                self.reply(200, server.find(body))
                return
            status = server.take(body)
            if status:
                self.reply(status, None)
            else:
                self.close_connection = True

        def reply(self, status: int, content: object) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        @override
        def log_message(self, *_: object) -> None:
            pass

    with (
        temporary_settings({PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False}),
        listening(Handler) as url,
        use_prefect(f"{url}/api"),
    ):
        yield server

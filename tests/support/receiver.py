"""A server that is told of jobs: a subscriber of callbacks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, override

from support.listening import listening

ADDRESS = "127.0.0.77"
"""The one address of this machine that the stack of the tests may connect to."""


@dataclass(frozen=True)
class Told:
    """One request that arrived."""

    path: str
    event_id: str
    content_type: str
    body: Any


@dataclass
class Receiver:
    """What a subscriber was told; ``status`` is its answer."""

    url: str = ""
    status: int = 204
    requests: list[Told] = field(default_factory=list)

    def of(self, job_id: str) -> list[Told]:
        """What it was told of one job."""
        return [told for told in self.requests if told.event_id.startswith(job_id)]


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """A receiver on ``ADDRESS`` for as long as the context lasts."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(
                Told(
                    self.path,
                    self.headers["Event-Id"],
                    self.headers["Content-Type"],
                    json.loads(body),
                )
            )
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with listening(Handler, ADDRESS, port) as receiver.url:
        yield receiver

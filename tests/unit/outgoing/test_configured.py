"""Documents of an issuer, from a real server on loopback: bounded, and from nowhere else."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import override

import pytest

from pygeoapi_prefect.outgoing import configured
from support.listening import listening
from support.stack import free_port


class Handler(BaseHTTPRequestHandler):
    """Answers by path."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status = 302 if self.path == "/elsewhere" else 500 if self.path == "/broken" else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/json")
        if self.path == "/compressed":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if self.path == "/json":
            self.wfile.write(b'{"a": 1}')
        if self.path == "/large":
            self.wfile.write(b" " * (configured.MAX_BYTES + 1))
        if self.path == "/slow":
            self.trickle()

    def trickle(self) -> None:
        """A byte now and then, for longer than the client waits."""
        end = time.monotonic() + 20
        try:
            while time.monotonic() < end:
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.02)
        except OSError:  # it has left
            return

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    Handler.asked = []
    with listening(Handler) as url:
        yield url


def test_a_document_is_fetched(server: str) -> None:
    assert configured.fetch(f"{server}/json") == b'{"a": 1}'


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/elsewhere", "status 302"),
        ("/broken", "status 500"),
        ("/compressed", "compressed"),
        ("/large", "larger than"),
    ],
)
def test_anything_else_is_an_outage(server: str, path: str, told: str) -> None:
    with pytest.raises(OSError, match=told):
        configured.fetch(server + path)
    assert Handler.asked == [path]  # a redirect is not followed


def test_a_slow_answer_ends_at_the_deadline(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configured, "TIMEOUT_SECONDS", 0.2)
    began = time.monotonic()
    with pytest.raises(OSError, match="timed out"):
        configured.fetch(f"{server}/slow")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("url", ["http://[x", "ftp://x.test/", "http://", "x"])
def test_an_invalid_address_is_an_outage(url: str) -> None:
    with pytest.raises(OSError, match="cannot be fetched"):
        configured.fetch(url)


def test_nobody_who_listens_is_an_outage() -> None:
    with pytest.raises(OSError, match="cannot be fetched"):
        configured.fetch(f"http://127.0.0.1:{free_port()}/")

"""What the inputs by reference of one request may cost, against a real server on loopback."""

import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import override

import pytest

from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.jobs import references as module
from pygeoapi_prefect.jobs.references import MAX_REFERENCES, References
from support.listening import listening

PAUSE_SECONDS = 0.2


class Handler(BaseHTTPRequestHandler):
    """Answers ``{}``: at /slow after a while, at /bad with what is no text."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(PAUSE_SECONDS)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        with suppress(OSError):  # who asked may have lost patience
            self.end_headers()
            self.wfile.write(b"\xff\xfe" if self.path == "/bad" else b"{}")

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on loopback that is allowed; its address."""
    monkeypatch.setenv("OUTGOING_ALLOWED_HOSTS", "127.0.0.0/8")
    with listening(Handler) as url:
        yield url


def test_so_many_and_no_more(server: str) -> None:
    references = References(1000)
    for _ in range(MAX_REFERENCES):
        assert references.fetch("a", {"href": f"{server}/quick"}) == {}
    with pytest.raises(InvalidJobParameterError, match="at most 32 inputs"):
        references.fetch("a", {"href": f"{server}/quick"})


def test_all_of_a_request_have_one_deadline(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFERENCES_SECONDS", 5 * PAUSE_SECONDS)
    references = References(1000)
    began = time.monotonic()
    link = {"href": f"{server}/slow"}
    with pytest.raises(InvalidJobParameterError, match=r"took more|timed out"):
        all(references.fetch("a", link) == {} for _ in range(20))
    assert time.monotonic() - began < 15 * PAUSE_SECONDS


def test_text_is_as_it_is(server: str) -> None:
    references = References(1000)
    assert references.fetch("a", {"href": f"{server}/quick", "type": "text/plain"}) == "{}"
    with pytest.raises(
        InvalidJobParameterError, match="the referenced document is not valid UTF-8"
    ):
        references.fetch("a", {"href": f"{server}/bad", "type": "text/plain"})

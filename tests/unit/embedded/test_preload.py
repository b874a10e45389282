import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import override

import pytest

from pygeoapi_prefect.embedded import preload

PRELOAD = [sys.executable, "-m", "pygeoapi_prefect.embedded.preload"]


class Slow(BaseHTTPRequestHandler):
    """Answers 503 twice, then 200."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(200 if self.asked > 2 else 503)
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the test's output."""


@pytest.fixture
def slow_url() -> Iterator[str]:
    Slow.asked = 0
    with HTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def run(*arguments: str) -> str:
    result = subprocess.run([*PRELOAD, *arguments], capture_output=True, text=True, check=True)
    return result.stdout


def test_the_program_runs_once_the_server_is_ready(slow_url: str) -> None:
    assert "json.tool" in run(slow_url, "json,csv", "json.tool", "--help")
    assert Slow.asked == 3


def test_the_program_gets_its_arguments() -> None:
    assert "json.tool" in run("-", "json", "json.tool", "--help")


def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preload, "TIMEOUT_SECONDS", 0.2)

    with pytest.raises(TimeoutError, match="did not answer within"):
        preload.wait_for("http://127.0.0.1:9")

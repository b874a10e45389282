"""The guard against SSRF, against a real server on loopback."""

import gzip
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import override

import pytest

from pygeoapi_prefect import outgoing
from pygeoapi_prefect.errors import ConfigurationError, InvalidJobParameterError
from support.listening import listening

BIG = b"x" * 3_000_000
REDIRECTS = {
    "/once": "/json",
    "/inside": "http://169.254.169.254/latest",
    "/file": "file:///etc/passwd",
    "/broken": "http://[bad",
    "/loop": "/loop",
}


class Handler(BaseHTTPRequestHandler):
    """Answers by path; remembers the Host headers."""

    hosts: list[str]

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        path = self.path.partition("?")[0]
        if path in REDIRECTS:
            self.reply(302, b"", "", location=REDIRECTS[path])
            return
        match path:
            case "/json":
                self.reply(200, b'\xef\xbb\xbf{"a": 1}', "application/json; charset=utf-8")
            case "/text":
                self.reply(200, b"no json", "text/plain")
            case "/big":
                self.reply(200, BIG, "image/tiff")
            case "/compressed":
                self.reply(200, gzip.compress(b" " * 90_000), "application/json", encoding="gzip")
            case "/300" | "/304" | "/600" | "/999":
                self.reply(int(path[1:]), b"{}", "application/json")
            case "/slow":
                self.trickle()
            case "/endless":
                self.trickle_headers()
            case "/unsized":
                self.send_response(200)
                self.end_headers()
                self.dribble(100)
            case _:
                self.reply(404, b"", "text/plain")

    def do_POST(self) -> None:
        self.hosts.append(self.headers["Host"])
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/999":
            self.reply(999, b"", "text/plain")
        elif self.path == "/moved":
            self.reply(307, b"", "", location="/taken")
        elif self.path == "/endless":
            self.trickle_headers()
        else:
            right = self.headers["Event-Id"] == "e" and body == b"{}"
            self.reply(200 if right and self.path == "/taken" else 500, b"", "text/plain")

    def reply(
        self, status: int, body: bytes, media_type: str, location: str = "", encoding: str = ""
    ) -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def trickle(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.dribble(100)

    def trickle_headers(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
        self.dribble(100)

    def dribble(self, count: int) -> None:
        for _ in range(count):
            try:
                self.wfile.write(b"x")
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on loopback that is allowed; its address."""
    Handler.hosts = []
    monkeypatch.setenv("OUTGOING_ALLOWED_HOSTS", "127.0.0.0/8, ::1")
    with listening(Handler) as url:
        yield url


def fetch(url: str) -> object:
    return json.loads(outgoing.fetch(url, max_bytes=100_000).decode("utf-8-sig"))


def test_json_is_fetched(server: str) -> None:
    assert fetch(f"{server}/json") == {"a": 1}
    assert fetch(f"{server}/once") == {"a": 1}


def test_what_could_unfold_to_any_size_is_refused(server: str) -> None:
    with pytest.raises(InvalidJobParameterError, match="compressed"):
        fetch(f"{server}/compressed")


@pytest.mark.parametrize("character", ["\0", "\r\n", "\x7f", "\u2028"])
def test_a_url_with_control_characters_is_none(server: str, character: str) -> None:
    with pytest.raises(InvalidJobParameterError, match="is not a valid URI"):
        outgoing.check_address(f"{server}/{character}x")


def test_the_host_is_the_one_of_the_url(server: str) -> None:
    port = server.rsplit(":", 1)[1]
    assert fetch(f"http://localhost:{port}/json?x=1#part") == {"a": 1}
    assert Handler.hosts == [f"localhost:{port}"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/big", "larger than 100000 bytes"),
        ("/missing", "status 404"),
        ("/inside", "does not connect to"),
        ("/file", "not an http or https URL"),
        ("/broken", "cannot be fetched"),
        ("/loop", "redirected more than 5 times"),
    ],
)
def test_what_cannot_be_used_is_told(server: str, path: str, told: str) -> None:
    with pytest.raises(InvalidJobParameterError, match=told):
        fetch(server + path)


@pytest.mark.parametrize("status", [300, 304, 600, 999])
def test_only_a_status_of_success_is_success(server: str, tmp_path: Path, status: int) -> None:
    """Fault 37: 999 is no error of HTTP's, and no success either."""
    with pytest.raises(InvalidJobParameterError, match=f"cannot be fetched: status {status}"):
        fetch(f"{server}/{status}")
    with pytest.raises(InvalidJobParameterError, match=f"status {status}"):
        outgoing.download(f"{server}/{status}", tmp_path / "x")


def test_a_file_is_downloaded_in_pieces(server: str, tmp_path: Path) -> None:
    target = tmp_path / "raster.tif"
    assert outgoing.download(f"{server}/big", target) == "image/tiff"
    assert target.read_bytes() == BIG
    with pytest.raises(InvalidJobParameterError, match="larger than 1000 bytes"):
        outgoing.download(f"{server}/big", target, max_bytes=1000)


@pytest.mark.parametrize("path", ["/slow", "/endless", "/unsized"])
def test_a_slow_server_is_given_up(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("OUTGOING_TIMEOUT_SECONDS", "0.3")
    with pytest.raises(InvalidJobParameterError, match="timed out"):
        outgoing.download(server + path, tmp_path / "x")


def test_a_slow_server_cannot_hold_a_request_for_json(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "JSON_SECONDS", 0.3)
    with pytest.raises(InvalidJobParameterError, match="timed out"):
        fetch(f"{server}/endless")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "0.0.0.0",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fc00::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[2002:7f00:1::]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[::7f00:1]",
        "192.88.99.1",
        "192.0.0.8",
        "[fec0::1]",
        "[::ffff:0:127.0.0.1]",
        "224.0.0.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
    ],
)
def test_private_addresses_are_refused(host: str) -> None:
    with pytest.raises(InvalidJobParameterError, match=r"does not connect to|cannot be resolved"):
        fetch(f"http://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "http://",
        "http:///path",
        "//example.org",
        "file:///etc/passwd",
        "ftp://example.org",
        "data:text/plain,x",
        "http://[::1",
        "http://example.org:99999",
        "https://user@example.org",
        "https://user:password@example.org",
    ],
)
def test_what_is_no_web_address_is_refused_without_a_look_up(url: str) -> None:
    with pytest.raises(InvalidJobParameterError):
        outgoing.check(url)


def test_a_public_address_passes_the_check() -> None:
    outgoing.check("https://example.org/zones.json?x=1")


def test_an_allowed_name_is_enough(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = server.rsplit(":", 1)[1]
    monkeypatch.setenv("OUTGOING_ALLOWED_HOSTS", "LOCALHOST")
    assert fetch(f"http://localhost:{port}/json") == {"a": 1}
    with pytest.raises(InvalidJobParameterError, match="does not connect to"):
        fetch(f"http://127.0.0.1:{port}/json")


def test_something_is_posted(server: str) -> None:
    outgoing.post(f"{server}/taken", b"{}", {"Event-Id": "e"})
    assert Handler.hosts == [server.removeprefix("http://")]


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/refused", "status 500"), ("/moved", "status 307"), ("/999", "status 999")],
)
def test_what_was_not_taken_is_said(server: str, path: str, reason: str) -> None:
    with pytest.raises(InvalidJobParameterError, match=f"answered with {reason}"):
        outgoing.post(server + path, b"{}", {"Event-Id": "e"})


def test_a_receiver_that_never_ends_its_answer(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "POST_SECONDS", 0.3)
    with pytest.raises(InvalidJobParameterError, match="could not be notified"):
        outgoing.post(f"{server}/endless", b"{}", {})


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://localhost:1/", "ftp://example.org/"])
def test_nothing_is_posted_to_inside(url: str) -> None:
    with pytest.raises(InvalidJobParameterError):
        outgoing.post(url, b"", {})
    with pytest.raises(InvalidJobParameterError):
        outgoing.check_address(url)


def test_proxies_of_the_environment_are_not_used(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert json.dumps(fetch(f"{server}/json")) == '{"a": 1}'


def test_a_setting_that_makes_no_sense_is_the_operators_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUTGOING_MAX_BYTES", "many")
    with pytest.raises(ConfigurationError, match="OUTGOING_MAX_BYTES"):
        fetch("http://127.0.0.1:9")

"""The server under gunicorn, over raw connections: what waits or is slow costs nobody else."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from support.polling import wait_for
from support.stack import free_port

THREADS = 4
CONNECTIONS = 100
STREAMS = 20
SETTINGS = "python:pygeoapi_prefect.web.serving"
SOON = 20.0


class Server:
    """A server with one process and few threads."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.log = log
        command = [sys.executable, "-m", "gunicorn", "--config", SETTINGS]
        command += ["--threads", str(THREADS), "--worker-connections", str(CONNECTIONS)]
        command += ["--bind", f"127.0.0.1:{self.port}", "--graceful-timeout", "2"]
        paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "toy:create_app()"],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self._before: dict[str, int] = {}

    def begin(self) -> None:
        """Begin a test: nothing is connected, released or counted."""
        self.client.close()
        self.client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        wait_for(lambda: not self.connections(), SOON, "the connections are closed")
        httpx.delete(f"{self.url}/readyz", timeout=30, trust_env=False)
        self._before = self._counted()

    def _counted(self) -> dict[str, int]:
        answer = httpx.get(f"{self.url}/healthz", timeout=30, trust_env=False)
        counted: dict[str, int] = answer.json()["calls"]
        return counted

    def calls(self, name: str) -> int:
        """How often something has happened in the application during the test."""
        return self._counted().get(name, 0) - self._before.get(name, 0)

    def happens(self, name: str, times: int) -> None:
        wait_for(lambda: self.calls(name) == times, SOON, lambda: f"{name}: {self.log.read_text()}")

    def connections(self) -> int:
        """The number of connections that the process that serves holds."""
        (child,) = psutil.Process(self.process.pid).children()
        return sum(bool(it.raddr) for it in child.net_connections("tcp"))

    @contextmanager
    def sent(self, request: bytes = b"") -> Iterator[socket.socket]:
        """A connection on which these bytes were sent."""
        address = ("127.0.0.1", self.port)
        with socket.create_connection(address, timeout=SOON) as connection:
            connection.sendall(request)
            yield connection

    def exchange(self, request: bytes) -> bytes:
        with self.sent(request) as connection:
            return read(connection)

    def stop(self) -> int:
        self.client.close()
        self.process.terminate()
        status = self.process.wait(SOON)
        assert "Traceback" not in self.log.read_text()
        return status


def read(connection: socket.socket) -> bytes:
    """All that is sent, until the connection is closed."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def get(target: str, *fields: str, version: str = "HTTP/1.1") -> bytes:
    lines = [f"GET {target} {version}", "Host: localhost", "Connection: close", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def post(content: bytes, length: int | None = None) -> bytes:
    lines = ["POST /echo HTTP/1.1", "Host: localhost", "Connection: close"]
    lines.append(f"Content-Length: {len(content) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + content


def problem(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    document: dict[str, Any] = json.loads(body)
    assert head.startswith(f"HTTP/1.1 {document['status']} ".encode())
    return document


@contextmanager
def serving(log: Path) -> Iterator[Server]:
    server = Server(log)

    def answers() -> bool:
        assert server.process.poll() is None, server.log.read_text()
        try:
            return server.client.get("/healthz").is_success
        except httpx.TransportError:
            return False

    try:
        wait_for(answers, 60, server.log.read_text)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server") / "log") as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    shared.begin()
    return shared


def test_a_request_becomes_the_environment_of_wsgi(server: Server) -> None:
    fields = ("Accept: a", "Accept: b", "Cookie: c=1", "Cookie: d=2", "X-Y: z", "Content-Type: t/t")
    for target in ("/en%76iron?q=%20%C3%A9", "http://elsewhere/environ?q=%20%C3%A9"):
        answer = server.exchange(get(target, *fields))
        found = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert found["PATH_INFO"] == "/environ"
        assert found["QUERY_STRING"] == "q=%20%C3%A9"
        assert found["HTTP_ACCEPT"] == "a,b"
        assert found["HTTP_COOKIE"] == "c=1; d=2"
        assert found["HTTP_X_Y"] == "z"
        assert found["CONTENT_TYPE"] == "t/t"
        assert found["REMOTE_ADDR"] == "127.0.0.1"
        assert found["SERVER_PORT"] == str(server.port)
        assert found["SERVER_PROTOCOL"] == "HTTP/1.1"
        assert found["wsgi.url_scheme"] == "http"


def test_bodies_arrive(server: Server) -> None:
    for size in (0, 1, 300_000, 1_000_000):
        content = os.urandom(size)
        assert server.client.post("/echo", content=content).content == content
        pieces = iter([content[: size // 2], content[size // 2 :]])
        if size < 1_000_000:  # one without a length is read as far as the limit
            assert server.client.post("/echo", content=pieces).content == content


def test_a_large_request_may_follow_an_answer_at_once(server: Server) -> None:
    content = os.urandom(500_000)
    for _ in range(30):
        assert server.client.post("/echo", content=content).content == content


def test_a_client_that_still_sends_reads_why_its_body_is_rejected(server: Server) -> None:
    assert server.client.post("/echo", content=b"x" * 8_000_000).status_code == 413
    assert server.calls("echo") == 1  # the application has decided


def test_a_client_may_close_its_half(server: Server) -> None:
    with server.sent(post(b"abc")) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert read(connection).endswith(b"\r\n\r\nabc")
    with server.sent(post(b"abc", length=4)) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert problem(read(connection))["status"] == 400
    with server.sent() as connection:
        connection.shutdown(socket.SHUT_WR)
        assert read(connection) == b""
    assert server.calls("echo") == 1


@pytest.mark.parametrize("begun", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_has_a_deadline(server: Server, begun: bytes) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(server.sent(begun)) for _ in range(THREADS * 10)]
        assert server.exchange(get("/environ")).startswith(b"HTTP/1.1 200 ")
        for connection in slow:
            assert problem(read(connection))["status"] == 408


def test_a_body_has_a_deadline(server: Server) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(server.sent(post(b"x", 9))) for _ in range(THREADS * 10)]
        assert server.exchange(get("/environ")).startswith(b"HTTP/1.1 200 ")
        for connection in slow:
            assert problem(read(connection))["status"] == 408
    assert server.calls("echo") == 0


def test_a_client_that_does_not_read_is_cut_off(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(THREADS * 3):
            stack.enter_context(server.sent(get("/endless")))
        server.happens("ended", THREADS * 3)
    assert server.exchange(get("/environ")).startswith(b"HTTP/1.1 200 ")


def test_few_responses_are_sent_in_pieces_at_a_time(server: Server) -> None:
    with ExitStack() as stack:
        many = [stack.enter_context(server.sent(get("/endless"))) for _ in range(STREAMS + 5)]
        begun = [connection.recv(12) for connection in many]
        assert {*begun} == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
        assert begun.count(b"HTTP/1.1 200") <= STREAMS
        assert server.exchange(get("/environ")).startswith(b"HTTP/1.1 200 ")
    server.happens("ended", len(many))


def test_a_connection_without_a_further_request_is_closed(server: Server) -> None:
    with server.sent(b"GET /environ HTTP/1.1\r\nHost: localhost\r\n\r\n") as connection:
        answer = read(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close" not in answer


def test_probes_are_answered_while_all_threads_are_busy(server: Server) -> None:
    with ExitStack() as stack:
        busy = [stack.enter_context(server.sent(get("/busy"))) for _ in range(THREADS * 3)]
        server.happens("busy", THREADS)
        assert server.client.get("/healthz").is_success
        for connection in busy[THREADS:]:  # these wait for a thread
            connection.close()
        server.client.get("/readyz")
        for connection in busy[:THREADS]:
            assert read(connection).endswith(b"done")
    assert server.exchange(get("/environ")).startswith(b"HTTP/1.1 200 ")
    assert server.calls("busy") == THREADS  # nothing was begun for those that had left


def test_executions_in_the_web_process_have_threads_of_their_own(server: Server) -> None:
    def execute(name: str) -> bytes:
        return get(f"/processes/{name}/execution").replace(b"GET", b"POST")

    with ExitStack() as stack:
        busy = [stack.enter_context(server.sent(execute("h%65re"))) for _ in range(3)]
        server.happens("busy", 2)
        busy += [stack.enter_context(server.sent(execute("elsewhere"))) for _ in range(2)]
        server.happens("busy", 4)
        assert server.exchange(get("/environ")).startswith(b"HTTP/1.1 200 ")
        server.client.get("/readyz")
        for connection in busy:
            assert read(connection).endswith(b"done")


def test_few_executions_in_the_web_process_wait(server: Server) -> None:
    execute = get("/processes/here/execution").replace(b"GET", b"POST")
    with ExitStack() as stack:
        for number in range(4):  # two are executed, two wait
            stack.enter_context(server.sent(execute))
            server.happens("busy", min(number + 1, 2))
        assert problem(server.exchange(execute))["status"] == 503
        assert server.exchange(get("/environ")).startswith(b"HTTP/1.1 200 ")
        server.client.get("/readyz")


def test_too_many_requests_are_told_to_come_back(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(THREADS * 21):
            stack.enter_context(server.sent(get("/busy")))
        answer = server.exchange(get("/busy"))
        server.client.get("/readyz")
    assert problem(answer)["status"] == 503
    assert b"\r\nRetry-After: " in answer


def test_waiting_clients_hold_no_thread(server: Server) -> None:
    number = THREADS * 10
    with ExitStack() as stack:
        waiting = [stack.enter_context(server.sent(get("/wait"))) for _ in range(number)]
        server.happens("parked", number)
        assert server.exchange(get("/environ")).startswith(b"HTTP/1.1 200 ")
        server.client.get("/readyz")
        for connection in waiting:
            assert read(connection).endswith(b"\r\n\r\nresumed")
    server.happens("closed", number)
    assert server.calls("resumed") == number
    assert server.calls("abandoned") == 0


@pytest.mark.parametrize("leave", [socket.socket.close, lambda it: it.shutdown(socket.SHUT_WR)])
def test_a_client_that_leaves_while_it_waits_is_noticed(
    server: Server, leave: Callable[[socket.socket], object]
) -> None:
    with server.sent(get("/wait")) as connection:
        server.happens("parked", 1)
        leave(connection)
        server.happens("abandoned", 1)
    server.happens("closed", 1)
    assert server.calls("resumed") == 0
    wait_for(lambda: not server.connections(), SOON, "the connection is closed")


def test_a_client_that_leaves_before_it_is_parked_frees_its_place(server: Server) -> None:
    with server.sent(get("/park-late")) as connection:
        server.happens("late", 1)
        connection.close()
    wait_for(lambda: server.calls("cancelled"), SOON, "gunicorn has given the call up")
    server.client.get("/readyz")
    server.happens("abandoned", 1)
    server.happens("closed", 1)


def test_connections_are_bounded(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(server.sent())
        answer = server.exchange(get("/environ"))
        assert problem(answer)["status"] == 503
        assert b"\r\nRetry-After: " in answer
        assert server.exchange(get("/healthz")).startswith(b"HTTP/1.1 200 ")
        for _ in range(10):
            stack.enter_context(server.sent())
        assert problem(server.exchange(b""))["status"] == 503
    assert server.exchange(get("/environ")).startswith(b"HTTP/1.1 200 ")  # the others have left


def test_a_client_that_takes_no_end_of_its_answer_is_cut_off(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(THREADS * 3):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(get("/large"))
        wait_for(server.connections, SOON, "the connections are there")
        wait_for(lambda: not server.connections(), SOON, "the connections are closed")


def test_tiny_chunks_are_rejected(server: Server) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = server.exchange(head + b"1\r\nx\r\n" * 20_000)
    assert problem(answer)["status"] == 400
    assert b"chunks" in answer
    assert server.calls("echo") == 0


def test_a_head_is_bounded(server: Server) -> None:
    fields = [f"X-{number}: {'x' * 8000}" for number in range(30)]
    with server.sent() as connection:
        with suppress(OSError):
            connection.sendall(get("/environ", *fields))
        assert problem(read(connection))["status"] == 431


@pytest.mark.parametrize(
    ("target", "fields", "status"),
    [
        ("/environ?" + "x" * 4000, (), 200),
        ("/environ?" + "x" * 4100, (), 414),
        ("/environ", ("X: " + "x" * 8000,), 200),
        ("/environ", ("X: " + "x" * 8200,), 431),
        ("/environ", [f"X-{number}: x" for number in range(98)], 200),
        ("/environ", [f"X-{number}: x" for number in range(101)], 431),
    ],
    ids=["line", "long line", "field", "long field", "fields", "many fields"],
)
def test_parts_of_a_head_are_bounded(
    server: Server, target: str, fields: Sequence[str], status: int
) -> None:
    answer = server.exchange(get(target, *fields))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert status == 200 or problem(answer)["status"] == status


def test_a_length_of_many_digits(server: Server) -> None:
    lines = f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {'1' * 5000}\r\n\r\n"
    assert problem(server.exchange(lines.encode()))["status"] == 400


def test_a_stream_to_an_old_client_ends_with_its_connection(server: Server) -> None:
    old = b"GET /environ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    assert b"\r\nConnection: close\r\n" in server.exchange(old)


def test_clients_that_wait_are_answered_when_it_stops(tmp_path: Path) -> None:
    with serving(tmp_path / "log") as server, server.sent(get("/wait")) as connection:
        server.happens("parked", 1)
        assert server.stop() == 0
        assert read(connection).endswith(b"\r\n\r\nresumed")

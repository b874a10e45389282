"""Hostile requests: what is sent, what may be answered, and what no answer may contain."""

import http.client
import io
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, override
from urllib.parse import urlsplit

from support.stack import REPOSITORY, RunningStack

CLOSED = 0
"""Stands for a connection that is closed without an answer, among the statuses of a case."""
SECONDS = 15
"""Longest time for an answer, on a machine that does other things as well."""
OUTPUT = "{output}"
"""Stands for the path of an output, in the target of a request."""
EXECUTION = "/processes/zonal-statistics/execution"
JSON = {"Content-Type": "application/json", "Prefer": "respond-async"}


@dataclass(frozen=True)
class Hostile:
    """One hostile request.

    Attributes:
        name: Unique name.
        family: Name of its family.
        statuses: Statuses that its answers may have, or ``CLOSED``.
        make: Makes the bytes that are sent; large ones are not kept.
        ends: True if the client closes its half of the connection after them.
        answers: Largest number of answers.
    """

    name: str
    family: str
    statuses: frozenset[int]
    make: Callable[[], bytes]
    ends: bool = False
    answers: int = 1


@dataclass(frozen=True)
class Answer:
    """One answer on a connection."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def raw(
    family: str, name: str, sent: bytes, *statuses: int, ends: bool = False, answers: int = 1
) -> Hostile:
    """A case that sends these bytes."""
    name = f"{family}-{name}"
    return Hostile(name, family, frozenset(statuses), lambda: sent, ends, answers)


def get(
    family: str, name: str, target: str, *statuses: int, method: str = "GET", **headers: str
) -> Hostile:
    """A case that asks for a target; an underscore in the name of a header is a hyphen."""
    fields = {key.replace("_", "-"): value for key, value in headers.items()}
    return raw(family, name, head(method, target, fields), *statuses)


def post(
    family: str,
    name: str,
    body: bytes | Callable[[], bytes],
    *statuses: int,
    target: str = EXECUTION,
    headers: Mapping[str, str] = JSON,
) -> Hostile:
    """A case that sends a body."""

    def make() -> bytes:
        content = body if isinstance(body, bytes) else body()
        return head("POST", target, {**headers, "Content-Length": str(len(content))}) + content

    return Hostile(f"{family}-{name}", family, frozenset(statuses), make)


def head(method: str, target: str, fields: Mapping[str, str]) -> bytes:
    """The head of a request that is the last of its connection."""
    given = {"Host": "localhost", "Connection": "close", **fields}
    lines = [f"{name}: {value}" for name, value in given.items()]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("utf-8")


def execution(inputs: Mapping[str, Any], **members: Any) -> bytes:
    """The body of an execute request."""
    return json.dumps({"inputs": inputs, **members}).encode()


def exchange(url: str, case: Hostile, output: str = "") -> list[Answer]:
    """Send a case over a connection of its own; all answers until the server closes it.

    Args:
        url: Address of the server.
        case: The case.
        output: Path of an output, for the cases that ask for one.

    Raises:
        TimeoutError: The server neither answered nor closed the connection in time.
    """
    sent = case.make()
    if OUTPUT.encode() in sent[:1000]:
        sent = sent.replace(OUTPUT.encode(), output.encode(), 1)
    address = ("127.0.0.1", urlsplit(url).port or 80)
    with socket.create_connection(address, timeout=SECONDS) as connection:
        received = b""
        with suppress(ConnectionError):  # it has refused the rest
            connection.sendall(sent)
        if case.ends:
            with suppress(OSError):  # it has closed the connection
                connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                received += piece
    return parsed(received)


def parsed(received: bytes) -> list[Answer]:
    """The answers in all bytes of a connection."""
    stream, found = _Stream(received), list[Answer]()
    while stream.tell() < len(received):
        response = http.client.HTTPResponse(stream)  # type: ignore[arg-type]
        response.begin()
        body = response.read()
        found.append(
            Answer(
                response.status,
                {name.lower(): value for name, value in response.headers.items()},
                body,
            )
        )
    return found


class _Stream(io.BytesIO):
    def makefile(self, *_: Any) -> "_Stream":
        return self

    @override
    def close(self) -> None:
        """Stay open for the next answer."""


def assert_harmless(stack: RunningStack, case: Hostile, answers: Sequence[Answer]) -> None:
    """The answers are of the case's statuses, and each is complete and gives nothing away."""
    found = [answer.status for answer in answers] or [CLOSED]
    assert len(found) <= case.answers, found
    assert set(found) <= case.statuses, (found, [answer.body[:500] for answer in answers])
    for answer in answers:
        assert_no_leak(stack, answer.body)
        if answer.status >= 400:
            assert_is_problem(answer)


def assert_is_problem(answer: Answer) -> None:
    """The answer is a problem document (RFC 9457) of its status."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.body) < 10_000
    problem = json.loads(answer.body)
    assert problem["status"] == answer.status
    assert problem["title"]
    assert problem["detail"]


def assert_no_leak(stack: RunningStack, text: bytes | str) -> None:
    """Nothing of the server's insides is in a text for clients."""
    content = text if isinstance(text, str) else text.decode("utf-8", "replace")
    insides = [
        *("Traceback", "/site-packages/", 'File "', "root:x:0:0", "BEGIN RSA"),
        *(str(stack.state), str(REPOSITORY), stack.prefect_api_url, "postgresql+asyncpg"),
    ]
    assert [inside for inside in insides if inside in content] == [], content[:1000]

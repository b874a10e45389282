"""An application for the tests of the server; its deadlines are short."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, request

from pygeoapi_prefect.web import protocol, waiting
from pygeoapi_prefect.web.server import body, connection, gateway, lanes

CALLS: Counter[str] = Counter()
WAITS: list["ToyWait"] = []
RELEASED = threading.Event()
LIMIT = 1_000_000


class ToyWait:
    """A wait that ends when the test says so."""

    def __init__(self) -> None:
        self.until = time.monotonic() + 60
        self.is_over = False
        self.wake: Any = None

    def wake_by(self, wake: Any) -> None:
        self.wake = wake

    def look(self) -> bool:
        CALLS["look"] += 1
        return self.is_over or time.monotonic() >= self.until

    def __enter__(self) -> "ToyWait":
        return self

    def __exit__(self, *_: object) -> None:
        CALLS["closed"] += 1


class ToyParked:
    """A client that waits."""

    def __init__(self) -> None:
        self.wait = ToyWait()
        WAITS.append(self.wait)

    def abandon(self) -> None:
        CALLS["abandoned"] += 1


def create_app() -> Flask:
    """The application, as gunicorn calls it."""
    connection.HEAD_SECONDS = 3.0
    connection.FLUSH_SECONDS = 4.0
    connection.EXTRA_CONNECTIONS = 5
    body.GRACE_SECONDS = 4.0
    lanes.QUEUE = 20
    gateway.SEND_SECONDS = 4.0
    gateway.LINGER_SECONDS = 2.0
    gateway.STREAMS = 20
    app = Flask("toy")
    app.config |= {"MAX_CONTENT_LENGTH": LIMIT, "MAX_IN_PROCESS": 2, "IN_PROCESS": ["here"]}
    app.add_url_rule("/healthz", "healthz", lambda: {"calls": CALLS})
    app.add_url_rule("/processes/<name>/execution", "execute", _busy, methods=["POST"])
    app.add_url_rule("/environ", "environ", _environ)
    app.add_url_rule("/echo", "echo", _echo, methods=["POST"])
    app.add_url_rule("/busy", "busy", _busy)
    app.add_url_rule("/readyz", "readyz", _release)
    app.add_url_rule("/readyz", "again", _begin_again, methods=["DELETE"])
    app.add_url_rule("/large", "large", lambda: b"x" * 3_000_000)
    app.add_url_rule("/endless", "endless", lambda: Response(_endless()))
    app.add_url_rule("/wait", "wait", _wait)
    app.add_url_rule("/park-late", "late", _park_late)
    protocol.prepare(app)
    _count_cancellations()
    return app


def _count_cancellations() -> None:
    """Count the calls that gunicorn gives up since their clients have left."""
    give_up = connection.Connection._cancel_task_if_pending

    def counted(self: connection.Connection) -> None:
        CALLS["cancelled"] += 1
        give_up(self)

    connection.Connection._cancel_task_if_pending = counted


def _environ() -> dict[str, str]:
    return {name: str(value) for name, value in request.environ.items()}


def _echo() -> bytes:
    CALLS["echo"] += 1
    return request.get_data()


def _busy(**_: str) -> str:
    CALLS["busy"] += 1
    RELEASED.wait(30)
    return "done"


def _release() -> str:
    """End what is busy or waits; a probe, since all other threads may be busy."""
    RELEASED.set()
    for wait in WAITS:
        wait.is_over = True
        if wait.wake is not None:
            wait.wake()
    return "released"


def _begin_again() -> str:
    """Let all that comes be busy or wait again."""
    RELEASED.clear()
    WAITS.clear()
    return "busy"


def _endless() -> Iterator[bytes]:
    try:
        while True:
            CALLS["parts"] += 1
            yield b"x" * 100_000
    finally:
        CALLS["ended"] += 1


def _wait() -> Any:
    if waiting.RESUMED in request.environ:
        CALLS["resumed"] += 1
        return "resumed"
    CALLS["parked"] += 1
    request.environ[waiting.PARK](ToyParked())
    return "nobody reads this"


def _park_late() -> Any:
    CALLS["late"] += 1
    RELEASED.wait(30)
    return _wait()

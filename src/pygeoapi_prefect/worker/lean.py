"""What Prefect does for every run and a job does not need; together half of a short job's cost.

All of it concerns a forked child, which ends with its run; nothing else is changed.
"""

import functools
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any

import certifi
import prefect.blocks.core
import prefect.client.orchestration
import prefect.flows
from prefect.client.orchestration import SyncPrefectClient
from prefect.logging import handlers
from prefect.plugins import load_prefect_collections
from prefect.settings import PREFECT_API_SSL_CERT_FILE
from prefect.utilities.callables import ParameterSchema
from pydantic import BaseModel

FLUSH_SECONDS = 1.0


class Tls:
    """Stands in for the module ``ssl`` where Prefect's clients are made.

    Each client loads all certificates, 30 ms long; the clients of a run may share them.
    """

    SSLContext = ssl.SSLContext
    CERT_NONE = ssl.CERT_NONE
    create_default_context = staticmethod(functools.cache(ssl.create_default_context))


def trim() -> None:
    """Leave out the schema of a flow's parameters, and events that say that a block was read.

    The schema serves the making of deployments and takes 60 ms for our models. Such an event takes
    a thread, a websocket and requests for all that is related to it.
    """
    for module, name, replacement in REPLACED:
        setattr(module, name, replacement)


def warm() -> None:
    """Do beforehand, in the fork server, what every child would do once."""
    load_prefect_collections()
    Tls.create_default_context(cafile=PREFECT_API_SSL_CERT_FILE.value() or certifi.where())
    for model in _subclasses(BaseModel):
        if not model.__pydantic_complete__:
            with suppress(Exception):
                model.model_rebuild()


def _subclasses(cls: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for child in cls.__subclasses__():
        yield child
        yield from _subclasses(child)


def _no_schema(_function: Callable[..., Any]) -> ParameterSchema:
    return ParameterSchema()


def _no_event(*_args: Any, **_kwargs: Any) -> None:
    return None


REPLACED: tuple[tuple[ModuleType, str, object], ...] = (
    (prefect.flows, "parameter_schema", _no_schema),
    (prefect.blocks.core, "emit_event", _no_event),
    (prefect.client.orchestration, "ssl", Tls),
)
"""Module, name in it, replacement; a test makes sure that Prefect still has them all."""


class LogSink:
    """Sends the log of a run to Prefect with the run's own client, about once a second.

    Prefect's way is an event loop in a thread, with a client of its own.
    """

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._lines: list[dict[str, Any]] = []
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "LogSink":
        handlers.set_api_log_sink(self.add)
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self.flush()

    def add(self, line: dict[str, Any]) -> None:
        """Take one line, in the form that Prefect's API wants."""
        line.pop("__payload_size__", None)
        with self._lock:
            self._lines.append(line)
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._send, name="run-log", daemon=True)
                self._thread.start()

    def flush(self) -> None:
        """Send what there is; lines that Prefect does not take are lost."""
        with self._sending:
            with self._lock:
                lines, self._lines = self._lines, []
            if lines:
                with suppress(Exception):
                    self._client.request("POST", "/logs/", json=lines)

    def _send(self) -> None:
        while not self._closed.wait(FLUSH_SECONDS):
            self.flush()

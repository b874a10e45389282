"""Names of gunicorn's asyncio worker that ``web/server`` relies on are still there."""

import asyncio
import inspect

import pytest
from gunicorn.asgi import protocol  # type: ignore[import-untyped]
from gunicorn.workers import gasgi  # type: ignore[import-untyped]

from pygeoapi_prefect.web.server.connection import Connection
from pygeoapi_prefect.web.server.worker import Worker

WHY = "connections would have no deadlines, and gunicorn's own errors (web/server/connection.py)"
OVERRIDDEN = (
    "connection_made",
    "connection_lost",
    "data_received",
    "_feed_callback_parser",
    "_on_headers_complete",
    "_build_http_scope",
    "_is_websocket_upgrade",
    "_will_close",
    "_close_transport",
    "_send_error_response",
)


def test_the_worker_makes_connections_by_the_replaced_name() -> None:
    assert gasgi.ASGIProtocol is Connection
    assert "ASGIProtocol(self)" in inspect.getsource(gasgi.ASGIWorker._serve), WHY


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_a_connection_has_the_members_that_we_override_or_read(name: str) -> None:
    theirs = getattr(protocol.ASGIProtocol, name, None)
    assert theirs is not None, f"{name} is gone: {WHY}"
    ours = list(inspect.signature(getattr(Connection, name)).parameters)
    taken = list(inspect.signature(theirs).parameters)
    assert ours == taken, f"{name} takes {taken}: {WHY}"
    calls = inspect.getsource(protocol)
    assert name.startswith(("connection_", "data_")) or f"self.{name}" in calls, (
        f"{name} is not used: {WHY}"
    )


@pytest.mark.parametrize(
    "name",
    [
        "_body_receiver",
        "_closed",
        "_conn_lost_handled",
        "_current_request",
        "_request_ready",
        "transport",
        "worker",
    ],
)
def test_a_connection_keeps_what_we_read(name: str) -> None:
    assert f"self.{name} = " in inspect.getsource(protocol.ASGIProtocol.__init__), WHY


def test_a_body_says_when_it_is_complete_and_hears_that_its_client_has_left() -> None:
    assert "_complete" in protocol.BodyReceiver.__slots__, WHY
    assert callable(protocol.BodyReceiver.signal_disconnect), WHY
    assert callable(protocol.ASGIProtocol._safe_write), WHY
    assert callable(protocol.ASGIProtocol._close_transport), WHY
    assert protocol.ASGIProtocol.eof_received is asyncio.Protocol.eof_received, (
        "gunicorn looks at clients that close their half now: compare with ours"
    )


def test_the_worker_serves_what_it_loads() -> None:
    why = "the application would be called as if it were an ASGI application (web/server/worker.py)"
    assert "self.asgi = self.app.wsgi()" in inspect.getsource(gasgi.ASGIWorker.load_wsgi), why
    assert "worker.asgi" in inspect.getsource(protocol.ASGIProtocol.__init__), why
    assert issubclass(Worker, gasgi.ASGIWorker)

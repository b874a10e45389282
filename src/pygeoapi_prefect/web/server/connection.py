"""One connection of a client: deadlines, problem documents, and the moment it has left."""

import asyncio
import time
from http import HTTPStatus
from typing import Any, override

from gunicorn.asgi.protocol import ASGIProtocol  # type: ignore[import-untyped]

from pygeoapi_prefect.results.problem import parts

HEAD_SECONDS = 20.0
"""Time for the head of a connection's first request; later ones have the keep-alive time."""
HEAD_BYTES = 64 * 1024
"""Largest head, with what may come along of the body."""
READ_BYTES = 16 * 1024
"""Largest number of bytes that are taken from a connection in one turn of the event loop."""
FLUSH_SECONDS = 30.0
"""Time in which a client has to take the end of the last answer."""
EXTRA_CONNECTIONS = 100
"""Connections beyond gunicorn's ``worker_connections``, for probes only."""
EXTRA_HEAD_SECONDS = 2.0
CONNECTION = "pygeoapi_prefect.connection"
"""Key of the ASGI scope."""


class Connection(ASGIProtocol):  # type: ignore[misc]
    """gunicorn's protocol for HTTP/1.1.

    Attributes:
        left: Set when the client has closed the connection, or its half of it.
        ends: True if the current answer is the last on this connection.
        is_extra: True if only probes are answered on this connection.
        arrived: Time of arrival of the current request's head, in seconds of ``time.monotonic``.
    """

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        self.left = asyncio.Event()
        self.ends = False
        self.is_extra = False
        self.arrived = time.monotonic()
        self._head_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: Any) -> None:
        """Refuse a connection too many; give the first request its time."""
        super().connection_made(transport)
        transport.max_size = READ_BYTES
        excess = self.worker.nr_conns - self.worker.worker_connections
        if excess > EXTRA_CONNECTIONS:
            self._refuse(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The server has too many connections; try again later",
            )
            return
        self.is_extra = excess > 0
        seconds = EXTRA_HEAD_SECONDS if self.is_extra else HEAD_SECONDS
        self._start_timer(seconds, self._head_is_late)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the client has left."""
        self._stop_timer()
        self.left.set()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        """Read, within the bound for a head."""
        if self._current_request is None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                self._refuse(
                    status, f"The request line and the headers are larger than {HEAD_BYTES} bytes"
                )
                return
        super().data_received(data)

    def eof_received(self) -> bool:
        """Note that the client has left, or waits for the answer to what it has sent.

        Returns:
            True keeps the connection open for the answer.
        """
        self.left.set()
        receiver = self._body_receiver
        if receiver is None:
            return False
        if not receiver._complete:
            receiver.signal_disconnect()
        return True

    def abort(self) -> None:
        """Close the connection at once, without an answer."""
        self._closed = True
        if self.transport is not None:
            self.transport.abort()

    @override
    def _on_headers_complete(self) -> bool:
        self._stop_timer()
        self._head_bytes = 0
        self.arrived = time.monotonic()
        return bool(super()._on_headers_complete())

    @override
    def _feed_callback_parser(self, data: bytes) -> bool:
        try:
            return bool(super()._feed_callback_parser(data))
        except ValueError as error:  # a length of thousands of digits
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
            return False

    @override
    def _build_http_scope(self, request: Any, sockname: Any, peername: Any) -> dict[str, Any]:
        scope: dict[str, Any] = super()._build_http_scope(request, sockname, peername)
        scope[CONNECTION] = self
        return scope

    @override
    def _is_websocket_upgrade(self, request: Any) -> bool:
        return False  # nothing here speaks it: such a request is answered as any other

    @override
    def _will_close(self, request: Any, response_requires_close: bool) -> bool:
        ends = self.ends or self.left.is_set() or request.version < (1, 1)
        return ends or bool(super()._will_close(request, response_requires_close))

    @override
    def _close_transport(self) -> None:
        """Close the connection, also one that the client has reset: gunicorn leaves it open."""
        super()._close_transport()
        if not self.transport.is_closing():
            self.transport.abort()
        elif not self._conn_lost_handled:
            self._start_timer(FLUSH_SECONDS, self.transport.abort)

    @override
    def _send_error_response(
        self, status: int, message: str, extra_headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Send a problem document, instead of gunicorn's text, for what gunicorn rejects."""
        phrase = HTTPStatus(status).phrase
        text, _, headers = parts("about:blank", phrase, status, message[:200] or phrase)
        lines = [
            f"HTTP/1.1 {status} {phrase}",
            "Connection: close",
            "X-Content-Type-Options: nosniff",
            f"Content-Length: {len(text)}",
            *(f"{name}: {value}" for name, value in (*headers.items(), *extra_headers)),
        ]
        self._safe_write(("\r\n".join([*lines, "", ""]) + text).encode("latin-1"))

    def _head_is_late(self) -> None:
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "No complete request arrived in time")

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        again = (("Retry-After", "5"),) if status == HTTPStatus.SERVICE_UNAVAILABLE else ()
        self._send_error_response(status, message, again)
        self._close_transport()
        if self._request_ready is not None:
            self._request_ready.set()  # the task of the connection sees that it is closed

    def _start_timer(self, seconds: float, call: Any) -> None:
        self._stop_timer()
        self._timer = self.worker.loop.call_later(seconds, call)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

"""gunicorn's settings: ``gunicorn --config python:pygeoapi_prefect.web.serving ...``.

What differs between deployments (address, processes, threads) is for the command line.
"""

import json
import socket
from contextlib import suppress
from http import HTTPStatus

from gunicorn import util  # type: ignore[import-untyped]

worker_class = "gthread"
control_socket_disable = True
forwarder_headers = ""
"""A header ``SCRIPT_NAME`` must not move the application: ``server.url`` has its path."""


def write_problem(client: socket.socket, status: int, reason: str, message: str) -> None:
    """Send a problem document, instead of gunicorn's page, for requests that gunicorn rejects.

    Args:
        client: The connection; it is closed afterwards.
        status: HTTP status.
        reason: gunicorn's words for it.
        message: What is wrong.
    """
    with suppress(ValueError):
        reason = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": reason, "status": status, "detail": message[:200]}
    text = json.dumps(body)
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\n"
        "Content-Type: application/problem+json\r\nX-Content-Type-Options: nosniff\r\n"
        f"Content-Length: {len(text)}\r\n\r\n"
    )
    util.write_nonblock(client, (head + text).encode("latin-1"))


util.write_error = write_problem  # there is no setting for it

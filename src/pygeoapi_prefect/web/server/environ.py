"""A request of ASGI as the environment of WSGI (PEP 3333)."""

import sys
from collections.abc import Mapping
from typing import IO, Any
from urllib.parse import unquote_to_bytes

REPEATED = "pygeoapi_prefect.repeated"
"""Names of the headers that were sent more than once, in the environment."""
OWN_NAMES = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


def environ(scope: Mapping[str, Any], body: IO[bytes]) -> dict[str, Any]:
    """Translate a request.

    Args:
        scope: The ASGI scope of an HTTP request.
        body: Its body, complete.
    """
    host, port = (scope.get("server") or ("localhost", 80))[:2]
    client = scope.get("client") or ("", 0)
    query = scope["query_string"].decode("latin-1")
    found: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": path(scope).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": scope["raw_path"].decode("latin-1") + (f"?{query}" if query else ""),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": str(host),
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": str(client[0]),
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        _add(found, name.decode("latin-1").lower(), value.decode("latin-1"))
    return found


def path(scope: Mapping[str, Any]) -> bytes:
    """The path of a request, without percent-encoding.

    A target may also be a whole URI (RFC 9112, 3.2.2).
    """
    target: bytes = scope["raw_path"].partition(b"?")[0]
    if target.startswith((b"http://", b"https://")):
        target = b"/" + b"/".join(target.split(b"/")[3:])
    return unquote_to_bytes(target)


def key_of(header: str) -> str:
    """The name of a header in the environment, also for its spelling with underscores."""
    return "HTTP_" + header.upper().replace("-", "_")


def _add(found: dict[str, Any], name: str, value: str) -> None:
    """Add a header; the values of one that is sent more than once are joined (RFC 9110, 5.3)."""
    key = OWN_NAMES.get(name) or key_of(name)
    separator = "; " if name == "cookie" else ","
    if key in found:
        found.setdefault(REPEATED, set()).add(key)
    found[key] = f"{found[key]}{separator}{value}" if key in found else value

"""The only code that opens a URL that a client supplied: the guard against SSRF.

Only http and https are allowed. The addresses of a host are resolved once and checked, and the
client connects to the checked address, so that a second lookup cannot lead elsewhere. Addresses
that are not public (``addresses``) are rejected unless allow-listed. Each redirect is checked
again. Size and time are limited, even if a name server does not answer or a server sends its
headers byte by byte. Proxies of the environment are not used: they would resolve the name
themselves.
"""

import ipaddress
import logging
import math
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpx

from pygeoapi_prefect.environment import OutgoingSettings
from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.models.media_types import essence
from pygeoapi_prefect.models.message import clean
from pygeoapi_prefect.models.uri import is_uri
from pygeoapi_prefect.outgoing.addresses import Address, is_public
from pygeoapi_prefect.outgoing.names import NotResolved, look_up

LOGGER = logging.getLogger(__name__)
MAX_REDIRECTS = 5
MAX_SHOWN = 200
RESERVED = (
    "%:/?#[]@!$&'()*+,;="  # characters that a URI may contain unescaped (RFC 3986, section 2.2)
)
JSON_SECONDS = 30.0
POST_SECONDS = 30.0
CHECK_SECONDS = 5.0
CONNECT_SECONDS, SILENCE_SECONDS = 5.0, 15.0
JSON_TYPES = "application/json, application/geo+json, text/plain;q=0.5"


def check(href: str) -> None:
    """Check scheme and host of a reference, without network access.

    Raises:
        InvalidJobParameterError: It is not an http or https URL with a host.
    """
    _split(href)


def check_address(href: str) -> None:
    """Check the form of a URL, and that this server may connect to its host.

    Raises:
        InvalidJobParameterError: It is not, or it cannot be resolved within ``CHECK_SECONDS``.
    """
    host, port, _ = _split(href)
    _allowed_address(host, port, CHECK_SECONDS)


def post(href: str, content: bytes | Iterator[bytes], headers: Mapping[str, str]) -> None:
    """Send a POST request; redirects are not followed.

    Args:
        href: An http or https URL.
        content: The body, or its pieces.
        headers: Headers, including the media type of the body, and ``Content-Length`` for pieces.

    Raises:
        InvalidJobParameterError: It did not succeed; the message names the URL and the reason.
    """
    with _Deadline(POST_SECONDS) as deadline, _client() as client:
        request = _pinned(href, "*/*", deadline)
        request["headers"].update(headers)
        try:
            with client.stream("POST", content=content, **request) as response:
                if response.is_success:
                    return
                reason = f"answered with status {response.status_code}"
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            reason = f"could not be notified: {str(error) or type(error).__name__}"
    raise InvalidJobParameterError(f"{_shown(href)} {reason}")


def fetch(href: str, *, max_bytes: int, seconds: float = math.inf) -> bytes:
    """Fetch the JSON or plain text of a reference, within ``seconds`` and ``JSON_SECONDS``.

    Raises:
        InvalidJobParameterError: It cannot be fetched or is too large; the message names the URL.
    """
    with _open(href, min(seconds, JSON_SECONDS), JSON_TYPES) as (response, deadline):
        return b"".join(_limited(response, href, max_bytes, deadline))


def download(href: str, target: Path, *, max_bytes: int | None = None) -> str:
    """Download the target of a reference into a file, in pieces; for flows.

    Args:
        href: An http or https URL.
        target: File to write.
        max_bytes: Largest size; ``OUTGOING_MAX_BYTES`` by default.

    Returns:
        The media type that the server names, without parameters.

    Raises:
        InvalidJobParameterError: It cannot be fetched or is too large; the message names the URL.
    """
    settings = OutgoingSettings.from_env()
    with (
        _open(href, settings.timeout_seconds, "*/*") as (response, deadline),
        target.open("wb") as file,
    ):
        for piece in _limited(response, href, max_bytes or settings.max_bytes, deadline):
            file.write(piece)
        return essence(str(response.headers.get("content-type", "")))


class _Deadline:
    """Deadline for a whole exchange: connections that are still open then are shut down.

    A timeout of the HTTP client restarts with every byte that arrives.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> "_Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    @property
    def left(self) -> float:
        """Seconds until the deadline; negative afterwards."""
        return self._end - time.monotonic()

    @property
    def is_over(self) -> bool:
        """True if the deadline has passed."""
        return self.left <= 0

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Note a new connection (httpx's and httpcore's request extension ``trace``)."""
        if event != "connection.connect_tcp.complete":
            return
        # A duplicate: shutting it down also ends the connection that TLS uses.
        connection = info["return_value"].get_extra_info("socket").dup()
        with self._lock:
            self._open.append(connection)
        if self.is_over:
            self._cut()

    def _cut(self) -> None:
        with self._lock:
            for connection in self._open:
                with suppress(OSError):  # it has ended by itself
                    connection.shutdown(socket.SHUT_RDWR)


def _client() -> httpx.Client:
    """Return a client that follows no redirect and uses no proxy."""
    return httpx.Client(trust_env=False, follow_redirects=False)


@contextmanager
def _open(href: str, seconds: float, accept: str) -> Iterator[tuple[httpx.Response, _Deadline]]:
    """The final response to a GET, and the deadline for reading its body."""
    url = href
    with _Deadline(seconds) as deadline, _client() as client:
        for _ in range(MAX_REDIRECTS + 1):
            if deadline.is_over:
                break
            try:
                with client.stream("GET", **_pinned(url, accept, deadline)) as response:
                    if not response.has_redirect_location:
                        if not response.is_success:
                            raise InvalidJobParameterError(
                                f"{_shown(href)} cannot be fetched: status {response.status_code}"
                            )
                        yield response, deadline
                        return
                    # A server may send an invalid URI, with spaces or letters beyond ASCII.
                    url = quote(urljoin(url, response.headers["location"]), safe=RESERVED)
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                if deadline.is_over:
                    break
                reason = str(error) or type(error).__name__
                raise InvalidJobParameterError(
                    f"{_shown(href)} cannot be fetched: {reason}"
                ) from error
    if deadline.is_over:
        raise InvalidJobParameterError(f"{_shown(href)} timed out after {seconds:g} s")
    raise InvalidJobParameterError(f"{_shown(href)} redirected more than {MAX_REDIRECTS} times")


def _limited(
    response: httpx.Response, href: str, max_bytes: int, deadline: _Deadline
) -> Iterator[bytes]:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        # A few hundred bytes may unfold to gigabytes.
        raise InvalidJobParameterError(
            f"{_shown(href)} sent a compressed body, which this server does not accept"
        )
    received = 0
    for piece in response.iter_raw():
        received += len(piece)
        if received > max_bytes:
            raise InvalidJobParameterError(f"{_shown(href)} is larger than {max_bytes} bytes")
        yield piece
    if deadline.is_over:  # a truncated body may look complete
        raise InvalidJobParameterError(f"{_shown(href)} timed out during the download")


def _pinned(url: str, accept: str, deadline: _Deadline) -> dict[str, Any]:
    """Build the request for a URL, with the checked address as its target."""
    host, port, scheme = _split(url)
    address = _allowed_address(host, port, deadline.left)
    left = max(deadline.left, 0.001)  # zero would mean no limit
    literal = f"[{address}]" if address.version == 6 else str(address)
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}[scheme]
    shown = f"[{host}]" if ":" in host else host
    return {
        "url": parts._replace(netloc=f"{literal}:{port}", fragment="").geturl(),
        "headers": {
            "Host": shown if port == default else f"{shown}:{port}",
            "Accept": accept,
            "Accept-Encoding": "identity",
            "User-Agent": "pygeoapi-prefect-stack",
        },
        "timeout": httpx.Timeout(min(SILENCE_SECONDS, left), connect=min(CONNECT_SECONDS, left)),
        # The certificate is checked for the name, though the connection is to the address.
        "extensions": {"sni_hostname": host, "trace": deadline.trace},
    }


def _split(url: str) -> tuple[str, int, str]:
    if not is_uri(url):
        raise InvalidJobParameterError(f"{_shown(url)} is not a valid URI (RFC 3986)")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidJobParameterError(f"{_shown(url)} is not a valid URI") from error
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidJobParameterError(f"{_shown(url)} is not an http or https URL")
    if parts.username is not None:
        raise InvalidJobParameterError("a URL must not contain a user name or password")
    if port == 0:
        raise InvalidJobParameterError(f"{_shown(url)} has the invalid port 0")
    return host, port or {"http": 80, "https": 443}[parts.scheme], parts.scheme


def _shown(url: str) -> str:
    """A client's URL in a form that is safe for messages."""
    return clean(url, MAX_SHOWN)


def _allowed_address(host: str, port: int, seconds: float) -> Address:
    """The first address of a host; all of them must be allowed."""
    try:
        addresses = look_up(host, port, seconds)
    except NotResolved as error:
        raise InvalidJobParameterError(f"the host {_shown(host)} {error}") from error
    allowed = OutgoingSettings.from_env().allowed_hosts
    for address in addresses:
        if not (is_public(address) or host.lower() in allowed or _listed(address, allowed)):
            LOGGER.warning(
                "%s (%s) is rejected: not a public address; to allow it, add the host to "
                "OUTGOING_ALLOWED_HOSTS",
                _shown(host),
                address,
            )
            raise InvalidJobParameterError(
                f"the host {_shown(host)} resolves to an address that this server does not "
                "connect to; an operator of this server can allow it"
            )
    return addresses[0]


def _listed(address: Address, allowed: tuple[str, ...]) -> bool:
    for entry in allowed:
        try:
            if address in ipaddress.ip_network(entry, strict=False):
                return True
        except ValueError:  # a host name
            continue
    return False

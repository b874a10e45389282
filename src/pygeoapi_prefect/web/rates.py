"""Bounds on the requests of one client in a time (``rate_limits``), in this web process.

The headers are those of draft-ietf-httpapi-ratelimit-headers-09. ``RateLimit-Policy`` names each
limit, with its quota ``q`` and its window ``w``. ``RateLimit`` says what remains (``r``) and after
how many seconds the window ends (``t``).
"""

import math
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from flask import Flask, Response, g, request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from pygeoapi_prefect.errors import TooManyRequests
from pygeoapi_prefect.web import edge, waiting

PROBES = ("healthz", "readyz")
"""Endpoints that are always answered."""
BUCKETS = 4096
"""Clients are counted in so many buckets, which bounds the memory, however many there are. Two that
have the same one share their limit. Python's hash of a text is another one in each process, so that
nobody can choose a bucket.
"""


class Rates:
    """Counts the requests of clients.

    Args:
        limits: Limits such as ``100/second``.
    """

    def __init__(self, limits: Sequence[str]) -> None:
        self._items = [parse(limit) for limit in limits]
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    @property
    def policy(self) -> str:
        """Value of the header ``RateLimit-Policy``."""
        return ", ".join(f'"{item}";q={item.amount};w={item.get_expiry()}' for item in self._items)

    def count(self, client: str) -> None:
        """Count a request of a client.

        Raises:
            TooManyRequests: It is one too many.
        """
        bucket = _bucket(client)
        exceeded = [item for item in self._items if not self._limiter.hit(item, bucket)]
        if exceeded:
            seconds = max(self._left(item, bucket)[1] for item in exceeded)
            told = " and ".join(map(str, exceeded))
            raise TooManyRequests(
                f"Too many requests from one client; the limit is {told}", seconds
            )

    def remaining(self, client: str) -> str:
        """Value of the header ``RateLimit`` for a client."""
        bucket = _bucket(client)
        left = ((item, *self._left(item, bucket)) for item in self._items)
        return ", ".join(f'"{item}";r={number};t={seconds}' for item, number, seconds in left)

    def _left(self, item: RateLimitItem, bucket: str) -> tuple[int, int]:
        """The number of requests that remain in a window, and the seconds until its end."""
        stats = self._limiter.get_window_stats(item, bucket)
        return stats.remaining, max(1, math.ceil(stats.reset_time - time.time()))


def _address() -> str:
    return edge.client(request.remote_addr)


def prepare(app: Flask, limits: Sequence[str], client: Callable[[], str] = _address) -> None:
    """Limit the requests that an application answers; nothing is added if there are no limits.

    Probes and clients on this machine are not limited.

    Args:
        app: The application.
        limits: Limits such as ``100/second``.
        client: Says whom the current request counts for.
    """
    if not limits:
        return
    rates = Rates(limits)

    def check() -> None:
        if request.endpoint in PROBES or _is_local(request.remote_addr):
            return
        g.limited_client = client()
        if waiting.resumed_of(request.environ) is None:  # or it has been counted
            rates.count(g.limited_client)

    def tell(response: Response) -> Response:
        if "limited_client" in g:
            _add(response, "RateLimit-Policy", rates.policy)
            _add(response, "RateLimit", rates.remaining(g.limited_client))
        return response

    app.before_request(check)
    app.after_request(tell)


def _add(response: Response, name: str, value: str) -> None:
    """Add to a list; a response that another bound has caused has it already."""
    present = response.headers.get(name)
    response.headers[name] = value if present is None else f"{present}, {value}"


def _bucket(client: str) -> str:
    return str(hash(client) % BUCKETS)


def _is_local(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False

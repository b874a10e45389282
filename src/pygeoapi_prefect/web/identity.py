"""Identity of a request: turned into a principal once, before anything else looks at it."""

import logging
import time
from datetime import UTC, datetime, timedelta

from flask import Flask, Response, g, request

from pygeoapi_prefect.access.gate import Gate, credentials, require
from pygeoapi_prefect.access.keys import prefix_of
from pygeoapi_prefect.access.operations import least_role
from pygeoapi_prefect.access.principal import Principal, Role, of_open_server
from pygeoapi_prefect.errors import NotAuthenticated, TooManyRequests
from pygeoapi_prefect.models.message import clean
from pygeoapi_prefect.web import browsers, edge, exposure, named
from pygeoapi_prefect.web.browsers import Browsers
from pygeoapi_prefect.web.rates import Rates
from pygeoapi_prefect.web.waiting import ARRIVED, RESUMED

LOGGER = logging.getLogger(__name__)
FAILURES = "20/minute"
"""Invalid credentials of one address that get 401; further ones get 429. Valid ones are not
affected."""
HEADERS = ("Authorization", "X-API-Key")
NOBODY = Principal()
"""The principal of a request that has not been looked at; it has no role."""


def prepare(app: Flask, gate: Gate | None, prefix: str, signed_in: Browsers | None = None) -> None:
    """Identify the client of each request of an application, and check its role.

    Args:
        app: The application. What it does before requests later on may use ``principal``.
        gate: Identifies clients; None if everybody may do everything.
        prefix: Path prefix of the routes, without a trailing slash.
        signed_in: Sessions of browsers; None if they cannot sign in.
    """
    failures = Rates([FAILURES])

    def identify() -> None:
        if gate is None:
            _reject_forwarded()
            g.principal = of_open_server(edge.client(request.remote_addr))
            return
        g.principal = NOBODY  # until it is proved
        least = _least_role(prefix)
        if least is not None:
            g.principal = _proved(gate, failures, signed_in)
            require(g.principal, least)

    app.before_request(identify)
    if gate is not None:
        app.after_request(_keep_apart)


def principal() -> Principal:
    """The principal of the current request."""
    found: Principal = g.get("principal", NOBODY)
    return found


def client() -> str:
    """Whom the current request counts for: a known client, or else an address."""
    known = principal()
    return known.subject if known.is_identified else edge.client(request.remote_addr)


def _reject_forwarded() -> None:
    """Reject a request that came through a proxy: an open server is for its own machine only."""
    header = exposure.forwarding(request.headers.keys())
    if header is not None:
        told = "a request with %s is rejected: behind a proxy, server.manager.access is required"
        LOGGER.warning(told, header)
        raise exposure.ThroughProxy(
            "This server is open to its own machine only, and the request came through a proxy; "
            "its operator can configure server.manager.access"
        )


def _least_role(prefix: str) -> Role | None:
    """The least role for the current request; of an unknown address one only gets a 404 or 405."""
    if request.url_rule is None:
        return least_role("OPTIONS" if request.method == "OPTIONS" else "GET", "")
    return least_role(request.method, request.url_rule.rule.removeprefix(prefix) or "/")


def _proved(gate: Gate, failures: Rates, signed_in: Browsers | None) -> Principal:
    sent = browsers.sent_key()  # whoever signs in proves it, also behind a proxy
    # The proxy may send an Authorization of its own.
    by_proxy = named.named_of(request.environ) if sent is None else None
    if sent is None and not by_proxy:
        sent = credentials(*map(request.headers.get, HEADERS))
        holder = signed_in.holder(gate) if sent is None and signed_in is not None else None
        if holder is not None:
            return holder
    try:
        if by_proxy:
            return gate.named(*by_proxy)
        return gate.principal(sent, _arrival())
    except NotAuthenticated as invalid:
        address = edge.client(request.remote_addr)
        try:
            failures.count(address)
        except TooManyRequests as error:
            told = "Too many requests with an invalid API key or access token; try again later"
            raise TooManyRequests(told, error.retry_after or 1) from None
        prefix = prefix_of(sent or "")
        if prefix is not None:
            LOGGER.warning("an API key from %s is invalid: %s", address, prefix)
        else:
            LOGGER.warning("credentials from %s are rejected: %s", address, clean(invalid))
        raise


def _arrival() -> datetime | None:
    """Arrival of a request that is looked at again after its wait; None for a new one.

    A token that expires while its client waits for results still gets them.
    """
    if RESUMED not in request.environ:
        return None
    waited = time.monotonic() - request.environ[ARRIVED]
    return datetime.now(UTC) - timedelta(seconds=waited)


def _keep_apart(response: Response) -> Response:
    """Tell caches that another client may get another answer."""
    response.vary.update((*HEADERS, "Cookie"))
    if "session" in g:  # a browser shows no page again after its reader has signed out
        response.headers["Cache-Control"] = "no-store"
    elif principal().is_identified:
        response.headers.setdefault("Cache-Control", "private")
    return response

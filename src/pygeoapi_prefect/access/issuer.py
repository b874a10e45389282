"""An issuer of access tokens, and its keys: fetched when they are needed, and kept in memory.

A token whose key is known causes no request. Requests to the issuer are made by one thread, so that
an issuer that does not answer delays no other request; a client whose token needs it waits.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from pygeoapi_prefect.access.jwks import Key, KeyRing, ring
from pygeoapi_prefect.errors import StackError

LOGGER = logging.getLogger(__name__)
DISCOVERY = "/.well-known/openid-configuration"
REFETCH_SECONDS = 60.0
"""Shortest time between two fetches that tokens with unknown keys cause."""
RETRY_SECONDS = 5.0
"""The same while no key is known."""
REFRESH_SECONDS = 300.0
"""Time after which the keys are fetched again, so that one that the issuer withdraws ends."""
WAIT_SECONDS = 5.0
"""Longest time for which a request waits for the issuer."""
MAX_WAITING = 4
"""Largest number of requests that wait for it; others get 503."""
UNAVAILABLE = "The access token cannot be verified now: the keys of its issuer are not available"

Fetch = Callable[[str], bytes]
"""Fetches an address; raises ``OSError``, whose text says why."""


class IssuerUnavailable(StackError):
    """A token cannot be verified: the keys of its issuer cannot be fetched, or are invalid."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "The identity provider is not available"
    retry_after = 5


class Issuer:
    """The keys of an issuer. One instance serves all threads of a process.

    Args:
        url: Address of the issuer, which is also its identifier.
        fetch: Fetches an address.
        clock: Gives the time, in seconds.
    """

    def __init__(self, url: str, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)
        self._ring = KeyRing()
        self._has_failed = False
        self._refetch = self._refresh = clock()
        """Times from which an unknown key, and the age of the known ones, cause a fetch."""

    def key(self, kid: str | None) -> Key | None:
        """The key with an identifier; None if the issuer does not have it.

        Raises:
            IssuerUnavailable: It is not known, and the issuer could not be asked for it.
        """
        found = self._ring.find(kid)
        if found is None:
            if kid is not None or not self._ring:
                self._ask()
            found = self._ring.find(kid)
            if found is None and self._has_failed:
                raise IssuerUnavailable(UNAVAILABLE)
        elif self._clock() >= self._refresh:
            self._refresh = self._clock() + REFETCH_SECONDS  # if this one fails
            self._update()
        return found

    def _ask(self) -> None:
        """Fetch the keys, unless that has just been done, and wait for them."""
        thread = self._update(for_unknown=True)
        if thread is None:
            return
        if not self._waiting.acquire(blocking=False):
            raise IssuerUnavailable(UNAVAILABLE)
        try:
            thread.join(WAIT_SECONDS)
        finally:
            self._waiting.release()
        if thread.is_alive():
            raise IssuerUnavailable(UNAVAILABLE)

    @property
    def _is_updating(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    def _update(self, *, for_unknown: bool = False) -> threading.Thread | None:
        """Begin to fetch the keys, unless that goes on already; the thread that does."""
        with self._lock:
            if self._is_updating:
                return self._thread
            if for_unknown and self._clock() < self._refetch:  # another request has done it
                return None
            if for_unknown:
                self._refetch = self._clock() + (REFETCH_SECONDS if self._ring else RETRY_SECONDS)
            thread = threading.Thread(target=self._run, name="issuer", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the system has no thread left
                raise IssuerUnavailable(UNAVAILABLE) from error
            self._thread = thread
            return thread

    def _run(self) -> None:
        is_first = not self._ring
        try:
            found = self._fetched()
        except (OSError, ValueError) as error:
            if not self._has_failed:
                known = "the keys that are known stay valid" if self._ring else "no key is known"
                LOGGER.error("the issuer %s is not available: %s; %s", self.url, error, known)
            self._has_failed = True
            return
        if self._has_failed:
            LOGGER.warning("the issuer %s is available again", self.url)
        self._ring, self._has_failed = found, False
        self._refresh = self._clock() + REFRESH_SECONDS
        if is_first:
            self._refetch = self._clock()

    def _fetched(self) -> KeyRing:
        """The keys, by the issuer's metadata (OpenID Connect Discovery 1.0, section 4)."""
        metadata = self._document(self.url.rstrip("/") + DISCOVERY)
        if not isinstance(metadata, dict) or metadata.get("issuer") != self.url:
            raise ValueError("its metadata are those of another issuer")
        address = metadata.get("jwks_uri")
        if not isinstance(address, str) or not self._is_as_safe(address):
            raise ValueError("its metadata have no valid jwks_uri")
        try:
            return ring(self._document(address))
        except ValueError as error:
            raise ValueError(f"its key set is invalid: {error}") from error

    def _document(self, address: str) -> Any:
        try:
            return json.loads(self._fetch(address))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{address} is not JSON") from error

    def _is_as_safe(self, address: str) -> bool:
        """Return true for a URL that is encrypted if that of the issuer is."""
        try:
            parts = urlsplit(address)
        except ValueError:
            return False
        accepted = ("https",) if self.url.startswith("https:") else ("http", "https")
        return parts.scheme in accepted and bool(parts.hostname)

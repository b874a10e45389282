"""Inputs by reference and callback URLs of one request: checked, and fetched where needed."""

import time
from collections.abc import Mapping
from typing import Any

from pygeoapi_prefect import outgoing
from pygeoapi_prefect.engine import client
from pygeoapi_prefect.errors import InvalidJobParameterError, NotSupported
from pygeoapi_prefect.execution import inputs
from pygeoapi_prefect.execution import request as execute_request
from pygeoapi_prefect.jobs.own_references import OwnReferences
from pygeoapi_prefect.jobs.turns import TURNS

DOCUMENT = "the referenced document"
MAX_REFERENCES = 32
REFERENCES_SECONDS = 60.0  # for all of a request: a thread of the web process waits for them


class References:
    """Checks and fetches the inputs by reference of one request, within its limits.

    What is fetched here and what is looked for in the store count alike.

    Args:
        max_bytes: Largest size of each.
        own: Those that lead to this server's own outputs.
    """

    def __init__(self, max_bytes: int, own: OwnReferences | None = None) -> None:
        self._max_bytes = max_bytes
        self._own = own or OwnReferences()
        self._left = MAX_REFERENCES
        self._ends = time.monotonic() + REFERENCES_SECONDS

    def check_subscriber(self, urls: Mapping[str, str]) -> None:
        """Check that this server may connect to the hosts of a subscriber.

        Raises:
            InvalidJobParameterError: It may not; says which URL.
            NotSupported: This server has no Prefect server, which callbacks need.
        """
        if urls and client.api_url() is None:
            raise NotSupported(
                "This server does not support callbacks, because it has no Prefect server"
            )
        for member, url in urls.items():
            try:
                with TURNS.lent():
                    outgoing.check_address(url)
            except InvalidJobParameterError as error:
                raise InvalidJobParameterError(f"'subscriber.{member}': {error}") from error

    def check(self, _name: str, link: Mapping[str, Any], is_opened: bool) -> None:
        """Check a link before anything is fetched.

        Raises:
            InvalidJobParameterError: It has the wrong form; or the flow cannot open it, as the
                output of this server that it leads to is not there.
        """
        if not is_opened:
            outgoing.check(link["href"])
            return
        with TURNS.lent():
            self._own.check(link["href"], self._spend)

    def fetch(self, _name: str, link: Mapping[str, Any]) -> Any:
        """Fetch the value behind an input's link.

        Raises:
            InvalidJobParameterError: It cannot be had, or there are too many, or too slow ones.
        """
        seconds = self._spend()
        with TURNS.lent():
            body = self._own.read(link["href"], self._max_bytes)
            if body is None:
                body = outgoing.fetch(link["href"], max_bytes=self._max_bytes, seconds=seconds)
        with TURNS.taken(len(body)):
            return _text(body) if inputs.is_text(link) else execute_request.load(body, DOCUMENT)

    def _spend(self) -> float:
        """Count one more reference; the seconds that are left for it."""
        self._left -= 1
        if self._left < 0:
            raise InvalidJobParameterError(
                f"at most {MAX_REFERENCES} inputs by reference are allowed"
            )
        seconds = self._ends - time.monotonic()
        if seconds <= 0:
            raise InvalidJobParameterError(
                f"fetching the inputs by reference took more than {REFERENCES_SECONDS:g} s"
            )
        return seconds


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidJobParameterError(
            f"{DOCUMENT} is not valid UTF-8 (byte {error.start})"
        ) from error

"""References of inputs to this server's own outputs: read through the store, not by HTTP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pygeoapi_prefect import outgoing
from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.models.message import clean
from pygeoapi_prefect.process.references import OwnOutput
from pygeoapi_prefect.results.output import Output


@dataclass(frozen=True)
class Found:
    """An output of a job of this server.

    Attributes:
        output: The output, to be read here.
        block: Block that it is in, for others to read; None if it is in a folder of this machine.
        location: Where it is in the block.
    """

    output: Output
    block: str | None
    location: str


Resolve = Callable[[str], Found | None]
"""Finds the output that an address names, as the client of the request may read it; None for an
address that names none. Raises ``InvalidJobParameterError`` for one that cannot be read."""


def nothing(_href: str) -> None:
    """Find no output: every reference leads elsewhere."""


class OwnReferences:
    """The references of one request that lead to this server's own outputs.

    Args:
        resolve: Finds them.

    Attributes:
        left: Those that the flow itself opens, which has to be told where they are.
    """

    def __init__(self, resolve: Resolve = nothing) -> None:
        self._resolve = resolve
        self.left: list[OwnOutput] = []

    def read(self, href: str, max_bytes: int) -> bytes | None:
        """The output that a reference leads to; None for a reference to elsewhere.

        Raises:
            InvalidJobParameterError: It cannot be read, or is too large.
        """
        found = self._resolve(href)
        if found is None:
            return None
        if found.output.size() > max_bytes:
            raise InvalidJobParameterError(f"{clean(href)} is larger than {max_bytes} bytes")
        return b"".join(found.output.chunks())

    def check(self, _name: str, link: Mapping[str, Any]) -> None:
        """Check the form of a reference that the flow opens, and that an own output is there.

        Raises:
            InvalidJobParameterError: It is none that a flow can open.
        """
        href = link["href"]
        found = self._resolve(href)
        if found is None:
            outgoing.check(href)
            return
        if found.block is None:
            raise InvalidJobParameterError(
                f"{clean(href)} is not in a block: no worker can read it"
            )
        own = OwnOutput(href, found.block, found.location, found.output.media_type)
        self.left.append(own)

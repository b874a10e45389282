"""References of inputs to this server's own outputs: read through the store, not by HTTP."""

from collections.abc import Callable
from dataclasses import dataclass

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


Find = Callable[[], Found]
"""Finds an output, which costs a look into Prefect and the store. Raises
``InvalidJobParameterError`` for one that the client of the request cannot read."""
Resolve = Callable[[str], Find | None]
"""Returns what finds the output that an address names; None for an address that names none."""


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
        find = self._resolve(href)
        if find is None:
            return None
        output = find().output
        if output.size() > max_bytes:
            raise InvalidJobParameterError(f"{clean(href)} is larger than {max_bytes} bytes")
        return b"".join(output.chunks())

    def check(self, href: str, spend: Callable[[], object]) -> None:
        """Check the form of a reference that the flow opens, and that an own output is there.

        Args:
            href: The reference.
            spend: Called before an own output is looked for; raises if that would be too many.

        Raises:
            InvalidJobParameterError: It is none that a flow can open.
        """
        find = self._resolve(href)
        if find is None:
            outgoing.check(href)
            return
        spend()
        found = find()
        if found.block is None:
            raise InvalidJobParameterError(
                f"{clean(href)} is not in a block: no worker can read it"
            )
        own = OwnOutput.of(href, found.block, found.location, found.output.media_type)
        self.left.append(own)

"""References of inputs to this server's own outputs: read through the store, not by HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pygeoapi_prefect import outgoing
from pygeoapi_prefect.access.principal import Principal
from pygeoapi_prefect.errors import InvalidJobParameterError, JobError
from pygeoapi_prefect.jobs.lookup import find
from pygeoapi_prefect.jobs.outputs import Outputs
from pygeoapi_prefect.jobs.run_parameters import result_block
from pygeoapi_prefect.models.message import clean
from pygeoapi_prefect.process.references import OwnOutput
from pygeoapi_prefect.results import links
from pygeoapi_prefect.results.output import Output

MAX_HREF = 300  # of an address in a message, in characters


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
"""Returns a function that finds the output at an address; None for other addresses."""


def nothing(_href: str) -> None:
    """Find no output: every reference leads elsewhere."""


class OwnOutputs:
    """Finds this server's outputs by their addresses.

    Args:
        outputs: The outputs of all jobs.
        public_url: Root of their addresses.
    """

    def __init__(self, outputs: Outputs, public_url: str) -> None:
        self._outputs = outputs
        self._root = public_url

    def resolve(self, principal: Principal, href: str) -> Find | None:
        """Return a function that finds the output at an address; None if it is on another server.

        It raises ``InvalidJobParameterError`` if there is no such job or output, or no results.

        Args:
            principal: Who refers to it, and must be able to see the job.
            href: The address.
        """
        names = links.output_named(self._root, href)
        return partial(self._found, principal, href, *names) if names else None

    def _found(self, principal: Principal, href: str, job_id: str, output_id: str) -> Found:
        try:
            run = find(job_id, principal)
            output = self._outputs.one(run, output_id)
            output.size()  # its file is there
        except JobError as error:
            told = f"{clean(href, MAX_HREF)} cannot be used: {error}"
            raise InvalidJobParameterError(told) from error
        return Found(output, result_block(run), output.location)


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
                f"{clean(href)} is in a folder of the web server, which the process cannot read; "
                "pass its value instead"
            )
        own = OwnOutput.of(href, found.block, found.location, found.output.media_type)
        self.left.append(own)

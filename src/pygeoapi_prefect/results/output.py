"""One generated output, the input for every form of a reply."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from pygeoapi_prefect.models.media_types import essence


class Chunks(Protocol):
    """Gives ``length`` bytes from ``start`` on, or all to the end, in pieces."""

    def __call__(self, start: int = 0, length: int | None = None) -> Iterator[bytes]: ...


@dataclass(frozen=True)
class Output:
    """One generated output.

    Attributes:
        chunks: Returns the bytes in pieces; a missing file raises at the call.
        size: Returns the number of bytes.
        href: Address of the output for clients.
        location: Its location in the store.
        json_bytes: Size of the file when it was written and found to be JSON; None if it was not.
    """

    id: str
    media_type: str
    chunks: Chunks
    size: Callable[[], int]
    href: str
    location: str = ""
    json_bytes: int | None = None

    @property
    def essence(self) -> str:
        """The media type without parameters, in lower case."""
        return essence(self.media_type)

    @property
    def suffix(self) -> str:
        """Extension of the output's file in the store, such as ``.las``; may be empty."""
        return PurePosixPath(self.location).suffix

    def read(self) -> bytes:
        """The whole output."""
        return b"".join(self.chunks())

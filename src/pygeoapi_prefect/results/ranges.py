"""The ``Range`` header (RFC 9110, section 14): one range of bytes."""

import re
from dataclasses import dataclass

# More digits than any file has are no number that is worth reading.
_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,19})\s*-\s*([0-9]{0,19})", re.IGNORECASE)


class NotSatisfiable(ValueError):
    """The range begins behind the end, or asks for none of the last bytes."""


@dataclass(frozen=True)
class Span:
    """Some bytes of ``size``: ``length`` of them, from ``start`` on."""

    start: int
    length: int
    size: int

    @property
    def content_range(self) -> str:
        """Value of the header ``Content-Range``."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{self.size}"


def parse(header: str | None, size: int) -> Span | None:
    """The range that a client asks for.

    Args:
        header: Value of the header ``Range``.
        size: Number of bytes that there are.

    Returns:
        The range, or None where the whole is to be sent: no header, another unit, several ranges
        (a server may ignore those) or a header that is not valid.

    Raises:
        NotSatisfiable: There are no such bytes.
    """
    match = _RANGE.fullmatch((header or "").strip())
    first, last = match.groups() if match else ("", "")
    if not first and not last:
        return None
    if not first:  # the last N bytes
        length = min(int(last), size)
        if not length:
            raise NotSatisfiable
        return Span(size - length, length, size)
    start, stop = int(first), min(int(last or size - 1), size - 1)
    if last and int(last) < start:
        return None
    if start >= size:
        raise NotSatisfiable
    return Span(start, stop - start + 1, size)

"""The ``Range`` header (RFC 9110, section 14): one range of bytes."""

import re
from dataclasses import dataclass

# No file has a size with more digits, so longer numbers are not parsed.
_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,19})\s*-\s*([0-9]{0,19})", re.IGNORECASE)


class NotSatisfiable(ValueError):
    """The range begins after the end, or requests the last 0 bytes."""


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
    """Parse the range that a client requests.

    Args:
        header: Value of the header ``Range``.
        size: Total number of bytes.

    Returns:
        The range, or None if the whole must be sent: no header, another unit, several ranges (a
        server may ignore those) or an invalid header.

    Raises:
        NotSatisfiable: The output does not have these bytes.
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

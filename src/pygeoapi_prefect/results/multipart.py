"""multipart/related (RFC 2387): one part for each output, streamed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

CRLF = b"\r\n"


@dataclass(frozen=True)
class Part:
    """One part: its headers, and a function that yields its body in pieces."""

    headers: tuple[tuple[str, str], ...]
    chunks: Callable[[], Iterator[bytes]]


def body(parts: Sequence[Part], boundary: str) -> Iterator[bytes]:
    """The multipart body, piece by piece."""
    for part in parts:
        yield b"--" + boundary.encode() + CRLF
        for name, value in part.headers:
            yield f"{name}: {value}".encode() + CRLF
        yield CRLF
        yield from part.chunks()
        yield CRLF
    yield b"--" + boundary.encode() + b"--" + CRLF


def content_type(parts: Sequence[Part], boundary: str) -> str:
    """The ``Content-Type`` header; ``type`` is that of the root (first) part."""
    root = dict(parts[0].headers).get("Content-Type", "application/octet-stream")
    return f'multipart/related; type="{root.replace(chr(34), "")}"; boundary="{boundary}"'

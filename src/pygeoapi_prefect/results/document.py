"""A results document (``results.yaml``), written piece by piece.

Plain text, and JSON that is not an object, are inserted as plain values. Objects and other text are
qualified with their media type, binary content also with its encoding (``inlineOrRefData.yaml``).
JSON is inserted unchanged. Other content is inserted as base64.
"""

import codecs
import json
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Sequence

from pygeoapi_prefect.models.json_check import is_json
from pygeoapi_prefect.models.media_types import is_json_type, is_text_type
from pygeoapi_prefect.results import links
from pygeoapi_prefect.results.output import Output

RESULTS_REL = links.OGC_REL + "results"
LOOKED_AT = 1024  # bytes at the beginning of JSON text, to see its encoding and its first value


def body(outputs: Sequence[Output], by_reference: set[str]) -> Iterator[bytes]:
    """The document, in pieces of at most some MiB.

    The call itself decides the form of each output. For this, it reads text, and JSON that has not
    been validated before, once.

    Args:
        outputs: The outputs.
        by_reference: Identifiers of the outputs to return by reference.

    Raises:
        OutputNotFound: The file of an output no longer exists.
        StorageUnavailable: The store cannot be reached.
    """
    return _object([(o.id, _link(o) if o.id in by_reference else _value(o)) for o in outputs])


def _object(members: Sequence[tuple[str, Iterator[bytes]]]) -> Iterator[bytes]:
    yield b"{"
    for number, (name, value) in enumerate(members):
        yield (", " if number else "").encode() + _json_text(name) + b": "
        yield from value
    yield b"}"


def _link(output: Output) -> Iterator[bytes]:
    link = links.link(output.href, RESULTS_REL, output.id, output.media_type)
    return iter([_json_text(link)])


def _value(output: Output) -> Iterator[bytes]:
    value = None
    if is_json_type(output.media_type):
        value = _json(output)
    elif is_text_type(output.media_type):
        value = _string(output)
    return value or _base64(output)


def _json(output: Output) -> Iterator[bytes] | None:
    """A JSON value, unchanged; None if the document cannot contain it."""
    begin = b"".join(output.chunks(0, LOOKED_AT))
    encoding = json.detect_encoding(begin)
    is_checked = encoding == "utf-8" and output.json_bytes == output.size()
    if not is_checked and not _holds(lambda: is_json(_recoded(output, encoding))):
        return None
    value = _recoded(output, encoding)
    first = begin.decode(encoding, "ignore").lstrip()[:1]
    is_bare = output.essence == "application/json" and first not in ("{", "n", "")
    return value if is_bare else _qualified(output, value)


def _string(output: Output) -> Iterator[bytes] | None:
    """Text as a JSON string; None if it is not UTF-8."""
    if not _holds(lambda: all(True for _ in _decoded(output, "utf-8"))):
        return None
    value = _quoted(_json_text(text)[1:-1] for text in _decoded(output, "utf-8"))
    return value if output.essence == "text/plain" else _qualified(output, value)


def _base64(output: Output) -> Iterator[bytes]:
    return _qualified(output, _quoted(_encoded(output.chunks())), "base64")


def _qualified(
    output: Output, value: Iterator[bytes], encoding: str | None = None
) -> Iterator[bytes]:
    members = [("value", value), ("mediaType", iter([_json_text(output.media_type)]))]
    if encoding is not None:
        members.append(("encoding", iter([_json_text(encoding)])))
    return _object(members)


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except UnicodeError:
        return False


def _decoded(output: Output, encoding: str) -> Iterator[str]:
    return codecs.iterdecode(output.chunks(), encoding)


def _recoded(output: Output, encoding: str) -> Iterator[bytes]:
    """JSON text in UTF-8 without a byte order mark."""
    if encoding == "utf-8":
        return output.chunks()
    return (text.encode() for text in _decoded(output, encoding))


def _encoded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Base64, of multiples of three bytes until the last."""
    rest = b""
    for piece in pieces:
        content = rest + piece
        whole = len(content) - len(content) % 3
        yield b2a_base64(memoryview(content)[:whole], newline=False)
        rest = content[whole:]
    yield b2a_base64(rest, newline=False)


def _quoted(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield b'"'
    yield from pieces
    yield b'"'


def _json_text(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()

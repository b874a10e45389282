"""Range requests: what a client gets of one output."""

import json
from collections.abc import Iterator

import pytest

from pygeoapi_prefect.results import ranges
from pygeoapi_prefect.results.delivery import Reply, ranged
from pygeoapi_prefect.results.output import Output

CONTENT = b"0123456789"


def chunks(start: int = 0, length: int | None = None) -> Iterator[bytes]:
    return iter([CONTENT[start : None if length is None else start + length]])


OUTPUT = Output("digits", "text/plain", chunks, lambda: len(CONTENT), "https://example.org/digits")


def sent(reply: Reply) -> bytes:
    return reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-3", b"0123"),
        ("bytes=4-", b"456789"),
        ("bytes=-2", b"89"),
        ("bytes=8-99", b"89"),
        ("bytes=-99", CONTENT),
        ("Bytes = 9-9", b"9"),
    ],
)
def test_a_range_is_partial_content(header: str, expected: bytes) -> None:
    reply = ranged(OUTPUT, header)
    headers = dict(reply.headers)
    assert (reply.status, sent(reply)) == (206, expected)
    assert headers["Content-Length"] == str(len(expected))
    start = CONTENT.index(expected)
    assert headers["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/10"
    assert headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes", "bytes=-", "bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=x-y",
     "bytes=٣-", "bytes=" + "9" * 5000 + "-"],
)  # fmt: skip
def test_what_is_no_single_range_gives_the_whole(header: str | None) -> None:
    reply = ranged(OUTPUT, header)
    assert (reply.status, sent(reply)) == (200, CONTENT)
    assert dict(reply.headers)["Accept-Ranges"] == "bytes"
    assert "Content-Range" not in dict(reply.headers)


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_outside_is_refused(header: str) -> None:
    reply = ranged(OUTPUT, header)
    headers = dict(reply.headers)
    assert reply.status == 416
    assert headers["Content-Range"] == "bytes */10"
    assert headers["Content-Type"] == "application/problem+json"
    assert json.loads(sent(reply))["status"] == 416


def test_nothing_of_an_empty_output_can_be_asked_for() -> None:
    with pytest.raises(ranges.NotSatisfiable):
        ranges.parse("bytes=0-", 0)
    assert ranges.parse(None, 0) is None

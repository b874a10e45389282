"""A results document is written piece by piece, and stays JSON whatever an output holds."""

import base64
import json
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat
from typing import Any

import pytest

from pygeoapi_prefect.errors import OutputNotFound
from pygeoapi_prefect.execution.request import Request
from pygeoapi_prefect.results import document
from pygeoapi_prefect.results.delivery import SHORT_BYTES, Reply, deliver
from pygeoapi_prefect.results.output import Output

MIB = 1024 * 1024
DOCUMENT = Request(response="document")


def output(content: bytes, media_type: str, piece: int = 7, checked: int | None = None) -> Output:
    def chunks(start: int = 0, length: int | None = None) -> Iterator[bytes]:
        wanted = content[start : None if length is None else start + length]
        return (wanted[at : at + piece] for at in range(0, len(wanted), piece))

    href = "https://example.org/jobs/1/results/o"
    return Output("o", media_type, chunks, lambda: len(content), href, json_bytes=checked)


def large(pieces: Callable[[], Iterator[bytes]], media_type: str, checked: bool = False) -> Output:
    def chunks(start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return pieces() if length is None else iter([next(pieces())[:length]])

    size = sum(map(len, pieces()))
    return Output("o", media_type, chunks, lambda: size, "", json_bytes=size if checked else None)


def text_of(*outputs: Output) -> bytes:
    return b"".join(document.body(outputs, set()))


def value(one: Output) -> Any:
    return json.loads(text_of(one))["o"]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 100, 10_007])
@pytest.mark.parametrize("piece", [1, 2, 5, 1000])
def test_base64_is_cut_at_threes(size: int, piece: int) -> None:
    content = bytes(number % 251 for number in range(size))
    assert value(output(content, "image/png", piece)) == {
        "value": base64.b64encode(content).decode(),
        "mediaType": "image/png",
        "encoding": "base64",
    }


@pytest.mark.parametrize("piece", [1, 2, 3, 50])
def test_text_is_cut_anywhere(piece: int) -> None:
    text = 'ä "quoted" \\ \n\u2028 \U0001f600 end'
    assert value(output(text.encode(), "text/plain", piece)) == text
    assert value(output(text.encode(), "text/csv", piece))["value"] == text
    assert value(output(text.encode()[:-5] + b"\xff", "text/csv", piece))["encoding"] == "base64"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("piece", [1, 3, 50])
def test_json_in_every_encoding(encoding: str, piece: int) -> None:
    content = json.dumps(["ä", 1.5], ensure_ascii=False).encode(encoding)
    assert value(output(content, "application/json", piece)) == ["ä", 1.5]


def test_json_goes_in_as_it_is() -> None:
    numbers = b"[0.10, 12345678901234567890.5]"
    assert text_of(output(numbers, "application/json")) == b'{"o": ' + numbers + b"}"
    qualified = {"value": None, "mediaType": "application/json"}
    assert value(output(b" null", "application/json")) == qualified


def test_fault_4_only_what_nobody_has_checked_is_read_twice() -> None:
    content, reads = b'{"type": "FeatureCollection"}', 0

    def chunks(start: int = 0, length: int | None = None) -> Iterator[bytes]:
        nonlocal reads
        reads += length is None
        return iter([content])

    for checked, expected in ((len(content), 1), (None, 2), (len(content) - 1, 2)):
        reads = 0
        one = Output(
            "o", "application/geo+json", chunks, lambda: len(content), "", json_bytes=checked
        )
        assert value(one)["value"] == {"type": "FeatureCollection"}
        assert reads == expected, checked


def test_a_file_that_was_replaced_after_the_check_is_looked_at() -> None:
    assert value(output(b'{"a": NaN}', "application/json", checked=8))["encoding"] == "base64"


def test_a_missing_file_is_noticed_before_the_first_byte() -> None:
    def chunks(start: int = 0, length: int | None = None) -> Iterator[bytes]:
        raise OutputNotFound("gone")

    for media_type in ("image/png", "text/plain", "application/json"):
        gone = Output("o", media_type, chunks, lambda: 5, "", json_bytes=5)
        with pytest.raises(OutputNotFound):
            document.body([gone], set())


STRING = b', "' + b"x" * MIB + b'"'
SOURCES: dict[str, tuple[str, Callable[[], Iterator[bytes]]]] = {
    "base64": ("image/tiff", lambda: (bytes(MIB) for _ in range(64))),
    "text": ("text/csv", lambda: (b'a "word"\n' * 100_000 for _ in range(64))),
    "JSON": ("application/json", lambda: chain([b"[0"], repeat(STRING, 60), [b"]"])),
}


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("kind", SOURCES)
def test_fault_4_memory_does_not_grow_with_an_output(kind: str, checked: bool) -> None:
    media_type, pieces = SOURCES[kind]
    one = large(pieces, media_type, checked)
    tracemalloc.start()
    try:
        reply = deliver([one], DOCUMENT)
        assert not isinstance(reply.body, bytes)
        assert sum(map(len, reply.body)) > 50 * MIB
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()


def test_a_short_document_has_a_length_and_a_long_one_is_streamed() -> None:
    def body(size: int) -> Reply:
        return deliver([output(bytes(size), "image/png", MIB)], DOCUMENT)

    assert isinstance(body(1000).body, bytes)
    long = body(4 * SHORT_BYTES).body
    assert not isinstance(long, bytes)
    assert b"".join(islice(long, 2)) == b'{"o": '


def test_references_may_stand_for_all_values() -> None:
    reply = deliver([output(bytes(99), "image/png")], DOCUMENT, only_references=True)
    assert isinstance(reply.body, bytes)
    assert json.loads(reply.body)["o"]["href"] == "https://example.org/jobs/1/results/o"

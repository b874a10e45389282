"""Text that comes in pieces is JSON exactly if the strict reader of whole texts says so."""

import json
import random
import tracemalloc
from collections.abc import Iterator

import pytest

from pygeoapi_prefect.models import strict_json
from pygeoapi_prefect.models.json_check import MAX_DEPTH, JsonCheck, NotJson, is_json

PARTS = [
    *(b'"', b"\\", b"u", b"d8", b"dC00", b"00", b"[", b"]", b"{", b"}", b",", b":", b"1", b"0"),
    *(b"-", b".", b"e", b"E+", b"999", b"true", b"null", b"false", b" ", b"\n", b"\t", b"\x00"),
    *(b"\x01", b"\x02", b"\xc3\xa4", b"\xff", b"a", b'"a":', b'"\\ud83d\\ude00"', b"NaN", b""),
]
SCALARS = [1, 0, -2.5, 1e300, 10**25, "x", 'ä"\\\n', "\U0001f600", "", True, None, False]


def is_strict_json(text: bytes) -> bool:
    try:
        strict_json.loads(text.decode())
    except ValueError:
        return False
    return True


def cut(text: bytes, size: int) -> Iterator[bytes]:
    return (text[start : start + size] for start in range(0, len(text), size))


def made_up(chance: random.Random, depth: int = 0) -> object:
    kind = chance.random()
    if depth > 4 or kind < 0.4:
        return chance.choice(SCALARS)
    members = [made_up(chance, depth + 1) for _ in range(chance.randrange(4))]
    return members if kind < 0.7 else {f"{number}ä": one for number, one in enumerate(members)}


def damaged(text: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(text) + 1)
    return text[:start] + chance.choice(PARTS) + text[start + chance.randrange(3) :]


def texts(chance: random.Random) -> Iterator[bytes]:
    for _ in range(1500):
        yield b"".join(chance.choices(PARTS, k=chance.randrange(9)))
        indent = chance.choice([None, 1])
        whole = json.dumps(made_up(chance), ensure_ascii=bool(indent), indent=indent).encode()
        yield whole
        yield damaged(whole, chance)


@pytest.mark.parametrize("seed", range(4))
def test_fault_4_it_agrees_with_the_strict_reader(seed: int) -> None:
    chance = random.Random(seed)
    right = 0
    for text in texts(chance):
        size = chance.choice([1, 2, 3, 7, 100])
        assert is_json(cut(text, size)) == is_strict_json(text), (text, size)
        right += is_strict_json(text)
    assert right > 1500


@pytest.mark.parametrize(
    "text",
    [
        b'["\\ud800"]', b'["\\ude00\\ud83d"]', b"[1e999]", b"[-1e999]", b"1" * 400 + b".0",
        b"1" * 6000, b"[NaN]", b"[Infinity]", b"01", b"1 2", b'[1 "a"]', b'{"a":1,2,3,4,"b":5}',
        b'{"a":1,"b","c","d","e":5}', b"[1,]", b"{,}", b'"a\nb"', b'"\x01"', b"\xef\xbb\xbf[]",
        b"[S]", b"[\x01,\x02]", b"", b" ", b'{"a":[}]', b'"\xed\xa0\x80"', b"[1]]", b"1,2",
    ],
)  # fmt: skip
def test_what_is_no_json(text: bytes) -> None:
    assert not is_json([text])
    assert not is_json(cut(text, 1))


@pytest.mark.parametrize(
    "text",
    [
        b"12345678901234567890123", b"1e308", b"1" * 350, b'"\\ud83d\\ude00\\\\ud800"', b"-0.0e-0",
        b' { "a" : [ 1 , { } ] } \n', b"null", b'{"a":1,"a":2}', b'["\x7f"]', b"1E+000000002",
    ],
)  # fmt: skip
def test_what_is_json(text: bytes) -> None:
    assert is_json([text])
    assert is_json(cut(text, 1))


def test_nesting_is_bounded() -> None:
    def nested(depth: int) -> bytes:
        return b"[" * depth + b"[[[[[1,2]]]]]" + b"]" * depth

    assert is_json([nested(MAX_DEPTH - 10)])
    assert not is_json([nested(MAX_DEPTH + 10)])
    assert not is_json(b"[" * 100_000 for _ in range(100))


@pytest.mark.parametrize("piece", [b"x" * 999_999, b"\\u00e4" * 100_000, b"x", b'", "'])
def test_fault_4_memory_does_not_grow_with_the_text(piece: bytes) -> None:
    """A string of a gigabyte, and a list of that length, cost no more than their pieces."""

    def document() -> Iterator[bytes]:
        yield b'{"a": ["'
        yield from (piece for _ in range(16_000_000 // max(len(piece), 10_000)))
        yield b'"]}'

    tracemalloc.start()
    try:
        assert is_json(document())
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


def test_it_is_told_at_once() -> None:
    check = JsonCheck()
    with pytest.raises(NotJson, match="not UTF-8"):
        check.feed(b'["\xff')
    with pytest.raises(NotJson, match="too early"):
        JsonCheck().end()

"""Checks in bounded memory that text, received in pieces, is JSON, without building a value.

The rules are those of ``strict_json``: no NaN, no lone surrogate, no number out of range. Libraries
that parse in pieces (ijson, yajl) do not fit: they keep a whole string, which may have a gigabyte,
and take a lone surrogate for a question mark. Here regular expressions make one byte of each
string, then of each array and object of scalars; a small automaton takes what is left.
"""

import codecs
import re
from collections.abc import Iterable

from pygeoapi_prefect.models import strict_json

MAX_DEPTH = 500  # Python's reader ends at about twice as many
PIECE_BYTES = 1024 * 1024  # size of the pieces that are checked
MAX_SCALAR_BYTES = 5000  # strict_json refuses longer numbers
MAX_ESCAPE_BYTES = 12  # a surrogate pair
STRING, SCALAR = b"\x01", b"\x02"  # stand for values; neither may occur in JSON text

_ESCAPE = (
    rb'\\(?:["\\/bfnrt]|u(?:(?![dD][89a-fA-F])[0-9a-fA-F]{4}'
    rb"|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))"
)
_OPEN_STRING = re.compile(rb'"(?:[^"\\\x00-\x1f]++|' + _ESCAPE + rb")*+")
_STRING = re.compile(_OPEN_STRING.pattern + rb'"')
_NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"
_WORD = rb"(?:" + _NUMBER + rb"|true|false|null)"
_ITEM = rb"(?:[\x01\x02]|" + _WORD + rb")"
_ARRAY = re.compile(rb"\[(?:%b(?:,%b)*+)?\]" % (_ITEM, _ITEM))
_OBJECT = re.compile(rb"\{(?:\x01:%b(?:,\x01:%b)*+)?\}" % (_ITEM, _ITEM))
_SCALAR = re.compile(rb"(?<![^\[:,])" + _WORD + rb"(?![^\],}])")
# Of many items two are left: one more than an object may have without a colon.
_ITEMS = re.compile(rb"(?:,[\x01\x02]){3,}(?=[,\]])")
_GAP = re.compile(rb"(?<=[\w.+-])[ \t\r\n]++[\w.+-]")
_LARGE_EXPONENT = re.compile(rb"[eE]\+?[0-9]{3}")
_DIGITS = bytes.maketrans(b"123456789.", b"0000000000")
_MANY_DIGITS = 300 * b"0"
_WORDS = re.compile(rb"[\w.+-]++")
_UNFINISHED = re.compile(rb"[\w.+-]*+\Z")

_VALUE = {STRING: "after", SCALAR: "after", b"[": "item or end", b"{": "key or end"}
_NEXT: dict[str, dict[bytes, str]] = {
    "value": _VALUE,
    "item or end": {**_VALUE, b"]": "after"},
    "key or end": {STRING: "colon", b"}": "after"},
    "key": {STRING: "colon"},
    "colon": {b":": "value"},
    "after": {b",": "comma", b"]": "after", b"}": "after"},
}
_OPENER = {b"]": b"[", b"}": b"{"}


class NotJson(ValueError):
    """The text is not JSON, or not such as everybody can read."""


class JsonCheck:
    """Takes JSON text (UTF-8 without a byte order mark) in pieces.

    ``feed`` and ``end`` raise ``NotJson`` as soon as it is known to be none.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._rest = b""
        self._stack: list[bytes] = []
        self._state = "value"

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next bytes."""
        for start in range(0, len(piece), PIECE_BYTES):
            self._take(piece[start : start + PIECE_BYTES], is_last=False)

    def end(self) -> None:
        """End the text."""
        self._take(b"", is_last=True)
        if self._state != "after" or self._stack or self._rest:
            raise NotJson("the text ends too early")

    def _take(self, piece: bytes | memoryview, *, is_last: bool) -> None:
        try:
            self._decoder.decode(piece, is_last)
        except UnicodeDecodeError as error:
            raise NotJson("the text is not UTF-8") from error
        text = self._rest + piece
        if STRING in text or SCALAR in text:
            raise NotJson("the text has control characters")
        text, quote, begun = _STRING.sub(STRING, text).partition(b'"')
        if quote:
            self._rest = _shortened(quote + begun)
        elif is_last:
            self._rest = b""
        else:
            self._rest = _unfinished_scalar(text)
            text = text[: len(text) - len(self._rest)]
        self._step(_reduced(text))

    def _step(self, text: bytes) -> None:
        """Move the automaton by what ``_reduced`` has left."""
        state, stack = self._state, self._stack
        for number in text:
            token = _BYTES[number]
            following = _NEXT[state].get(token)
            if following is None:
                raise NotJson(f"{token!r} where there should be: {state}")
            if token in b"[{":
                stack.append(token)
                if len(stack) > MAX_DEPTH:
                    raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
            elif token in _OPENER and (not stack or stack.pop() != _OPENER[token]):
                raise NotJson(f"{token!r} closes nothing")
            elif following == "comma":
                if not stack:
                    raise NotJson("a comma outside")
                following = "value" if stack[-1] == b"[" else "key"
            state = following
        self._state = state


def is_json(pieces: Iterable[bytes]) -> bool:
    """Return true if pieces of text are JSON together."""
    check = JsonCheck()
    try:
        for piece in pieces:
            check.feed(piece)
        check.end()
    except NotJson:
        return False
    return True


_BYTES = [bytes([number]) for number in range(256)]


def _shortened(begun: bytes) -> bytes:
    """The unfinished string at the end, without the part that is already checked."""
    good = _OPEN_STRING.match(begun)
    rest = begun[good.end() :] if good else begun
    if rest and (len(rest) >= MAX_ESCAPE_BYTES or not rest.startswith(b"\\")):
        raise NotJson("a string has a character or an escape that it must not have")
    return b'"' + rest


def _unfinished_scalar(text: bytes) -> bytes:
    """The number or word at the end, which may go on in the next piece."""
    found = _UNFINISHED.search(text, max(len(text) - MAX_SCALAR_BYTES, 0))
    rest = found.group() if found else b""
    if len(rest) >= MAX_SCALAR_BYTES:
        raise NotJson("a number is too long")
    return rest


def _reduced(text: bytes) -> bytes:
    """Text without strings: each scalar, and each array and object of scalars, is one byte."""
    text = text.replace(b", ", b",").replace(b": ", b":")  # most of it, and quickly
    if _GAP.search(text):
        raise NotJson("there is nothing between two values")
    if _LARGE_EXPONENT.search(text) or _MANY_DIGITS in text.translate(_DIGITS):
        _check_range(text)
    text = text.translate(None, b" \t\r\n")
    for pattern in (_ARRAY, _OBJECT, _SCALAR, _ARRAY, _OBJECT, _ARRAY):
        text = pattern.sub(SCALAR, text)
    return _ITEMS.sub(b",\x02,\x02", text)


def _check_range(text: bytes) -> None:
    words = b",".join(_WORDS.findall(text))
    try:
        strict_json.loads(f"[{words.decode('ascii', 'replace')}]")
    except ValueError as error:
        raise NotJson("a number is out of range") from error

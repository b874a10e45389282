"""JSON as RFC 8259 has it: Python's own reader and writer know more."""

import gc
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from pydantic_core import PydanticSerializationError, to_json

LARGE = 1 << 20
"""A text of so many characters is read without the garbage collector, which would take as long."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_DIGITS = bytes.maketrans(b"123456789E", b"000000000e")
_pauses = threading.Lock()
_paused = 0


class DuplicateName(ValueError):
    """An object has two members of one name."""


class InvalidNumber(ValueError):
    """The text holds NaN or an infinity, or a number that Python cannot hold."""


def loads(text: str, *, unique_names: bool = False) -> Any:
    """Read JSON text whose value can be written as JSON text again.

    Args:
        text: JSON text.
        unique_names: Refuse an object with two members of one name: which of them counts is not
            the same everywhere (RFC 8259, section 4).

    Raises:
        UnicodeEncodeError: It holds an escaped lone surrogate: legal JSON, but no Unicode text.
        json.JSONDecodeError: It is no JSON.
        DuplicateName: Two members of an object have the same name.
        InvalidNumber: It holds a number that cannot be used: NaN, an infinity, thousands of digits.
        RecursionError: It is nested too deeply for Python.
    """
    with _uncollected(len(text)):
        value = _loads(text, _unique if unique_names else None)
        if _SURROGATE.search(text):
            _refuse_lone_surrogates(value)
        if _may_overflow(text):
            _refuse_infinities(value)
    return value


def _loads(text: str, pairs: Callable[[list[tuple[str, Any]]], Any] | None) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=pairs)
    except (json.JSONDecodeError, DuplicateName, InvalidNumber):
        raise
    except ValueError as error:  # the message of Python's own limit is not for clients
        most = sys.get_int_max_str_digits()
        raise InvalidNumber(f"it has more than {most} digits") from error


def dumps(value: Any) -> str:
    """Write what ``loads`` has read, at many times the speed of Python's own writer."""
    return to_json(value).decode()


@contextmanager
def _uncollected(length: int) -> Iterator[None]:
    """Keep the garbage collector off while millions of values are made, none of them garbage."""
    global _paused
    if length < LARGE:
        yield
        return
    with _pauses:
        _paused += 1
        gc.disable()
    try:
        yield
    finally:
        with _pauses:
            _paused -= 1
            if _paused == 0:
                gc.enable()


def _may_overflow(text: str) -> bool:
    """Return true if a number may be beyond all floats: only then they must be checked.

    With all digits the same, this is a search for two fixed texts, which takes next to no time.
    """
    digits = text.encode("utf-8", "replace").translate(_DIGITS, b"+")
    return b"0e000" in digits or b"0" * 309 in digits


def _refuse_lone_surrogates(value: Any) -> None:
    try:
        to_json(value)
    except PydanticSerializationError:
        json.dumps(value, ensure_ascii=False).encode()  # raises the error that says where
        raise


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidNumber(f"{name} is not JSON")


def _refuse_infinities(value: Any) -> None:
    """Refuse a number beyond all floats; compiled code finds it much faster than Python would."""
    if to_json(value, inf_nan_mode="constants") != to_json(value, inf_nan_mode="null"):
        raise InvalidNumber("it is out of range")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise DuplicateName(_repeated([name for name, _ in pairs]))
    return made


def _repeated(names: list[str]) -> str:
    """The first name that is there a second time."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    raise ValueError("all names are different")

"""JSON as RFC 8259 has it: Python's own reader and writer know more."""

import json
import math
from typing import Any, NoReturn


def loads(text: str) -> Any:
    """Read JSON text whose value can be written as JSON text again.

    Raises:
        UnicodeEncodeError: It holds an escaped lone surrogate: legal JSON, but no Unicode text.
        json.JSONDecodeError: It is no JSON.
        ValueError: It holds a number that cannot be used: NaN, an infinity, thousands of digits.
        RecursionError: It is nested too deeply for Python.
    """
    value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:20]} is out of range")
    return value

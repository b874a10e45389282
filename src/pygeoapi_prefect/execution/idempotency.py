"""The header ``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header-07).

The draft makes it a String of RFC 9651, in quotation marks. Many clients send a UUID without them,
so a value without quotation marks is accepted, too, and means the same key.
"""

import re

from pygeoapi_prefect.errors import InvalidJobParameterError

MAX_LENGTH = 255
_STRING = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BARE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+")
"""Visible ASCII but for quotation marks, backslashes, and what parts lists and parameters."""


def parse(header: str | None) -> str | None:
    """Read the key of a request.

    Args:
        header: Value of the header; the values of several are joined by commas (RFC 9110, 5.3).

    Returns:
        The key without quotation marks; None if there is no header.

    Raises:
        InvalidJobParameterError: It is empty, too long, or has characters that are not printable.
    """
    if header is None:
        return None
    text = header.strip(" \t")
    quoted = _STRING.fullmatch(text)
    if quoted is None and _BARE.fullmatch(text) is None:
        raise InvalidJobParameterError(
            "The header Idempotency-Key must be one string of printable ASCII characters, "
            'such as "8e03978e-40d5-43e8-bc93-6894a57f9324"'
        )
    key = text if quoted is None else re.sub(r"\\(.)", r"\1", quoted[1])
    if not 0 < len(key) <= MAX_LENGTH:
        raise InvalidJobParameterError(
            f"The header Idempotency-Key must have 1 to {MAX_LENGTH} characters"
        )
    return key

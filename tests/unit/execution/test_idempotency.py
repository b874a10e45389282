"""The header Idempotency-Key: a string of structured fields, or the same without its marks."""

import pytest

from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.execution.idempotency import MAX_LENGTH, parse

UUID = "8e03978e-40d5-43e8-bc93-6894a57f9324"


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (None, None),
        (UUID, UUID),
        (f'"{UUID}"', UUID),
        (f' "{UUID}"\t', UUID),
        ("a", "a"),
        ("Zm9v+/==", "Zm9v+/=="),
        ('"a b, c; d"', "a b, c; d"),
        (r'"a\"b\\c"', r"a\"b\c".replace('\\"', '"')),
        ("x" * MAX_LENGTH, "x" * MAX_LENGTH),
        ('"' + r"\"" * MAX_LENGTH + '"', '"' * MAX_LENGTH),
    ],
)
def test_a_key_is_read(header: str | None, key: str | None) -> None:
    assert parse(header) == key


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        '""',
        "a b",
        "a,b",
        '"a","b"',
        '"a";x=1',
        '"a',
        'a"',
        '"a"b"',
        r'"a\b"',
        '"a\\"',
        "a\x00b",
        '"a\x7f"',
        '"a\nb"',
        "é",
        '"é"',
        "x" * (MAX_LENGTH + 1),
        '"' + "x" * (MAX_LENGTH + 1) + '"',
    ],
)
def test_anything_else_is_rejected(header: str) -> None:
    with pytest.raises(InvalidJobParameterError, match="Idempotency-Key"):
        parse(header)

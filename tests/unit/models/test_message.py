"""Messages that hold what others have written."""

from typing import override

import pytest

from pygeoapi_prefect.models.message import MAX_MESSAGE, clean, counted, listed, named


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, and \u00e9\u4e2d\N{GRINNING FACE}", "plain, and \u00e9\u4e2d\N{GRINNING FACE}"),
        ("two\nlines\tand", "two\nlines\tand"),
        ("a\x00b", "a\\x00b"),
        ("\ud800 \udfff", "\\ud800 \\udfff"),
        ("\x1b[31mred\r\n", "\\x1b[31mred\\x0d\n"),
        ("\x7f\x85\x9f", "\\x7f\\x85\\x9f"),
        (ValueError("an error\x00"), "an error\\x00"),
        (None, "None"),
    ],
)
def test_what_cannot_be_stored_or_shown_is_escaped(text: object, expected: str) -> None:
    """Fault 32: PostgreSQL takes neither a NUL nor a lone surrogate."""
    assert clean(text) == expected
    assert clean(expected) == expected
    expected.encode()


def test_long_messages_are_cut() -> None:
    """Fault 26: whatever a message holds, it has a greatest length."""
    for text in ("x" * 12_000_000, "\x00" * 5000, "\ud800" * 999, "x" * 999 + "\x00"):
        assert len(clean(text)) == MAX_MESSAGE
        assert clean(text).endswith("...")
    assert clean("x" * MAX_MESSAGE) == "x" * MAX_MESSAGE
    assert clean("abcdef", 5) == "ab..."


def test_an_error_without_a_message_of_its_own_has_its_class() -> None:
    class Broken(Exception):
        @override
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert clean(Broken()) == "Broken"


def test_names_are_few_and_short() -> None:
    """Fault 26: at most five of what is unknown are named."""
    assert named("a\x00") == "'a\\x00'"
    assert len(named("n" * 1000)) == 82
    assert listed(["a", "b"]) == "'a', 'b'"
    assert listed(f"{n}" for n in range(5)) == "'0', '1', '2', '3', '4'"
    assert listed(map(str, range(1000))) == "'0', '1', '2', '3', '4' and 995 more"


def test_several_names_follow_a_noun_in_the_plural() -> None:
    assert counted("input", ["a"]) == "input 'a'"
    assert counted("input", iter("ab")) == "inputs 'a', 'b'"
    assert counted("input", range(7)) == "inputs '0', '1', '2', '3', '4' and 2 more"

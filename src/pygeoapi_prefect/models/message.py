"""Text for people that may hold what a client or a flow has written: cleaned and cut.

Prefect's database (PostgreSQL) takes neither a NUL nor a lone surrogate in a text, and refuses the
whole state that has one; and what one client sends would be in everybody's job list at its length.
So a message is cleaned where it is stored, and again where it is sent.
"""

import re
from collections.abc import Collection, Iterable

MAX_MESSAGE = 1000
"""Longest message of a job or problem, in characters."""
MAX_NAME = 80
"""Longest name in a message."""
MAX_NAMES = 5
"""Largest number of names in a message."""

# Control characters but tab and line feed, and surrogates: alone ones, in text of Python's.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: object, most: int = MAX_MESSAGE) -> str:
    """Make a text safe for messages: escape unprintable characters, and cut it if it is too long.

    Args:
        text: Anything; an exception or other object is taken as ``str`` shows it.
        most: Greatest length, in characters.
    """
    try:
        found = str(text)
    except Exception:  # an exception whose own message cannot be made
        found = type(text).__name__
    # Cut first: escaping takes time, and only makes the text longer.
    return _cut(_UNPRINTABLE.sub(_escaped, found[: most + 1]), most)


def named(name: object, most: int = MAX_NAME) -> str:
    """A name in quotes, as a message may have it.

    Args:
        name: What a client or a flow calls something.
        most: Greatest length of the name, in characters.
    """
    return f"'{clean(name, most)}'"


def listed(names: Iterable[object], most: int = MAX_NAMES) -> str:
    """Several names in quotes, in order; of more than ``most``, only the number of the others."""
    found = names if isinstance(names, Collection) else list(names)
    told = ", ".join(named(name) for name, _ in zip(found, range(most), strict=False))
    rest = len(found) - most
    return told if rest <= 0 else f"{told} and {rest} more"


def counted(noun: str, names: Iterable[object], most: int = MAX_NAMES) -> str:
    """Several names in quotes after their noun: ``input 'a'``, but ``inputs 'a', 'b'``.

    Args:
        noun: In the singular; its plural ends with "s".
        names: Names, as for ``listed``.
        most: Largest number of names.
    """
    found = names if isinstance(names, Collection) else list(names)
    return f"{noun}{'' if len(found) == 1 else 's'} {listed(found, most)}"


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."

"""References to an execute request that is kept in a Prefect block.

A large request does not travel in a flow run's parameters: the parameter holds
``block:<block type>/<block name>#<path in the block>``. This module knows the form of such a
reference, and who can read it: a loader that another layer registers. It imports nothing heavy.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, override

PREFIX = "block:"
"""First characters of every reference; no JSON text starts with them."""

_FORM = re.compile(r"block:([^/#\s]+/[^/#\s]+)#(\S.*)")

_loader: Callable[[str], str] | None = None


@dataclass(frozen=True)
class Reference:
    """A file in a block; its text is the form that a parameter has.

    Attributes:
        block: ``<block type>/<block name>``.
        path: Path in the block.
    """

    block: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a reference.

        Raises:
            ValueError: The text does not have the form of one.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{text[:100]!r} is not a reference, which has the form "
                f"{PREFIX}<block type>/<block name>#<path>"
            )
        return cls(match[1], match[2])

    @override
    def __str__(self) -> str:
        return f"{PREFIX}{self.block}#{self.path}"


def is_reference(text: str) -> bool:
    """Return true if a text is a reference, valid or not; JSON text never is."""
    return text.startswith(PREFIX)


def register_loader(loader: Callable[[str], str]) -> None:
    """Set the function that reads references; a later call replaces an earlier one.

    Args:
        loader: Gets a whole reference, returns the text that it leads to.
    """
    global _loader
    _loader = loader


def load(reference: str) -> str:
    """Read the text behind a reference.

    Args:
        reference: ``block:<block type>/<block name>#<path in the block>``.

    Raises:
        ValueError: The reference does not have that form.
        RuntimeError: No loader was registered.
        Exception: Whatever the loader raises, for a block or file that cannot be read.
    """
    Reference.parse(reference)
    if _loader is None:
        raise RuntimeError("no loader for references was registered")
    return _loader(reference)

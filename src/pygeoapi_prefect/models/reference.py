"""References to an execute request that is kept in a Prefect block.

A large request does not travel in a flow run's parameters: the parameter holds
``block:<block type>/<block name>#<path in the block>``. This module knows the form of such a
reference, and who can read it: a loader that another layer registers. It imports nothing heavy.
"""

import re
from collections.abc import Callable

PREFIX = "block:"
"""First characters of every reference; no JSON text starts with them."""

_FORM = re.compile(r"block:[^/#\s]+/[^/#\s]+#\S.*")

_loader: Callable[[str], str] | None = None


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
    if not _FORM.fullmatch(reference):
        raise ValueError(f"a reference has the form {PREFIX}<block type>/<block name>#<path>")
    if _loader is None:
        raise RuntimeError("no loader for references was registered")
    return _loader(reference)

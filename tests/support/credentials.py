"""The secret of Prefect's API: all stacks that this process starts have that of the first."""

import os
from pathlib import Path

from pygeoapi_prefect.embedded.credentials import FILE, read

VARIABLE = "PREFECT_API_AUTH_STRING"
_known: list[str] = []


def give(state: Path) -> None:
    """Let a stack that starts in a new folder have the secret of those before it."""
    if _known and not (state / FILE).exists():
        (state / FILE).write_text(f"{VARIABLE}={_known[0]}\n")


def take(state: Path) -> None:
    """Let this process, and those that it starts, use the secret of a stack."""
    auth_string = of(state)
    _known[:] = [auth_string]
    os.environ[VARIABLE] = auth_string


def of(state: Path) -> str:
    """The secret of a stack."""
    auth_string = read(state)
    assert auth_string is not None, f"{state} has no {FILE}"
    return auth_string

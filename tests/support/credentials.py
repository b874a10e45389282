"""The secrets of stacks: all that this process starts have those of the first."""

import os
from pathlib import Path

from pygeoapi_prefect.embedded.credentials import AUTH_STRING, DEPLOYMENT_KEY, FILE, read

VARIABLE, KEY_VARIABLE = AUTH_STRING, DEPLOYMENT_KEY
_known: dict[str, str] = {}


def give(state: Path) -> None:
    """Let a stack that starts in a new folder have the secrets of those before it."""
    if _known and not (state / FILE).exists():
        text = "".join(f"{name}={value}\n" for name, value in _known.items())
        (state / FILE).write_text(text)


def take(state: Path) -> None:
    """Let this process, and those that it starts, use the secrets of a stack."""
    _known.update(read(state))
    os.environ.update(_known)


def of(state: Path) -> str:
    """The secret of a stack's Prefect."""
    return read(state)[VARIABLE]


def key_of(state: Path) -> str:
    """The key with which the deployments of a stack are signed."""
    return read(state)[KEY_VARIABLE]

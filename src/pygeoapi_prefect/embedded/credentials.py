"""The secrets of a stack: made once for each state folder, in ``<state>/prefect.env``.

The file is for tools and tests, and for an operator who signs in to Prefect's UI. A shell reads it
with ``set -a; . .stack/prefect.env; set +a``.
"""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from pygeoapi_prefect.embedded.errors import EmbeddedError
from pygeoapi_prefect.embedded.layout import Layout

FILE = "prefect.env"
AUTH_STRING, DEPLOYMENT_KEY = "PREFECT_API_AUTH_STRING", "PYGEOAPI_DEPLOYMENT_KEY"
USER = "pygeoapi"
SECRET_BYTES = 32
_FORMS: Mapping[str, re.Pattern[str]] = {
    AUTH_STRING: re.compile(r"[\w-]+:[\w-]+", re.ASCII),
    DEPLOYMENT_KEY: re.compile(r"[\w-]{32,}", re.ASCII),
}
_MAKERS: Mapping[str, Callable[[], str]] = {
    AUTH_STRING: lambda: f"{USER}:{secrets.token_urlsafe(SECRET_BYTES)}",
    DEPLOYMENT_KEY: lambda: secrets.token_urlsafe(SECRET_BYTES),
}


def prepared(layout: Layout) -> Layout:
    """Make or keep the secrets of a state folder, and write its file anew for the layout's ports.

    Returns:
        The layout, with the secrets.

    Raises:
        EmbeddedError: The file has an invalid secret.
    """
    found = read(layout.state)
    chosen = {name: found.get(name) or make() for name, make in _MAKERS.items()}
    lines = {"PREFECT_API_URL": layout.prefect_api_url, **chosen}
    text = "".join(f"{name}={value}\n" for name, value in lines.items())
    _write(layout.state / FILE, text)
    return replace(layout, auth_string=chosen[AUTH_STRING], deployment_key=chosen[DEPLOYMENT_KEY])


def read(state: Path) -> dict[str, str]:
    """The secrets that a state folder has, by the names of their variables.

    Raises:
        EmbeddedError: The file has an invalid secret.
    """
    path = state / FILE
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    found = {name: values[name] for name in _FORMS if name in values}
    for name, value in found.items():
        if not _FORMS[name].fullmatch(value):
            raise EmbeddedError(f"{path} has no valid {name}: remove its line")
    return found


def basic(auth_string: str) -> tuple[str, str]:
    """User and password, for HTTP's Basic authentication (RFC 7617)."""
    user, _, password = auth_string.partition(":")
    return user, password


def _write(path: Path, text: str) -> None:
    """Replace the file in one step; nobody else may read it, not even while it is written."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    draft.replace(path)

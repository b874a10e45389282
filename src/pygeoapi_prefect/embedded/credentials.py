"""The secret of Prefect's API: made once for each state folder, in ``<state>/prefect.env``.

The file is for tools and tests, and for an operator who signs in to Prefect's UI. A shell reads it
with ``set -a; . .stack/prefect.env; set +a``.
"""

import os
import re
import secrets
from dataclasses import replace
from pathlib import Path

from pygeoapi_prefect.embedded.errors import EmbeddedError
from pygeoapi_prefect.embedded.layout import Layout

FILE = "prefect.env"
USER = "pygeoapi"
PASSWORD_BYTES = 32
_LINE = re.compile(r"PREFECT_API_AUTH_STRING=([A-Za-z0-9_-]+:[A-Za-z0-9_-]+)", re.ASCII)


def prepared(layout: Layout) -> Layout:
    """Make or keep the secret of a state folder, and write its file anew for the layout's ports.

    Returns:
        The layout, with the secret.

    Raises:
        EmbeddedError: The file has no valid secret.
    """
    auth_string = read(layout.state) or f"{USER}:{secrets.token_urlsafe(PASSWORD_BYTES)}"
    text = f"PREFECT_API_URL={layout.prefect_api_url}\nPREFECT_API_AUTH_STRING={auth_string}\n"
    _write(layout.state / FILE, text)
    return replace(layout, auth_string=auth_string)


def read(state: Path) -> str | None:
    """The secret of a state folder, ``user:password``; None if it has none yet.

    Raises:
        EmbeddedError: The file has no valid secret.
    """
    path = state / FILE
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return None
    found = [match[1] for line in lines if (match := _LINE.fullmatch(line))]
    if len(found) != 1:
        raise EmbeddedError(f"{path} has no valid PREFECT_API_AUTH_STRING: remove it")
    return found[0]


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

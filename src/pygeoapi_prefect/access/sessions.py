"""Sessions of browsers: a signed text that names a key, and ends with it.

Nothing is stored for a session. It is valid while its signature is right, it is not too old, and
the key that it names is valid: it ends in all web processes when that key is revoked, replaced or
expires.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

from itsdangerous import BadData, URLSafeTimedSerializer

from pygeoapi_prefect.errors import ConfigurationError

SECRET_FILE = "session-secret"
"""Name of the file of the secret, in the folder of the key file."""
SECONDS = 12 * 3600
"""Longest duration of a session."""
SECRET_BYTES = 32
SHORTEST_SECRET = 32  # characters


class Sessions:
    """Begins sessions, and recognises them. One instance serves all threads of a process.

    Args:
        secret: The secret of all web processes.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._signed = URLSafeTimedSerializer(
            secret,
            salt="pygeoapi session",
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )

    def begin(self, prefix: str) -> str:
        """A new session for the holder of a key.

        Args:
            prefix: The part of the key that is no secret.
        """
        value: str | bytes = self._signed.dumps([prefix, secrets.token_urlsafe(9)])
        return value if isinstance(value, str) else value.decode()

    def key_of(self, session: str) -> str | None:
        """The prefix of the key of a session; None if it is not one of ours, or too old."""
        try:
            prefix, _ = self._signed.loads(session, max_age=SECONDS)
        except (BadData, ValueError, TypeError):
            return None
        return prefix if isinstance(prefix, str) else None

    def token(self, session: str) -> str:
        """The token that pages of a session, and only those, send with what changes something."""
        return hmac.digest(self._secret, f"token {session}".encode(), "sha256").hex()

    def has_token(self, session: str, token: str) -> bool:
        """Return true if a token is that of a session; in a time that tells nothing about it."""
        sent = token.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(self.token(session).encode(), sent)


def secret_of(path: Path) -> str:
    """Read the secret; the first process to ask makes it.

    Raises:
        ConfigurationError: It cannot be read or made; says why.
    """
    try:
        if not path.exists():
            _make(path)
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError) as error:
        told = getattr(error, "strerror", None) or "it is no text"
        raise ConfigurationError(f"the session secret {path} cannot be used: {told}") from error
    if len(secret) < SHORTEST_SECRET:
        raise ConfigurationError(f"the session secret {path} is too short")
    return secret


def _make(path: Path) -> None:
    """Make the file, complete from the beginning; one that another process has made stays."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()

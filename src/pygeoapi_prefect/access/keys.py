"""API keys: what a client holds, and what is stored of it.

A key is ``pygeoapi_``, eight hexadecimal digits, ``_`` and 256 random bits in base64 for addresses:
one word of letters, digits, ``-`` and ``_``. The digits are no secret. With them a key is found,
and named in a list or a log. Of the rest only a hash is stored; it is random, so that a fast hash
is enough.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from pygeoapi_prefect.access.principal import Role

MARK = "pygeoapi_"
"""Beginning of all keys, by which programs find keys that were published by mistake."""
KEY_BYTES = 32
LABEL = r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}"
_KEY = re.compile(rf"({MARK}[0-9a-f]{{8}})_[A-Za-z0-9_-]{{43}}")
_NO_HASH = "0" * 64


class Key(BaseModel):
    """A key as it is stored.

    Attributes:
        label: Readable name of its holder, to whom the jobs belong.
        prefix: Beginning of the key, up to the secret.
        sha256: Hash of the whole key, in hexadecimal digits.
        roles: Roles of the holder.
        created: Time of creation.
        expires: Time from which it is invalid; None means never.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str = Field(pattern=f"^{LABEL}$")
    prefix: str = Field(pattern=f"^{MARK}[0-9a-f]{{8}}$")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    roles: tuple[Literal["read", "execute", "admin"], ...] = Field(min_length=1)
    created: AwareDatetime
    expires: AwareDatetime | None = None

    @property
    def subject(self) -> str:
        """Owner of the jobs. A rotated key has the same one."""
        return f"key:{self.label}"

    def is_expired(self, now: datetime) -> bool:
        """Return true from the time of its expiry on."""
        return self.expires is not None and self.expires <= now


class KeyList(BaseModel):
    """All keys, as the file holds them; labels and prefixes are unique."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    keys: Annotated[tuple[Key, ...], Field(default_factory=tuple)]

    @model_validator(mode="after")
    def _are_unique(self) -> "KeyList":
        for name in ("label", "prefix"):
            if doubled := _doubled(getattr(key, name) for key in self.keys):
                raise ValueError(f"two keys have the {name} '{doubled}'")
        return self


class Keys:
    """Keys to verify those of clients against."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._by_prefix = {key.prefix: key for key in keys}

    def named(self, prefix: str, now: datetime) -> Key | None:
        """Return the key with this prefix; None if there is none, or it is expired."""
        key = self._by_prefix.get(prefix)
        return key if key is not None and not key.is_expired(now) else None

    def verify(self, text: str, now: datetime) -> Key | None:
        """Return the key that a client has sent; None if it is unknown or expired.

        The time that this takes does not depend on how much of a key is right.
        """
        prefix = prefix_of(text)
        key = self._by_prefix.get(prefix or "")
        stored = key.sha256 if key is not None else _NO_HASH
        is_right = hmac.compare_digest(stored, _hash(text))
        return key if key is not None and is_right and not key.is_expired(now) else None


def prefix_of(text: str) -> str | None:
    """The part of a key that is no secret; None if the text does not have the form of a key."""
    found = _KEY.fullmatch(text)
    return found[1] if found else None


def generate(
    label: str, roles: Iterable[Role], now: datetime, days: int | None = None
) -> tuple[str, Key]:
    """Make a key.

    Args:
        label: Name of its holder.
        roles: Roles of the holder.
        now: Time of creation.
        days: Days until it expires; None means never.

    Returns:
        The key, which is stored nowhere, and what is stored of it.

    Raises:
        pydantic.ValidationError: The label is not a label.
    """
    prefix = MARK + secrets.token_hex(4)
    text = f"{prefix}_{secrets.token_urlsafe(KEY_BYTES)}"
    expires = None if days is None else now + timedelta(days=days)
    stored = {
        "label": label,
        "prefix": prefix,
        "sha256": _hash(text),
        "roles": [str(role) for role in sorted(roles)],
        "created": now,
        "expires": expires,
    }
    return text, Key.model_validate(stored)


def now() -> datetime:
    """The current time, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _doubled(values: Iterable[str]) -> str | None:
    seen: set[str] = set()
    return next((value for value in values if value in seen or seen.add(value)), None)  # type: ignore[func-returns-value]

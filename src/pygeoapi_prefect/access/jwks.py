"""Public keys of an issuer: a JSON Web Key Set (RFC 7517)."""

from collections.abc import Iterable, Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

Key = RSAKey | ECKey | OKPKey
KINDS: Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {
    "RSA": RSAKey,
    "EC": ECKey,
    "OKP": OKPKey,
}
"""Kinds of keys. Symmetric ones are not among them: whoever can read one can sign with it."""
MAX_KEYS = 100
RSA_BITS = 2048
"""Shortest RSA key (RFC 7518, section 3.3)."""


class KeyRing:
    """Keys by their identifiers."""

    def __init__(self, keys: Iterable[tuple[str | None, Key]] = ()) -> None:
        self._keys = list(keys)
        self._by_id = {kid: key for kid, key in self._keys if kid is not None}

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, kid: str | None) -> Key | None:
        """Return the key for a token; None if there is none.

        Args:
            kid: Identifier in the token's header. A token without one has the only key, if there
                is only one.
        """
        if kid is not None:
            return self._by_id.get(kid)
        return self._keys[0][1] if len(self._keys) == 1 else None


def ring(document: Any) -> KeyRing:
    """Read a key set; keys that are not for signatures, or of unknown kinds, are left out.

    Raises:
        ValueError: It is not a key set, or has no key for signatures.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it has no list of keys")
    if len(listed) > MAX_KEYS:
        raise ValueError(f"it has more than {MAX_KEYS} keys")
    found = [(_identifier(one), key) for one in listed if (key := _key(one)) is not None]
    if not found:
        raise ValueError("it has no public key for signatures")
    return KeyRing(found)


def _key(value: Any) -> Key | None:
    if not isinstance(value, dict) or value.get("use", "sig") != "sig":
        return None
    kind = KINDS.get(str(value.get("kty")))
    if kind is None:
        return None
    try:
        key = kind.import_key(value)
    except (JoseError, ValueError, TypeError, KeyError):  # of a curve that is not known
        return None
    is_weak = isinstance(key, RSAKey) and key.raw_value.key_size < RSA_BITS
    return None if is_weak else key


def _identifier(value: Any) -> str | None:
    kid = value.get("kid")
    return kid if isinstance(kid, str) else None

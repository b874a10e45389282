"""Access tokens: signed JSON Web Tokens (RFC 7519) of one issuer, by the rules of RFC 9068.

Nothing here waits for a service but ``Issuer.key``, and that only for a key that is not known.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from joserfc import jws
from joserfc.errors import JoseError

from pygeoapi_prefect.access.issuer import Issuer
from pygeoapi_prefect.access.jwks import Key
from pygeoapi_prefect.access.principal import Role
from pygeoapi_prefect.access_settings import OidcSettings
from pygeoapi_prefect.errors import NotAuthenticated
from pygeoapi_prefect.models.message import clean

MAX_HEADER = 4096
MAX_NAME = 64
MAX_SUBJECT = 255  # OpenID Connect Core 1.0, section 2
NOT_BEARER = ("cnf", "at_hash", "c_hash", "events")
"""Claims of tokens that are no bearer tokens: bound to a client's key (RFC 7800), ID tokens, and
security events such as a sign-out (RFC 8417)."""

Claims = Mapping[str, Any]


@dataclass(frozen=True)
class User:
    """Somebody whom an issuer knows.

    Attributes:
        subject: Identifies them among the users of all issuers.
        roles: Their roles here.
        name: Readable name.
    """

    subject: str
    roles: frozenset[Role]
    name: str


class Tokens:
    """Verifies access tokens. One instance serves all threads of a process.

    Args:
        settings: Issuer, audience and the rules for roles.
        issuer: Has the keys.
    """

    def __init__(self, settings: OidcSettings, issuer: Issuer) -> None:
        self._settings = settings
        self._issuer = issuer
        self._types = frozenset(map(_media_type, settings.types))
        # Issuers may add parameters to a header that nobody has registered.
        self._registry = jws.JWSRegistry(algorithms=settings.algorithms, strict_check_header=False)
        self._registry.max_header_length = MAX_HEADER
        digits = hashlib.sha256(settings.issuer.encode()).hexdigest()[:16]
        self._subjects = f"oidc:{digits}:"

    def user(self, token: str, time: float) -> User:
        """The user of an access token.

        Args:
            token: What a client has sent.
            time: The current time, in seconds since 1970.

        Raises:
            NotAuthenticated: The token is invalid; the message says why.
            IssuerUnavailable: It cannot be verified now.
        """
        claims = self._claims(token)
        self._check(claims, time)
        subject = claims.get("sub")
        if not _is_subject(subject):
            raise _invalid("its claim 'sub' is missing or invalid")
        named = self._settings.of(_texts(_at(claims, self._settings.roles_claim)))
        name = claims.get(self._settings.name_claim)
        shown = name if isinstance(name, str) and name.strip() else subject
        roles = frozenset(map(Role.named, named))
        return User(self._subjects + subject, roles, clean(shown, MAX_NAME))

    def _claims(self, token: str) -> Claims:
        """The claims of a token whose signature is valid."""
        found = self._parsed(token)
        header = found.protected
        if header.get("alg") not in self._settings.algorithms:
            raise _invalid("its signature algorithm is not accepted")
        if _media_type(header.get("typ")) not in self._types:
            raise _invalid("its header names another type of token, or none")
        kid = header.get("kid")
        if not isinstance(kid, str | None):
            raise _invalid("it is malformed")
        key = self._issuer.key(kid)
        if key is None:
            raise _invalid("its key is unknown")
        if not self._is_signed(found, key):
            raise _invalid("its signature is wrong")
        try:
            claims = json.loads(found.payload)
        except (ValueError, RecursionError) as error:
            raise _invalid("it is malformed") from error
        if not isinstance(claims, dict):
            raise _invalid("it is malformed")
        return claims

    def _parsed(self, token: str) -> jws.CompactSignature:
        try:
            found = jws.extract_compact(token.encode("ascii"), registry=self._registry)
        except Exception as error:  # a parser's fault on a stranger's text is no fault of ours
            raise _invalid("it is malformed") from error
        if not isinstance(found.protected, dict):
            raise _invalid("it is malformed")
        return found

    def _is_signed(self, found: jws.CompactSignature, key: Key) -> bool:
        try:
            return jws.validate_compact(found, key, registry=self._registry)
        except (JoseError, ValueError, TypeError):  # the key is one for another algorithm
            return False

    def _check(self, claims: Claims, time: float) -> None:
        """Check issuer, audience, times and kind (RFC 7519, section 4.1; RFC 9068, section 4)."""
        leeway = self._settings.leeway_seconds
        if claims.get("iss") != self._settings.issuer:
            raise _invalid("it is of another issuer")
        audience = claims.get("aud")
        named = [audience] if isinstance(audience, str) else audience
        if not isinstance(named, list) or not any(one in named for one in self._settings.audience):
            raise _invalid("it is for another audience")
        expires = _time(claims, "exp")
        if expires is None or time >= expires + leeway:
            raise _invalid("it has expired")
        for name in ("nbf", "iat"):
            begins = _time(claims, name)
            if begins is not None and begins > time + leeway:
                raise _invalid("it is not valid yet")
        kind = claims.get("typ", "Bearer")  # Keycloak's: also ID, Refresh, Logout and DPoP
        is_bearer = isinstance(kind, str) and kind.lower() == "bearer"
        if not is_bearer or any(name in claims for name in NOT_BEARER):
            raise _invalid("it is no bearer access token")


def _invalid(reason: str) -> NotAuthenticated:
    return NotAuthenticated(f"The access token is invalid: {reason}", "invalid_token")


def _is_subject(value: object) -> TypeGuard[str]:
    """Return true for what can identify a user; a lone surrogate, for example, cannot."""
    return isinstance(value, str) and 0 < len(value) <= MAX_SUBJECT and value.isprintable()


def _media_type(value: object) -> str:
    """A type as RFC 7515, section 4.1.9, compares them; empty for none."""
    return value.lower().removeprefix("application/") if isinstance(value, str) else ""


def _time(claims: Claims, name: str) -> float | None:
    """A claim with a time; None if it is missing.

    A number that is not finite compares with none, so that a token would never expire.
    """
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise _invalid(f"its claim '{name}' is invalid")
    return value


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond those of floating point
        return False


def _at(claims: Claims, path: str) -> object:
    """The value of a claim, or of a member of objects in it: ``realm_access.roles``.

    A claim whose name has dots, such as a URL, is found by its whole name.
    """
    if path in claims:
        return claims[path]
    found: object = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _texts(value: object) -> list[str]:
    """Names in a claim: a list, or words of a text, as in ``scope``."""
    if isinstance(value, str):
        return value.split()
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []

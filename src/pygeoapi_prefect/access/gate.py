"""The gate: from what a request has sent to its principal."""

from datetime import datetime
from typing import Self

from pygeoapi_prefect.access.issuer import Fetch, Issuer
from pygeoapi_prefect.access.key_file import KeyFile
from pygeoapi_prefect.access.keys import MARK, Key, Keys, now
from pygeoapi_prefect.access.principal import ANONYMOUS_SUBJECT, Principal, Role
from pygeoapi_prefect.access.tokens import MAX_NAME, MAX_SUBJECT, Tokens
from pygeoapi_prefect.access_settings import AccessSettings, ProxySettings, RoleProcesses
from pygeoapi_prefect.errors import AmbiguousCredentials, Forbidden, NotAuthenticated
from pygeoapi_prefect.models.message import clean

SCHEME = "bearer"


class Gate:
    """Identifies clients. One instance serves all threads of a process.

    Args:
        anonymous: Role of a client without credentials; None if it has none.
        keys: The file of the keys; None if there are none.
        lists: Processes that each role may use.
        tokens: Verifies access tokens; None if none is accepted.
        proxy: Rules for users whom a proxy names; None if none may.
    """

    def __init__(
        self,
        anonymous: Role | None,
        keys: KeyFile | None,
        lists: RoleProcesses,
        tokens: Tokens | None = None,
        proxy: ProxySettings | None = None,
    ) -> None:
        self._keys = keys
        self._lists = lists
        self._tokens = tokens
        self._proxy = proxy
        roles = frozenset({anonymous} if anonymous else ())
        self.anonymous = Principal(
            ANONYMOUS_SUBJECT, roles, "anonymous", processes=self._processes(roles)
        )

    @classmethod
    def of(cls, settings: AccessSettings, fetch: Fetch) -> Self:
        """The gate for a configuration.

        Args:
            settings: The configuration.
            fetch: Fetches the documents of an issuer.

        Raises:
            ConfigurationError: The file of the keys cannot be read.
        """
        role = None if settings.anonymous == "none" else Role.named(settings.anonymous)
        keys = None if settings.keys is None else KeyFile(settings.keys)
        tokens = None
        if settings.oidc is not None:
            tokens = Tokens(settings.oidc, Issuer(settings.oidc.issuer, fetch))
        return cls(role, keys, settings.roles, tokens, settings.proxy)

    def principal(self, credentials: str | None, time: datetime | None = None) -> Principal:
        """Identify a client.

        Args:
            credentials: The key or access token that it has sent; None if it has sent none.
            time: The time for which they must be valid; the current one by default.

        Raises:
            NotAuthenticated: The key is unknown, expired or revoked, or the token is invalid.
            IssuerUnavailable: The token cannot be verified now.
        """
        if credentials is None:
            return self.anonymous
        if self._tokens is not None and not credentials.startswith(MARK):
            return self._user(self._tokens, credentials, time or now())
        known = self._keys.keys() if self._keys is not None else Keys()
        key = known.verify(credentials, time or now())
        if key is None:
            raise NotAuthenticated("The API key is unknown, expired or revoked", "invalid_token")
        return self._holder(key)

    def holder(self, prefix: str, time: datetime | None = None) -> Principal | None:
        """Return the holder of the key with this prefix; None if no such key is valid.

        Args:
            prefix: The part of the key that is no secret; somebody has proved to hold the key.
            time: The current time.
        """
        known = self._keys.keys() if self._keys is not None else Keys()
        key = known.named(prefix, time or now())
        return None if key is None else self._holder(key)

    def named(self, user: str, groups: str) -> Principal:
        """The principal whom the proxy in front has named.

        Args:
            user: Identifier of the user.
            groups: Their roles or groups, separated by commas.

        Raises:
            NotAuthenticated: No proxy may name anybody, or it has named nobody in particular.
        """
        # Two headers of that name are joined by a comma: one of them may be of the client.
        is_one = 0 < len(user) <= MAX_SUBJECT and user.isprintable() and "," not in user
        if self._proxy is None or not is_one:
            raise NotAuthenticated("The proxy in front has named no valid user")
        listed = self._proxy.of([name.strip() for name in groups.split(",")])
        roles = frozenset(map(Role.named, listed))
        name = clean(user, MAX_NAME)
        return Principal(f"proxy:{user}", roles, "proxy", name, self._processes(roles))

    def _user(self, tokens: Tokens, token: str, time: datetime) -> Principal:
        user = tokens.user(token, time.timestamp())
        return Principal(user.subject, user.roles, "token", user.name, self._processes(user.roles))

    def _holder(self, key: Key) -> Principal:
        roles = frozenset(map(Role.named, key.roles))
        return Principal(key.subject, roles, "key", key.label, self._processes(roles))

    def _processes(self, roles: frozenset[Role]) -> frozenset[str] | None:
        """The processes that these roles may use.

        Without a list of its own, ``read`` sees those that ``execute`` may use.
        """
        highest = max(roles, default=Role.READ)
        if highest == Role.ADMIN:
            return None
        chosen = self._lists.execute
        if highest == Role.READ and self._lists.read is not None:
            chosen = self._lists.read
        return None if chosen is None else frozenset(chosen)


def credentials(authorization: str | None, api_key: str | None) -> str | None:
    """The key or access token in a request's headers; None if it has none.

    Args:
        authorization: The header ``Authorization``.
        api_key: The header ``X-API-Key``.

    Raises:
        AmbiguousCredentials: It has both headers.
        NotAuthenticated: Its authentication scheme is not ``Bearer``.
    """
    if authorization is None:
        return api_key
    if api_key is not None:
        raise AmbiguousCredentials("Send either Authorization or X-API-Key, not both")
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != SCHEME:
        raise NotAuthenticated("The only supported authentication scheme is Bearer")
    return key.strip(" ")


def require(principal: Principal, role: Role) -> None:
    """Reject a principal without a role.

    Raises:
        NotAuthenticated: It has sent no credentials.
        Forbidden: Its credentials do not give it the role.
    """
    if principal.has(role):
        return
    if principal.proof == "anonymous":
        raise NotAuthenticated(
            "This needs an API key or an access token, in the header Authorization or X-API-Key"
        )
    raise Forbidden(f"This needs the role '{role}'", str(role))

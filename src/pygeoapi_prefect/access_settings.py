"""Settings of access: ``server.manager.access`` of pygeoapi's configuration."""

from collections.abc import Collection
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    StringConstraints,
    field_validator,
    model_validator,
)

RoleName = Literal["read", "execute", "admin"]
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"
]
"""Algorithms of signatures with a public key: an issuer's keys are no secret, so none of HMAC."""


def _as_list(value: object) -> object:
    """A list of one for a single text."""
    return (value,) if isinstance(value, str) else value


Text = Annotated[str, StringConstraints(min_length=1, max_length=255)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]
TAKEN_HEADERS = frozenset(
    {"authorization", "cookie", "host", "x-api-key", "content-type", "content-length", "origin"}
)
"""Headers that no proxy can use for a user, since clients send them for something else."""
Texts = Annotated[tuple[Text, ...], BeforeValidator(_as_list), Field(min_length=1)]


class RoleProcesses(BaseModel):
    """Processes that each role may use (``server.manager.access.roles``); None means all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    read: tuple[str, ...] | None = None
    execute: tuple[str, ...] | None = None

    def unknown(self, known: Collection[str]) -> list[str]:
        """The listed processes that are not configured."""
        listed = dict.fromkeys((*(self.read or ()), *(self.execute or ())))
        return [name for name in listed if name not in known]


class RoleMapping(BaseModel):
    """Roles of users whom somebody else knows: an issuer of tokens, or a proxy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: dict[Text, RoleName] = Field(
        default={}, description="Role for each role or group that the other side may name"
    )
    default_role: Literal["none", "read", "execute", "admin"] = Field(
        default="none", description="Role of a user for whom it names none of them"
    )

    @model_validator(mode="after")
    def _gives_a_role(self) -> Self:
        if not self.roles and self.default_role == "none":
            raise ValueError("set 'roles', 'default_role' or both: nobody would have a role")
        return self

    def of(self, named: Collection[str]) -> frozenset[str]:
        """The roles of a user for whom these roles or groups are named."""
        found = frozenset(self.roles[name] for name in named if name in self.roles)
        default = () if self.default_role == "none" else (self.default_role,)
        return found or frozenset(default)


class OidcSettings(RoleMapping):
    """The ``server.manager.access.oidc`` mapping: access tokens of an OpenID Provider."""

    issuer: str = Field(description="Address of the issuer, as its tokens name it")
    audience: Texts = Field(description="This server as tokens name it; one of several suffices")
    roles_claim: Text = Field(
        default="roles", description="Claim that names roles; dots lead into objects"
    )
    name_claim: Text = Field(
        default="preferred_username", description="Claim with the readable name of a user"
    )
    types: Texts = Field(
        default=("JWT", "at+jwt"), description="Accepted values of the header parameter 'typ'"
    )
    algorithms: tuple[Algorithm, ...] = Field(
        default=("RS256", "PS256", "ES256"), min_length=1, description="Accepted signatures"
    )
    leeway_seconds: int = Field(
        default=30, ge=0, le=300, description="Largest difference of two clocks, in seconds"
    )

    @field_validator("issuer")
    @classmethod
    def _is_issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http or https URL")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("must have no query, fragment or user")
        return value


class ProxySettings(RoleMapping):
    """The ``server.manager.access.proxy`` mapping: users whom a proxy in front names."""

    user_header: HeaderName = Field(description="Header with the identifier of the user")
    roles_header: HeaderName | None = Field(
        default=None, description="Header with the roles or groups of the user, by commas"
    )
    networks: Annotated[tuple[IPvAnyNetwork, ...], BeforeValidator(_as_list)] = Field(
        alias="from", min_length=1, description="Addresses and networks of the proxy"
    )

    @field_validator("user_header", "roles_header")
    @classmethod
    def _means_nothing_else(cls, value: str | None) -> str | None:
        if value is not None and value.lower() in TAKEN_HEADERS:
            raise ValueError(f"'{value}' has another meaning")
        return value

    @field_validator("networks")
    @classmethod
    def _is_no_whole_internet(cls, value: tuple[IPvAnyNetwork, ...]) -> tuple[IPvAnyNetwork, ...]:
        if any(network.prefixlen == 0 for network in value):
            raise ValueError("must not have all addresses: everybody could be anybody")
        return value

    def trusts(self, address: str) -> bool:
        """Return true if a connection from this address is one of the proxy."""
        try:
            peer = ip_address(address)
        except ValueError:  # a socket of Unix
            return False
        mapped = peer.ipv4_mapped if isinstance(peer, IPv6Address) else None
        return any((mapped or peer) in network for network in self.networks)


class AccessSettings(BaseModel):
    """The ``server.manager.access`` mapping: who may do what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    anonymous: Literal["none", "read", "execute", "admin"] = Field(
        default="none", description="Role of clients without a key"
    )
    keys: Path | None = Field(default=None, description="File of the API keys, an absolute path")
    oidc: OidcSettings | None = Field(default=None, description="Access tokens of OpenID Connect")
    proxy: ProxySettings | None = Field(
        default=None, description="Users whom a reverse proxy has authenticated"
    )
    roles: RoleProcesses = RoleProcesses()
    allow_plain_http: bool = Field(
        default=False, description="Accept credentials without TLS beyond this machine"
    )

    @property
    def has_credentials(self) -> bool:
        """True if somebody can prove who they are."""
        return not (self.keys is None and self.oidc is None and self.proxy is None)

    @field_validator("keys")
    @classmethod
    def _is_absolute(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_absolute():
            raise ValueError("must be an absolute path")
        return value

    @model_validator(mode="after")
    def _lets_somebody_in(self) -> Self:
        if not self.has_credentials and self.anonymous == "none":
            raise ValueError("set 'keys', 'oidc', 'proxy' or 'anonymous': nobody could do anything")
        return self

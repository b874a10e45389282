"""Principals: who makes a request, and what they may do."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Self, override

Proof = Literal["key", "token", "proxy", "anonymous", "open"]
ANONYMOUS_SUBJECT = "anonymous"
"""Owner of the jobs of all clients without credentials. All other subjects have a colon in them."""


class Role(IntEnum):
    """A role; each one may do all that the ones before it may do."""

    READ = 1
    """Read the descriptions of processes and data."""
    EXECUTE = 2
    """Execute processes; read and remove the own jobs."""
    ADMIN = 3
    """Read and remove the jobs of everybody, and change data."""

    @classmethod
    def named(cls, name: str) -> Self:
        """The role of that name; raises ``KeyError`` for another one."""
        return cls[name.upper()]

    @override
    def __str__(self) -> str:
        return self.name.lower()


ROLES = tuple(map(str, Role))


@dataclass(frozen=True)
class Principal:
    """Somebody who makes a request.

    Attributes:
        subject: Identifies them; their jobs belong to it. Empty if nobody is known.
        roles: Their roles.
        proof: How they were identified: by a key, by an access token, by a proxy in front, as
            somebody without credentials, or not at all, because the server is open.
        name: Readable name; empty if there is none.
        processes: Identifiers of the processes that they may use; None means all.
    """

    subject: str = ""
    roles: frozenset[Role] = frozenset()
    proof: Proof = "open"
    name: str = ""
    processes: Collection[str] | None = None

    def has(self, role: Role) -> bool:
        """Return true if they have a role, or one above it."""
        return any(one >= role for one in self.roles)

    @property
    def is_identified(self) -> bool:
        """True if they have proved who they are."""
        return self.proof not in ("anonymous", "open")

    @property
    def is_admin(self) -> bool:
        """True if they may see the jobs of everybody."""
        return self.has(Role.ADMIN)

    def may_use(self, process_id: str) -> bool:
        """Return true if they may see a process, and execute it if their role may execute any."""
        return self.processes is None or process_id in self.processes


def of_open_server(client: str = "") -> Principal:
    """The principal of a request to a server without access control.

    Args:
        client: The client's address, which owns its jobs, so that clients take turns.
    """
    return Principal(client, frozenset({Role.ADMIN}))


SYSTEM = of_open_server()
"""The server itself: callbacks, removal of old results, the commands of operators."""

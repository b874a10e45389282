"""Hostile inputs of the process ``zonal-statistics`` that become jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.hostile_server import Attacker, Trap
from support.rasters_made import box, collection

REJECTED = "rejected"
"""Stands for a request that becomes no job, among the endings of a case."""
SMALL = collection(box(-97.46, 32.56, -97.45, 32.57))
Inputs = Callable[[Attacker, Trap], dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """A request with hostile inputs.

    Attributes:
        name: Unique name.
        make: Makes the inputs.
        endings: Statuses that its job may end with, or ``REJECTED``.
        told: Part of the message that the client gets if it is rejected or fails.
    """

    name: str
    make: Inputs
    endings: frozenset[str]
    told: str = ""


def failing(name: str, make: Inputs, told: str) -> Job:
    """A case whose job fails, with a message that says this."""
    return Job(name, make, frozenset({"failed"}), told)


def rejected(name: str, make: Inputs, told: str) -> Job:
    """A case whose request is rejected, or whose job fails: in both cases with such a message."""
    return Job(name, make, frozenset({REJECTED, "failed"}), told)


def harmless(name: str, make: Inputs) -> Job:
    """A case that is computed."""
    return Job(name, make, frozenset({"successful"}))

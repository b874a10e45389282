"""Servers of an attacker, and names that lead to them or inside."""

from collections.abc import Iterator

import pytest

from support import names
from support.hostile_references import NAMES, PUBLIC
from support.hostile_server import Attacker, Trap, attacking, trapping


@pytest.fixture(scope="module")
def attacker() -> Iterator[Attacker]:
    with attacking() as made:
        yield made


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    """The trap; what the stack wanted of other people's machines is known at the end."""
    for name, answers in NAMES.items():
        names.give(name, *answers)
    before = len(names.refused())
    with trapping() as made:
        yield made
    assert set(names.refused()[before:]) <= PUBLIC

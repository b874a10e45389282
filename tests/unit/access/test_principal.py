"""Roles and principals."""

import pytest

from pygeoapi_prefect.access.principal import ROLES, SYSTEM, Principal, Role, of_open_server
from pygeoapi_prefect.cli import keys as commands


@pytest.mark.parametrize("held", Role)
@pytest.mark.parametrize("wanted", Role)
def test_a_role_has_those_before_it(held: Role, wanted: Role) -> None:
    assert Principal("x", frozenset({held})).has(wanted) == (held >= wanted)


def test_the_highest_of_several_roles_counts() -> None:
    both = Principal("x", frozenset({Role.READ, Role.EXECUTE}))
    assert both.has(Role.EXECUTE)
    assert not both.is_admin


def test_a_principal_without_roles_may_do_nothing() -> None:
    assert not any(Principal("x").has(role) for role in Role)


def test_roles_have_names() -> None:
    assert [Role.named(name) for name in ROLES] == list(Role)
    assert commands.ROLES == ROLES, "the commands load nothing, so they have their own list"
    with pytest.raises(KeyError):
        Role.named("root")


def test_a_list_of_processes_is_a_bound() -> None:
    bound = Principal("x", frozenset({Role.EXECUTE}), processes=frozenset({"a"}))
    assert bound.may_use("a")
    assert not bound.may_use("b")
    assert Principal("x").may_use("b")


def test_on_an_open_server_everybody_may_do_everything() -> None:
    client = of_open_server("192.0.2.1")
    assert client.is_admin
    assert client.subject == "192.0.2.1"
    assert (client.proof, client.name) == ("open", "")
    assert SYSTEM.is_admin

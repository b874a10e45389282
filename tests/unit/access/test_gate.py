"""The gate: what a client sends, and who it is then."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pygeoapi_prefect.access import key_file
from pygeoapi_prefect.access.gate import Gate, credentials, require
from pygeoapi_prefect.access.keys import generate
from pygeoapi_prefect.access.principal import Principal, Role
from pygeoapi_prefect.access_settings import AccessSettings, RoleProcesses
from pygeoapi_prefect.errors import (
    AmbiguousCredentials,
    ConfigurationError,
    Forbidden,
    NotAuthenticated,
)
from pygeoapi_prefect.outgoing import configured
from support.issuer import Issuer as Provider

ORIGIN = "http://127.0.0.1:1"
NOW = datetime(2026, 11, 29, 9, 30, tzinfo=UTC)
EMPTY: Mapping[str, tuple[str, ...]] = {}
A_AND_B, ONLY_A = frozenset({"a", "b"}), frozenset({"a"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def create(path: Path, label: str, role: Role, days: int | None = None) -> str:
    text, key = generate(label, [role], NOW, days)
    with key_file.changing(path) as keys:
        keys.append(key)
    return text


def gate(
    path: Path | None, anonymous: str = "none", lists: Mapping[str, tuple[str, ...]] = EMPTY
) -> Gate:
    settings = {"anonymous": anonymous, "keys": path, "roles": lists}
    return Gate.of(AccessSettings.model_validate(settings), configured.fetch)


@pytest.mark.parametrize(
    ("authorization", "api_key", "sent"),
    [
        (None, None, None),
        ("Bearer k", None, "k"),
        ("bearer  k ", None, "k"),
        (None, "k", "k"),
        (None, "", ""),
        ("Bearer", None, ""),
        ("Bearer a,Bearer b", None, "a,Bearer b"),
    ],
)
def test_a_key_is_sent_in_one_of_two_headers(
    authorization: str | None, api_key: str | None, sent: str | None
) -> None:
    assert credentials(authorization, api_key) == sent


@pytest.mark.parametrize("authorization", ["", "Basic YTpi", "Digest x", "k"])
def test_another_scheme_is_no_silent_sign_out(authorization: str) -> None:
    with pytest.raises(NotAuthenticated, match="only supported authentication scheme"):
        credentials(authorization, None)


def test_two_keys_are_ambiguous() -> None:
    with pytest.raises(AmbiguousCredentials) as caught:
        credentials("Bearer k", "k")
    assert caught.value.challenge == 'Bearer realm="pygeoapi", error="invalid_request"'


def test_a_key_makes_its_holder(path: Path) -> None:
    text = create(path, "ann", Role.EXECUTE)
    found = gate(path).principal(text)
    expected = Principal("key:ann", frozenset({Role.EXECUTE}), "key", "ann", processes=None)
    assert found == expected


@pytest.mark.parametrize("anonymous", ["none", "read", "execute", "admin"])
def test_a_client_without_a_key_is_anonymous(path: Path, anonymous: str) -> None:
    create(path, "ann", Role.EXECUTE)
    found = gate(path, anonymous).principal(None)
    assert (found.subject, found.proof, found.name) == ("anonymous", "anonymous", "")
    assert set(map(str, found.roles)) == {anonymous} - {"none"}


@pytest.mark.parametrize("sent", ["", "x", "pygeoapi_00000000_" + "A" * 43])
def test_an_invalid_key_is_rejected_even_where_none_is_needed(path: Path, sent: str) -> None:
    create(path, "ann", Role.EXECUTE)
    for tried in (gate(path, "admin"), gate(None, "admin")):
        with pytest.raises(NotAuthenticated, match="unknown, expired or revoked") as caught:
            tried.principal(sent)
        assert caught.value.challenge == 'Bearer realm="pygeoapi", error="invalid_token"'


def test_a_key_expires_without_a_change_of_the_file(path: Path) -> None:
    text = create(path, "ann", Role.EXECUTE, days=1)
    tried = gate(path)
    last = NOW + timedelta(days=1) - timedelta(seconds=1)
    assert tried.principal(text, last).name == "ann"
    with pytest.raises(NotAuthenticated):
        tried.principal(text, last + timedelta(seconds=1))


def test_a_file_that_cannot_be_read_stops_the_start(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        gate(path)
    path.write_text("{")
    with pytest.raises(ConfigurationError, match="is invalid"):
        gate(path)


@pytest.mark.parametrize(
    ("lists", "role", "processes"),
    [
        ({}, Role.READ, None),
        ({}, Role.EXECUTE, None),
        ({"execute": ("a",)}, Role.EXECUTE, ONLY_A),
        ({"execute": ("a",)}, Role.READ, ONLY_A),
        ({"execute": ("a",), "read": ("a", "b")}, Role.READ, A_AND_B),
        ({"execute": ("a",), "read": ("a", "b")}, Role.EXECUTE, ONLY_A),
        ({"read": ("a",)}, Role.EXECUTE, None),
        ({"execute": (), "read": ()}, Role.EXECUTE, frozenset()),
        ({"execute": (), "read": ()}, Role.ADMIN, None),
    ],
)
def test_the_list_of_the_highest_role_counts(
    path: Path, lists: dict[str, tuple[str, ...]], role: Role, processes: frozenset[str] | None
) -> None:
    text = create(path, "ann", role)
    assert gate(path, lists=lists).principal(text).processes == processes
    assert gate(None, str(role), lists).principal(None).processes == processes


def test_the_highest_of_several_roles_chooses_the_list(path: Path) -> None:
    text, key = generate("ann", [Role.READ, Role.ADMIN], NOW)
    with key_file.changing(path) as keys:
        keys.append(key)
    assert (
        Gate.of(
            AccessSettings(keys=path, roles=RoleProcesses(read=("a",), execute=())),
            configured.fetch,
        )
        .principal(text)
        .may_use("anything")
    )


def test_without_a_key_one_is_asked_for_and_with_one_it_is_forbidden() -> None:
    reader = Principal("key:ann", frozenset({Role.READ}), "key", "ann")
    require(reader, Role.READ)
    with pytest.raises(Forbidden, match="needs the role 'execute'") as forbidden:
        require(reader, Role.EXECUTE)
    assert forbidden.value.challenge == (
        'Bearer realm="pygeoapi", error="insufficient_scope", scope="execute"'
    )
    anonymous = Principal("anonymous", frozenset({Role.READ}), "anonymous")
    with pytest.raises(NotAuthenticated, match="needs an API key") as asked:
        require(anonymous, Role.EXECUTE)
    assert asked.value.challenge == 'Bearer realm="pygeoapi"'


def test_what_begins_as_a_key_is_a_key_and_anything_else_a_token(path: Path) -> None:
    """A token is verified by its issuer's keys only, and a key by the file only."""
    key = create(path, "ann", Role.EXECUTE)
    provider = Provider(1)
    asked = []

    def fetch(address: str) -> bytes:
        asked.append(address)
        return json.dumps(provider.documents()[address.removeprefix(ORIGIN)]).encode()

    settings = {"keys": path, "oidc": provider.settings, "roles": {"execute": ("a",)}}
    both = Gate.of(AccessSettings.model_validate(settings), fetch)
    assert both.principal(key, NOW).proof == "key"
    with pytest.raises(NotAuthenticated, match="The API key is unknown"):
        both.principal("pygeoapi_x.y.z")
    assert not asked
    found = both.principal(provider.token("ann"))
    assert (found.proof, found.name, found.processes) == ("token", "ann", ONLY_A)
    assert found.subject not in ("key:ann", both.principal(key, NOW).subject)
    assert found.is_identified
    assert not both.anonymous.is_identified
    with pytest.raises(NotAuthenticated, match="has expired"):
        both.principal(provider.token(), datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(NotAuthenticated, match="access token is invalid"):
        both.principal("")

"""The commands for API keys: they need a configuration with one key, and nothing else."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pygeoapi_prefect.access import key_file, keys
from pygeoapi_prefect.cli import root

KEY = re.compile(r"pygeoapi_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yml"
    path = tmp_path / "keys.json"
    file.write_text(
        f"server: {{manager: {{access: {{keys: {path}, unknown: 1}}, other: }}}}\n"
        "resources: {p: {type: process, processor: {name: no_such_module.Processor}}}\n"
    )
    return file


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(root, ["key", *arguments, "-c", str(config)])


def stored(config: Path) -> dict[str, keys.Key]:
    return {key.label: key for key in key_file.read(config.with_name("keys.json")).keys}


def verified(config: Path, text: str) -> keys.Key | None:
    return keys.Keys(stored(config).values()).verify(text.strip(), keys.now())


def audited(done: Result) -> dict[str, str]:
    """The line of the audit log that a command has written."""
    [line] = [one for one in done.stderr.splitlines() if one.startswith("audit ")]
    told: dict[str, str] = json.loads(line.removeprefix("audit "))
    return told


def test_each_change_of_a_key_is_audited(config: Path) -> None:
    """Its line names it, and not its secret."""
    done = run(config, "create", "ann", "--role", "read")
    prefix, secret = done.stdout.strip()[:17], done.stdout.strip()[18:]
    told = audited(done)
    assert told.pop("time")
    assert told == {
        "action": "key-create",
        "outcome": "ok",
        "principal": f"os:{os.getuid()}",
        "label": "ann",
        "key": prefix,
    }
    assert secret not in done.stderr
    rotated = run(config, "rotate", "ann")
    assert (audited(rotated)["action"], audited(rotated)["label"]) == ("key-rotate", "ann")
    assert audited(rotated)["key"] == rotated.stdout[:17] != prefix
    revoked = run(config, "revoke", "ann")
    assert audited(revoked)["key"] == rotated.stdout[:17]
    assert run(config, "list").stderr == ""
    assert "audit" not in run(config, "revoke", "ann").stderr


def test_create_prints_the_key_alone(config: Path) -> None:
    done = run(config, "create", "ann", "--role", "execute")
    assert done.exit_code == 0
    assert audited(done)["action"] == "key-create"
    assert KEY.fullmatch(done.stdout.rstrip("\n"))
    key = verified(config, done.stdout)
    assert key is not None
    assert (key.label, key.roles, key.expires) == ("ann", ("execute",), None)
    assert done.stdout.strip()[-43:] not in config.with_name("keys.json").read_text()


def test_a_key_may_expire(config: Path) -> None:
    run(config, "create", "ann", "--role", "read", "--expires", "30")
    key = stored(config)["ann"]
    assert key.expires is not None
    assert (key.expires - key.created).days == 30
    listed = run(config, "list").stdout.rstrip("\n").split("\t")
    assert listed == [
        "ann", key.prefix, "read", f"{key.created:%Y-%m-%d}", f"{key.expires:%Y-%m-%dT%H:%MZ}"
    ]  # fmt: skip


def test_a_label_is_used_once(config: Path) -> None:
    first = run(config, "create", "ann", "--role", "execute").stdout
    again = run(config, "create", "ann", "--role", "admin")
    assert again.exit_code == 1
    assert "there is a key for 'ann' already" in again.stderr
    assert again.stdout == ""
    assert verified(config, first) is not None


def test_a_revoked_key_is_no_key(config: Path) -> None:
    ann = run(config, "create", "ann", "--role", "execute").stdout
    bob = run(config, "create", "bob", "--role", "execute").stdout
    assert run(config, "revoke", "ann").exit_code == 0
    assert verified(config, ann) is None
    assert verified(config, bob) is not None
    assert "ann" not in run(config, "list").stdout


def test_a_rotated_key_keeps_label_roles_place_and_lifetime(config: Path) -> None:
    old = run(config, "create", "ann", "--role", "admin", "--expires", "7").stdout
    run(config, "create", "bob", "--role", "read")
    done = run(config, "rotate", "ann")
    assert KEY.fullmatch(done.stdout.rstrip("\n"))
    assert verified(config, old) is None
    key = verified(config, done.stdout)
    assert key is not None
    assert (key.label, key.roles) == ("ann", ("admin",))
    assert key.expires is not None
    assert (key.expires - key.created).days == 7
    assert list(stored(config)) == ["ann", "bob"]
    run(config, "rotate", "bob", "--expires", "1")
    assert stored(config)["bob"].expires is not None


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_an_unknown_label_is_an_error(config: Path, command: str) -> None:
    run(config, "create", "ann", "--role", "read")
    before = config.with_name("keys.json").read_bytes()
    done = run(config, command, "bob")
    assert done.exit_code == 1
    assert "there is no key for 'bob'" in done.stderr
    assert config.with_name("keys.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["create", "a b", "--role", "read"], "use at most 64 letters"),
        (["create", "ann"], "Missing option '--role'"),
        (["create", "ann", "--role", "root"], "'root' is not one of 'read', 'execute', 'admin'"),
        (["create", "ann", "--role", "read", "--expires", "0"], "0 is not in the range"),
    ],
)
def test_wrong_arguments_are_explained(config: Path, arguments: list[str], told: str) -> None:
    done = run(config, *arguments)
    assert done.exit_code == 2
    assert told in done.stderr
    assert not config.with_name("keys.json").exists()


@pytest.mark.parametrize(
    "text", ["{}", "server: {manager: {access: }}", "server: {manager: {access: {keys: a/b}}}"]
)
def test_a_configuration_without_a_path_is_explained(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config.yml"
    config.write_text(text)
    done = run(config, "create", "ann", "--role", "read")
    assert done.exit_code == 1
    assert "server.manager.access.keys must be an absolute path" in done.stderr


def test_a_damaged_file_is_explained_and_left_alone(config: Path) -> None:
    path = config.with_name("keys.json")
    path.write_text("{")
    for arguments in (["create", "ann", "--role", "read"], ["list"], ["revoke", "ann"]):
        done = run(config, *arguments)
        assert done.exit_code == 1
        assert f"the key file {path} is invalid" in done.stderr
    assert path.read_text() == "{"


def test_no_prefect_and_no_code_of_a_process_is_loaded(config: Path) -> None:
    script = (
        "import sys; from pygeoapi_prefect.cli import root\n"
        "root(['key', 'create', 'ann', '--role', 'read'], standalone_mode=False)\n"
        "sys.exit(f'loaded: {found}' if (found := {'prefect', 'flask'} & {*sys.modules}) else 0)\n"
    )
    environment = {**os.environ, "PYGEOAPI_CONFIG": str(config)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert KEY.fullmatch(done.stdout.rstrip("\n"))

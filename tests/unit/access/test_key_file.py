"""The file of the keys: written at once, read again when it has changed."""

import json
import logging
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pygeoapi_prefect.access import key_file
from pygeoapi_prefect.access.key_file import LOOK_SECONDS, KeyFile, changing, read
from pygeoapi_prefect.access.keys import Key, generate
from pygeoapi_prefect.access.principal import Role
from pygeoapi_prefect.errors import ConfigurationError

NOW = datetime(2026, 11, 29, 9, 30, tzinfo=UTC)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def add(path: Path, label: str) -> tuple[str, Key]:
    text, key = generate(label, [Role.EXECUTE], NOW)
    with changing(path) as keys:
        keys.append(key)
    return text, key


def test_a_new_file_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    _, key = add(path, "ann")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read(path).keys == (key,)
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"]


def test_a_file_that_its_group_may_read_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    add(path, "ann")
    path.chmod(0o644)
    add(path, "bob")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_change_replaces_the_file_and_keeps_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "keys.json", tmp_path / "link.json"
    add(path, "ann")
    link.symlink_to(path)
    before = path.stat().st_ino
    with path.open() as reader:
        add(link, "bob")
        assert [key["label"] for key in json.load(reader)["keys"]] == ["ann"]
    assert link.is_symlink()
    assert path.stat().st_ino != before
    assert [key.label for key in read(path).keys] == ["ann", "bob"]


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    add(path, "ann")
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), changing(path) as keys:
        keys[:] = [keys[1 // 0]]
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_commands_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    labels = [f"user-{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda label: add(path, label), labels))
    assert sorted(key.label for key in read(path).keys) == sorted(labels)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "invalid: Invalid JSON"),
        ("[]", "invalid: Input should be an object"),
        ('{"version": 2, "keys": []}', "invalid: version: "),
        ('{"keys": [{"label": "a"}]}', "invalid: keys.0.prefix: Field required"),
    ],
)
def test_a_file_with_another_content_is_explained(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=told) as caught:
        read(path)
    assert str(path) in str(caught.value)
    with pytest.raises(ConfigurationError, match=told), changing(path):
        pass
    assert path.read_text() == content


def test_a_missing_file_and_a_missing_folder_are_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        KeyFile(tmp_path / "keys.json")
    with pytest.raises(ConfigurationError, match="cannot be written: No such file"):
        add(tmp_path / "none" / "keys.json", "ann")


def test_a_change_is_seen_after_a_second_at_most(tmp_path: Path) -> None:
    path, clock = tmp_path / "keys.json", Clock()
    text, _ = add(path, "ann")
    file = KeyFile(path, clock)
    assert file.keys().verify(text, NOW) is not None
    with changing(path) as keys:
        keys.clear()
    clock.time = LOOK_SECONDS - 0.01
    assert file.keys().verify(text, NOW) is not None
    clock.time = LOOK_SECONDS
    assert file.keys().verify(text, NOW) is None


def test_the_file_is_looked_at_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, clock = tmp_path / "keys.json", Clock()
    add(path, "ann")
    file = KeyFile(path, clock)
    looks: list[Path] = []
    version = key_file._version

    def look(path: Path) -> object:
        looks.append(path)
        return version(path)

    monkeypatch.setattr(key_file, "_version", look)
    monkeypatch.setattr(key_file, "read", None)  # it has not changed, so it is not read
    for tenth in range(35):
        clock.time = tenth / 10
        file.keys()
    assert len(looks) == 3


@pytest.mark.parametrize("damage", ["removed", "emptied", "not JSON", "a folder"])
def test_while_the_file_cannot_be_read_the_last_keys_are_valid(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = tmp_path / "keys.json", Clock()
    text, _ = add(path, "ann")
    file = KeyFile(path, clock)
    content = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage != "removed":
        path.write_text("" if damage == "emptied" else "{")
    with caplog.at_level(logging.INFO, key_file.LOGGER.name):
        for second in range(1, 5):
            clock.time = float(second)
            assert file.keys().verify(text, NOW) is not None
        [told] = caplog.messages
        assert str(path) in told
        assert told.endswith("the keys that were read before stay valid")
        path.rmdir() if damage == "a folder" else path.unlink(missing_ok=True)
        path.write_bytes(content)
        other, _ = add(path, "bob")
        clock.time += 1
        assert file.keys().verify(other, NOW) is not None
        assert "was read again" in caplog.messages[-1]


def test_a_file_that_becomes_readable_again_is_read(tmp_path: Path) -> None:
    """Also if nothing of it has changed: a passing error must not keep a revoked key valid."""
    path, clock = tmp_path / "keys.json", Clock()
    add(path, "ann")
    file = KeyFile(path, clock)
    other, _ = add(path, "bob")
    attempts: list[Path] = []

    def unreadable(path: Path) -> Any:
        attempts.append(path)
        raise ConfigurationError(f"the key file {path} cannot be read: Permission denied")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_file, "read", unreadable)
        clock.time = 1.0
        assert file.keys().verify(other, NOW) is None
        clock.time = 2.0
        assert file.keys().verify(other, NOW) is None
    assert len(attempts) == 2
    clock.time = 3.0
    assert file.keys().verify(other, NOW) is not None


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    add(path, "ann")
    script = (
        "import sys, pathlib\n"
        "from pygeoapi_prefect.access import key_file\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "for _ in range(300):\n"
        "    with key_file.changing(path) as keys:\n"
        "        keys.reverse()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writer = subprocess.Popen([sys.executable, "-c", script, str(path)], env=environment)
    try:
        reads = 0
        while writer.poll() is None:
            assert [key.label for key in read(path).keys] == ["ann"]
            reads += 1
    finally:
        writer.kill()
        writer.wait()
    assert writer.returncode == 0
    assert reads > 10

"""Code of deployments on the worker's disk."""

import shutil
from pathlib import Path
from typing import Any, override

import pytest

from pygeoapi_prefect.engine.signatures import SIGNATURE, Refused, code_digest
from pygeoapi_prefect.worker.job import code_cache

VERSION = "0123456789abcdef"


class Folder:
    """A storage block on a folder; counts what is fetched from it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fetched: list[str | None] = []

    def get_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        self.fetched.append(from_path)
        shutil.copytree(  # as Prefect's LocalFileSystem does
            self.root / str(from_path), str(local_path), dirs_exist_ok=True, symlinks=True
        )


@pytest.fixture
def source(tmp_path: Path) -> Folder:
    package = tmp_path / "store" / "p" / VERSION / "package"
    package.mkdir(parents=True)
    (package / "process.py").write_text("VALUE = 1\n")
    return Folder(tmp_path / "store")


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def deployment(**changes: str | None) -> dict[str, str | None]:
    return {
        "storage_document_id": "block-1",
        "path": f"p/{VERSION}",
        "version": VERSION,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "immutable"),
    [
        ({}, True),
        ({"version": "another"}, False),
        ({"version": None}, False),
        ({"path": None}, False),
        ({"path": f"{VERSION}/p"}, False),
        ({"path": VERSION}, True),
    ],
)
def test_only_folders_named_by_their_content_are_kept(
    changes: dict[str, str | None], immutable: bool
) -> None:
    assert code_cache.is_immutable(deployment(**changes)) is immutable


def signed(*files: tuple[str, bytes]) -> dict[str, Any]:
    """A deployment whose code was signed with these files."""
    mark = {"code": code_digest(files), "hmac": ""}
    return {**deployment(), "job_variables": {SIGNATURE: mark}}


CODE = ("package/process.py", b"VALUE = 1\n")


def test_signed_code_is_checked_besides_the_mark_of_the_upload(
    source: Folder, tmp_path: Path, scratch: Path
) -> None:
    (source.root / "p" / VERSION / ".complete").write_text("now")
    found = code_cache.provide(source, signed(CODE), tmp_path / "cache", scratch)
    assert (found / "package" / "process.py").read_text() == "VALUE = 1\n"


@pytest.mark.parametrize("name", ["json.py", "package/more.py", ".hidden", "package/.complete"])
def test_a_file_that_was_not_signed_is_refused(
    source: Folder, tmp_path: Path, scratch: Path, name: str
) -> None:
    added = source.root / "p" / VERSION / name
    added.write_text("evil")
    with pytest.raises(Refused, match="not the code that was signed"):
        code_cache.provide(source, signed(CODE), tmp_path / "cache", scratch)
    added.unlink()
    assert code_cache.provide(source, signed(CODE), tmp_path / "cache", scratch).is_dir()


def test_a_link_is_refused(source: Folder, tmp_path: Path, scratch: Path) -> None:
    """What it leads to can change after the check, and a folder would not be looked into."""
    for target in (tmp_path, source.root / "p" / VERSION / "package" / "process.py"):
        link = source.root / "p" / VERSION / "numpy"
        link.symlink_to(target)
        with pytest.raises(Refused, match="symbolic link"):
            code_cache.provide(source, signed(CODE), tmp_path / "cache", scratch)
        link.unlink()


@pytest.mark.parametrize("kept", [True, False])
def test_changed_or_missing_code_is_refused(
    source: Folder, tmp_path: Path, scratch: Path, *, kept: bool
) -> None:
    made = signed(("package/process.py", b"VALUE = 2\n")) if kept else signed(CODE, ("x", b""))
    with pytest.raises(Refused):
        code_cache.provide(source, made, tmp_path / "cache", scratch)


def test_code_that_can_change_is_checked_each_time(
    source: Folder, tmp_path: Path, scratch: Path
) -> None:
    made = signed(CODE) | {"version": "another"}
    code_cache.provide(source, made, tmp_path / "cache", scratch)
    (source.root / "p" / VERSION / "package" / "process.py").write_text("evil")
    (tmp_path / "later").mkdir()
    with pytest.raises(Refused):
        code_cache.provide(source, made, tmp_path / "cache", tmp_path / "later")


def test_code_is_fetched_once(source: Folder, tmp_path: Path, scratch: Path) -> None:
    cache = tmp_path / "cache"
    first = code_cache.provide(source, deployment(), cache, scratch)
    second = code_cache.provide(source, deployment(), cache, scratch)
    assert first == second
    assert (first / "package" / "process.py").read_text() == "VALUE = 1\n"
    assert source.fetched == [f"p/{VERSION}"]
    assert [path.name for path in cache.iterdir()] == [first.name]


def test_the_same_path_in_another_block_is_another_folder(
    source: Folder, tmp_path: Path, scratch: Path
) -> None:
    cache = tmp_path / "cache"
    first = code_cache.provide(source, deployment(), cache, scratch)
    other = code_cache.provide(source, deployment(storage_document_id="block-2"), cache, scratch)
    assert first != other


def test_code_that_may_change_is_fetched_for_each_run(
    source: Folder, tmp_path: Path, scratch: Path
) -> None:
    changing = deployment(version="1.0")
    folder = code_cache.provide(source, changing, tmp_path / "cache", scratch)
    assert folder.is_relative_to(scratch)
    second = tmp_path / "second"
    second.mkdir()
    code_cache.provide(source, changing, tmp_path / "cache", second)
    assert len(source.fetched) == 2
    assert not (tmp_path / "cache").exists()


def test_a_failed_download_leaves_nothing(source: Folder, tmp_path: Path, scratch: Path) -> None:
    cache = tmp_path / "cache"
    missing = deployment(path=f"q/{VERSION}")
    with pytest.raises(FileNotFoundError):
        code_cache.provide(source, missing, cache, scratch)
    assert list(cache.iterdir()) == []


def test_another_run_was_quicker(source: Folder, tmp_path: Path, scratch: Path) -> None:
    cache = tmp_path / "cache"

    class Slow(Folder):
        @override
        def get_directory(
            self, from_path: str | None = None, local_path: str | None = None
        ) -> None:
            code_cache.provide(source, deployment(), cache, scratch)
            super().get_directory(from_path, local_path)

    folder = code_cache.provide(Slow(source.root), deployment(), cache, scratch)
    assert (folder / "package").is_dir()
    assert [path.name for path in cache.iterdir()] == [folder.name]


def test_a_run_has_a_folder_of_its_own(
    source: Folder, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # so that the test's folder is the current one again afterwards
    code = code_cache.provide(source, deployment(), tmp_path / "cache", scratch)
    (code / "__pycache__").mkdir()
    code_cache.enter(code, scratch)
    assert Path.cwd() == scratch / "work"
    assert Path("package/process.py").read_text() == "VALUE = 1\n"
    assert not Path("__pycache__").exists()
    Path("left-behind").write_text("by a careless flow")
    assert not (code / "left-behind").exists()

"""Versions of code in a store."""

from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from pygeoapi_prefect.deploy.package import Package
from pygeoapi_prefect.deploy.upload import MARKER, prune, upload
from pygeoapi_prefect.errors import ConfigurationError
from pygeoapi_prefect.storage import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore("local-file-system/s", uuid4(), str(tmp_path), fsspec.filesystem("file"))


def package(text: str) -> Package:
    return Package({"pkg/flow.py": text.encode(), "pkg/sub/data": b"1"}, "pkg/flow.py:run")


def test_a_package_is_uploaded_under_its_version(store: LocalStore) -> None:
    code = package("a")
    folder, uploaded = upload(code, store, "my/process/")
    assert uploaded
    assert folder == f"my/process/{code.version}"
    assert store.read(f"{folder}/pkg/flow.py") == b"a"
    assert store.read(f"{folder}/pkg/sub/data") == b"1"


def test_what_is_there_is_not_uploaded_again(store: LocalStore) -> None:
    folder, _ = upload(package("a"), store, "p")
    file = Path(store.resolve(f"{folder}/pkg/flow.py"))
    before = file.stat().st_mtime_ns
    assert upload(package("a"), store, "p") == (folder, False)
    assert file.stat().st_mtime_ns == before


def test_an_interrupted_upload_is_repeated(store: LocalStore) -> None:
    folder, _ = upload(package("a"), store, "p")
    Path(store.resolve(f"{folder}/{MARKER}")).unlink()
    Path(store.resolve(f"{folder}/pkg/sub/data")).unlink()
    assert upload(package("a"), store, "p") == (folder, True)
    assert store.read(f"{folder}/pkg/sub/data") == b"1"


def test_the_newest_three_and_those_in_use_are_kept(store: LocalStore) -> None:
    first, second, *newest = [upload(package(str(number)), store, "p")[0] for number in range(5)]
    assert prune(store, "p", {first}) == [second]
    assert {f"p/{name}" for name in store.list_folders("p")} == {first, *newest}
    assert prune(store, "p", {first}) == []


def test_only_finished_versions_are_deleted(store: LocalStore) -> None:
    store.write("p/data/x", b"the operator's own")
    store.write(f"p/{'0' * 16}/pkg/flow.py", b"being uploaded by somebody else")
    for number in range(4):
        upload(package(str(number)), store, "p")
    assert len(prune(store, "p", set())) == 1
    assert {"data", "0" * 16} < set(store.list_folders("p"))


def test_a_sub_path_that_leaves_the_store_is_refused(store: LocalStore) -> None:
    with pytest.raises(ConfigurationError, match="storage_sub_path"):
        upload(package("a"), store, "../elsewhere")

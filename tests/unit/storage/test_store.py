"""Paths inside a store, and the store over a local folder. No server."""

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from pygeoapi_prefect.errors import OutputNotFound, StorageUnavailable
from pygeoapi_prefect.storage import LocalStore, OutsideStore, Store
from pygeoapi_prefect.storage.store import _written


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore("local-file-system/s", uuid4(), f"{tmp_path}/s/", fsspec.filesystem("file"))


def remote(basepath: str) -> Store:
    return Store("remote-file-system/s", uuid4(), basepath, fsspec.filesystem("memory"))


@pytest.mark.parametrize("basepath", ["s3://bucket", "s3://bucket/", "s3://bucket/a/b/"])
def test_a_path_and_its_location_are_the_same_file(basepath: str) -> None:
    store = remote(basepath)
    location = f"{basepath.rstrip('/')}/job/output.txt"
    assert store.resolve("job/output.txt") == location
    assert store.resolve(location) == location


def test_flows_write_a_double_slash_after_a_basepath_that_ends_with_one() -> None:
    assert remote("s3://bucket/a/").resolve("s3://bucket/a//job/x") == "s3://bucket/a/job/x"


@pytest.mark.parametrize(
    "path",
    [
        "", "/", ".", "./x", "..", "../x", "job/../../x", "job/..", "a\\..\\..\\x", "job/%2e%2e/x",
        "job/..%2fx", "/etc/passwd", "s3://other/x", "s3://bucket/alpha/x", "s3://bucket/a/../x",
        "s3://bucket", "s3://bucket/a", "http://host/x", "file:///etc/passwd", "x\0y",
    ],
)  # fmt: skip
def test_what_is_not_inside_is_refused(path: str) -> None:
    with pytest.raises(OutsideStore):
        remote("s3://bucket/a").resolve(path)


@pytest.mark.parametrize("path", ["a..b", "...", "a%20b/c", "ünï/çödé.txt", "a b", ".hidden/x"])
def test_unusual_names_are_not_refused(path: str) -> None:
    assert remote("s3://bucket").resolve(path) == f"s3://bucket/{path}"


def test_a_link_that_leaves_a_local_store_is_refused(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    store.write("job/x", b"x")
    (tmp_path / "s/job/link").symlink_to(tmp_path / "secret")
    with pytest.raises(OutsideStore):
        store.read("job/link")


def test_a_local_store_below_a_link_works(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    basepath = str(tmp_path / "link")
    store = LocalStore("local-file-system/s", uuid4(), basepath, fsspec.filesystem("file"))
    location = store.write("x", b"x")
    assert location == f"{basepath}/x"
    assert store.read(location) == b"x"


def test_every_operation_checks_its_path(store: LocalStore) -> None:
    outside = "../x"
    for operation in (
        lambda: store.write(outside, b""),
        lambda: store.write_stream(outside, []),
        lambda: store.read(outside),
        lambda: store.size(outside),
        lambda: store.exists(outside),
        lambda: store.chunks(outside),
        lambda: store.list_folders(outside),
        lambda: store.delete_folder(outside),
        lambda: store.sign(outside, 60),
    ):
        with pytest.raises(OutsideStore):
            operation()


def test_the_whole_store_cannot_be_deleted(store: LocalStore) -> None:
    store.write("x", b"x")
    for root in ("", "/", store.basepath):
        with pytest.raises(OutsideStore):
            store.delete_folder(root)
    assert store.exists("x")


def test_an_interrupted_write_leaves_nothing_and_keeps_what_was_there(store: LocalStore) -> None:
    def interrupted() -> Iterator[bytes]:
        yield b"new"
        raise RuntimeError("the source broke")

    store.write("job/x", b"old")
    with pytest.raises(RuntimeError, match="the source broke"):
        store.write_stream("job/x", interrupted())
    with pytest.raises(RuntimeError, match="the source broke"):
        store.write_stream("job/y", interrupted())
    assert store.read("job/x") == b"old"
    assert [path.name for path in Path(store.basepath, "job").iterdir()] == ["x"]


@pytest.fixture(params=["file", "memory"])
def foldered(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """The store of a remote-file-system block over a file system with folders."""
    basepath = f"file://{tmp_path}/r" if request.param == "file" else f"memory://{uuid4().hex}"
    filesystem = fsspec.filesystem(str(request.param))
    return Store("remote-file-system/s", uuid4(), basepath, filesystem)


@pytest.mark.parametrize("path", ["job/a/x", "job/out[1]/*.txt"])
def test_a_remote_block_of_any_scheme_makes_folders(foldered: Store, path: str) -> None:
    """Fault 5: a store with folders that are not there yet was said to have no such bucket."""
    for content in (b"old", b"new" * 1_000_000):
        assert foldered.write(path, content) == f"{foldered.basepath}/{path}"
        assert foldered.read(path) == content
    assert len(foldered._fs.find(foldered.basepath)) == 1
    foldered.delete_folder("job")
    assert not foldered.exists(path)


def test_an_interrupted_write_leaves_nothing_in_a_remote_block(foldered: Store) -> None:
    """Fault 5: an AttributeError hid the reason, and half of the file stayed."""

    def interrupted() -> Iterator[bytes]:
        yield b"new" * 1_000_000
        raise RuntimeError("the source broke")

    foldered.write("job/x", b"old")
    for name in ("x", "y"):
        with pytest.raises(RuntimeError, match="the source broke"):
            foldered.write_stream(f"job/{name}", interrupted())
    assert foldered.read("job/x") == b"old"
    assert [Path(name).name for name in foldered._fs.find(foldered.basepath)] == ["x"]


def test_a_reader_never_sees_half_of_a_file(store: LocalStore) -> None:
    contents = {b"a" * 300_000, b"b" * 500_000}
    store.write("x", b"a" * 300_000)
    seen: set[bytes] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add(store.read("x"))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(100):
        for content in contents:
            store.write("x", content)
    stop.set()
    reader.join()
    assert seen <= contents


def test_a_folder_in_place_of_a_file_is_no_output(store: LocalStore) -> None:
    store.write("job/x", b"")
    for operation in (store.read, store.size, store.chunks):
        with pytest.raises(OutputNotFound):
            operation("job")
    assert not store.exists("job")


def test_a_store_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    basepath = str(tmp_path / "file")
    store = LocalStore("local-file-system/s", uuid4(), basepath, fsspec.filesystem("file"))
    with pytest.raises(StorageUnavailable, match="local-file-system/s"):
        store.write("job/x", b"")
    assert store.failed


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_not_missing(store: LocalStore) -> None:
    Path(store.write("x", b"x")).chmod(0)
    with pytest.raises(StorageUnavailable, match="refuses"):
        store.read("x")


def test_fault_6_files_of_a_folder_expire(store: LocalStore) -> None:
    for name in ("shared/old", "shared/deep/old", "shared/young", "job/old"):
        store.write(name, b"x")
        if name.endswith("old"):
            os.utime(store.resolve(name), (0, 0))
    assert store.delete_older("shared", 3_600) == 2
    assert store.exists("shared/young")
    assert store.exists("job/old")
    assert store.delete_older("shared", 3_600) == 0
    assert store.delete_older("nothing-there", 3_600) == 0


def test_fault_6_files_of_a_folder_expire_by_the_time_that_a_store_tells() -> None:
    now = datetime.now(UTC)
    assert _written({"LastModified": now}) == now
    assert _written({"mtime": 0.0}).year == 1970
    assert _written({}) >= now

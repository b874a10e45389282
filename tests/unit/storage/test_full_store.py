"""A store without space: what is told, and what stays of an output. The disks are real."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import override
from uuid import uuid4

import fsspec
import pytest
from prefect.filesystems import LocalFileSystem, RemoteFileSystem

from pygeoapi_prefect.errors import StorageFull, StorageUnavailable
from pygeoapi_prefect.process.outputs import write_output
from pygeoapi_prefect.storage import LocalStore, store_of
from pygeoapi_prefect.web.health import (
    ANSWER_SECONDS,
    WRITE_AGAIN_SECONDS,
    WRITE_SECONDS,
    Writable,
)
from support import s3_server
from support.disks import fill, make_read_only, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 512) as folder:
        yield folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_fault_33_nothing_half_written_stays_on_a_full_disk(disk: Path) -> None:
    storage = LocalFileSystem(basepath=str(disk))
    write_output(storage, "job", "small", b"x" * 1000, "text/plain")
    with pytest.raises(StorageFull, match="the result store is full"):
        write_output(storage, "job", "large", (bytes(100_000) for _ in range(20)), "text/plain")
    with pytest.raises(StorageFull):
        write_output(storage, "job", "small", bytes(2_000_000), "text/plain")
    assert names(disk) == {"small"}
    assert (disk / "job/small").read_bytes() == b"x" * 1000


def test_fault_33_a_read_only_store_says_so(disk: Path) -> None:
    store = store_of(LocalFileSystem(basepath=str(disk)))
    store.check_writable()
    assert names(disk) == set()
    make_read_only(disk)
    with pytest.raises(StorageUnavailable, match="is read-only"):
        store.check_writable()


class FullStore(BaseHTTPRequestHandler):
    """An S3 server whose disks are full, as MinIO answers then."""

    protocol_version = "HTTP/1.1"  # it is asked for "100 Continue"

    def do_PUT(self) -> None:
        if "Content-Length" in self.headers:
            self.rfile.read(int(self.headers["Content-Length"]))
        else:  # chunked
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        self.close_connection = True
        body = b"<Error><Code>XMinioStorageFull</Code><Message>Storage backend has reached its"
        body += b" minimum free drive threshold.</Message></Error>"
        self.send_response(507)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT  # noqa: N815

    @override
    def log_message(self, *_: object) -> None:
        pass


def test_fault_33_a_full_s3_store_says_so() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), FullStore)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        settings = s3_server.settings(f"http://127.0.0.1:{server.server_port}")
        storage = RemoteFileSystem(basepath="s3://bucket", settings=settings)
        for size in (10, 20_000_000):
            with pytest.raises(StorageFull, match="the result store is full"):
                write_output(storage, "job", "out", bytes(size), "image/tiff")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def probed(disk: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    store = LocalStore("local-file-system/s", uuid4(), str(disk), fsspec.filesystem("file"))
    monkeypatch.setattr("pygeoapi_prefect.storage.open_store", lambda _: store)
    return disk


def test_fault_33_readiness_tries_a_write_at_a_bounded_rate(probed: Path) -> None:
    now = 1000.0
    writable = Writable("local-file-system/s", lambda: now)
    writable.check()
    filler = fill(probed)
    now += WRITE_SECONDS - 1
    writable.check()  # not tried again yet
    now += 2
    for _ in range(2):
        with pytest.raises(StorageFull, match=r"full \(local-file-system/s\)"):
            writable.check()
    filler.unlink()
    with pytest.raises(StorageFull):
        writable.check()
    now += WRITE_AGAIN_SECONDS
    writable.check()
    make_read_only(probed)
    now += WRITE_SECONDS
    with pytest.raises(StorageUnavailable, match="read-only"):
        writable.check()
    assert names(probed) == set()


class HangingStore:
    """A store whose reads or writes wait until they are let go; the disk of a lost NFS server."""

    def __init__(self, hangs_in: str) -> None:
        self.hangs_in = hangs_in
        self.begun, self.go = threading.Event(), threading.Event()
        self.looks = 0

    def exists(self, _: str) -> bool:
        self.looks += 1
        return self._wait("exists")

    def check_writable(self) -> None:
        self._wait("check_writable")

    def _wait(self, where: str) -> bool:
        if where == self.hangs_in:
            self.begun.set()
            assert self.go.wait(60)
        return True


@pytest.mark.parametrize("hangs_in", ["exists", "check_writable"])
def test_fault_33_a_store_that_hangs_holds_one_probe_only(
    monkeypatch: pytest.MonkeyPatch, hangs_in: str
) -> None:
    """Fault 33: the others are told the last result, and in time that there is no answer."""
    store = HangingStore("nowhere")
    monkeypatch.setattr("pygeoapi_prefect.storage.open_store", lambda _: store)
    now = 1000.0
    writable = Writable("local-file-system/s", lambda: now)
    writable.check()
    store.hangs_in = hangs_in
    now += WRITE_SECONDS
    thread = threading.Thread(target=writable.check)
    thread.start()
    try:
        assert store.begun.wait(20)
        for _ in range(3):
            writable.check()
        assert store.looks == 2
        now += ANSWER_SECONDS + 1
        with pytest.raises(StorageUnavailable, match=r"does not answer \(local-file-system/s\)"):
            writable.check()
    finally:
        store.go.set()
        thread.join()
    writable.check()


def test_fault_33_a_store_that_has_never_answered_is_not_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault 33: a first look that is under way is no good news."""
    store = HangingStore("exists")
    monkeypatch.setattr("pygeoapi_prefect.storage.open_store", lambda _: store)
    writable = Writable("local-file-system/s")
    thread = threading.Thread(target=writable.check)
    thread.start()
    try:
        assert store.begun.wait(20)
        with pytest.raises(StorageUnavailable, match="has not answered yet"):
            writable.check()
    finally:
        store.go.set()
        thread.join()
    writable.check()

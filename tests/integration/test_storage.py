"""Stores over real blocks: a Prefect server, a local folder and an S3 server."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from pygeoapi_prefect import storage
from pygeoapi_prefect.errors import (
    BlockNotFound,
    ConfigurationError,
    EngineUnavailable,
    OutputNotFound,
    StorageUnavailable,
)
from pygeoapi_prefect.jobs import expiry
from pygeoapi_prefect.process.task_results import SHARED
from pygeoapi_prefect.storage import OutsideStore, Store
from support import s3_server
from support.prefect_api import use_prefect


@pytest.fixture(scope="module", autouse=True)
def prefect(stack: Any) -> Iterator[None]:
    with use_prefect(stack.prefect_api_url):
        yield


def name() -> str:
    return f"test-{uuid4().hex[:8]}"


@pytest.fixture(scope="module", params=["local", "s3", "s3-folder"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    block = name()
    if request.param == "local":
        storage.save_local_block(block, str(tmp_path_factory.mktemp("store")))
        return storage.open_store(f"local-file-system/{block}")
    bucket = s3_server.make_bucket(block)
    basepath = f"{bucket}/a/folder/" if request.param == "s3-folder" else bucket
    storage.save_remote_block(block, basepath, s3_server.settings(s3_server.endpoint()))
    return storage.open_store(f"remote-file-system/{block}")


@pytest.fixture
def broken(request: pytest.FixtureRequest) -> Store:
    """A store that cannot be used, in one of several ways."""
    block = name()
    settings = s3_server.settings(s3_server.endpoint())
    basepath = f"s3://{block}"
    match request.param:
        case "refused":
            settings = s3_server.settings(f"http://127.0.0.1:{s3_server.free_port()}")
        case "wrong key":
            url = s3_server.endpoint(check_keys=True)
            settings = s3_server.settings(url, key="AKIAWRONG")
    storage.save_remote_block(block, basepath, settings)
    return storage.open_store(f"remote-file-system/{block}")


def test_what_is_written_is_read(store: Store) -> None:
    location = store.write("job/output.txt", "Grüße".encode())
    assert location == f"{store.basepath}/job/output.txt"
    for key in ("job/output.txt", location):
        assert store.read(key) == "Grüße".encode()
        assert store.size(key) == 7
        assert store.exists(key)
    store.write(location, b"")
    assert store.read(location) == b""
    assert list(store.chunks(location)) == []


def test_prefects_own_block_reads_and_writes_the_same_files(store: Store) -> None:
    from prefect.blocks.core import Block

    block: Any = Block.load(store.slug, _sync=True)  # type: ignore[call-arg]
    block.write_path("job/by-a-flow.txt", b"flow", _sync=True)
    location = f"{block.basepath}/job/by-a-flow.txt"  # what a flow returns
    assert store.read(location) == b"flow"
    store.write("job/by-us.txt", b"us")
    assert block.read_path("job/by-us.txt", _sync=True) == b"us"


def test_fault_6_old_files_of_a_folder_are_removed(store: Store) -> None:
    store.write(f"{SHARED}/one", b"1")
    store.write("a-job/two", b"2")
    assert expiry.sweep([store.slug, "local-file-system/not-there"], days=1) == 0
    assert store.exists(f"{SHARED}/one")
    assert expiry.sweep([store.slug], days=-1) == 1
    assert not store.exists(f"{SHARED}/one")
    assert store.exists("a-job/two")
    assert expiry.sweep([store.slug], days=-1) == 0


def test_large_files_go_in_pieces(store: Store) -> None:
    piece = os.urandom(1_000_003)
    content = piece * 20
    store.write_stream("large.bin", (piece for _ in range(20)))
    assert store.size("large.bin") == len(content)
    pieces = list(store.chunks("large.bin"))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 1024 * 1024
    assert b"".join(store.chunks("large.bin", start=999_999, length=10)) == content[999_999:][:10]
    assert b"".join(store.chunks("large.bin", start=len(content) - 5)) == content[-5:]
    assert list(store.chunks("large.bin", start=len(content) + 5)) == []


def test_a_write_that_breaks_off_leaves_no_file(store: Store) -> None:
    def source() -> Iterator[bytes]:
        for _ in range(10):
            yield bytes(1024 * 1024)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        store.write_stream("broken/off.bin", source())
    assert not store.exists("broken/off.bin")
    assert store.list_folders("broken") == []


def test_missing_files_are_told_at_once(store: Store) -> None:
    assert not store.exists("nothing/here")
    for operation in (store.read, store.size, store.chunks):
        with pytest.raises(OutputNotFound) as raised:
            operation("nothing/here")
        assert store.basepath not in str(raised.value)


def test_folders_are_listed_and_deleted_alone(store: Store) -> None:
    for path in ("del/a/x", "del/a/deep/y", "del/ab/x", "del/[a]/x", "del/file"):
        store.write(path, b"")
    assert store.list_folders("del") == ["[a]", "a", "ab"]
    assert store.list_folders("del/none") == []
    store.delete_folder("del/[a]")  # a name, not a pattern
    assert store.list_folders("del") == ["a", "ab"]
    store.delete_folder("del/a")
    store.delete_folder("del/a")
    assert store.list_folders("del") == ["ab"]
    assert store.exists("del/ab/x")
    assert store.exists("del/file")


def test_what_another_process_writes_is_seen(store: Store, stack: Any) -> None:
    assert store.list_folders("fresh") == []
    assert not store.exists("fresh/a/x")
    script = (
        "import sys; from pygeoapi_prefect import storage;"
        "storage.open_store(sys.argv[1]).write('fresh/a/x', b'by another')"
    )
    env = os.environ | {"PREFECT_API_URL": stack.prefect_api_url}
    subprocess.run([sys.executable, "-c", script, store.slug], env=env, check=True, timeout=60)
    assert store.list_folders("fresh") == ["a"]
    assert store.read("fresh/a/x") == b"by another"


def test_a_forked_process_opens_its_own_store(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = storage.open_store(store.slug)
    monkeypatch.setattr("pygeoapi_prefect.storage.blocks._pid", -1)
    assert storage.open_store(store.slug) is not kept


def test_paths_outside_are_refused_before_the_store_is_asked(store: Store) -> None:
    for path in ("../x", "/etc/passwd", "s3://another-bucket/x", f"{store.basepath}-2/x"):
        with pytest.raises(OutsideStore):
            store.read(path)


def test_signed_addresses_are_readable_by_anyone(store: Store) -> None:
    store.write("signed.txt", b"for anyone")
    url = store.sign("signed.txt", 60)
    if isinstance(store, storage.LocalStore):
        assert url is None
    else:
        assert url is not None
        assert httpx.get(url).content == b"for anyone"


def test_eight_threads_share_a_store(store: Store) -> None:
    def work(number: int) -> None:
        mine = storage.open_store(store.slug)
        content = bytes([number]) * (number * 10_000)
        mine.write(f"threads/{number}", content)
        assert mine.read(f"threads/{number}") == content
        assert b"".join(mine.chunks(f"threads/{number}", 10)) == content[10:]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(64)))


def test_references_are_read(store: Store) -> None:
    store.write("job/request.json", '{"inputs": {"name": "Zoë"}}'.encode())
    assert storage.read_reference(f"block:{store.slug}#job/request.json").endswith('"Zoë"}}')
    with pytest.raises(OutputNotFound):
        storage.read_reference(f"block:{store.slug}#job/other.json")
    with pytest.raises(OutsideStore):
        storage.read_reference(f"block:{store.slug}#../request.json")
    for text in (store.slug, f"block:{store.slug}", "http://host/x#y"):
        with pytest.raises(ValueError, match="not a reference"):
            storage.read_reference(text)


def test_a_block_is_found_by_its_identifier(store: Store) -> None:
    same = storage.open_store_by_id(store.document_id)
    assert (same.slug, same.basepath) == (store.slug, store.basepath)
    with pytest.raises(BlockNotFound):
        storage.open_store_by_id(uuid4())


def test_a_block_is_read_once_and_again_after_it_was_saved() -> None:
    block = name()
    storage.save_local_block(block, "/first")
    first = storage.open_store(f"local-file-system/{block}")
    assert storage.open_store(f"local-file-system/{block}") is first
    storage.save_local_block(block, "/second")
    second = storage.open_store(f"local-file-system/{block}")
    assert second.basepath == "/second"
    assert second.document_id == first.document_id  # overwritten, not replaced


@pytest.mark.parametrize("slug", ["local-file-system/nothing", "nothing", "/x", "x/", "a/b/c"])
def test_a_missing_block_is_named(slug: str) -> None:
    with pytest.raises((BlockNotFound, ConfigurationError), match=slug):
        storage.open_store(slug)


def test_blocks_that_cannot_be_used_are_explained() -> None:
    with pytest.raises(ConfigurationError, match="s3-bucket/x"):
        storage.open_store("s3-bucket/x")
    with pytest.raises(ConfigurationError, match="cannot be saved"):
        storage.save_remote_block(name(), "no scheme", {})
    block = name()
    storage.save_remote_block(block, "nosuchprotocol://host/x", {})
    with pytest.raises(ConfigurationError, match="nosuchprotocol"):
        storage.open_store(f"remote-file-system/{block}")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("no bucket", "has no such bucket"),
        ("refused", "cannot be reached"),
        ("wrong key", "rejects the credentials"),
    ],
    indirect=["broken"],
)
def test_a_store_that_fails_is_unavailable_not_empty(broken: Store, message: str) -> None:
    for operation in (
        lambda: broken.read("job/x"),
        lambda: broken.write("job/x", b"x"),
        lambda: broken.exists("job/x"),
        lambda: broken.list_folders(),
    ):
        with pytest.raises(StorageUnavailable, match=f"{broken.slug} .*{message}") as raised:
            operation()
        assert s3_server.SECRET not in str(raised.value)


def test_a_store_that_does_not_answer_fails_within_bounded_time() -> None:
    """A listening socket whose queue is full never completes a connection."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        block = name()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        storage.save_remote_block(block, "s3://bucket", s3_server.settings(url))
        started = time.monotonic()
        with pytest.raises(StorageUnavailable):
            storage.open_store(f"remote-file-system/{block}").read("x")
        assert time.monotonic() - started < 15
        for filler in fillers:
            filler.close()


def test_a_mended_block_is_used_without_a_restart() -> None:
    block = name()
    bucket = s3_server.make_bucket(block)
    nobody = s3_server.settings(f"http://127.0.0.1:{s3_server.free_port()}")
    storage.save_remote_block(block, bucket, nobody)
    slug = f"remote-file-system/{block}"
    with pytest.raises(StorageUnavailable):
        storage.open_store(slug).write("x", b"")
    from prefect.filesystems import RemoteFileSystem

    good = RemoteFileSystem(basepath=bucket, settings=s3_server.settings(s3_server.endpoint()))
    good.save(block, overwrite=True, _sync=True)  # type: ignore[call-arg]
    storage.open_store(slug).write("x", b"")


def test_credentials_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    block = name()
    bucket = s3_server.make_bucket(block)
    settings = s3_server.settings(s3_server.endpoint(), key=None)
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    storage.save_remote_block(block, bucket, settings)
    with pytest.raises(StorageUnavailable, match="cannot be reached or used"):
        storage.open_store(f"remote-file-system/{block}").write("x", b"")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.SECRET)
    storage.open_store(f"remote-file-system/{block}").write("x", b"from the environment")
    assert s3_server.files().cat_file(f"{bucket}/x") == b"from the environment"


def test_an_outage_of_prefect_is_not_a_missing_block() -> None:
    nowhere = f"http://127.0.0.1:{s3_server.free_port()}/api"
    with use_prefect(nowhere), pytest.raises(EngineUnavailable):
        storage.open_store("local-file-system/any")


def test_saving_makes_the_folder(tmp_path: Path) -> None:
    """A folder that is missing later is an outage, so it has to be there from the beginning."""
    block = name()
    storage.save_local_block(block, str(tmp_path / "new"))
    assert (tmp_path / "new").is_dir()
    storage.open_store(f"local-file-system/{block}").write("a/x", b"")
    assert (tmp_path / "new/a/x").is_file()

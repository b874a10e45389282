"""Where outputs are stored."""

import io
import tracemalloc
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.filesystems import LocalFileSystem, RemoteFileSystem
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

from pygeoapi_prefect.models.processes import ExecuteRequest, OutputExecutionResultInternal
from pygeoapi_prefect.process.outputs import is_requested, result_storage, write_output


@pytest.fixture
def local_storage(tmp_path: Path) -> Iterator[Path]:
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "kept"}):
        yield tmp_path / "kept"


def test_without_a_block_the_location_is_real(local_storage: Path) -> None:
    storage = result_storage(None)
    output = write_output(storage, "job-1", "out.txt", "grüß".encode(), "text/plain")
    assert output.media_type == "text/plain"
    assert output.location == f"{local_storage}/job-1/out.txt"
    assert Path(output.location).read_text(encoding="utf-8") == "grüß"
    assert storage.read_path(output.location) == "grüß".encode()


def test_without_a_block_the_location_does_not_depend_on_the_working_directory(
    local_storage: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    output = write_output(result_storage(None), "job", "a", b"x", "text/plain")
    monkeypatch.chdir(tmp_path)
    assert Path(output.location).is_absolute()
    assert Path(output.location).read_bytes() == b"x"


def test_a_block_is_written_to_where_it_says(tmp_path: Path) -> None:
    storage = LocalFileSystem(basepath=str(tmp_path))
    output = write_output(storage, "job", "deep/a.bin", b"\x00\xff", "application/octet-stream")
    assert output.location == f"{tmp_path}/job/deep/a.bin"
    assert (tmp_path / "job/deep/a.bin").read_bytes() == b"\x00\xff"


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [(None, True), ({}, True), ({"a": {}}, True), ({"b": {}}, False), ({"a": {}, "b": {}}, True)],
)
def test_all_outputs_are_wanted_unless_some_are_named(outputs: Any, expected: bool) -> None:
    request = ExecuteRequest.model_validate({"inputs": {}, "outputs": outputs})
    assert is_requested(request, "a") is expected


DATA = b"0123456789" * 300_000
KINDS: dict[str, Callable[[Path], Any]] = {
    "bytes": lambda _: DATA,
    "bytearray": lambda _: bytearray(DATA),
    "memoryview": lambda _: memoryview(DATA),
    "array": lambda _: array("I", DATA),
    "path": lambda source: source,
    "stream": lambda _: io.BytesIO(DATA),
    "list": lambda _: [DATA[:10], bytearray(DATA[10:])],
    "generator": lambda _: (DATA[at : at + 999_999] for at in range(0, len(DATA), 999_999)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["local", "remote"])
def test_fault_5_an_output_comes_from_anything_with_bytes(
    kind: str, where: str, tmp_path: Path
) -> None:
    (tmp_path / "source").write_bytes(DATA)
    content = KINDS[kind](tmp_path / "source")
    storage = block(where, tmp_path)
    output = write_output(storage, "job", f"{kind}.bin", content, "application/octet-stream")
    assert output.location == f"{storage.basepath}/job/{kind}.bin"
    assert storage.read_path(output.location) == DATA


def block(where: str, tmp_path: Path) -> Any:
    if where == "local":
        return LocalFileSystem(basepath=str(tmp_path / "results"))
    return RemoteFileSystem(basepath=f"memory://{tmp_path.name}")


def breaking() -> Iterator[bytes]:
    yield b"x" * 2_000_000
    raise RuntimeError("the source broke")


@pytest.mark.parametrize(
    ("content", "error", "reason"),
    [
        ("/tmp/result.tif", TypeError, "must not be a str: encode text to bytes"),
        (io.StringIO("text"), TypeError, "each piece of an output must be bytes, not str"),
        (["text"], TypeError, "each piece of an output must be bytes, not str"),
        ([b"x", 5], TypeError, "each piece of an output must be bytes, not int"),
        (5, TypeError, "a binary stream or an iterable of bytes, not int"),
        (None, TypeError, "not NoneType"),
        (Path("/nothing/here"), FileNotFoundError, "nothing/here"),
        (breaking(), RuntimeError, "the source broke"),
    ],
)
def test_fault_5_what_is_no_content_leaves_no_file(
    content: Any, error: type[Exception], reason: str, tmp_path: Path
) -> None:
    storage = LocalFileSystem(basepath=str(tmp_path / "results"))
    write_output(storage, "job", "out", b"old", "text/plain")
    with pytest.raises(error, match=reason):
        write_output(storage, "job", "out", content, "text/plain")
    assert [path.name for path in (tmp_path / "results/job").iterdir()] == ["out"]
    assert (tmp_path / "results/job/out").read_bytes() == b"old"


def test_fault_5_memory_does_not_grow_with_an_output(tmp_path: Path) -> None:
    storage = LocalFileSystem(basepath=str(tmp_path / "results"))
    pieces = (bytes(1024 * 1024) for _ in range(100))
    tracemalloc.start()
    try:
        output = write_output(storage, "job", "large", pieces, "image/tiff")
        write_output(storage, "job", "copy", Path(output.location), "image/tiff")
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert (tmp_path / "results/job/copy").stat().st_size == 100 * 1024 * 1024


@pytest.mark.parametrize(
    ("content", "media_type", "checked"),
    [
        (b'{"a": [1.5]}', "application/json", 12),
        ([b'{"a": ', b"[1.5]}"], "application/geo+json; charset=utf-8", 12),
        (b'{"a": NaN}', "application/json", None),
        (b"", "application/json", None),
        (b"[1]", "text/plain", None),
    ],
)
def test_fault_4_the_record_says_that_json_was_checked(
    content: Any, media_type: str, checked: int | None, tmp_path: Path
) -> None:
    storage = LocalFileSystem(basepath=str(tmp_path))
    output = write_output(storage, "job", "out", content, media_type)
    assert output.json_bytes == checked
    old = {"location": output.location, "media_type": media_type}
    assert OutputExecutionResultInternal.model_validate(old).json_bytes is None


def test_a_file_name_stays_in_the_store(tmp_path: Path) -> None:
    storage = LocalFileSystem(basepath=str(tmp_path / "results"))
    with pytest.raises(ValueError, match="not a plain path"):
        write_output(storage, "job", "../../out", b"x", "text/plain")
    assert not (tmp_path / "out").exists()

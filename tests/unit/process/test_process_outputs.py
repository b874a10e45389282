"""Where outputs are stored."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.filesystems import LocalFileSystem
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

from pygeoapi_prefect.models.processes import ExecuteRequest
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

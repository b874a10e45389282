"""Undocumented names of other libraries that we rely on are still there."""

import importlib
import inspect
from typing import Any

import fsspec
import minio.error
import pytest
import s3fs


def test_a_file_of_a_store_is_given_up() -> None:
    why = "half-written outputs would be committed (storage/store.py)"
    for cls in (fsspec.spec.AbstractBufferedFile, s3fs.core.S3File):
        assert callable(getattr(cls, "discard", None)), f"{cls.__name__} has no discard; {why}"
    source = inspect.getsource(fsspec.spec.AbstractBufferedFile.close)
    assert "self.closed" in source, f"closing asks for nothing called closed; {why}"


def test_attempts_at_a_store_are_limited() -> None:
    why = "a store that is down holds requests for minutes (storage/blocks.py)"
    assert isinstance(s3fs.S3FileSystem.retries, int), f"S3FileSystem has no retries; {why}"
    assert "self.retries" in inspect.getsource(s3fs.S3FileSystem._call_s3), why


@pytest.mark.parametrize("caller", [s3fs.S3FileSystem._put_file, s3fs.core.S3File._call_s3])
def test_requests_to_a_store_pass_the_methods_that_repeat_them(caller: Any) -> None:
    why = "a store that is away for a moment fails a job (storage/patient_s3.py)"
    assert "_call_s3(" in inspect.getsource(caller) or ".call_s3(" in inspect.getsource(caller), why


def test_an_error_of_minios_administration_has_a_code() -> None:
    error = minio.error.MinioAdminException("404", "{}")
    assert error._code == "404", "an account would not be made (bootstrap/stores.py)"


@pytest.mark.parametrize("module", ["anyio._backends._asyncio", "pydantic.v1", "rich._emoji_codes"])
def test_what_the_fork_server_imports_beforehand_is_there(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError:
        pytest.fail(f"{module} is gone: each job imports its successor itself (the fork server)")

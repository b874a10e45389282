"""Undocumented names of other libraries that we rely on are still there."""

import importlib
import inspect

import fsspec
import minio.error
import pytest
import s3fs
from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.http import errors  # type: ignore[import-untyped]
from gunicorn.workers import base  # type: ignore[import-untyped]


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


def test_an_error_of_minios_administration_has_a_code() -> None:
    error = minio.error.MinioAdminException("404", "{}")
    assert error._code == "404", "an account would not be made (bootstrap/stores.py)"


def test_gunicorn_writes_its_errors_by_the_replaced_name() -> None:
    why = "what gunicorn refuses is answered with its own page (web/serving.py)"
    assert callable(util.write_nonblock), why
    source = inspect.getsource(base)
    assert "util.write_error(" in source, why
    taken = list(inspect.signature(util.write_error).parameters)
    assert len(taken) == 4, f"write_error takes {taken}; {why}"


def test_gunicorn_tells_a_broken_body_by_these_errors() -> None:
    why = "a body that ends too soon would be a 500 (web/problem.py)"
    assert issubclass(errors.ParseException, Exception), why
    assert issubclass(errors.NoMoreData, Exception), why


@pytest.mark.parametrize("module", ["anyio._backends._asyncio", "pydantic.v1", "rich._emoji_codes"])
def test_what_the_fork_server_imports_beforehand_is_there(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError:
        pytest.fail(f"{module} is gone: each job imports its successor itself (the fork server)")

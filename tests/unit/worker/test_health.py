"""The health check of the worker's container."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pygeoapi_prefect.worker import health

COMMAND = (sys.executable, "-m", "pygeoapi_prefect.worker.health")


def check(path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, health.FILE_VARIABLE: str(path)}
    return subprocess.run(
        COMMAND, env=environment, capture_output=True, text=True, timeout=30, check=False
    )


def test_a_worker_that_has_just_heard_from_prefect(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    path.touch()
    checked = check(path)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_no_worker(tmp_path: Path) -> None:
    checked = check(tmp_path / "alive")
    assert checked.returncode == 1
    assert "no worker" in checked.stderr
    assert "Traceback" not in checked.stderr


def test_a_worker_that_hears_nothing(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    path.touch()
    long_ago = time.time() - health.OLDEST_SECONDS - 5
    os.utime(path, (long_ago, long_ago))
    checked = check(path)
    assert checked.returncode == 1
    assert "has not reached Prefect for 6" in checked.stderr


def test_the_check_loads_neither_prefect_nor_pygeoapi() -> None:
    line = "import sys, pygeoapi_prefect.worker.health; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", line], capture_output=True, text=True, timeout=30, check=True
    ).stdout.split()
    assert {"prefect", "pygeoapi", "httpx", "pydantic"}.isdisjoint(loaded)


def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(health.FILE_VARIABLE, raising=False)
    assert health.file() == Path(tempfile.gettempdir(), "pygeoapi-worker-alive")
    monkeypatch.setenv(health.FILE_VARIABLE, "/elsewhere/alive")
    assert health.file() == Path("/elsewhere/alive")

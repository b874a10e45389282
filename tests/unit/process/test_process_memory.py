"""The memory that a job may have."""

from pathlib import Path

import pytest

from pygeoapi_prefect.process import memory
from pygeoapi_prefect.process.memory import LIMIT_VARIABLE, memory_limit_bytes

GIB = 1024**3


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "CGROUP_LIMITS", (path, tmp_path / "missing"))
    monkeypatch.delenv(LIMIT_VARIABLE, raising=False)
    return path


def test_fault_3_a_flow_knows_the_limit_of_its_job(
    cgroup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 3: the least of the job's, the container's and the machine's."""
    machine = memory_limit_bytes()
    assert machine > GIB // 2
    cgroup.write_text("max\n")
    assert memory_limit_bytes() == machine
    cgroup.write_text(f"{GIB // 4}\n")
    assert memory_limit_bytes() == GIB // 4
    monkeypatch.setenv(LIMIT_VARIABLE, "100")
    assert memory_limit_bytes() == 100 * 1024**2
    monkeypatch.setenv(LIMIT_VARIABLE, "1000000000")
    assert memory_limit_bytes() == GIB // 4
    monkeypatch.setenv(LIMIT_VARIABLE, "a lot")
    assert memory_limit_bytes() == GIB // 4

"""The memory that a job may have."""

from pathlib import Path

import pytest

from pygeoapi_prefect.process import memory
from pygeoapi_prefect.process.memory import LIMIT_VARIABLE, memory_in_use_bytes, memory_limit_bytes

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


def test_fault_3_a_flow_knows_what_it_uses() -> None:
    """Fault 3: what the job holds by now counts, as for its limit."""
    before = memory_in_use_bytes()
    assert 1024**2 < before < memory_limit_bytes()
    held = bytearray(b"x") * (64 * 1024**2)
    assert memory_in_use_bytes() - before > len(held) * 3 // 4


def test_fault_3_private_and_shared_memory_counts_and_files_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 3: as our worker counts."""
    told = tmp_path / "smaps_rollup"
    told.write_text(
        "55d0-7ffe ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss: 800 kB\n"
        "Pss_Anon: 300 kB\nPss_File: 400 kB\nPss_Shmem: 100 kB\n"
    )
    monkeypatch.setattr(memory, "IN_USE", told)
    assert memory_in_use_bytes() == 400 * 1024
    monkeypatch.setattr(memory, "IN_USE", tmp_path / "missing")
    assert memory_in_use_bytes() > 1024**2  # all that is resident

"""A fork server with a program of its own: it knows neither Prefect nor our jobs."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pygeoapi_prefect.worker.forkserver.client import Child, Exit, ForkServer, ForkServerFailed
from pygeoapi_prefect.worker.forkserver.protocol import Job
from support.fork_servers import with_server

PROGRAM = """
import os, sys
from pathlib import Path

PRELOAD = ("colorsys",)
warmed = []

def warm():
    warmed.append(os.getpid())

def prepare(env):
    if "REFUSE" in env:
        raise ValueError("refused")
    return {**env, "prepared by": str(os.getpid())}

def main(job, prepared):
    facts = [prepared["prepared by"], str(warmed[0]), str("prefect" in sys.modules)]
    facts.append(str("colorsys" in sys.modules))
    Path(job.scratch).write_text(" ".join(facts))
    os._exit(int(prepared["STATUS"]))
"""

# The end of a job and the rest of its output are seen at once, the end first.
UNLUCKY = """
import selectors

class Unlucky(selectors.DefaultSelector):
    def select(self, timeout=None):
        events = super().select(timeout)
        if any(key.data for key, _ in events):
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            events = super().select(0)
        return sorted(events, key=lambda event: event[0].data is not None)

def warm():
    warmed.append(os.getpid())
    selectors.DefaultSelector = Unlucky

def main(job, prepared):
    os.write(1, b"the last words")
    os._exit(int(prepared["STATUS"]))
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module that the fork server finds."""
    (tmp_path / "trial_program.py").write_text(PROGRAM)
    paths = [str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return "trial_program"


def job(folder: Path, **env: str) -> Job:
    return Job(
        run={"id": str(folder.name)},
        state_id="",
        claimed=0.0,
        deployment={},
        cache="",
        scratch=str(folder),
        env={**env},
    )


def test_children_run_what_the_program_prepared_in_the_server(program: str, tmp_path: Path) -> None:
    async def one(server: ForkServer) -> tuple[Exit, int | None]:
        child: Child = server.run(job(tmp_path / "one", STATUS="7"))
        return await asyncio.wait_for(child.exited, 30), server.pid

    ended, server_pid = with_server(program, one)
    assert ended.code == 7
    prepared_by, warmed_by, has_prefect, has_preloaded = (tmp_path / "one").read_text().split()
    assert prepared_by == warmed_by == str(server_pid)
    assert has_prefect == "False"
    assert has_preloaded == "True"


def test_a_job_that_ends_while_its_output_is_read_ends_nothing_else(
    program: str, tmp_path: Path
) -> None:
    """Its output was read once more after it was closed, which ended the fork server."""
    (tmp_path / f"{program}.py").write_text(PROGRAM + UNLUCKY)

    async def three(server: ForkServer) -> list[Exit]:
        ended = []
        for status in "123":
            child = server.run(job(tmp_path / status, STATUS=status))
            ended.append(await asyncio.wait_for(child.exited, 30))
        return ended

    assert [ended.code for ended in with_server(program, three)] == [1, 2, 3]


def test_what_cannot_be_prepared_is_that_jobs_end(program: str, tmp_path: Path) -> None:
    async def two(server: ForkServer) -> tuple[Exit, Exit]:
        refused = server.run(job(tmp_path / "a", REFUSE="1"))
        fine = server.run(job(tmp_path / "b", STATUS="0"))
        return await refused.exited, await fine.exited

    refused, fine = with_server(program, two)
    assert refused.error == "ValueError: refused"
    assert (fine.code, fine.error) == (0, None)


def test_a_program_that_cannot_be_imported_is_no_fork_server() -> None:
    async def never(_: ForkServer) -> None:
        raise AssertionError("it has started")

    with pytest.raises(ForkServerFailed):
        with_server("pygeoapi_prefect.no_such_program", never)


def test_the_room_loads_no_prefect() -> None:
    script = """
import importlib, pkgutil, sys
package = importlib.import_module("pygeoapi_prefect.worker.forkserver")
for module in pkgutil.iter_modules(package.__path__):
    importlib.import_module(f"{package.__name__}.{module.name}")
print(*sorted({"prefect", "pydantic", "httpx", "pygeoapi"} & set(sys.modules)))
"""
    line = [sys.executable, "-c", script]
    assert subprocess.run(line, capture_output=True, text=True, check=True).stdout.split() == []

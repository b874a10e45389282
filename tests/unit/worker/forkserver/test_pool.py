"""The fork server of the moment: which modules it has, and what follows it."""

import asyncio
from pathlib import Path

import pytest

from pygeoapi_prefect.worker.forkserver import pool as pools
from pygeoapi_prefect.worker.forkserver.client import ForkServerFailed
from pygeoapi_prefect.worker.forkserver.pool import ForkServers
from pygeoapi_prefect.worker.forkserver.protocol import Job

PROGRAM = """
import os

PRELOAD = ()

def warm(): pass

def prepare(env): pass

def main(job, prepared):
    os._exit(3)
"""
THREADED = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules that the fork server finds, with a program."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "trial_program.py").write_text(PROGRAM)
    return tmp_path


def job() -> Job:
    return Job(run={"id": "1"}, state_id="", claimed=0.0, deployment={}, cache="", scratch="/none")


def test_jobs_start_without_a_refused_package(modules: Path) -> None:
    (modules / "threaded_module.py").write_text(THREADED)

    async def run() -> bool:
        servers = ForkServers("trial_program", ["threaded_module", "json"])
        try:
            await servers.start()
            servers.learn(["threaded_module.part"])  # nothing new
            return servers.is_up
        finally:
            await servers.stop()

    assert asyncio.run(run())


def test_before_its_start_there_is_none() -> None:
    servers = ForkServers("trial_program")
    assert not servers.is_up
    with pytest.raises(ForkServerFailed):
        servers.run(job())


def test_what_jobs_import_is_in_the_next_one_and_the_old_one_ends(
    modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "SETTLE_SECONDS", 0.05)

    async def run() -> tuple[int | None, int | None, int]:
        servers = ForkServers("trial_program")
        await servers.start()
        keeping = asyncio.create_task(servers.keep())
        try:
            async with asyncio.timeout(60):
                first = servers._current
                assert first is not None
                servers.learn(["colorsys"])
                await first.ended.wait()
                while servers._current is None:
                    await asyncio.sleep(0.01)
                ended = await servers.run(job()).exited
                return first.pid, servers._current.pid, ended.code
        finally:
            keeping.cancel()
            await servers.stop()

    first, second, code = asyncio.run(run())
    assert first != second
    assert code == 3

"""A real fork server, with jobs that have no Prefect to report to."""

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pygeoapi_prefect.worker.forkserver import protocol
from pygeoapi_prefect.worker.forkserver.client import Child, Exit, ForkServer, ModuleRefused
from support.fork_servers import with_server
from support.polling import wait_for
from support.workers import is_alive

JOB_PROGRAM = "pygeoapi_prefect.worker.job.program"
NOWHERE = "http://127.0.0.1:9/api"
RUN = {
    "name": "no-job",
    "flow_id": "0195a1c4-0000-7000-8000-0000000000f1",
    "created": "2026-01-01T00:00:00Z",
    "parameters": {},
}
THREADED = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
SLEEPY = """
import time
from pathlib import Path
from prefect import flow

Path("started").touch()
time.sleep(600)

@flow
def sleepy():
    pass
"""


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., protocol.Job]:
    """Makes jobs whose code sleeps while it is loaded."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "sleepy_code.py").write_text(SLEEPY)

    def make(number: int, **changes: Any) -> protocol.Job:
        fields: dict[str, Any] = {
            "run": {**RUN, "id": f"0195a1c4-0000-7000-8000-{number:012}"},
            "state_id": "0195a1c4-0000-7000-8000-0000000000aa",
            "claimed": float(sys.maxsize),
            "deployment": {"entrypoint": "sleepy_code.sleepy"},
            "cache": str(tmp_path / "cache"),
            "scratch": str(tmp_path / f"scratch-{number}"),
            "env": {"PYTHONPATH": str(code), "PREFECT_API_URL": NOWHERE},
        }
        return protocol.Job(**{**fields, **changes})

    return make


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules that the fork server finds."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("PREFECT_API_URL", NOWHERE)
    return folder


async def started(child: Child, timeout: float = 30) -> int:
    async with asyncio.timeout(timeout):
        while child.pid is None and not child.exited.done():
            await asyncio.sleep(0.02)
    assert child.pid is not None, await child.exited
    return child.pid


def test_it_has_one_thread_and_ends_with_its_worker(modules: Path) -> None:
    async def look(server: ForkServer) -> int:
        assert server.pid is not None
        assert len(list(Path(f"/proc/{server.pid}/task").iterdir())) == 1
        return server.pid

    pid = with_server(JOB_PROGRAM, look)
    wait_for(lambda: not is_alive(pid), 10, "the end of the fork server")


def test_a_module_that_starts_a_thread_is_refused(modules: Path) -> None:
    (modules / "threaded_module.py").write_text(THREADED)

    async def nothing(_: ForkServer) -> None:
        raise AssertionError("it has started")

    with pytest.raises(ModuleRefused, match="starts a thread") as caught:
        with_server(JOB_PROGRAM, nothing, "threaded_module")
    assert caught.value.module == "threaded_module"


def test_a_module_that_cannot_be_imported_is_left_to_the_jobs(modules: Path) -> None:
    (modules / "broken_module.py").write_text("raise RuntimeError('broken')\n")

    async def look(server: ForkServer) -> None:
        assert not server.ended.is_set()

    with_server(JOB_PROGRAM, look, "broken_module", "module_that_is_not_there")


def test_a_setting_that_prefect_refuses_is_that_jobs_end(
    modules: Path, job: Callable[..., protocol.Job]
) -> None:
    async def two_jobs(server: ForkServer) -> tuple[Exit, bool]:
        wrong = server.run(job(1, env={"PREFECT_API_REQUEST_TIMEOUT": "soon"}))
        return await asyncio.wait_for(wrong.exited, 30), server.ended.is_set()

    ended, is_over = with_server(JOB_PROGRAM, two_jobs)
    assert ended.error is not None
    assert "ValidationError" in ended.error
    assert not is_over


def test_the_end_of_the_server_is_the_end_of_its_jobs(
    modules: Path, job: Callable[..., protocol.Job]
) -> None:
    async def one_job(server: ForkServer) -> int:
        return await started(server.run(job(1)))

    pid = with_server(JOB_PROGRAM, one_job)
    wait_for(lambda: not is_alive(pid), 10, "the end of the job")


def test_a_job_is_killed_alone(modules: Path, job: Callable[..., protocol.Job]) -> None:
    async def two_jobs(server: ForkServer) -> tuple[Exit, bool]:
        first, second = server.run(job(1)), server.run(job(2))
        await started(first)
        await started(second)
        first.signal("kill")
        ended = await asyncio.wait_for(first.exited, 30)
        return ended, second.exited.done()

    ended, other_has_ended = with_server(JOB_PROGRAM, two_jobs)
    assert ended.code == -signal.SIGKILL
    assert ended.memory_mb > 0
    assert not other_has_ended


def test_a_signal_for_a_job_that_is_not_there(modules: Path) -> None:
    async def signals(server: ForkServer) -> bool:
        server.signal("nothing", "cancel")
        child = Child("nothing", server, asyncio.get_running_loop().create_future())
        child.signal("kill")
        await asyncio.sleep(0)
        return server.ended.is_set()

    assert not with_server(JOB_PROGRAM, signals)


def test_a_job_of_a_server_that_has_ended(modules: Path, job: Callable[..., protocol.Job]) -> None:
    async def run() -> Exit:
        server = ForkServer(JOB_PROGRAM)
        await server.start()
        await server.stop()
        return await server.run(job(1)).exited

    assert asyncio.run(run()).error == "the fork server has ended"

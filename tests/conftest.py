"""The running stack that all integration tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pygeoapi_prefect.embedded.processes import marked
from pygeoapi_prefect.embedded.record import Record
from support import credentials
from support.stack import RunningStack, command, connect, run, start, write_config

KEPT_STATE = "PYGEOAPI_PREFECT_TEST_STATE"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The embedded stack, started once for all tests and stopped after the last.

    With PYGEOAPI_PREFECT_TEST_STATE set to a folder, the stack in that folder is used and left
    running: quick while developing, but it has the code of when it was started.
    """
    kept = os.environ.get(KEPT_STATE)
    state = Path(kept).resolve() if kept else tmp_path_factory.mktemp("stack")
    state.mkdir(parents=True, exist_ok=True)
    config = state / "pygeoapi-config.yml"
    if kept and is_running(state):
        credentials.take(state)
    else:
        write_config(config)
        start(state, config)
    running = connect(state, config)
    yield running
    running.close()
    if kept is None:
        stopped = run(command("stop", state))
        assert stopped.returncode == 0, stopped.stdout
        assert marked(str(state)) == []


def is_running(state: Path) -> bool:
    """Whether the supervisor of a stack in this folder is alive, and the stack ready."""
    record = Record.read(state)
    return record is not None and record.ready and record.supervisor.find() is not None

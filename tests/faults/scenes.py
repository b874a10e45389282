"""Where many jobs run while parts are killed: an embedded stack, or one of Compose."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import yaml

from faults import components
from faults.components import Find, Place, kill
from faults.load import Ledger, Load
from faults.place import standing
from support.compose import BUILD_SECONDS, LONG_RUNNING, ComposeStack
from support.stack import TEST_PROCESSES

Parts = Mapping[str, Callable[[], object]]
"""What kills each part; it raises if there is nothing to kill at the moment."""
PROCESS = "counted"
EMBEDDED: Mapping[str, Find] = {
    "web processes": components.web_processes,
    "master of the web processes": components.web_master,
    "fork server": components.fork_server,
    "process of a job": components.job,
    "worker": components.worker,
    "Prefect server": components.prefect,
    "PostgreSQL": components.postgres,
}
RESOURCE = """\
  counted:
    type: process
    processor:
      name: faulty.process.CountedProcessor
      prefect: *prefect
"""
MOUNTED = "/ledger"
"""The folder of the ledger, as jobs in the worker's container see it."""


@contextmanager
def embedded(folder: Path) -> Iterator[tuple[Load, Parts]]:
    """An embedded stack of its own, and its processes."""

    def hit(place: Place, find: Find) -> None:
        kill(find(place))

    with standing(folder) as place:
        load = Load(place.stack.url, PROCESS, place.ledger, seconds=0)
        with closing(load):
            yield load, {name: partial(hit, place, find) for name, find in EMBEDDED.items()}


@contextmanager
def compose(folder: Path) -> Iterator[tuple[Load, Parts]]:
    """A Compose stack of its own, and its containers."""
    stack = ComposeStack(folder / "repository")
    add_counted(stack.folder)
    ledger = folder / "ledger"
    ledger.mkdir()
    ledger.chmod(0o777)  # the user of the containers is another one
    override = {"services": {"worker": {"volumes": [f"{ledger}:{MOUNTED}"]}}}
    (stack.folder / "docker-compose.override.yml").write_text(yaml.safe_dump(override))
    try:
        stack.compose("build", timeout=BUILD_SECONDS)
        stack.up()
        noted = Ledger(ledger / "starts", f"{MOUNTED}/starts")
        with closing(Load(stack.url, PROCESS, noted, seconds=0)) as load:
            yield load, {name: partial(kill_container, stack, name) for name in LONG_RUNNING}
    finally:
        stack.down()


def add_counted(folder: Path) -> None:
    """Add the process whose jobs note their starts to a copy of the repository."""
    package = folder / "flows" / "faulty"
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copy(TEST_PROCESSES / "faulty.py", package / "process.py")
    config = folder / "pygeoapi-config.yml"
    before, key, after = config.read_text().partition("resources:\n")
    config.write_text(before + key + RESOURCE + after)


def kill_container(stack: ComposeStack, service: str) -> None:
    """SIGKILL from the host, after which Docker starts it again: ``docker kill`` is a stop by hand.

    Raises:
        AssertionError: It does not run at the moment.
    """
    state = stack.container(service)["State"]
    assert state["Running"], service
    assert state["Pid"] > 0, service  # 0 would be this program with all its processes
    os.kill(state["Pid"], signal.SIGKILL)

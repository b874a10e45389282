"""Large hostile bodies leave nothing behind: a leak grows each time, an allocator's reserve once.

The web process is the only one of its server, so that it gets all bodies. It has no Prefect: each
body is rejected before it is needed.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from support import hostile_json
from support.hostile import Hostile, exchange
from support.stack import free_port, write_config
from support.web import environment, serving

LOGGER = logging.getLogger(__name__)
CLIENTS = 2
WARM_ROUNDS, ROUNDS = 2, 3
KEPT_BYTES = 64 << 20
"""Memory that the process may keep after the first rounds: caches, and the allocator's reserve."""
GROWN_BYTES = 32 << 20
"""Memory that all further rounds together may add, of more than 300 MiB of bodies in each."""
BODIES = [case for case in hostile_json.CASES if case.family == "json"]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("web")
    config = folder / "config.yml"
    write_config(config)
    nobody = environment(f"http://127.0.0.1:{free_port()}/api")
    with serving(nobody, config, folder / "log", ready_path="/healthz") as client:
        yield client


@pytest.mark.timeout(600)
def test_repeated_bodies_take_no_more_memory(web: httpx.Client) -> None:
    process = web_process(web)
    sizes = [process.memory_info().rss]
    with ThreadPoolExecutor(CLIENTS) as clients:
        for _ in range(WARM_ROUNDS + ROUNDS):
            statuses = set(clients.map(lambda case: send(web, case), BODIES))
            assert statuses <= {400, 413, 415}
            sizes.append(process.memory_info().rss)
            LOGGER.info("the web process has %d MiB", sizes[-1] >> 20)
    assert sizes[WARM_ROUNDS] - sizes[0] < KEPT_BYTES
    assert sizes[-1] - sizes[WARM_ROUNDS] < GROWN_BYTES


def send(web: httpx.Client, case: Hostile) -> int:
    """Send a case; the status of its answer."""
    [answer] = exchange(str(web.base_url), case)
    assert answer.status in case.statuses, case.name
    return answer.status


def web_process(web: httpx.Client) -> psutil.Process:
    """The only child of gunicorn's master, which listens at the address of a client."""
    address = f"{web.base_url.host}:{web.base_url.port}"
    masters = [one for one in psutil.Process().children() if address in one.cmdline()]
    [process] = masters[0].children()
    return process

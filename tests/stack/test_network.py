"""The network between two containers is cut, and the volume of the database is full."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import pytest
import yaml

from support.compose import ComposeStack
from support.disks import fill, small_disk
from support.networks import cut, pairs
from support.polling import wait_for, wait_for_recovery

LOGGER = logging.getLogger(__name__)
CUT_SECONDS = 40
RECOVERY_SECONDS = 900
BEFORE, DURING, JOB_SECONDS = 8, 8, 6
PREFECT, STORE = "prefect-server", "minio"
CUTS = (
    ("worker", PREFECT),
    ("worker", STORE),
    ("pygeoapi", PREFECT),
    ("pygeoapi", STORE),
    (PREFECT, "postgres"),
)
QUICK = CUTS[:1]
DATABASE_KILOBYTES = 400 << 10
DATABASE_USER = 10001


@dataclass
class Client:
    """A client that submits numbered jobs, and repeats none.

    Attributes:
        stack: The stack.
        accepted: Number of each accepted job, by the job's identifier.
    """

    stack: ComposeStack
    accepted: dict[str, int] = field(default_factory=dict)
    tries: int = 0

    def submit(self) -> bool:
        """Submit a job; false if the client is told to come back."""
        self.tries += 1
        inputs = {"echo": f"number {self.tries}", "pause": JOB_SECONDS}
        reply = self.stack.execute("echo", inputs, "respond-async")
        if reply.status_code == 503:
            assert int(reply.headers["Retry-After"]) > 0
            return False
        assert reply.status_code == 201, reply.text
        self.accepted[str(reply.json()["jobID"])] = self.tries
        return True

    def submit_for(self, seconds: float, most: int) -> None:
        """Submit jobs for so long, until so many are accepted."""
        until = time.monotonic() + seconds

        def over() -> bool:
            if len(self.accepted) < most:
                self.submit()
            return time.monotonic() > until

        wait_for(over, seconds + 120, "time has passed", pause=1)


def works(stack: ComposeStack) -> bool:
    """All that a request needs is ready, and a job that somebody waits for succeeds."""
    try:
        if stack.client.get("/readyz").status_code != 200:
            return False
        return stack.execute("simple-flow", {"name": "again"}).status_code == 200
    except httpx.TransportError:
        return False


def results_of(stack: ComposeStack, job_id: str) -> httpx.Response | None:
    """The answer with a job's results; None while a busy server cannot tell."""
    reply = stack.client.get(f"/jobs/{job_id}/results")
    return None if reply.status_code == 503 else reply


def assert_ended(client: Client) -> None:
    """All have ended, those that succeeded with their outputs, and none was started twice."""
    stack, accepted = client.stack, client.accepted
    jobs = stack.wait_for_jobs(*accepted, timeout=RECOVERY_SECONDS)
    for job in jobs:
        if job["status"] == "successful":
            results = wait_for(partial(results_of, stack, job["jobID"]), 120, "an answer")
            assert results is not None
            assert f"number {accepted[job['jobID']]}" in results.text
        else:
            LOGGER.warning("%s: %s", job["status"], job["message"])
            assert job["status"] == "failed"
    names = {"name": {"any_": [f"pygeoapi_job_{job_id}" for job_id in accepted]}}
    runs = stack.prefect.post("/flow_runs/filter", json={"flow_runs": names}).json()
    assert len(runs) == len(accepted)
    assert max(run["run_count"] for run in runs) == 1


@contextmanager
def connected(stack: ComposeStack, service: str, peer: str) -> Iterator[str]:
    """The network that these two share with no other."""
    if peer == "postgres":
        yield f"{stack.project}_db"
        return
    with pairs(stack, service, (PREFECT, STORE)) as networks:
        yield networks[peer]


@pytest.mark.parametrize(
    ("service", "peer"),
    [pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.slow) for pair in CUTS],
)
def test_cut_off_during_jobs(stack: ComposeStack, service: str, peer: str) -> None:
    client = Client(stack)
    with connected(stack, service, peer) as network:
        wait_for_recovery(partial(works, stack), RECOVERY_SECONDS, "own networks")
        assert all(client.submit() for _ in range(BEFORE))
        with cut(stack, network, service):
            client.submit_for(CUT_SECONDS, BEFORE + DURING)
        what = f"{service} cut off from {peer}"
        wait_for_recovery(partial(works, stack), RECOVERY_SECONDS, what)
        assert_ended(client)
    wait_for_recovery(partial(works, stack), RECOVERY_SECONDS, "shared network")


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "database", DATABASE_KILOBYTES) as folder:
        os.chown(folder, DATABASE_USER, DATABASE_USER)
        yield folder


@pytest.fixture
def cramped(volume: Path, tmp_path: Path) -> Iterator[ComposeStack]:
    """A stack whose database has a small disk."""
    stack = ComposeStack(tmp_path / "repository")
    bound = {"driver_opts": {"type": "none", "o": "bind", "device": str(volume)}}
    override = {"volumes": {"postgres": bound}}
    (stack.folder / "docker-compose.override.yml").write_text(yaml.safe_dump(override))
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


@pytest.mark.slow
def test_full_volume_of_the_database(cramped: ComposeStack, volume: Path) -> None:
    client = Client(cramped)
    assert all(client.submit() for _ in range(BEFORE))
    filler = fill(volume)
    wait_for(lambda: not client.submit(), 120, "it has no space")
    client.submit_for(CUT_SECONDS, len(client.accepted) + DURING)
    assert cramped.client.get("/healthz").status_code == 200
    filler.unlink()
    what = "full volume of the database"
    wait_for_recovery(partial(works, cramped), RECOVERY_SECONDS, what)
    assert_ended(client)

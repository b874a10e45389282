"""Jobs that misbehave in every way, all at once, beside jobs that do not: those are not harmed."""

from pathlib import Path
from shutil import disk_usage
from typing import Any

import pytest

from faults.components import Place
from faults.load import Ledger, Load
from support.disks import small_disk
from support.polling import wait_for
from support.workers import Pool, Worker

NEIGHBOURS = 12
DISK_KILOBYTES = 8 << 10
NO_SPACE = "No space left on device"
SECONDS = 120
"""Until all have ended, of which two take their time limit of 10 s."""
FAILED = "The process failed (job {job})"
OVER_TIME = "The process exceeded its time limit"
TOLD = {
    "raising": FAILED,
    "segfault": "The process was ended by signal SIGSEGV",
    "leaving": "The process exited with status 3",
    "stubborn": OVER_TIME,
    "hoarding": "The process exceeded its memory limit of 600 MiB",
    "littering": FAILED,
    "talkative": OVER_TIME,
    "trespassing": FAILED,
    "silent": "The process returned an invalid result: None instead of an instance of "
    "JobStatusInfoInternal; report the job to the operator",
}
"""Messages of jobs that fail, by what they do."""
LEAVING = ("forking", "daemonising")
SUCCESSFUL = (*LEAVING, "straying")


@pytest.fixture(scope="module")
def ended(place: Place) -> dict[str, dict[str, Any]]:
    """The ends of the jobs, by what they do, once those of their neighbours are examined."""
    before = place.ledger.starts()
    load = Load(place.stack.url, "counted", place.ledger)
    troublesome = {
        kind: place.stack.submit("troublesome", {"kind": kind, "ledger": str(place.ledger.path)})
        for kind in (*TOLD, *SUCCESSFUL)
    }
    try:
        load.submit_all(range(NEIGHBOURS))
        found = load.ended(SECONDS, [*load.accepted, *troublesome.values()])
        neighbours = {job_id: found[job_id] for job_id in load.accepted}
        assert {info["status"] for info in neighbours.values()} == {"successful"}
        assert list(load.wrong_outputs(neighbours)) == []
    finally:
        load.close()
    assert set((place.ledger.starts() - before).values()) == {1}
    return {kind: found[job_id] for kind, job_id in troublesome.items()}


@pytest.mark.parametrize("kind", TOLD)
def test_a_job_that_misbehaves_fails_and_says_why(
    ended: dict[str, dict[str, Any]], kind: str
) -> None:
    job = ended[kind]
    assert job["status"] == "failed"
    assert job["message"] == TOLD[kind].format(job=job["jobID"])


@pytest.mark.parametrize("kind", SUCCESSFUL)
def test_a_job_that_leaves_processes_or_files_behind_succeeds(
    ended: dict[str, dict[str, Any]], kind: str
) -> None:
    assert ended[kind]["status"] == "successful"


def test_no_process_of_a_job_is_left(ended: dict[str, dict[str, Any]], place: Place) -> None:
    left = Ledger(place.ledger.path.with_name(f"{place.ledger.path.name}.left"))
    assert {name for name, _ in left.rows()} == {*LEAVING, "stubborn"}
    wait_for(lambda: not left.alive() and not place.ledger.alive(), 30, lambda: str(left.rows()))


def test_no_output_is_outside_of_the_folder_of_its_job(
    ended: dict[str, dict[str, Any]], place: Place
) -> None:
    assert ended["trespassing"]["status"] == "failed"
    folder = place.stack.state / "results"
    assert not (folder / "result.txt").exists()
    assert (folder / ended["straying"]["jobID"] / "result.txt").exists()


@pytest.mark.slow  # alone, or the disk fills before the other jobs have their turn
def test_a_full_disk_of_a_worker(place: Place, tmp_path: Path) -> None:
    """The job that fills it fails, others go on, and its space is free again afterwards."""
    pool = Pool.make(place.stack.prefect, tmp_path)
    with small_disk(tmp_path / "disk", DISK_KILOBYTES) as disk:
        own = {"TMPDIR": str(disk)}
        worker = Worker(pool, place.stack.prefect_api_url, env=own).wait_until_ready()
        try:
            assert pool.wait(pool.submit("ok"))["state_type"] == "COMPLETED"
            filling = pool.wait(pool.submit("fill"))
            assert filling["state_type"] == "FAILED"
            assert NO_SPACE in filling["state"]["message"]
            lingering = pool.submit("linger")
            pool.wait_for_note(lingering)
            crowding = pool.submit("crowd")
            wait_for(lambda: len(pool.notes(crowding)) == 2, 30, "the disk is full")
            others = [pool.submit("ok") for _ in range(3)]
            for end in (pool.wait(run_id)["state"] for run_id in others):  # it may need a page
                assert end["type"] == "COMPLETED" or NO_SPACE in end["message"], end
            pool.let_go(lingering)
            assert pool.wait(lingering)["state_type"] == "COMPLETED"
            pool.cancel(crowding)
            assert pool.wait(crowding)["state_type"] == "CANCELLED"
            wait_for(lambda: disk_usage(disk).free > DISK_KILOBYTES << 9, 10, "it has space")
            pool.deploy("worker-probe", version="d" * 16)
            last = pool.submit("ok")
            assert pool.wait(last)["state_type"] == "COMPLETED"
            assert pool.notes(last)[0]["version"] == "d" * 16
        finally:
            assert worker.stop() == 0, worker.text()

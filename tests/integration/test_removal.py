"""What a job leaves in the stores, before and after it is removed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pygeoapi_prefect import storage
from support.http import prefect_run
from support.polling import wait_for
from support.prefect_api import use_prefect
from support.stack import RunningStack
from support.workers import FINAL

TASKS = 40


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def has_ended(stack: RunningStack, job_id: str) -> bool:
    """A job that is being cancelled is dismissed already; only one that has ended is removed."""
    return prefect_run(stack, job_id)["state_type"] in FINAL


@pytest.fixture(scope="module")
def elsewhere(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the block that the flow of ``mapped-elsewhere`` has for its results.

    One for all tests: a web process keeps the block that it has read under its name.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    with use_prefect(stack.prefect_api_url):
        storage.save_local_block("elsewhere", str(folder))
    yield folder
    found = stack.prefect.get("/block_types/slug/local-file-system/block_documents/name/elsewhere")
    stack.prefect.delete(f"/block_documents/{found.json()['id']}").raise_for_status()


def test_an_ended_job_of_many_tasks_leaves_no_file(stack: RunningStack) -> None:
    """Fault 6: 99 of 100 files stayed in the result block."""
    results = stack.state / "results"
    before = files(results)
    job_id = stack.submit("mapped", {})
    assert stack.wait_until_done(job_id)["status"] == "successful"
    assert stack.client.get(f"/jobs/{job_id}/results/result").text == "1560"
    made = files(results) - before
    assert len(made) > TASKS
    assert {path.relative_to(results).parts[0] for path in made} == {job_id}
    assert stack.client.delete(f"/jobs/{job_id}").status_code == 200
    assert stack.client.get(f"/jobs/{job_id}").status_code == 404
    assert files(results) <= before


@pytest.mark.parametrize(
    ("kind", "status"),
    [("", "successful"), ("fail", "failed"), ("crash", "failed"), ("wait", "dismissed")],
)
def test_task_results_in_a_block_of_the_flow_go_too(
    stack: RunningStack, elsewhere: Path, kind: str, status: str
) -> None:
    """Fault 6: those of a job that had not succeeded stayed in the flow's own block."""
    job_id = stack.submit("mapped-elsewhere", {"kind": kind})
    if status == "dismissed":
        wait_for(lambda: stack.job(job_id).get("progress") == 50, 60, "the tasks have ended")
        assert stack.client.delete(f"/jobs/{job_id}").status_code == 200
    assert stack.wait_until_done(job_id)["status"] == status
    wait_for(lambda: has_ended(stack, job_id), 60, "nothing of the job runs any longer")
    assert len(files(elsewhere / job_id / "task-results")) >= TASKS
    assert stack.client.delete(f"/jobs/{job_id}").status_code == 200
    assert stack.client.get(f"/jobs/{job_id}").status_code == 404
    assert files(elsewhere) == set()
    assert not (stack.state / "results" / job_id).exists()

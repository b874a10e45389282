"""The worker on a real Prefect server: claims, ends of all kinds, and what becomes of its jobs."""

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import pytest

from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.jobs.status import status_info
from pygeoapi_prefect.process.task_results import SHARED
from pygeoapi_prefect.storage import LocalStore
from support.gate import MUTE, OPEN, gate
from support.polling import wait_for
from support.stack import RunningStack, free_port
from support.workers import QUEUE, Pool, Worker, is_alive, seconds_until

CANCEL_SECONDS = 3.0  # one second on a quiet machine; tests share theirs


@pytest.fixture(scope="module")
def pool(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool.make(stack.prefect, tmp_path_factory.mktemp("pool"))


@pytest.fixture(scope="module")
def worker(stack: RunningStack, pool: Pool) -> Iterator[Worker]:
    worker = Worker(pool, stack.prefect_api_url).wait_until_ready()
    yield worker
    assert worker.stop() == 0, worker.text()
    assert "nexpected error" not in worker.text()


def sockets_of(pid: int) -> set[str]:
    links = (str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir())
    return {link for link in links if link.startswith("socket:")}


# -- A job's way ---------------------------------------------------------------------------------


@pytest.mark.parametrize("flow", ["worker-probe", "worker-probe-async"])
def test_a_job_is_run_and_its_result_is_kept_as_json(worker: Worker, pool: Pool, flow: str) -> None:
    run = pool.wait(pool.submit("ok", flow))
    assert run["state_type"] == "COMPLETED"
    data = run["state"]["data"]
    assert data["serializer"]["type"] == "json"
    record = json.loads((pool.folder / "results" / data["storage_key"]).read_text())
    assert record["data"]["job_id"] == run["parameters"]["job_id"]
    assert run["deployment_id"] == pool.deployments[flow]
    assert pool.states(run["id"]) == ["Scheduled", "Pending", "Running", "Completed"]


def test_the_log_of_a_run_is_in_prefect(worker: Worker, pool: Pool) -> None:
    run = pool.wait(pool.submit("ok"))
    query = {"logs": {"flow_run_id": {"any_": [run["id"]]}}}

    def messages() -> str:
        rows = pool.api.post("/logs/filter", json=query).raise_for_status().json()
        return "\n".join(row["message"] for row in rows)

    for line in (
        "Beginning flow run",
        "A line of the flow's logger",
        "A line of a library's print",
        "Finished in state Completed()",
    ):
        wait_for(lambda line=line: line in messages(), 5, line)  # type: ignore[misc]


def test_the_workers_own_log_has_two_lines_for_a_job(worker: Worker, pool: Pool) -> None:
    run = pool.wait(pool.submit("ok"))
    wait_for(lambda: worker.text().count(run["name"]) >= 2, 5, "a line at the end")
    lines = [line for line in worker.text().splitlines() if run["name"] in line]
    assert len(lines) == 2
    assert "claimed" in lines[0]
    assert "Completed after" in lines[1]


def test_no_complaint_of_the_pools_type(worker: Worker, pool: Pool) -> None:
    assert "mismatch" not in worker.text()
    assert pool.api.get(f"/work_pools/{pool.name}").json()["type"] == "process"


def test_a_child_shares_nothing_with_the_fork_server(worker: Worker, pool: Pool) -> None:
    run = pool.wait(pool.submit("look"))
    (facts,) = pool.notes(run["id"])
    assert len(list(Path(f"/proc/{worker.fork_server}/task").iterdir())) == 1
    assert not set(facts["sockets"]) & sockets_of(worker.fork_server)
    assert not set(facts["sockets"]) & sockets_of(worker.process.pid)
    assert facts["session"] == facts["pid"]
    assert not facts["sigterm_ignored"]


def test_environment_and_folder_of_a_run(worker: Worker, pool: Pool) -> None:
    first, second = pool.submit("look"), pool.submit("look")
    facts = [pool.notes(pool.wait(run)["id"])[0] for run in (first, second)]
    for row in facts:
        assert row["block"] == f"local-file-system/{pool.name}-results"
        assert row["flag"] == "set"
        assert set(row["files"]) == {"trial_flows.py", "left-behind"}
    assert facts[0]["cwd"] != facts[1]["cwd"]
    wait_for(
        lambda: not any(Path(row["cwd"]).exists() for row in facts), 5, "the folders are removed"
    )


@pytest.mark.parametrize(
    ("flow", "sums", "least"),
    [
        ("worker-probe-tasks", [190, 190, 3, 1000], 20),
        ("worker-probe-processes", [1, 3], 2),
    ],
)
def test_fault_6_results_of_tasks_go_with_their_job(
    worker: Worker, pool: Pool, flow: str, sums: list[int], least: int
) -> None:
    """All but what a cache policy shares is in the job's folder; a job killed midway resumes."""
    variables = {"crash_retries": 1}
    run = pool.wait(pool.submit("kill_at_first", flow, job_variables=variables), timeout=120)
    assert run["state_type"] == "COMPLETED", run["state"]
    job_id = run["parameters"]["job_id"]
    assert pool.notes_of(f"{job_id}-sums")[-1]["sums"] == sums
    numbers = [row["number"] for row in pool.notes_of(f"{job_id}-tasks")]
    assert len(numbers) == len([*range(20), 3, 1000] if least > 2 else [*range(2), 3])
    results = pool.folder / "results"
    own = [path for path in (results / job_id).rglob("*") if path.is_file()]
    assert len(own) > least
    assert {path.parent.name for path in own} == {"task-results"}
    shared = {path for path in (results / SHARED).iterdir() if path.stat().st_size}
    assert shared
    everything = {path for path in results.rglob("*") if path.is_file()}
    others = {path for path in everything if path not in shared and path not in own}
    assert all(path.parent.name == "task-results" for path in others), others
    store = LocalStore("local-file-system/x", uuid4(), str(results), fsspec.filesystem("file"))
    store.delete_folder(job_id)  # as DELETE of the job does
    assert not any(path.exists() for path in own)
    assert all(path.exists() for path in shared)


def test_new_code_is_used_without_a_restart(worker: Worker, pool: Pool) -> None:
    fork_server = worker.fork_server
    pool.wait(pool.submit("ok"))
    pool.deploy("worker-probe", version="a" * 16)
    run = pool.wait(pool.submit("ok"))
    assert pool.notes(run["id"])[0]["version"] == "a" * 16
    assert worker.fork_server == fork_server


# -- Ends of all kinds ---------------------------------------------------------------------------


def test_a_flow_that_returns_something_else_fails(worker: Worker, pool: Pool) -> None:
    run = pool.wait(pool.submit("none"))
    assert run["state_type"] == "FAILED"
    assert run["state"]["message"] == (
        "Flow run encountered an exception: JobFailedError: The process returned an invalid "
        "result: None instead of an instance of JobStatusInfoInternal; report the job to the "
        "operator"
    )


@pytest.mark.parametrize(
    ("action", "said", "told"),
    [
        ("segv", "SIGSEGV", "The process was ended by signal SIGSEGV"),
        ("leave", "exit code 3", "The process exited with status 3"),
        ("vanish", "exit code 0", "The process exited with status 0"),
        ("kill", "SIGKILL", "The process was killed by the system, probably out of memory"),
    ],
)
def test_a_crash_is_reported(worker: Worker, pool: Pool, action: str, said: str, told: str) -> None:
    """Fault 10: the operator and the client are told how the process ended."""
    run = pool.wait(pool.submit(action))
    assert status_info(Run.from_json(run))["message"] == told
    assert run["state_type"] == "CRASHED"
    assert said in run["state"]["message"]
    assert len(pool.notes(run["id"])) == 1
    logged = wait_for(
        lambda: [line for line in worker.text().splitlines() if f"{run['name']}: Crashed" in line],
        10,
        "a line at the end",
    )
    assert "WARNING" in logged[0]
    assert said in logged[0]


def test_what_a_job_leaves_running_ends_with_it(worker: Worker, pool: Pool) -> None:
    neighbour = pool.submit("sleep")
    theirs = pool.wait_for_note(neighbour)["helper"]
    run = pool.wait(pool.submit("leave_behind"))
    assert run["state_type"] == "COMPLETED"
    helper = pool.notes(run["id"])[0]["helper"]
    wait_for(lambda: not is_alive(helper), 10, "the helper ends")
    assert is_alive(theirs)
    pool.cancel(neighbour)
    assert pool.wait(neighbour)["state_type"] == "CANCELLED"


@pytest.mark.parametrize("action", ["greedy", "share", "delegate"])
def test_the_memory_limit(worker: Worker, pool: Pool, action: str) -> None:
    """Fault 30: own and shared memory count, and what the job has started, in any session."""
    run = pool.wait(pool.submit(action, job_variables={"memory_limit_mb": 200}))
    assert run["state_type"] == "FAILED"
    assert status_info(Run.from_json(run))["message"] == (
        "The process exceeded its memory limit of 200 MiB"
    )
    (facts,) = pool.notes(run["id"])
    pids = [facts["pid"], *([facts["helper"]] if "helper" in facts else [])]
    wait_for(lambda: not any(map(is_alive, pids)), 5, "all that used the memory is ended")


@pytest.mark.parametrize("action", ["ok", "map_file"])
def test_fault_30_what_is_not_the_jobs_own_memory_does_not_count(
    worker: Worker, pool: Pool, action: str
) -> None:
    """Pages shared with the fork server or among the job's forks, and those of mapped files."""
    run = pool.wait(pool.submit(action, job_variables={"memory_limit_mb": 150}))
    assert run["state_type"] == "COMPLETED", run["state"]


def test_the_time_limit(worker: Worker, pool: Pool) -> None:
    run = pool.wait(pool.submit("sleep", job_variables={"timeout_seconds": 0.5}))
    assert (run["state_type"], run["state_name"]) == ("FAILED", "TimedOut")
    helper = pool.notes(run["id"])[0]["helper"]
    wait_for(lambda: not is_alive(helper), 3, "what the flow has started is ended, too")


def test_code_that_is_not_there(worker: Worker, pool: Pool) -> None:
    pool.deploy("worker-probe-async", version="b" * 16)
    (pool.folder / "code" / "worker-probe-async" / ("b" * 16) / "trial_flows.py").unlink()
    run = pool.wait(pool.submit("ok", "worker-probe-async"))
    pool.deploy("worker-probe-async")
    assert run["state_type"] == "FAILED"
    assert "code could not be loaded" in run["state"]["message"]


def test_a_wrong_job_variable(worker: Worker, pool: Pool) -> None:
    run = pool.wait(pool.submit("ok", job_variables={"memory_limit_mb": -1}))
    assert run["state_type"] == "CRASHED"
    assert "memory_limit_mb" in run["state"]["message"]


def test_a_run_whose_process_prefect_did_not_answer_is_begun_again(
    worker: Worker, pool: Pool
) -> None:
    """It never began, so that it is not lost: only its process meets a Prefect that is away."""
    port = free_port()  # nobody listens there yet
    env = {"env": {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}}
    run_id = pool.submit("ok", job_variables=env)
    wait_for(lambda: pool.states(run_id).count("Pending") >= 2, 60, worker.text)
    assert pool.run(run_id)["run_count"] == 0
    assert "Crashed" not in pool.states(run_id)
    assert "Prefect did not answer the process of the run" in worker.text()
    with gate(pool.api.base_url.port or 0, port):
        run = pool.wait(run_id, timeout=60)
        assert run["state_type"] == "COMPLETED"
        ended = f"{run['name']}: Completed after"
        wait_for(lambda: ended in worker.text(), 60, worker.text)  # its process needs Prefect still
    assert len(pool.notes(run_id)) == 1


@pytest.mark.parametrize("flow", ["worker-probe", "worker-probe-async"])
def test_a_run_that_prefect_knows_as_running_but_that_has_not_begun_is_begun_again(
    worker: Worker, pool: Pool, flow: str
) -> None:
    """Prefect has stored Running, and its answer is lost: the flow's own code has not begun."""
    with gate(pool.api.base_url.port or 0) as door:
        door.mode = MUTE
        url = f"http://127.0.0.1:{door.port}/api"
        env = {"env": {"PREFECT_API_URL": url, "PREFECT_CLIENT_MAX_RETRIES": "0"}}
        run_id = pool.submit("ok", flow, job_variables=env)
        wait_for(lambda: pool.states(run_id).count("Pending") >= 2, 150, worker.text)
        assert pool.run(run_id)["run_count"] >= 1
        door.mode = OPEN
        run = pool.wait(run_id, timeout=60)
        assert run["state_type"] == "COMPLETED", run["state"]
        ended = f"{run['name']}: Completed after"
        wait_for(lambda: ended in worker.text(), 60, worker.text)
    assert "Crashed" not in pool.states(run_id)
    assert len(pool.notes(run_id)) == 1


@pytest.mark.parametrize("flow", ["worker-probe", "worker-probe-async"])
def test_a_500_at_the_end_of_a_job_is_an_outage(worker: Worker, pool: Pool, flow: str) -> None:
    """Prefect answers 500 while its database is away: the job's process repeats what it reports."""
    with gate(pool.api.base_url.port or 0) as door:
        env = {"env": {"PREFECT_API_URL": f"http://127.0.0.1:{door.port}/api"}}
        run_id = pool.submit("linger", flow, job_variables=env)
        pool.wait_for_note(run_id)
        door.mode = "500"
        before = door.refused
        pool.let_go(run_id)
        wait_for(lambda: door.refused >= before + 2, 60, "the process asks again")
        assert pool.run(run_id)["state_type"] == "RUNNING"
        door.mode = OPEN
        run = pool.wait(run_id, timeout=60)
        assert run["state_type"] == "COMPLETED", run["state"]
        ended = f"{run['name']}: Completed after"
        wait_for(lambda: ended in worker.text(), 60, worker.text)
    assert len(pool.notes(run_id)) == 1


# -- Retries and concurrency ---------------------------------------------------------------------


def test_a_run_is_repeated_as_its_creator_wants(worker: Worker, pool: Pool) -> None:
    run = pool.wait(pool.submit("fail_at_first", empirical_policy={"retries": 1, "retry_delay": 0}))
    assert run["state_type"] == "COMPLETED"
    assert run["run_count"] == 2
    assert "AwaitingRetry" in pool.states(run["id"])
    assert len(pool.notes(run["id"])) == 2
    once = pool.wait(pool.submit("fail_at_first"))
    assert (once["state_type"], once["run_count"]) == ("FAILED", 1)


def test_fault_12_crash_retries_repeat_a_job_whose_process_died(worker: Worker, pool: Pool) -> None:
    once = {"crash_retries": 1}
    run = pool.wait(pool.submit("kill_at_first", job_variables=once))
    assert (run["state_type"], run["run_count"]) == ("COMPLETED", 2)
    spent = pool.wait(pool.submit("kill", job_variables=once))
    assert (spent["state_type"], spent["run_count"]) == ("CRASHED", 2)
    assert len(pool.notes(spent["id"])) == 2


def test_fault_12_crash_retries_do_not_repeat_a_job_that_failed(worker: Worker, pool: Pool) -> None:
    run = pool.wait(pool.submit("fail_at_first", job_variables={"crash_retries": 3}))
    assert (run["state_type"], run["run_count"]) == ("FAILED", 1)
    assert len(pool.notes(run["id"])) == 1


def test_fault_12_a_crash_uses_up_no_retry_after_an_exception(worker: Worker, pool: Pool) -> None:
    run = pool.wait(
        pool.submit(
            "kill_then_fail",
            job_variables={"crash_retries": 1},
            empirical_policy={"retries": 1, "retry_delay": 0},
        )
    )
    assert (run["state_type"], run["run_count"]) == ("COMPLETED", 3)


def test_a_deployments_concurrency_limit(worker: Worker, pool: Pool) -> None:
    pool.deploy("worker-probe", version="c" * 16, concurrency_limit=1)
    try:
        jobs = [pool.submit("span") for _ in range(3)]
        assert {pool.wait(job, timeout=60)["state_type"] for job in jobs} == {"COMPLETED"}
    finally:
        pool.deploy("worker-probe", version="d" * 16)
    spans = []
    for job in jobs:
        first, second = pool.notes(job)
        spans.append((first["began"], second["ended"]))
    spans.sort()
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_jobs_of_a_queue_of_a_higher_priority_go_first_and_let_others_in(
    stack: RunningStack, tmp_path: Path
) -> None:
    """All wait before the worker starts; the limit of those that go first leaves a slot free."""
    pool = Pool.make(stack.prefect, tmp_path / "pool")
    queue = {"name": "first", "priority": 1}
    stack.prefect.post(f"/work_pools/{pool.name}/queues", json=queue).raise_for_status()
    pool.deploy("worker-probe-again", queue="first", concurrency_limit=1)
    others = [pool.submit("span") for _ in range(2)]
    first = [pool.submit("span", "worker-probe-again") for _ in range(4)]
    worker = Worker(pool, stack.prefect_api_url, limit=2, queues=(QUEUE, "first"))
    try:
        for job in (*others, *first):
            assert pool.wait(job, timeout=120)["state_type"] == "COMPLETED", worker.text()
    finally:
        worker.stop(60)
    began = {job: pool.notes(job)[0]["began"] for job in (*others, *first)}
    order = sorted(began, key=lambda job: began[job])
    assert set(order[:2]) & set(first)  # two are claimed at once
    assert order[-1] in first


def test_the_stock_worker_runs_the_same_deployments(stack: RunningStack, tmp_path: Path) -> None:
    pool = Pool.make(stack.prefect, tmp_path / "pool")
    env = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_WORKER_PREFETCH_SECONDS": "0"}
    worker = Worker(pool, stack.prefect_api_url, env=env, type_="process")
    jobs = [pool.submit("ok"), pool.submit("ok", "worker-probe-again")]
    try:
        for job in jobs:
            run = pool.wait(job, timeout=120)
            assert run["state_type"] == "COMPLETED", worker.text()
            assert run["state"]["data"]["serializer"]["type"] == "json"
            assert len(pool.notes(job)) == 1
    finally:
        worker.stop(60)


# -- Cancellation --------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["sleep", "escape", "spin", "stubborn"])
def test_a_running_job_is_cancelled(worker: Worker, pool: Pool, action: str) -> None:
    run_id = pool.submit(action)
    facts = pool.wait_for_note(run_id)
    pids = [facts["pid"], *([facts["helper"]] if "helper" in facts else [])]
    pool.cancel(run_id)
    taken = seconds_until(
        lambda: not any(is_alive(pid) for pid in pids), CANCEL_SECONDS, "its processes end"
    )
    assert taken < CANCEL_SECONDS
    run = pool.wait(run_id, timeout=CANCEL_SECONDS)
    assert run["state_type"] == "CANCELLED"
    assert pool.states(run_id)[3] == "Cancelling"


def test_a_job_that_has_just_been_taken_is_cancelled(worker: Worker, pool: Pool) -> None:
    run_id = pool.submit("sleep")
    pool.wait(run_id, "PENDING", "RUNNING")
    pool.cancel(run_id)
    assert pool.wait(run_id, timeout=CANCEL_SECONDS)["state_type"] == "CANCELLED"


def test_a_job_that_waits_for_a_slot_is_cancelled(worker: Worker, pool: Pool) -> None:
    busy = [pool.submit("sleep") for _ in range(4)]
    for run_id in busy:
        pool.wait_for_note(run_id)
    waiting = pool.submit("ok")
    pool.cancel(waiting)
    for run_id in busy:
        pool.cancel(run_id)
    for run_id in (waiting, *busy):
        assert pool.wait(run_id)["state_type"] == "CANCELLED"
    assert pool.notes(waiting) == []


def test_a_deleted_run_is_ended(worker: Worker, pool: Pool) -> None:
    run_id = pool.submit("sleep")
    pid = pool.wait_for_note(run_id)["pid"]
    pool.api.delete(f"/flow_runs/{run_id}").raise_for_status()
    wait_for(lambda: not is_alive(pid), 15, "the slow poll notices")


# -- Hooks ---------------------------------------------------------------------------------------


def hooks_of(pool: Pool, run: dict[str, Any]) -> list[str]:
    """The states that hooks of a run were run for."""
    return [row["state"] for row in pool.notes_of(f"{run['parameters']['job_id']}-hooks")]


@pytest.mark.parametrize("action", ["block", "sleep", "stubborn"])
def test_fault_11_hooks_run_when_a_job_is_cancelled(
    worker: Worker, pool: Pool, action: str
) -> None:
    """Also where the flow is in a blocking call; each once; one that fails keeps none from it."""
    run_id = pool.submit(action, "worker-probe-hooks")
    pool.wait_for_note(run_id)
    pool.cancel(run_id)
    run = pool.wait(run_id)
    assert run["state_type"] == "CANCELLED"
    ended = f"{run['name']}: "
    wait_for(lambda: worker.text().count(ended) >= 2, 60, "the worker is done with it")
    hooks = hooks_of(pool, run)
    assert len(hooks) == 2
    # The engine may have confirmed the cancellation itself before the process was gone.
    assert set(hooks) <= {"Cancelling", "Cancelled"}


@pytest.mark.parametrize(
    ("action", "state", "variables"),
    [
        ("kill", "Crashed", {}),
        ("segv", "Crashed", {}),
        ("greedy", "Failed", {"memory_limit_mb": 150}),
        ("block", "TimedOut", {"timeout_seconds": 1}),
        ("sleep", "TimedOut", {"timeout_seconds": 1}),
    ],
)
def test_fault_11_hooks_run_when_the_process_was_ended(
    worker: Worker, pool: Pool, action: str, state: str, variables: dict[str, Any]
) -> None:
    run = pool.wait(pool.submit(action, "worker-probe-hooks", job_variables=variables))
    assert run["state_name"] == state
    wait_for(lambda: hooks_of(pool, run), 15, "its hooks have run")
    ended = f"{run['name']}: "
    wait_for(lambda: worker.text().count(ended) >= 2, 15, "the worker is done with it")
    assert hooks_of(pool, run) == [state]


def test_fault_11_hooks_do_not_run_for_a_job_that_is_repeated(worker: Worker, pool: Pool) -> None:
    run = pool.wait(
        pool.submit("kill_at_first", "worker-probe-hooks", job_variables={"crash_retries": 1})
    )
    assert run["state_type"] == "COMPLETED"
    assert hooks_of(pool, run) == []


# -- The worker's own end ------------------------------------------------------------------------


def test_a_fork_server_that_dies_is_replaced(worker: Worker, pool: Pool) -> None:
    run_id = pool.submit("escape")
    facts = pool.wait_for_note(run_id)
    fork_server = worker.fork_server
    os.kill(fork_server, signal.SIGKILL)
    run = pool.wait(run_id)
    assert run["state_type"] == "CRASHED"
    assert "fork server" in run["state"]["message"]
    assert status_info(Run.from_json(run))["message"] == (
        "The server lost the job; it may be sent again"
    )
    wait_for(lambda: not any(map(is_alive, (facts["pid"], facts["helper"]))), 5, "all is ended")
    # A busy machine takes half a minute to start another fork server.
    assert pool.wait(pool.submit("ok"), timeout=120)["state_type"] == "COMPLETED"


def test_fault_35_a_job_that_kills_its_fork_server_ends_no_other_job(
    worker: Worker, pool: Pool
) -> None:
    neighbours = [
        pool.submit("sleep_at_first", job_variables={"crash_retries": 1}),
        pool.submit("sleep_at_first", "worker-probe-again"),
    ]
    for run_id in neighbours:
        pool.wait_for_note(run_id)
    culprit = pool.submit("kill_parent")
    assert pool.wait(culprit)["state_type"] == "CRASHED"
    for run_id in neighbours:
        run = pool.wait(run_id, timeout=120)
        assert (run["state_type"], run["run_count"]) == ("COMPLETED", 2)
    assert len(pool.notes(culprit)) == 1


def test_a_worker_restarted_while_jobs_run_and_wait(stack: RunningStack, tmp_path: Path) -> None:
    pool = Pool.make(stack.prefect, tmp_path / "pool")
    env = {"PYGEOAPI_WORKER_GRACE_SECONDS": "2.5"}
    worker = Worker(pool, stack.prefect_api_url, env=env).wait_until_ready()
    assert [name.startswith(worker.name) for name in pool.workers()] == [True]
    short, long = pool.submit("nap"), pool.submit("sleep")
    again = pool.submit("sleep_at_first", "worker-probe-again")
    pids = [pool.wait_for_note(run_id)["pid"] for run_id in (short, long, again)]
    worker.process.send_signal(signal.SIGTERM)
    late = pool.submit("ok")
    assert worker.process.wait(15) == 0, worker.text()
    assert pool.run(short)["state_type"] == "COMPLETED"
    assert pool.run(long)["state_type"] == "CRASHED"
    assert "shut down" in pool.run(long)["state"]["message"]
    assert pool.run(again)["state_type"] == "SCHEDULED"
    assert pool.run(late)["state_type"] == "SCHEDULED"
    assert not any(is_alive(pid) for pid in pids)
    assert pool.workers() == []
    assert list(worker.scratch.iterdir()) == []
    successor = Worker(pool, stack.prefect_api_url).wait_until_ready()
    assert {pool.wait(run_id)["state_type"] for run_id in (late, again)} == {"COMPLETED"}
    assert len(pool.notes(again)) == 2
    assert successor.stop() == 0


def test_two_workers_of_which_one_is_killed(stack: RunningStack, tmp_path: Path) -> None:
    pool = Pool.make(stack.prefect, tmp_path / "pool")
    quick = {"PREFECT_WORKER_HEARTBEAT_SECONDS": "1"}
    first = Worker(pool, stack.prefect_api_url, env=quick).wait_until_ready()
    doomed = pool.submit("sleep")
    repeated = pool.submit("sleep_at_first", "worker-probe-again")
    facts = pool.wait_for_note(doomed)
    pool.wait_for_note(repeated)
    second = Worker(pool, stack.prefect_api_url, env=quick).wait_until_ready()
    jobs = [pool.submit("ok") for _ in range(20)]
    first.kill()
    jobs += [pool.submit("ok") for _ in range(20)]
    ended: list[dict[str, Any]] = [pool.wait(run_id, timeout=60) for run_id in jobs]
    lost = [run for run in ended if run["state_type"] != "COMPLETED"]
    assert all(run["state_type"] == "CRASHED" for run in lost)
    assert len(lost) <= 4, [run["state"] for run in lost]
    assert all(len(pool.notes(run["id"])) == 1 for run in ended if run not in lost)
    assert all(len(pool.notes(run["id"])) <= 1 for run in lost)
    run = pool.wait(doomed)
    assert run["state_type"] == "CRASHED"
    assert "has died" in run["state"]["message"]
    assert not any(map(is_alive, (facts["pid"], facts["helper"])))
    assert pool.wait(repeated)["state_type"] == "COMPLETED"
    assert len(pool.notes(repeated)) == 2
    assert second.stop() == 0
    assert pool.workers() == []


@pytest.mark.parametrize("flow", ["worker-probe", "worker-probe-async"])
def test_16429_a_lost_run_stays_lost(stack: RunningStack, tmp_path: Path, flow: str) -> None:
    """A worker stands still; its jobs live on, and one of them ends after it was reported lost."""
    pool = Pool.make(stack.prefect, tmp_path / "pool")
    quick = {"PREFECT_WORKER_HEARTBEAT_SECONDS": "1"}
    first = Worker(pool, stack.prefect_api_url, env=quick).wait_until_ready()
    second = None
    jobs = [pool.submit("linger", flow) for _ in range(2)]
    pids = [pool.wait_for_note(run_id)["pid"] for run_id in jobs]
    try:
        first.process.send_signal(signal.SIGSTOP)
        second = Worker(pool, stack.prefect_api_url, env=quick).wait_until_ready()
        for run_id in jobs:
            assert pool.wait(run_id, timeout=60)["state_type"] == "CRASHED"
        assert all(is_alive(pid) for pid in pids)
        pool.let_go(jobs[0])
        wait_for(lambda: "already" in logged(pool, jobs[0]), 60, "the process sees that it is late")
    finally:
        first.process.send_signal(signal.SIGCONT)
    wait_for(lambda: not any(is_alive(pid) for pid in pids), 60, "the other is ended, too")
    for run_id in jobs:
        assert pool.states(run_id)[-1] == "Crashed"
        run = Run.from_json(pool.run(run_id))
        assert status_info(run)["message"] == "The server lost the job; it may be sent again"
        assert len(pool.notes(run_id)) == 1
    assert first.stop() == 0
    assert second.stop() == 0


def logged(pool: Pool, run_id: str) -> str:
    return "\n".join(row["message"] for row in pool.log(run_id))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_300_jobs_of_8_clients_on_two_workers_of_which_one_is_killed(
    stack: RunningStack, tmp_path: Path
) -> None:
    pool = Pool.make(stack.prefect, tmp_path / "pool")
    quick = {"PREFECT_WORKER_HEARTBEAT_SECONDS": "5"}
    first, second = (Worker(pool, stack.prefect_api_url, env=quick) for _ in range(2))
    try:
        ended = three_hundred(pool, first, second)
        assert second.stop() == 0
    finally:
        for worker in (first, second):
            worker.process.kill()
    lost = [run for run in ended if run["state_type"] != "COMPLETED"]
    assert all(run["state_type"] == "CRASHED" for run in lost), [run["state"] for run in lost]
    assert len(lost) <= 4, "no more than the killed worker had at a time"
    once = pool.deployments["worker-probe"]
    assert all(run["deployment_id"] == once for run in lost)
    for run in ended:
        starts = len(pool.notes(run["id"]))
        assert starts <= 1 or run["deployment_id"] != once, run["id"]
        assert starts >= 1 or run in lost


def three_hundred(pool: Pool, doomed: Worker, other: Worker) -> list[dict[str, Any]]:
    """The ended runs of 300 jobs, of which every third may be repeated; one worker is killed."""
    for worker in (doomed, other):
        worker.wait_until_ready()
    flows = ["worker-probe-again" if number % 3 == 0 else "worker-probe" for number in range(300)]
    with ThreadPoolExecutor(8) as clients:
        jobs = list(clients.map(lambda flow: pool.submit("ok", flow), flows[:150]))
        wait_for(lambda: len(list((pool.folder / "notes").iterdir())) > 30, 60, "jobs were started")
        doomed.kill()
        jobs += list(clients.map(lambda flow: pool.submit("ok", flow), flows[150:]))
        ended = list(clients.map(lambda job: pool.wait(job, timeout=240), jobs))
    assert len({run["id"] for run in ended}) == 300
    return ended

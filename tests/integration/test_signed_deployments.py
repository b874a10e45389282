"""A worker with a key runs what the deploying command has signed, and nothing else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pygeoapi_prefect.engine.signatures import SIGNATURE
from support import credentials, web
from support.stack import RunningStack
from support.workers import ENTRYPOINTS, Pool, Worker

KEY, WRONG = "a" * 43, "b" * 43
FLOW = "worker-probe"


@pytest.fixture(scope="module")
def pool(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool.make(stack.prefect, tmp_path_factory.mktemp("pool"))


@pytest.fixture(scope="module")
def worker(stack: RunningStack, pool: Pool) -> Iterator[Worker]:
    own = {credentials.KEY_VARIABLE: KEY}
    worker = Worker(pool, stack.prefect_api_url, env=own).wait_until_ready()
    yield worker
    worker.stop()


def version_of(number: int) -> str:
    """Each case has a version of its own: a worker keeps plans and code by it."""
    return f"{number:016x}"


def patch(pool: Pool, **changes: Any) -> None:
    """Change a deployment as somebody who reaches Prefect may."""
    path = f"/deployments/{pool.deployments[FLOW]}"
    pool.api.patch(path, json=changes).raise_for_status()


def assert_refused(pool: Pool, worker: Worker, run: dict[str, Any], why: str) -> None:
    """The run has ended without a process, and both logs say why."""
    assert run["state_type"] == "CRASHED", run["state"]
    assert run["state"]["message"] == f"The worker refuses the run: {why}"
    assert pool.notes(run["id"]) == []
    assert f"{run['name']}: refused: {why}" in worker.text()
    assert KEY not in worker.text()


def test_a_signed_deployment_is_run(pool: Pool, worker: Worker) -> None:
    pool.deploy(FLOW, version_of(1), key=KEY, memory_limit_mb=500, timeout_seconds=60.0)
    for _ in range(2):  # the second from what the worker keeps
        run_id = pool.submit("ok")
        assert pool.wait(run_id)["state_type"] == "COMPLETED", worker.text()
        assert len(pool.notes(run_id)) == 1


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "the deployment is not signed"),
        (WRONG, "the signature of the deployment is wrong"),
    ],
)
def test_another_deployment_is_refused(pool: Pool, worker: Worker, key: str, why: str) -> None:
    pool.deploy(FLOW, version_of(2 + len(key)), key=key)
    assert_refused(pool, worker, pool.wait(pool.submit("ok")), why)


def test_pull_steps_are_refused(pool: Pool, worker: Worker, tmp_path: Path) -> None:
    """The way to a shell on a stock worker."""
    owned = tmp_path / "owned"
    step = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {owned}"}}
    pool.deploy(FLOW, version_of(3), key=KEY)
    patch(pool, pull_steps=[step])
    run = pool.wait(pool.submit("ok"))
    assert_refused(pool, worker, run, "the deployment has pull steps")
    patch(pool, pull_steps=[])
    assert not owned.exists()


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        (4, {"entrypoint": f"trial_flows.py:{ENTRYPOINTS['worker-probe-tasks']}"}),
        (5, {"path": "worker-probe-tasks/0000000000000000"}),
        (6, {"job_variables": {"env": {"PYTHONPATH": "/tmp"}}}),
    ],
)
def test_a_changed_deployment_is_refused(
    pool: Pool, worker: Worker, number: int, changes: dict[str, Any]
) -> None:
    pool.deploy(FLOW, version_of(number), key=KEY)
    path = f"/deployments/{pool.deployments[FLOW]}"
    made = pool.api.get(path).raise_for_status().json()
    if variables := changes.get("job_variables"):
        mark = made["job_variables"][SIGNATURE]
        changes = {"job_variables": {**variables, SIGNATURE: mark}}
    patch(pool, **changes)
    run = pool.wait(pool.submit("ok"))
    assert_refused(pool, worker, run, "the signature of the deployment is wrong")


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"env": {"LD_PRELOAD": "/tmp/evil.so"}}, "LD_PRELOAD"),
        ({"command": "touch /tmp/evil"}, "command"),
        ({"working_dir": "/"}, "working_dir"),
        ({"memory_limit_mb": 1 << 20}, "memory_limit_mb"),
    ],
)
def test_a_run_with_job_variables_of_its_own_is_refused(
    pool: Pool, worker: Worker, variables: dict[str, Any], named: str
) -> None:
    pool.deploy(FLOW, version_of(7), key=KEY, memory_limit_mb=500)
    run = pool.wait(pool.submit("ok", job_variables=variables))
    assert_refused(pool, worker, run, f"the run has a job variable of its own: {named}")
    same = pool.wait(pool.submit("ok", job_variables={"memory_limit_mb": 500}))
    assert same["state_type"] == "COMPLETED"


def test_other_code_in_the_store_is_not_run(pool: Pool, worker: Worker) -> None:
    pool.deploy(FLOW, version_of(8), key=KEY)
    folder = pool.folder / "code" / FLOW / version_of(8)
    (folder / "json.py").write_text("raise SystemExit('owned')\n")  # the flow imports that name
    run = pool.wait(pool.submit("ok"))
    assert run["state_type"] in ("FAILED", "CRASHED")
    assert "not the code that was signed" in f"{run['state']}{pool.log(run['id'])}{worker.text()}"
    assert pool.notes(run["id"]) == []
    (folder / "json.py").unlink()
    assert pool.wait(pool.submit("ok"))["state_type"] == "COMPLETED"


def test_a_block_that_leads_elsewhere_brings_no_other_code(pool: Pool, worker: Worker) -> None:
    pool.deploy(FLOW, version_of(9), key=KEY)
    elsewhere = pool.folder / "elsewhere" / FLOW / version_of(9)
    elsewhere.mkdir(parents=True)
    text = (pool.folder / "code" / FLOW / version_of(9) / "trial_flows.py").read_text()
    (elsewhere / "trial_flows.py").write_text(f"{text}\n# evil\n")
    path = f"/block_documents/{pool.blocks['code']}"
    data = {"data": {"basepath": str(pool.folder / "elsewhere")}, "merge_existing_data": True}
    pool.api.patch(path, json=data).raise_for_status()
    try:
        run = pool.wait(pool.submit("ok"))
        assert run["state_type"] in ("FAILED", "CRASHED")
        assert pool.notes(run["id"]) == []
    finally:
        back = {"data": {"basepath": str(pool.folder / "code")}, "merge_existing_data": True}
        pool.api.patch(path, json=back).raise_for_status()


def test_a_pool_s_template_changes_nothing(pool: Pool, worker: Worker) -> None:
    """Nobody signs it: an environment in it would reach every job."""
    path = f"/work_pools/{pool.name}"
    template = pool.api.get(path).raise_for_status().json()["base_job_template"]
    evil = {**template["job_configuration"], "env": {"PYTHONPATH": "/nowhere"}}
    changed = {**template, "job_configuration": evil}
    pool.api.patch(path, json={"base_job_template": changed}).raise_for_status()
    try:
        pool.deploy(FLOW, version_of(10), key=KEY)
        run_id = pool.submit("look")
        assert pool.wait(run_id)["state_type"] == "COMPLETED"
        assert pool.notes(run_id)[0]["flag"] == "set"  # by the deployment's own environment
    finally:
        pool.api.patch(path, json={"base_job_template": template}).raise_for_status()


def test_jobs_do_not_inherit_the_key(worker: Worker) -> None:
    forked = psutil.Process(worker.fork_server)
    assert KEY not in forked.environ().values()


def test_a_worker_without_a_key_says_that_it_runs_all(stack: RunningStack, tmp_path: Path) -> None:
    pool = Pool.make(stack.prefect, tmp_path / "pool")
    worker = Worker(pool, stack.prefect_api_url).wait_until_ready()
    try:
        assert "PYGEOAPI_DEPLOYMENT_KEY is not set" in worker.text()
        assert pool.wait(pool.submit("ok"))["state_type"] == "COMPLETED"
    finally:
        worker.stop()


def test_the_stock_worker_runs_the_same_deployments(stack: RunningStack, tmp_path: Path) -> None:
    """Without this protection: it ignores the signature."""
    pool = Pool.make(stack.prefect, tmp_path / "pool")
    pool.deploy(FLOW, version_of(11), key=WRONG)
    own = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_WORKER_PREFETCH_SECONDS": "0"}
    worker = Worker(pool, stack.prefect_api_url, env=own, type_="process")
    try:
        assert pool.wait(pool.submit("ok"), timeout=120)["state_type"] == "COMPLETED", worker.text()
    finally:
        worker.stop(60)


# -- The stack's own deployments -----------------------------------------------------------------


def deploy(stack: RunningStack, **own: str) -> "subprocess.CompletedProcess[str]":
    line = ["plugins", "prefect", "deploy-process", "simple-flow", "-c", str(stack.config)]
    return subprocess.run(
        [Path(sys.executable).with_name("pygeoapi"), *line],
        env=web.environment(stack.prefect_api_url) | {"PYGEOAPI_URL": stack.url} | own,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def variables(stack: RunningStack) -> Any:
    """The job variables of a deployment, its signature among them."""
    found = stack.prefect.get("/deployments/name/simple-flow/pygeoapi").raise_for_status()
    return found.json()["job_variables"]


def test_all_deployments_of_the_stack_are_signed(stack: RunningStack) -> None:
    ours = {"work_pools": {"name": {"any_": ["pygeoapi"]}}}
    rows = stack.prefect.post("/deployments/filter", json=ours).raise_for_status().json()
    deployed = [row for row in rows if row["entrypoint"]]  # others are made by tests, for no worker
    assert len(deployed) > 3
    assert all(SIGNATURE in row["job_variables"] for row in deployed)
    assert stack.log("worker").count("PYGEOAPI_DEPLOYMENT_KEY is not set") == 0


def test_deploying_without_the_key_changes_nothing(stack: RunningStack) -> None:
    before = variables(stack)
    done = deploy(stack, **{credentials.KEY_VARIABLE: ""})
    assert done.returncode == 1
    assert "is signed: set PYGEOAPI_DEPLOYMENT_KEY" in done.stderr
    assert variables(stack) == before
    short = deploy(stack, **{credentials.KEY_VARIABLE: "short"})
    assert short.returncode == 1
    assert "PYGEOAPI_DEPLOYMENT_KEY" in short.stderr
    assert deploy(stack).returncode == 0
    assert variables(stack) == before
    assert os.environ[credentials.KEY_VARIABLE] == credentials.key_of(stack.state)

"""Nothing is lost when containers are replaced, secrets rotated or workers added.

The slow ones: ``scripts/test-stack -m slow tests/stack/test_upgrades.py``.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.compose import ComposeStack
from support.polling import wait_for

LOGGER = logging.getLogger(__name__)
SLOTS = 4
LONG = 60
SECRETS = (
    *("POSTGRES_PASSWORD", "MINIO_ROOT_PASSWORD", "S3_SECRET_KEY"),
    *("PREFECT_AUTH_STRING", "PYGEOAPI_DEPLOYMENT_KEY", "PREFECT_ENCRYPTION_KEY"),
)


def submit(stack: ComposeStack, pause: int, count: int) -> list[str]:
    return [stack.submit("echo", {"echo": str(n), "pause": pause}) for n in range(count)]


def statuses(stack: ComposeStack, job_ids: list[str]) -> list[str]:
    return [stack.job(job_id)["status"] for job_id in job_ids]


def wait_until_running(stack: ComposeStack, job_ids: list[str]) -> None:
    wait_for(
        lambda: statuses(stack, job_ids) == ["running"] * len(job_ids),
        120,
        lambda: str(statuses(stack, job_ids)),
    )


def starts(stack: ComposeStack, job_ids: list[str]) -> list[int]:
    """How often the run of each job has begun."""
    names = [f"pygeoapi_job_{job_id}" for job_id in job_ids]
    wanted = {"flow_runs": {"name": {"any_": names}}}
    runs = stack.prefect.post("/flow_runs/filter", json=wanted).json()
    return [run["run_count"] for run in runs]


@contextmanager
def none_lost(stack: ComposeStack, pause: int = LONG, waiting: int = 2) -> Iterator[None]:
    """Jobs run and wait meanwhile; each succeeds, and is run once."""
    running = submit(stack, pause, SLOTS)
    wait_until_running(stack, running)
    queued = submit(stack, 1, waiting)
    began = time.monotonic()
    yield
    LOGGER.warning("took %.0f s", time.monotonic() - began)
    job_ids = running + queued
    jobs = stack.wait_for_jobs(*job_ids)
    assert [job["status"] for job in jobs] == ["successful"] * len(job_ids), jobs
    assert starts(stack, job_ids) == [1] * len(job_ids)
    for job_id in job_ids:
        assert stack.client.get(f"/jobs/{job_id}/results").status_code == 200


def is_paused(stack: ComposeStack) -> bool:
    return bool(stack.prefect.get("/work_pools/pygeoapi").json()["is_paused"])


def test_all_containers_replaced_while_jobs_run(stack: ComposeStack) -> None:
    before = {container["Id"] for container in stack.containers()}
    with none_lost(stack):
        stack.up("--force-recreate")
    assert before.isdisjoint(container["Id"] for container in stack.containers())
    assert not is_paused(stack)


def test_drained_and_resumed(stack: ComposeStack) -> None:
    running = submit(stack, 20, 2)
    wait_until_running(stack, running)
    left = stack.run("scripts/drain", "3", check=False)
    assert "2 running: " in left
    assert all(f"pygeoapi_job_{job_id}" in left for job_id in running)
    assert "Jobs are left" in left
    waiting = stack.submit("simple-flow", {"name": "waiting"})
    said = stack.run("scripts/drain")
    assert "Nothing runs any more" in said
    assert statuses(stack, [*running, waiting]) == ["successful", "successful", "accepted"]
    ready = stack.client.get("/readyz")
    assert ready.status_code == 200
    assert "is paused" in ready.text
    stack.run("scripts/resume")
    stack.wait_for_jobs(waiting)
    assert stack.prefect.get("/work_pools/pygeoapi").json()["description"] is None


def test_a_drained_stack_is_resumed_by_up(stack: ComposeStack) -> None:
    stack.run("scripts/drain")
    assert is_paused(stack)
    stack.up()
    wait_for(lambda: not is_paused(stack), 10, "it stays paused")


def test_no_volume_is_without_a_name(stack: ComposeStack) -> None:
    mounts = [mount for container in stack.containers() for mount in container["Mounts"]]
    names = {mount["Name"] for mount in mounts if mount["Type"] == "volume"}
    assert names == {
        f"{stack.project}_{name}" for name in ("postgres", "minio", "scratch", "access")
    }


@pytest.mark.slow
def test_upgraded_while_jobs_run(stack: ComposeStack, tmp_path: Path) -> None:
    with (stack.folder / "flows" / "requirements.txt").open("a") as file:
        file.write("# another image\n")
    image = stack.container("pygeoapi")["Image"]
    with none_lost(stack):
        stack.run("scripts/upgrade", str(tmp_path / "backup"), timeout=1200)
    assert stack.container("pygeoapi")["Image"] != image
    assert (tmp_path / "backup" / "database").stat().st_size > 0


@pytest.mark.slow
def test_an_upgrade_that_may_not_wait_changes_nothing(stack: ComposeStack, tmp_path: Path) -> None:
    before = {container["Id"] for container in stack.containers()}
    with none_lost(stack, pause=40):
        said = stack.run("scripts/upgrade", str(tmp_path / "backup"), "2", check=False, timeout=900)
    assert "Nothing was replaced." in said
    assert before == {container["Id"] for container in stack.containers()}


@pytest.mark.slow
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_rotated_while_jobs_run(stack: ComposeStack, name: str) -> None:
    old = {secret: stack.secret(secret) for secret in SECRETS}
    with none_lost(stack):
        said = stack.run("scripts/rotate", name)
        stack.use_secret()  # it asks Prefect from now on
    assert f"{name} has a new value." in said
    assert {secret for secret in SECRETS if stack.secret(secret) != old[secret]} == {name}
    assert not any(value in said for value in (*old.values(), stack.secret(name)))
    environment = [str(container["Config"]["Env"]) for container in stack.containers()]
    assert not any(old[name] in variables for variables in environment)
    assert any(stack.secret(name) in variables for variables in environment)


def test_a_secret_that_is_none_is_rejected(stack: ComposeStack) -> None:
    before = (stack.folder / ".env").read_text()
    said = stack.run("scripts/rotate", "WEB_THREADS", check=False)
    assert "WEB_THREADS is no secret of this stack" in said
    assert (stack.folder / ".env").read_text() == before


@pytest.mark.slow
def test_a_database_password_changed_by_hand(stack: ComposeStack) -> None:
    stack.set(POSTGRES_PASSWORD="it's another")
    stack.up()
    stack.wait_for_jobs(stack.submit("simple-flow", {"name": "after"}))


@pytest.mark.slow
def test_an_encryption_key_changed_by_hand_is_named(stack: ComposeStack) -> None:
    old = stack.secret("PREFECT_ENCRYPTION_KEY")
    stack.set(PREFECT_ENCRYPTION_KEY="A" * 43 + "=")
    try:
        with pytest.raises(AssertionError):
            stack.up()
        assert "PREFECT_ENCRYPTION_KEY" in stack.compose("logs", "bootstrap")
    finally:
        stack.set(PREFECT_ENCRYPTION_KEY=old)
        stack.up()
    stack.wait_for_jobs(stack.submit("simple-flow", {"name": "after"}))


@pytest.mark.slow
def test_the_number_of_workers_is_a_setting(stack: ComposeStack) -> None:
    stack.set(WORKERS="3")
    try:
        stack.up()
        assert len(stack.containers("worker")) == 3
        stack.up()  # and stays
        assert len(stack.containers("worker")) == 3
        listed = stack.compose("exec", "-T", "worker", "ls", "/scratch").split()
        assert len(listed) == 3
    finally:
        stack.set(WORKERS="1")
        stack.up()
    assert len(stack.containers("worker")) == 1

"""Backup, restore into another project, and another store by .env alone."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

from support.compose import IMAGES, ComposeStack
from support.polling import wait_for
from support.stack import free_port

KEY, SECRET = "external", "external-secret"


@contextlib.contextmanager
def another(folder: Path, **settings: str) -> Iterator[ComposeStack]:
    """A second project from the same images."""
    compose = ComposeStack(folder, **settings)
    try:
        yield compose
    except BaseException:
        print(compose.report())  # noqa: T201 - pytest shows it beside the failure
        raise
    finally:
        compose.down()


def test_backup_and_restore_into_another_project(stack: ComposeStack, tmp_path: Path) -> None:
    job_id = stack.submit("simple-flow", {"name": "Bea"})
    stack.wait_for_jobs(job_id)
    backup = tmp_path / "backup"
    stack.compose("stop", "worker")
    waiting = stack.submit("simple-flow", {"name": "W" * 20_000})  # its request is in the store
    stack.run("scripts/backup", str(backup))
    stack.compose("start", "worker")
    assert {file.stat().st_mode & 0o077 for file in backup.iterdir()} == {0}
    assert "exists" in stack.run("scripts/backup", str(backup), check=False)
    with another(tmp_path / "other") as other:
        other.run("scripts/restore", str(backup))
        assert other.job(job_id)["status"] == "successful"
        assert "Hello Bea!" in other.client.get(f"/jobs/{job_id}/results").text
        assert [job["status"] for job in other.wait_for_jobs(waiting)] == ["successful"]
        other.wait_for_jobs(other.submit("simple-flow", {"name": "new"}))
        assert other.secret("PREFECT_ENCRYPTION_KEY") == stack.secret("PREFECT_ENCRYPTION_KEY")


@contextlib.contextmanager
def another_store() -> Iterator[str]:
    """A MinIO that belongs to no project, on an address of the host; its URL."""
    import subprocess

    name, port = f"store-{uuid.uuid4().hex[:8]}", free_port()
    gateway = subprocess.run(
        ["docker", "network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    line = ["docker", "run", "--detach", "--rm", "--name", name, "-p", f"{gateway}:{port}:9000"]
    line += ["-e", f"MINIO_ROOT_USER={KEY}", "-e", f"MINIO_ROOT_PASSWORD={SECRET}"]
    subprocess.run([*line, f"{IMAGES}-minio:local"], check=True, capture_output=True)
    try:
        health = ["docker", "exec", name, "/usr/bin/health"]
        wait_for(lambda: subprocess.run(health, check=False).returncode == 0, 60, "another store")
        yield f"http://{gateway}:{port}"
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], check=True)


def test_another_store_by_settings_alone(stack: ComposeStack, tmp_path: Path) -> None:
    with (
        another_store() as url,
        another(
            tmp_path / "other",
            COMPOSE_PROFILES="postgres",
            S3_ENDPOINT=url,
            S3_ACCESS_KEY=KEY,
            S3_SECRET_KEY=SECRET,
            RESULT_BUCKET="elsewhere",
        ) as other,
    ):
        other.up()
        assert "minio" not in other.compose("ps", "--services").split()
        job_id = other.submit("simple-flow", {"name": "Kim"})
        other.wait_for_jobs(job_id)
        assert "Hello Kim!" in other.client.get(f"/jobs/{job_id}/results").text
        assert any(name.startswith(job_id) for name in other.objects("elsewhere"))

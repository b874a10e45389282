"""A Compose stack of its own, from a copy of the repository, as an operator would run it."""

import json
import shutil
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from pygeoapi_prefect.embedded.credentials import basic
from support.polling import wait_for
from support.stack import REPOSITORY, environment, free_port

ADDED = REPOSITORY / "tests" / "stack" / "added"
REQUIREMENT = "inflection==0.5.1\n"
IMAGES = "pygeoapi-prefect-test"
LONG_RUNNING = ("postgres", "minio", "prefect-server", "worker", "pygeoapi")
TERMINAL = ("successful", "failed", "dismissed")
LIST_OBJECTS = """
import json
from pygeoapi_prefect.bootstrap.stores import Endpoint
found = Endpoint.from_env().client().list_objects({bucket!r}, recursive=True)
print(json.dumps({{item.object_name: item.size for item in found}}))
"""
BUILD_SECONDS, START_SECONDS, JOB_SECONDS = 2400, 600, 300


@dataclass
class Door:
    """What can be seen of any stack from outside.

    Attributes:
        url: Address of pygeoapi.
        prefect_api_url: Address of Prefect's API.
        auth_string: Secret of Prefect's API.
    """

    url: str
    prefect_api_url: str
    auth_string: str
    client: httpx.Client = field(init=False)
    prefect: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, timeout=120, trust_env=False)
        self.prefect = httpx.Client(
            base_url=self.prefect_api_url,
            auth=basic(self.auth_string),
            timeout=60,
            trust_env=False,
        )

    def execute(
        self, process: str, inputs: dict[str, Any], prefer: str = "", **more: Any
    ) -> httpx.Response:
        """POST an execute request."""
        return self.client.post(
            f"/processes/{process}/execution",
            json={"inputs": inputs, **more},
            headers={"Prefer": prefer} if prefer else {},
        )

    def submit(self, process: str, inputs: dict[str, Any]) -> str:
        """Execute a process asynchronously; the id of its job."""
        reply = self.execute(process, inputs, "respond-async")
        assert reply.status_code == 201, reply.text
        return str(reply.json()["jobID"])

    def job(self, job_id: str) -> dict[str, Any]:
        """The statusInfo of a job; of none while the stack is away."""
        try:
            reply = self.client.get(f"/jobs/{job_id}", params={"f": "json"})
        except httpx.TransportError as error:
            return {"status": "away", "message": str(error)}
        if reply.status_code == 503:
            return {"status": "away", "message": reply.text}
        assert reply.status_code == 200, reply.text
        job: dict[str, Any] = reply.json()
        return job

    def wait_for_jobs(self, *job_ids: str, timeout: float = JOB_SECONDS) -> list[dict[str, Any]]:
        """The statusInfo of each job, when all have ended."""
        ended: dict[str, dict[str, Any]] = {}

        def all_ended() -> bool:
            for job_id in set(job_ids) - set(ended):
                job = self.job(job_id)
                if job["status"] not in TERMINAL:
                    return False
                ended[job_id] = job
            return True

        def open_jobs() -> str:
            return str([self.job(job_id) for job_id in job_ids if job_id not in ended])

        wait_for(all_ended, timeout, open_jobs)
        return [ended[job_id] for job_id in job_ids]

    def close(self) -> None:
        """Close the clients."""
        self.client.close()
        self.prefect.close()


class ComposeStack(Door):
    """A project under a unique name in a copy of the repository, with a process added to it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        copy_repository(folder)
        add_process(folder)
        self.folder = folder
        self.project = f"stacktest-{uuid.uuid4().hex[:8]}"
        port, ui, console = free_port(), free_port(), free_port()
        self.settings = {
            "COMPOSE_PROJECT_NAME": self.project,
            "PYGEOAPI_PORT": str(port),
            "PYGEOAPI_BIND": "127.0.0.1",
            "PYGEOAPI_URL": f"http://localhost:{port}",
            "PREFECT_UI_PORT": str(ui),
            "MINIO_CONSOLE_PORT": str(console),
            "IMAGE_PREFIX": IMAGES,
            **settings,
        }
        self.run("scripts/make-env")
        self.set(**self.settings)
        auth_string = self.secret("PREFECT_AUTH_STRING")
        super().__init__(f"http://localhost:{port}", f"http://localhost:{ui}/api", auth_string)

    def set(self, **settings: str) -> None:
        """Change .env."""
        file = self.folder / ".env"
        kept = [
            line for line in file.read_text().splitlines() if line.partition("=")[0] not in settings
        ]
        file.write_text("\n".join([*kept, *(f"{k}={v}" for k, v in settings.items()), ""]))

    def secret(self, name: str) -> str:
        """A value of .env."""
        lines = (self.folder / ".env").read_text().splitlines()
        return next(line.partition("=")[2] for line in lines if line.startswith(f"{name}="))

    def use_secret(self) -> None:
        """Ask Prefect with the secret that is in .env now."""
        self.prefect.auth = httpx.BasicAuth(*basic(self.secret("PREFECT_AUTH_STRING")))

    def run(self, *line: str, timeout: float = START_SECONDS, check: bool = True) -> str:
        """Run a command in the copy; its output."""
        done = subprocess.run(
            line,
            cwd=self.folder,
            env={k: v for k, v in environment().items() if k not in ("IMAGE_PREFIX", "IMAGE_TAG")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, f"{line}: {done.stdout[-4000:]}"
        return done.stdout

    def compose(self, *arguments: str, timeout: float = START_SECONDS, check: bool = True) -> str:
        """Run ``docker compose``."""
        return self.run("docker", "compose", *arguments, timeout=timeout, check=check)

    def up(self, *arguments: str) -> None:
        """Start what does not run, and wait until all is healthy."""
        self.compose("up", "--detach", "--wait", *arguments)

    def down(self) -> None:
        """Take the project down with its volumes."""
        self.close()
        self.compose("down", "--volumes", "--timeout", "5", "--remove-orphans")
        shutil.rmtree(self.folder)

    def containers(self, *services: str) -> list[dict[str, Any]]:
        """``docker inspect`` of the containers of some services, or of all."""
        ids = self.compose("ps", "--all", "--quiet", *services).split()
        found: list[dict[str, Any]] = json.loads(self.run("docker", "inspect", *ids))
        return found

    def container(self, service: str) -> dict[str, Any]:
        """``docker inspect`` of a service's only container."""
        (found,) = self.containers(service)
        return found

    def wait_until_healthy(self) -> None:
        """Wait for the containers to come back by themselves."""

        def healthy() -> bool:
            states = [c["State"] for c in self.containers(*LONG_RUNNING)]
            return all(s["Running"] and s["Health"]["Status"] == "healthy" for s in states)

        wait_for(healthy, START_SECONDS, lambda: self.compose("ps", "--all"))

    def objects(self, bucket: str) -> dict[str, int]:
        """Size of each object of a bucket, as the services see it."""
        code = LIST_OBJECTS.format(bucket=bucket)
        said = self.compose("exec", "-T", "worker", "python", "-c", code)
        sizes: dict[str, int] = json.loads(said.splitlines()[-1])
        return sizes

    def report(self) -> str:
        """What an operator would look at first."""
        return self.compose("ps", "--all", check=False) + self.compose(
            "logs", "--tail", "40", check=False
        )


def copy_repository(folder: Path) -> None:
    """What git knows of the repository, and what it would."""
    line = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        source, target = REPOSITORY / name, folder / name
        if source.is_file() and not name.startswith("tests/"):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def add_process(folder: Path) -> None:
    """Do what flows/README.md tells an operator to: a package, a requirement, a resource."""
    shutil.copytree(ADDED / "made_bytes", folder / "flows" / "made_bytes")
    with (folder / "flows" / "requirements.txt").open("a") as file:
        file.write(REQUIREMENT)
    config = folder / "pygeoapi-config.yml"
    before, key, after = config.read_text().partition("resources:\n")
    config.write_text(before + key + (ADDED / "resource.yml").read_text() + after)
    assert "made-bytes" in yaml.safe_load(config.read_text())["resources"]

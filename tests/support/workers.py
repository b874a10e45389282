"""A work pool of a test's own, and workers on it."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx

from pygeoapi_prefect.engine.signatures import code_digest, signed
from support import credentials
from support.polling import wait_for

FLOWS = Path(__file__).with_name("worker_flows.py")
QUEUE = "jobs"
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
ENTRYPOINTS = {
    "worker-probe": "probe",
    "worker-probe-quiet": "probe_quiet",
    "worker-probe-again": "probe_again",
    "worker-probe-async": "probe_async",
    "worker-probe-hooks": "probe_hooks",
    "worker-probe-tasks": "probe_tasks",
    "worker-probe-processes": "probe_processes",
}


@dataclass
class Pool:
    """A work pool of type ``process`` with one queue, and deployments of the trial flows.

    Attributes:
        name: Its name.
        api: Client of Prefect's API.
        folder: Where code and results are, and where jobs write down that they ran.
        blocks: Identifiers of the blocks ``code`` and ``results``.
    """

    name: str
    api: httpx.Client
    folder: Path
    blocks: dict[str, str]
    deployments: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, api: httpx.Client, folder: Path) -> Self:
        """A new pool; ``folder`` is on this machine."""
        name = f"trial-{uuid.uuid4().hex[:8]}"
        created = api.post("/work_pools/", json={"name": name, "type": "process"})
        created.raise_for_status()
        # A template with a schema, as a pool has that was made by hand.
        from prefect.workers.process import ProcessWorker

        template = ProcessWorker.get_default_base_job_template()
        api.patch(f"/work_pools/{name}", json={"base_job_template": template}).raise_for_status()
        api.post(f"/work_pools/{name}/queues", json={"name": QUEUE}).raise_for_status()
        pool = cls(name, api, folder, {})
        for kind in ("code", "results", "notes"):
            (folder / kind).mkdir(parents=True)
            pool.blocks[kind] = pool._block(f"{name}-{kind}", folder / kind)
        for flow in ENTRYPOINTS:
            pool.deploy(flow)
        return pool

    def _block(self, name: str, folder: Path) -> str:
        kind = self.api.get("/block_types/slug/local-file-system").raise_for_status().json()["id"]
        schemas = self.api.post(
            "/block_schemas/filter", json={"block_schemas": {"block_type_id": {"any_": [kind]}}}
        )
        document = {
            "name": name,
            "data": {"basepath": str(folder)},
            "block_type_id": kind,
            "block_schema_id": schemas.raise_for_status().json()[0]["id"],
        }
        return str(
            self.api.post("/block_documents/", json=document).raise_for_status().json()["id"]
        )

    def deploy(
        self,
        flow: str,
        version: str = "0" * 16,
        concurrency_limit: int | None = None,
        queue: str = QUEUE,
        key: str = "",
        **job_variables: Any,
    ) -> None:
        """Upload the flows as a version, and deploy one of them, signed if there is a key."""
        target = self.folder / "code" / flow / version
        target.mkdir(parents=True, exist_ok=True)
        text = FLOWS.read_text().replace('VERSION = "1"', f'VERSION = "{version}"')
        (target / "trial_flows.py").write_text(text)
        flow_id = self.api.post("/flows/", json={"name": flow}).raise_for_status().json()["id"]
        env = {
            "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": f"local-file-system/{self.name}-results",
            "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
            "WORKER_TEST_FLAG": "set",
        }
        deployment: dict[str, Any] = {
            "name": self.name,
            "flow_id": flow_id,
            "version": version,
            "work_pool_name": self.name,
            "work_queue_name": queue,
            "storage_document_id": self.blocks["code"],
            "path": f"{flow}/{version}",
            "entrypoint": f"trial_flows.py:{ENTRYPOINTS[flow]}",
            "enforce_parameter_schema": False,
            "job_variables": {"env": env, **job_variables},
            "concurrency_limit": concurrency_limit,
        }
        if key:
            digest = code_digest([("trial_flows.py", text.encode())])
            deployment["job_variables"] = signed(deployment, digest, key.encode())
        reply = self.api.post("/deployments/", json=deployment)
        self.deployments[flow] = str(reply.raise_for_status().json()["id"])

    def submit(self, action: str, flow: str = "worker-probe", **run: Any) -> str:
        """Queue a job; Prefect's identifier of its run."""
        job_id = str(uuid.uuid4())
        parameters = {"job_id": job_id, "action": action, "folder": str(self.folder / "notes")}
        reply = self.api.post(
            f"/deployments/{self.deployments[flow]}/create_flow_run",
            json={"name": f"pygeoapi_job_{job_id}", "parameters": parameters, **run},
        )
        return str(reply.raise_for_status().json()["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        """A run, as Prefect shows it."""
        run: dict[str, Any] = self.api.get(f"/flow_runs/{run_id}").raise_for_status().json()
        return run

    def wait(self, run_id: str, *states: str, timeout: float = 30) -> dict[str, Any]:
        """The run as soon as it is in one of these states; by default in a final one."""
        wanted = states or FINAL

        def reached() -> dict[str, Any] | None:
            run = self.run(run_id)
            return run if run["state_type"] in wanted else None

        run = wait_for(reached, timeout, lambda: f"{wanted}; it is {self.run(run_id)['state']}")
        assert run is not None
        return run

    def notes(self, run_id: str) -> list[dict[str, Any]]:
        """What a job has written down, a row for each time that it was started."""
        return self.notes_of(self.run(run_id)["parameters"]["job_id"])

    def notes_of(self, name: str) -> list[dict[str, Any]]:
        """What was written down under a name."""
        path = self.folder / "notes" / f"{name}.jsonl"
        rows = path.read_text().splitlines() if path.exists() else []
        return [json.loads(row) for row in rows]

    def wait_for_note(self, run_id: str) -> dict[str, Any]:
        """What a job has written down first."""

        def seen() -> str:
            return f"the job has started; it is {self.run(run_id)['state']}"

        return wait_for(lambda: self.notes(run_id), 30, seen)[0]

    def let_go(self, run_id: str) -> None:
        """Let a job with the action ``linger`` end."""
        job_id = self.run(run_id)["parameters"]["job_id"]
        (self.folder / "notes" / f"{job_id}.go").touch()

    def log(self, run_id: str) -> list[dict[str, Any]]:
        """The log of a run, in order."""
        return list(self.log_pages(run_id))

    def log_pages(self, run_id: str) -> Iterator[dict[str, Any]]:
        """The log of a run, in order, read page by page."""
        wanted: dict[str, Any] = {"flow_run_id": {"any_": [run_id]}}
        last = None
        while True:
            rows = self.api.post("/logs/filter", json={"logs": wanted, "limit": 200})
            page = [row for row in rows.raise_for_status().json() if row != last]
            yield from page
            if not page:
                return
            last = page[-1]  # each has a time of its own, so that a time tells where to go on
            wanted["timestamp"] = {"after_": last["timestamp"]}

    def wait_for_log(self, run_id: str, last: str) -> list[dict[str, Any]]:
        """The log of a run as soon as it has a message that contains this."""

        def complete() -> list[dict[str, Any]]:
            rows = self.log(run_id)
            return rows if any(last in row["message"] for row in rows) else []

        return wait_for(complete, 30, lambda: f"{last}; the log is {self.log(run_id)}")

    def cancel(self, run_id: str) -> None:
        """Ask for the cancellation of a run, as the web process does."""
        state = {"state": {"type": "CANCELLING", "message": "Dismissed"}}
        self.api.post(f"/flow_runs/{run_id}/set_state", json=state).raise_for_status()

    def states(self, run_id: str) -> list[str]:
        """Names of the states that a run has been in."""
        rows = self.api.get("/flow_run_states/", params={"flow_run_id": run_id})
        found = sorted(
            rows.raise_for_status().json(), key=lambda row: datetime.fromisoformat(row["timestamp"])
        )
        return [str(row["name"]) for row in found]

    def workers(self) -> list[str]:
        """Names of the workers that Prefect knows of."""
        rows = self.api.post(f"/work_pools/{self.name}/workers/filter", json={})
        return [str(row["name"]) for row in rows.raise_for_status().json()]


class Worker:
    """A worker process on a pool."""

    def __init__(
        self,
        pool: Pool,
        api_url: str,
        limit: int = 4,
        env: dict[str, str] | None = None,
        type_: str = "pygeoapi",
        queues: Sequence[str] = (QUEUE,),
    ) -> None:
        self.pool = pool
        self.name = f"w{uuid.uuid4().hex[:4]}"
        self.log = pool.folder / f"{self.name}.log"
        self.scratch = pool.folder / f"{self.name}-tmp"
        self.scratch.mkdir()
        settings = {
            "PREFECT_API_URL": api_url,
            credentials.VARIABLE: os.environ[credentials.VARIABLE],
            credentials.KEY_VARIABLE: "",  # deployments of these tests are made by hand
            "PREFECT_HOME": str(pool.folder / "home"),
            "TMPDIR": str(self.scratch),
            **(env or {}),
        }
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
        line = [
            *(sys.executable, "-m", "pygeoapi_prefect.embedded.preload", "-"),
            *("prefect.cli.worker,pygeoapi_prefect.worker.worker", "prefect"),
            *("worker", "start", "--pool", pool.name, "--type", type_),
            *(option for queue in queues for option in ("--work-queue", queue)),
            *("--name", self.name, "--limit", str(limit), "--install-policy", "never"),
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                line,
                env=kept | settings,
                cwd=pool.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Prefect stops at SIGINT, which whoever runs the tests may have made us ignore.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )

    def wait_until_ready(self) -> Self:
        """Return when it takes jobs."""
        wait_for(lambda: "is ready" in self.text(), 60, lambda: f"a ready worker: {self.text()}")
        return self

    def text(self) -> str:
        """What it has printed."""
        return self.log.read_text(errors="replace")

    @property
    def fork_server(self) -> int:
        """Number of its fork server, once no other child is left.

        A fork server that was replaced, and what an ended job has left behind, go within moments.
        """
        wait_for(
            lambda: len(children(self.process.pid)) == 1,
            10,
            lambda: f"one child, there are {children(self.process.pid)}",
        )
        return children(self.process.pid)[0]

    def stop(self, timeout: float = 20) -> int:
        """End it gently; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def kill(self) -> None:
        """End it at once, as a crash of the machine would."""
        self.process.kill()
        self.process.wait(5)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(number) for number in listed.split()]


def is_alive(pid: int) -> bool:
    """Whether there is such a process, other than as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def seconds_until(condition: Any, timeout: float, message: str) -> float:
    """How long it takes until a condition holds."""
    began = time.monotonic()
    wait_for(condition, timeout, message)
    return time.monotonic() - began

"""The README's example: runs one job through HTTP, queue and worker, and prints each step."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from pygeoapi_prefect.embedded.errors import EmbeddedError

PROCESS = "zonal-statistics"
REQUEST_FILE = Path("zonal_statistics", "data", "request.json")
JOB_SECONDS = 120.0
POLL_SECONDS = 0.1
ACTIVE = ("accepted", "running")
SHOWN_WIDTH = 110


def run_example(url: str, flows: Sequence[Path], say: Callable[[str], None]) -> None:
    """Submit the example job, follow it to its end and show its results.

    Args:
        url: Address of pygeoapi.
        flows: Folders of processes; one of them has the example's request.
        say: Receives each line.

    Raises:
        EmbeddedError: The job was refused, failed, or took too long.
    """
    request = read_request(flows)
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        say(f"POST /processes/{PROCESS}/execution")
        reply = client.post(
            f"/processes/{PROCESS}/execution",
            content=request,
            headers={"Content-Type": "application/json", "Prefer": "respond-async"},
        )
        if reply.status_code != httpx.codes.CREATED:
            raise EmbeddedError(f"The job was not accepted: {_answer(reply)}")
        job_id = reply.json()["jobID"]
        say(f"  {reply.status_code} job {job_id}")
        say(f"GET /jobs/{job_id}")
        began = time.monotonic()
        for job in follow(client, job_id):
            say(f"  {time.monotonic() - began:4.1f} s  {in_words(job)}")
        if job["status"] != "successful":
            raise EmbeddedError(f"The job ended with the status {job['status']!r}")
        say(f"GET /jobs/{job_id}/results")
        say(shown(client.get(f"/jobs/{job_id}/results")))


def read_request(flows: Sequence[Path]) -> bytes:
    """The example's execute request.

    Raises:
        EmbeddedError: None of the folders has it.
    """
    for folder in flows:
        if (folder / REQUEST_FILE).exists():
            return (folder / REQUEST_FILE).read_bytes()
    raise EmbeddedError(f"The example {REQUEST_FILE} was not found in {', '.join(map(str, flows))}")


def follow(client: httpx.Client, job_id: str) -> Iterator[dict[str, Any]]:
    """The statusInfo of a job, whenever it changes, the final one included.

    Raises:
        EmbeddedError: The job is not final in time.
    """
    before: dict[str, Any] = {}
    deadline = time.monotonic() + JOB_SECONDS
    while time.monotonic() < deadline:
        job = client.get(f"/jobs/{job_id}", params={"f": "json"}).raise_for_status().json()
        if in_words(job) != in_words(before):
            yield job
        if job["status"] not in ACTIVE:
            return
        before = job
        time.sleep(POLL_SECONDS)
    raise EmbeddedError(f"The job did not end within {JOB_SECONDS:.0f} s")


def in_words(job: dict[str, Any]) -> str:
    """Status, progress and message of a job in one line."""
    progress = f" {job['progress']} %" if "progress" in job else ""
    message = f": {job['message']}" if job.get("message") else ""
    return f"{job.get('status', '')}{progress}{message}"


def shown(reply: httpx.Response) -> str:
    """A reply's body for the terminal, its long lines cut.

    Raises:
        EmbeddedError: The reply is an error.
    """
    if reply.is_error:
        raise EmbeddedError(f"The results could not be read: {_answer(reply)}")
    lines = (line.rstrip() for line in reply.text.splitlines())
    return "\n".join(
        f"  {line if len(line) <= SHOWN_WIDTH else line[:SHOWN_WIDTH] + ' ...'}".rstrip()
        for line in lines
    )


def _answer(reply: httpx.Response) -> str:
    return f"the server answered with status {reply.status_code}: {reply.text}"

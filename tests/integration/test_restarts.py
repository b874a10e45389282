"""Parts restarted while jobs are on their way: nothing that was accepted is lost."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from support import web
from support.http import paused_pool
from support.polling import wait_for
from support.stack import RunningStack


def test_a_web_process_restarted_between_submit_and_finish(
    stack: RunningStack, tmp_path: Path
) -> None:
    """Its successor knows the job that it accepted, and the one that somebody waited for."""
    own = web.environment(stack.prefect_api_url)
    with paused_pool(stack), ThreadPoolExecutor(1) as pool:
        with web.serving(own, stack.config, tmp_path / "first.log", "/healthz") as first:
            accepted = first.post(
                "/processes/simple-flow/execution",
                json={"inputs": {"name": "Ann"}},
                headers={"Prefer": "respond-async"},
            ).json()["jobID"]
            before = known_jobs(stack)
            waiting = pool.submit(
                first.post, "/processes/simple-flow/execution", json={"inputs": {"name": "Bob"}}
            )
            wait_for(lambda: known_jobs(stack) - before, 60, "the waited-for job is queued")
            (waited,) = known_jobs(stack) - before
        assert waiting.exception(60) or waiting.result().status_code >= 200
    with web.serving(own, stack.config, tmp_path / "second.log", "/healthz") as second:
        for job_id, greeting in ((accepted, "Hello Ann!"), (waited, "Hello Bob!")):
            wait_for(partial(is_successful, second, job_id), 180, job_id)
            assert greeting in second.get(f"/jobs/{job_id}/results").text


def is_successful(client: httpx.Client, job_id: str) -> bool:
    return bool(client.get(f"/jobs/{job_id}").json()["status"] == "successful")


def known_jobs(stack: RunningStack) -> set[str]:
    wanted: dict[str, Any] = {
        "flow_runs": {"tags": {"all_": ["process:simple-flow"]}},
        "sort": "EXPECTED_START_TIME_DESC",
        "limit": 200,
    }
    found = stack.prefect.post("/flow_runs/filter", json=wanted).json()
    return {run["name"].removeprefix("pygeoapi_job_") for run in found}

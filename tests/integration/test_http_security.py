"""What an attacker tries: templates, pickles, requests to inside, references as data."""

import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, override

import pytest

from support.http import assert_problem, execute, job_of, prefect_run
from support.stack import RunningStack

TEMPLATE = {"__prefect_kind": "jinja", "template": "{{ 7*7 }}"}
VARIABLE = {"__prefect_kind": "workspace_variable", "variable_name": "secret"}


@pytest.mark.parametrize("planted", [TEMPLATE, VARIABLE])
def test_prefects_templates_are_only_data(stack: RunningStack, planted: dict[str, str]) -> None:
    variable = {"name": "secret", "value": "the secret"}
    stack.prefect.post("/variables/", json=variable)
    inputs = {"echo": json.dumps(planted), "text_or_object": planted}
    reply = execute(stack, "echo", inputs, response="document")
    assert reply.status_code == 200, reply.text
    assert "49" not in reply.text
    assert "the secret" not in reply.text
    assert reply.json()["echo"] == json.dumps(planted)
    assert reply.json()["text_or_object"]["value"] == planted
    parameters = prefect_run(stack, job_of(reply))["parameters"]
    assert all(isinstance(value, str) for value in parameters.values())


class Marker:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @override
    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("plant", ["record", "serializer"])
def test_a_planted_pickle_is_never_loaded(stack: RunningStack, tmp_path: Path, plant: str) -> None:
    marker = tmp_path / "unpickled"
    job_id = stack.submit("simple-flow", {"name": "Joe"})
    stack.wait_until(job_id, "successful")
    run = prefect_run(stack, job_id)
    data = run["state"]["data"]
    record = stack.state / "results" / data["storage_key"]
    assert json.loads(record.read_text())["data"]["status"] == "successful"
    record.write_bytes(pickle.dumps(Marker(marker)))
    if plant == "serializer":
        state = {
            "type": "COMPLETED",
            "data": {**data, "serializer": {"type": "pickle", "picklelib": "cloudpickle"}},
        }
        body = {"state": state, "force": True}
        stack.prefect.post(f"/flow_runs/{run['id']}/set_state", json=body).raise_for_status()
    assert_problem(stack.client.get(f"/jobs/{job_id}/results"), 500, "job-failed")
    assert stack.job(job_id)["status"] == "failed"
    assert not marker.exists()


@pytest.mark.parametrize(
    "href",
    [
        "http://127.0.0.1:{port}/jobs",
        "http://localhost:{port}/jobs",
        "http://[::1]:{port}/jobs",
        "http://2130706433:{port}/jobs",
        "http://0x7f.1:{port}/jobs",
        "http://0.0.0.0:{port}/jobs",
        "http://[::ffff:127.0.0.1]:{port}/jobs",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "file:///etc/passwd",
        "ftp://example.org/x",
        "gopher://127.0.0.1/",
        "http://user:password@example.org/",
        "http://",
        "//example.org/x",
    ],
)
def test_references_do_not_lead_inside(stack: RunningStack, href: str) -> None:
    port = stack.url.rsplit(":", 1)[1]
    zones = {"href": href.format(port=port)}
    reply = execute(stack, "zonal-statistics", {"raster": "waco-dem", "zones": zones})
    assert_problem(reply, 400, "invalid-parameter-value", "input 'zones'")
    assert "pygeoapi_job" not in reply.text


def test_a_reference_to_a_block_is_only_text(stack: RunningStack) -> None:
    reference = "block:local-file-system/pygeoapi-results#../x"
    reply = execute(stack, "simple-flow", {"name": reference})
    assert reply.text == f"Hello {reference}!"
    body = json.dumps(reference).encode()
    headers = {"Content-Type": "application/json"}
    reply = stack.client.post("/processes/simple-flow/execution", content=body, headers=headers)
    assert_problem(reply, 400)


@pytest.mark.slow
def test_every_answer_belongs_to_its_request(stack: RunningStack) -> None:
    """200 mixed requests of 8 threads, 40 of them jobs on the worker."""
    start = threading.Barrier(8)
    jobs: dict[str, str] = {}

    def ask(thread: int) -> list[str]:
        start.wait()
        return [fault for number in range(25) if (fault := one(thread, number))]

    def one(thread: int, number: int) -> str:
        name = f"{thread}-{number}"
        match number % 5:
            case 0:
                jobs[stack.submit("simple-flow", {"name": name})] = name
                return ""
            case 1:
                reply = stack.client.get("/processes/echo")
                return "" if reply.json()["id"] == "echo" else reply.text
            case 2:
                reply = stack.client.get("/jobs", params={"limit": 3})
                return "" if reply.status_code == 200 else reply.text
            case 3:
                job_id = next(iter(jobs), None)
                reply = stack.client.get(f"/jobs/{job_id}")
                right = job_id is None or reply.json()["jobID"] == job_id
                return "" if right else reply.text
            case _:
                reply = execute(stack, "simple-flow", {"name": "x", name: 1})
                right = reply.status_code == 400 and f"'{name}'" in reply.json()["detail"]
                return "" if right else reply.text

    with ThreadPoolExecutor(8) as pool:
        assert [fault for faults in pool.map(ask, range(8)) for fault in faults] == []
    assert len(jobs) == 40
    for job_id, name in jobs.items():
        stack.wait_until(job_id, "successful", timeout=180)
        assert stack.client.get(f"/jobs/{job_id}/results").text == f"Hello {name}!"

"""Prefect's own engine on a real server: its requests, and what it leaves behind."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from support.counting import Counter, counting
from support.stack import REPOSITORY, RunningStack

UPDATE, READ, SET = "PATCH /flow_runs/ID", "GET /flow_runs/ID", "POST /flow_runs/ID/set_state"
LISTEN = "GET /events/out"


@dataclass
class Engine:
    """Runs flows through a proxy that notes the requests."""

    stack: RunningStack
    counter: Counter
    deployment: str

    def run(self, how: str) -> tuple[dict[str, Any], list[str]]:
        """Run a flow; the run as Prefect has it then, and the requests that were made for it."""
        reply = self.stack.prefect.post(
            f"/deployments/{self.deployment}/create_flow_run", json={"state": {"type": "PENDING"}}
        )
        run_id = reply.raise_for_status().json()["id"]
        self.counter.take()
        environment = os.environ | {
            "PREFECT_API_URL": self.counter.url,
            "PREFECT_LOGGING_TO_API_ENABLED": "false",
            "PYTHONPATH": os.pathsep.join(
                [
                    str(REPOSITORY / "tests"),
                    str(REPOSITORY / "src"),
                    os.environ.get("PYTHONPATH", ""),
                ]
            ),
        }
        line = [sys.executable, "-m", "support.engine_runs", how, run_id]
        ended = subprocess.run(
            line, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        requests = self.counter.take()
        assert ended.returncode == 0, f"the engine could not be run: {ended.stderr[-2000:]}"
        run: dict[str, Any] = self.stack.prefect.get(f"/flow_runs/{run_id}").json()
        return run, requests


@pytest.fixture(scope="module")
def engine(stack: RunningStack) -> Iterator[Engine]:
    prefect = stack.prefect
    flow = prefect.post("/flows/", json={"name": "contract"}).raise_for_status().json()["id"]
    deployment = {"name": f"contract-{uuid4().hex[:8]}", "flow_id": flow}
    made = prefect.post("/deployments/", json=deployment).raise_for_status().json()["id"]
    with counting(stack.prefect_api_url) as counter:
        yield Engine(stack, counter, made)


@pytest.fixture(scope="module")
def plain(engine: Engine) -> tuple[dict[str, Any], list[str]]:
    return engine.run("plain")


@pytest.fixture(scope="module")
def detached(engine: Engine) -> tuple[dict[str, Any], list[str]]:
    return engine.run("detached")


@pytest.fixture(scope="module")
def spared(engine: Engine) -> tuple[dict[str, Any], list[str]]:
    return engine.run("spared")


def of_the_run(requests: list[str]) -> list[str]:
    return [request for request in requests if request in (UPDATE, READ, SET)]


def test_the_engine_updates_and_reads_in_the_order_that_is_assumed(
    detached: tuple[dict[str, Any], list[str]],
) -> None:
    run, requests = detached
    assert run["state_type"] == "COMPLETED", run["state"]
    first, *own = of_the_run(requests)
    assert first == READ, "the test itself reads the run first"
    assert own == [UPDATE, SET, READ, SET], (
        f"Prefect's engine asks {own}: shortcuts.spare assumes one update, one read once the run "
        "is Running, and two states (engine/internals/shortcuts.py)"
    )


def test_update_and_read_are_answered_without_a_request(
    spared: tuple[dict[str, Any], list[str]],
) -> None:
    run, requests = spared
    assert run["state_type"] == "COMPLETED", run["state"]
    assert of_the_run(requests) == [READ, SET, SET], (
        "Prefect's engine does not ask the methods that shortcuts.spare replaces"
    )


def test_a_run_with_a_deployment_opens_a_websocket(
    plain: tuple[dict[str, Any], list[str]],
) -> None:
    assert LISTEN in plain[1], "Prefect opens no websocket: running.detached is needed no more"


def test_a_detached_run_opens_no_websocket(
    engine: Engine, detached: tuple[dict[str, Any], list[str]]
) -> None:
    run, requests = detached
    assert run["state_type"] == "COMPLETED", run["state"]
    assert LISTEN not in requests, (
        "Prefect opens a websocket though the run has no deployment_id (running.detached)"
    )
    assert run["deployment_id"] == engine.deployment


def test_a_result_is_where_the_state_says_and_in_the_known_envelope(
    plain: tuple[dict[str, Any], list[str]], stack: RunningStack
) -> None:
    from pygeoapi_prefect.engine.internals import results

    data = plain[0]["state"]["data"]
    stored = results.stored(data)
    assert stored.serializer == results.JSON, f"Prefect names its serializer elsewhere: {data}"
    assert stored.key, f"Prefect names the path of a result elsewhere: {data}"
    assert stored.block, f"Prefect names the block of a result elsewhere: {data}"
    block = stack.prefect.get(f"/block_documents/{stored.block}").raise_for_status().json()
    document = json.loads((Path(block["data"]["basepath"]) / stored.key).read_text())
    name = results.class_of(document)
    assert name is not None, f"Prefect's envelope of an instance is another one: {document}"
    assert name.endswith(".Answer")
    assert results.fields_of(document) == {"number": 42}, f"another envelope: {document}"


def test_an_exception_of_a_flow_is_reported_in_the_known_words(engine: Engine) -> None:
    from pygeoapi_prefect.engine.internals import messages

    run, _ = engine.run("fails")
    message = run["state"]["message"]
    assert run["state_type"] == "FAILED"
    assert messages.exception_in(message) == ("ValueError", "no such band: 7"), (
        f"Prefect words it differently, so that clients learn no reasons: {message}"
    )


def test_a_time_limit_ends_in_the_known_state(engine: Engine) -> None:
    from pygeoapi_prefect.engine.states import TIMED_OUT

    run, _ = engine.run("slow")
    assert (run["state_type"], run["state_name"]) == ("FAILED", TIMED_OUT), (
        "Prefect ends a run at its time limit in another state (engine/states.py)"
    )

"""The audit log of a small application: which requests it names, and with what."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, g

from pygeoapi_prefect.access import audit as log
from pygeoapi_prefect.access.principal import Principal, Role
from pygeoapi_prefect.web import audit, waiting

ANN = Principal("key:ann", frozenset({Role.EXECUTE}), "key", "ann")
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def client() -> Any:
    app = Flask("x", static_folder=None)

    @app.before_request
    def identify() -> None:
        g.principal = ANN

    @app.post("/processes/<process_id>/execution", endpoint="execute")
    def execute(process_id: str) -> tuple[str, int]:
        if process_id == "echo":
            audit.names_job("job-1")
        return "", {"echo": 201, "hidden": 404, "wrong": 400}.get(process_id, 403)

    @app.route("/jobs/<job_id>", methods=["GET", "DELETE"], endpoint="jobs")
    def jobs(job_id: str) -> tuple[str, int]:
        return "", {"own": 200, "mine": 401}.get(job_id, 403)

    audit.prepare(app, {("POST", "execute"): "execute", ("DELETE", "jobs"): "dismiss"})
    return app.test_client()


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    def read() -> list[dict[str, Any]]:
        found = [one for one in caplog.records if one.name == log.LOGGER.name]
        return [json.loads(one.getMessage().partition(" ")[2]) for one in found]

    return read


def test_an_execution_has_a_line_with_its_job(client: Any, lines: Lines) -> None:
    headers = {"X-Request-ID": "r-1"}
    client.post("/processes/echo/execution", json={"inputs": {"a": "secret"}}, headers=headers)
    [line] = lines()
    assert line.pop("time")
    assert line == {
        "action": "execute", "outcome": "ok", "status": 201, "principal": "key:ann", "name": "ann",
        "proof": "key", "process": "echo", "job": "job-1", "method": "POST",
        "path": "/processes/echo/execution", "address": "127.0.0.1", "request": "r-1",
    }  # fmt: skip


def test_each_outcome_is_told_apart(client: Any, lines: Lines) -> None:
    for process in ("echo", "wrong", "hidden", "other"):
        client.post(f"/processes/{process}/execution")
    client.delete("/jobs/own")
    client.delete("/jobs/other")
    assert [(one["action"], one["outcome"], one["status"]) for one in lines()] == [
        ("execute", "ok", 201),
        ("execute", "failed", 400),
        ("execute", "failed", 404),
        ("execute", "refused", 403),
        ("dismiss", "ok", 200),
        ("dismiss", "refused", 403),
    ]
    assert [one["job"] for one in lines()][4:] == ["own", "other"]


def test_of_what_only_reads_there_are_lines_if_it_is_refused(client: Any, lines: Lines) -> None:
    client.get("/jobs/own")
    assert lines() == []
    client.get("/jobs/mine")
    client.get("/jobs/other")
    assert [(one["action"], one["outcome"], one["status"]) for one in lines()] == [
        ("access", "refused", 401),
        ("access", "refused", 403),
    ]


def test_a_client_that_has_waited_has_one_line(client: Any, lines: Lines) -> None:
    client.post("/processes/echo/execution")
    client.post("/processes/echo/execution", environ_base={waiting.RESUMED: object()})
    assert len(lines()) == 1


def test_a_refusal_after_a_wait_has_a_line(client: Any, lines: Lines) -> None:
    client.post("/processes/refused/execution", environ_base={waiting.RESUMED: object()})
    assert [(one["outcome"], one["status"]) for one in lines()] == [("refused", 403)]


@pytest.mark.parametrize("sent", ["", "a b", "x" * 129, "a\tb", "{}"])
def test_a_request_id_of_another_form_is_left_out(client: Any, lines: Lines, sent: str) -> None:
    client.delete("/jobs/own", headers={"X-Request-ID": sent})
    assert [one["request"] for one in lines()] == [None]

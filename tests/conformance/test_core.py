"""Requirements class *Core*: the resources that are only read."""

import re
import uuid
from typing import Any

import pytest

from support.http import assert_problem, assert_status_info
from support.requirements import requirement
from support.server import REL, Server, links, rels

CONFORMANCE = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
CLASSES = (
    "core", "ogc-process-description", "json", "html", "oas30", "job-list", "callback", "dismiss",
)  # fmt: skip


@requirement("/req/core/http")
def test_speaks_http_1_1(server: Server) -> None:
    assert server.get("/").http_version == "HTTP/1.1"


@requirement("/req/core/landingpage-op", "/req/core/landingpage-success")
def test_the_landing_page_links_to_everything(server: Server) -> None:
    found = rels(server.document("/"))
    assert {REL + "conformance", REL + "processes"} <= found
    assert {"service-desc", "service-doc"} & found


@requirement("/req/core/api-definition-op", "/req/core/api-definition-success")
@requirement("/rec/core/api-definition-oas")
def test_every_api_definition_can_be_read(server: Server) -> None:
    found = server.document("/")["links"]
    definitions = [link for link in found if link["rel"] in ("service-desc", "service-doc")]
    assert definitions
    for link in definitions:
        reply = server.client.get(link["href"], headers={"Accept": link["type"]})
        assert reply.status_code == 200
        media_type = link["type"].partition(";")[0]
        assert reply.headers["Content-Type"].startswith(media_type)


@requirement("/req/core/conformance-op", "/req/core/conformance-success")
def test_conformance_lists_the_eight_classes(server: Server) -> None:
    declared = server.document("/conformance")["conformsTo"]
    assert {CONFORMANCE + name for name in CLASSES} <= set(declared)


@requirement("/req/core/process-list", "/req/core/process-list-success")
def test_process_list(server: Server) -> None:
    document = server.document("/processes", limit=1000)
    ids = [process["id"] for process in document["processes"]]
    assert len(ids) == len(set(ids)) >= 1
    for process in document["processes"]:
        assert process["version"]
        assert set(process["jobControlOptions"]) <= {"sync-execute", "async-execute", "dismiss"}
        assert process["jobControlOptions"]
        assert set(process["outputTransmission"]) <= {"value", "reference"}
        assert {"self", "alternate"} <= rels(process)


@requirement("/req/core/pl-limit-definition", "/per/core/limit-default-minimum-maximum")
@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5", ""])
def test_limit_is_a_positive_integer(server: Server, limit: str) -> None:
    assert_problem(server.get("/processes", limit=limit), 400, "invalid-parameter-value", "limit")


@requirement("/req/core/pl-limit-response", "/per/core/limit-response")
@pytest.mark.parametrize("limit", [1, 2])
def test_limit_is_not_exceeded(server: Server, limit: int) -> None:
    assert len(server.document("/processes", limit=limit)["processes"]) == limit
    assert len(server.document("/processes")["processes"]) <= 10


@requirement("/req/core/pl-links", "/rec/core/next-1", "/per/core/prev")
def test_process_list_is_linked(server: Server) -> None:
    page = server.document("/processes", limit=1)
    assert {"self", "alternate", "next"} <= rels(page)
    assert "prev" not in rels(page)
    seen = [process["id"] for process in page["processes"]]
    while following := [link["href"] for link in page["links"] if link["rel"] == "next"]:
        page = server.client.get(following[0]).json()
        assert "prev" in rels(page)
        seen += [process["id"] for process in page["processes"]]
    whole = server.document("/processes", limit=1000)["processes"]
    assert seen == [process["id"] for process in whole]


@requirement("/req/core/process", "/req/core/process-success")
def test_every_process_is_described(server: Server) -> None:
    for summary in server.document("/processes", limit=1000)["processes"]:
        process = server.document(f"/processes/{summary['id']}")
        for key in ("id", "version", "jobControlOptions", "outputTransmission"):
            assert process[key] == summary[key]
        assert "self" in rels(process)


@requirement("/req/core/process-exception/no-such-process")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_process(server: Server, method: str) -> None:
    path = f"/processes/{uuid.uuid4()}" + ("/execution" if method == "POST" else "")
    reply = server.client.request(method, path, json={"inputs": {}} if method == "POST" else None)
    assert_problem(reply, 404, "no-such-process")


@requirement("/req/core/job", "/req/core/job-success")
def test_a_job_is_a_status_info(server: Server, echo: str) -> None:
    job = server.document(f"/jobs/{echo}")
    assert_status_info(job)
    assert (job["jobID"], job["processID"], job["status"]) == (echo, "echo", "successful")
    assert {"self", "monitor", REL + "results"} <= rels(job)


@requirement("/rec/core/job-status")
def test_times_are_in_order(server: Server, echo: str) -> None:
    job = server.document(f"/jobs/{echo}")
    assert job["created"] <= job["started"] <= job["finished"] <= job["updated"]
    assert job["progress"] == 100


@requirement("/req/core/job-exception-no-such-job", "/req/core/job-results-exception/no-such-job")
@pytest.mark.parametrize("path", ["", "/results", "/results/echo"])
@pytest.mark.parametrize(
    "job_id", ["0f0e0d0c-0b0a-4908-8706-050403020100", "invalid-job-1", "%00", "a%2Fb"]
)
def test_unknown_job(server: Server, job_id: str, path: str) -> None:
    reply = server.get(f"/jobs/{job_id}{path}")
    assert reply.status_code == 404
    assert reply.headers["Content-Type"] == "application/problem+json"
    if "%2F" not in job_id:
        assert_problem(reply, 404, "no-such-job")


@requirement("/rec/core/link-header")
@pytest.mark.parametrize("path", ["/processes", "/processes/echo", "/jobs"])
def test_links_are_headers_too(server: Server, path: str) -> None:
    reply = server.get(path)
    expected: dict[str, Any] = {}
    for link in reply.json()["links"]:
        expected.setdefault(link["rel"], []).append(link["href"])
    assert links(reply) == expected


@requirement("/rec/core/problem-details")
def test_an_error_is_a_problem(server: Server) -> None:
    reply = server.get("/no-such-path")
    assert reply.status_code == 404
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.json()["status"] == 404


@requirement("/req/core/test-process", "/rec/core/test-process")
def test_a_test_process_exists(server: Server) -> None:
    """It waits as long as it is told to, so that a running job can be seen."""
    inputs = server.document("/processes/echo")["inputs"]
    assert next(iter(inputs.values()))["schema"] == {"type": "string"}
    assert re.search("wait", inputs["pause"]["description"], re.IGNORECASE)

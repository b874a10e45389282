"""Requirements class *Job list*."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from support.http import assert_problem, assert_status_info
from support.requirements import requirement
from support.server import REL, Server, rels

STATUSES = ("accepted", "running", "successful", "failed", "dismissed")
WRONG = "invalid-parameter-value"


def listed(server: Server, **query: Any) -> list[dict[str, Any]]:
    """A page of the job list."""
    jobs: list[dict[str, Any]] = server.document("/jobs", **{"limit": 100, **query})["jobs"]
    return jobs


def ids(jobs: list[dict[str, Any]]) -> set[str]:
    return {job["jobID"] for job in jobs}


@requirement("/rec/job-list/job-list-landing-page")
def test_the_landing_page_links_to_the_jobs(server: Server) -> None:
    assert REL + "job-list" in rels(server.document("/"))


@requirement("/req/job-list/job-list-op", "/req/job-list/job-list-success")
@requirement("/req/job-list/processID-mandatory")
def test_the_list_has_jobs(server: Server, echo: str) -> None:
    jobs = listed(server)
    assert echo in ids(jobs)
    for job in jobs:
        assert_status_info(job)
        assert job["processID"]


@requirement("/req/job-list/limit-definition", "/per/job-list/limit-default-minimum-maximum")
@pytest.mark.parametrize("limit", ["0", "-1", "x", ""])
def test_limit_is_a_positive_integer(server: Server, limit: str) -> None:
    assert_problem(server.get("/jobs", limit=limit), 400, WRONG, "limit")


@requirement("/req/job-list/limit-response", "/per/job-list/limit-response")
def test_limit_is_not_exceeded(server: Server, echo: str) -> None:
    assert len(listed(server, limit=1)) == 1
    assert len(server.document("/jobs")["jobs"]) <= 10
    assert server.get("/jobs", limit=100_000).status_code == 200


@requirement("/req/job-list/links", "/rec/job-list/next-1", "/per/job-list/prev")
def test_pages_are_linked_and_keep_the_filters(server: Server, echo: str) -> None:
    another = server.submit("echo", {"echo": "x"})
    server.ended(another)
    page = server.document("/jobs", limit=1, status="successful", processID="echo")
    assert {"self", "alternate", "next"} <= rels(page)
    (following,) = [link["href"] for link in page["links"] if link["rel"] == "next"]
    assert {"status=successful", "processID=echo"} <= set(following.partition("?")[2].split("&"))
    second = server.client.get(following).json()
    assert {"self", "alternate", "prev"} <= rels(second)
    assert not ids(page["jobs"]) & ids(second["jobs"])


@requirement("/req/job-list/type-definition", "/req/job-list/type-response")
def test_type(server: Server, echo: str) -> None:
    assert echo in ids(listed(server, type="process"))
    assert {job["type"] for job in listed(server, type="process")} == {"process"}


@requirement("/req/job-list/processID-definition", "/req/job-list/processid-response")
def test_process_id(server: Server, echo: str) -> None:
    jobs = listed(server, processID="echo")
    assert echo in ids(jobs)
    assert {job["processID"] for job in jobs} == {"echo"}
    assert echo in ids(listed(server, processID=["no-such", "echo"]))
    assert listed(server, processID="no-such") == []


@requirement("/req/job-list/status-definition", "/req/job-list/status-response")
@pytest.mark.parametrize("status", STATUSES)
def test_status(server: Server, echo: str, status: str) -> None:
    jobs = listed(server, status=status)
    assert {job["status"] for job in jobs} <= {status}
    assert (echo in ids(jobs)) == (status == "successful")


@requirement("/req/job-list/status-definition")
def test_several_statuses(server: Server, echo: str) -> None:
    assert echo in ids(listed(server, status=["successful", "failed"]))
    assert_problem(server.get("/jobs", status="finished"), 400, WRONG, "status")


@requirement("/req/job-list/datetime-definition", "/req/job-list/datetime-response")
def test_datetime(server: Server, echo: str) -> None:
    created = server.document(f"/jobs/{echo}")["created"]
    moment = datetime.fromisoformat(created)
    before, after = (
        (moment + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for minutes in (-60, 60)
    )
    inside = (
        created,
        f"{before}/{after}",
        f"{before}/..",
        f"../{after}",
        f"{before}/",
        "/" + after,
    )
    for interval in inside:
        assert echo in ids(listed(server, datetime=interval, processID="echo")), interval
    for interval in (f"../{before}", f"{after}/..", before):
        assert echo not in ids(listed(server, datetime=interval)), interval


@requirement("/req/job-list/datetime-definition")
@pytest.mark.parametrize("interval", ["yesterday", "../..", "2020-13-01T00:00:00Z", "a/b/c"])
def test_an_invalid_datetime(server: Server, interval: str) -> None:
    reply = server.get("/jobs", datetime=interval)
    assert reply.status_code in ({200, 400} if interval == "../.." else {400})
    assert interval == "../.." or WRONG in reply.json()["type"]


@requirement("/req/job-list/duration-definition", "/req/job-list/duration-response")
def test_duration(server: Server) -> None:
    long = server.submit("echo", {"echo": "x", "pause": 3})
    job = server.ended(long)
    began, ended = (datetime.fromisoformat(job[key]) for key in ("started", "finished"))
    seconds = (ended - began).total_seconds()
    assert seconds >= 3
    assert long in ids(listed(server, minDuration=2))
    assert long not in ids(listed(server, maxDuration=2))
    assert long in ids(listed(server, minDuration=2, maxDuration=int(seconds) + 1))
    assert {job["status"] for job in listed(server, minDuration=0)} <= set(STATUSES) - {"accepted"}
    assert_problem(server.get("/jobs", minDuration="long"), 400, WRONG, "minDuration")


@requirement("/req/job-list/job-list-op")
def test_an_unknown_parameter_is_rejected(server: Server) -> None:
    assert_problem(server.get("/jobs", colour="red"), 400, WRONG, "colour")

"""The filters of the job list, one by one and combined, over jobs of every status."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from support.http import assert_status_info, execute, job_of, paused_pool
from support.polling import wait_for
from support.stack import RunningStack


@dataclass(frozen=True)
class Made:
    """Jobs that the tests look for, by what they are."""

    stack: RunningStack
    jobs: dict[str, dict[str, Any]]

    def names(self, query: str) -> list[str]:
        """Which of these jobs are on the pages of a query, in their order."""
        known = {job["jobID"]: name for name, job in self.jobs.items()}
        found, href = [], f"/jobs?{query}"
        for _ in range(1000):  # pages of all jobs that other tests have made
            reply = self.stack.client.get(href)
            assert reply.status_code == 200, reply.text
            page = reply.json()
            assert page["numberReturned"] == len(page["jobs"])
            found += [known[job["jobID"]] for job in page["jobs"] if job["jobID"] in known]
            following = [link["href"] for link in page["links"] if link["rel"] == "next"]
            if not following:
                return found
            (href,) = following
        raise AssertionError(f"{query}: too many pages")


@pytest.fixture(scope="module")
def made(stack: RunningStack) -> Iterator[Made]:
    ids = {
        "local": job_of(execute(stack, "vanilla-value", {})),
        "done": stack.submit("simple-flow", {"name": "x"}),
        "failed": stack.submit("simple-flow", {"name": "x", "message": "y"}),
        "long": stack.submit("slow", {"seconds": 3}),
    }
    for name in ("done", "failed", "long"):
        stack.wait_until_done(ids[name])
    run = stack.prefect.post(
        "/flow_runs/filter",
        json={"flow_runs": {"name": {"any_": [f"pygeoapi_job_{ids['failed']}"]}}},
    ).json()[0]
    failed = {"state": {"type": "FAILED", "message": "for this test"}, "force": True}
    stack.prefect.post(f"/flow_runs/{run['id']}/set_state", json=failed).raise_for_status()
    ids["runs"] = stack.submit("slow", {"seconds": 60})
    stack.wait_until(ids["runs"], "running")
    with paused_pool(stack):
        ids["dismissed"] = stack.submit("slow", {"seconds": 1})
        stack.client.delete(f"/jobs/{ids['dismissed']}").raise_for_status()
        ids["waits"] = stack.submit("slow", {"seconds": 1})
        yield Made(stack, {name: stack.job(job_id) for name, job_id in ids.items()})
        for name in ("waits", "runs"):
            stack.client.delete(f"/jobs/{ids[name]}").raise_for_status()
    wait_for(
        lambda: stack.job(ids["runs"]).get("finished"), 30, "the end of the job that still runs"
    )


EVERY = ["waits", "dismissed", "runs", "long", "failed", "done", "local"]


def test_all_of_them_newest_first(made: Made) -> None:
    assert made.names("limit=1000") == EVERY
    assert made.names("type=process&limit=3") == EVERY
    statuses = {name: job["status"] for name, job in made.jobs.items()}
    assert statuses == {
        "waits": "accepted",
        "dismissed": "dismissed",
        "runs": "running",
        "long": "successful",
        "failed": "failed",
        "done": "successful",
        "local": "successful",
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=accepted", ["waits"]),
        ("status=running", ["runs"]),
        ("status=successful", ["long", "done", "local"]),
        ("status=failed", ["failed"]),
        ("status=dismissed", ["dismissed"]),
        ("status=failed,dismissed", ["dismissed", "failed"]),
        ("status=failed&status=dismissed", ["dismissed", "failed"]),
        ("processID=slow", ["waits", "dismissed", "runs", "long"]),
        ("processID=slow,vanilla-value", ["waits", "dismissed", "runs", "long", "local"]),
        ("processID=slo", []),
        ("processID=unheard-of", []),
        ("processID=slow&status=successful", ["long"]),
        ("minDuration=2&processID=slow&status=successful", ["long"]),
        ("minDuration=2&maxDuration=50&status=successful,failed&processID=slow", ["long"]),
        ("maxDuration=50&processID=vanilla-value", ["local"]),
        ("minDuration=0&processID=slow&limit=1", ["runs", "long"]),
        ("minDuration=0&status=accepted", []),
        ("minDuration=4000", []),
    ],
)
def test_a_filter(made: Made, query: str, expected: list[str]) -> None:
    paged = query if "limit" in query else f"{query}&limit=100"
    assert made.names(paged) == expected


def test_the_time_of_creation(made: Made) -> None:
    created = {name: job["created"] for name, job in made.jobs.items()}
    assert made.names(f"limit=99&datetime={created['failed']}/{created['runs']}") == [
        "runs",
        "long",
        "failed",
    ]
    assert made.names(f"limit=99&datetime={created['dismissed']}/..") == ["waits", "dismissed"]
    assert made.names(f"limit=99&datetime=../{created['done']}") == ["done", "local"]
    assert made.names(f"limit=99&datetime={created['long']}") == ["long"]
    day = created["long"][:10]
    assert set(made.names(f"limit=99&datetime={day}")) >= {"long"}
    assert made.names("limit=99&datetime=2001-01-01/2002-01-01") == []


def test_paging_keeps_the_filters(made: Made) -> None:
    query = "processID=slow&processID=simple-flow&status=successful,failed&limit=1"
    page = made.stack.client.get(f"/jobs?{query}").json()
    links = {link["rel"]: link["href"] for link in page["links"]}
    assert set(links) == {"self", "alternate", "next"}
    for part in ("processID=slow", "processID=simple-flow", "status=successful", "limit=1"):
        assert part in links["next"]
    second = made.stack.client.get(links["next"]).json()
    assert {job["status"] for job in second["jobs"]} <= {"successful", "failed"}
    assert made.names(query) == ["long", "failed", "done"]
    for job in page["jobs"] + second["jobs"]:
        assert_status_info(job)

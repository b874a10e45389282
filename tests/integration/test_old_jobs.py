"""Jobs that a deleted process, another version or another program has left break nothing."""

from collections.abc import Iterator

import httpx
import pytest

from support.http import assert_problem
from support.old_jobs import KINDS, old_jobs
from support.stack import RunningStack

OF_EACH = 20
THEN = "../2009-12-31"
MANY = 100_000


@pytest.fixture(scope="module")
def job(stack: RunningStack) -> str:
    """A job of now, which the old ones are to leave alone."""
    job_id = stack.submit("simple-flow", {"name": "Ann"})
    stack.wait_until_done(job_id)
    return job_id


@pytest.fixture(scope="module")
def left(stack: RunningStack, job: str) -> Iterator[dict[str, list[str]]]:
    """So many old jobs of each kind; and ``job`` for the rows that are like it otherwise."""
    assert job
    with old_jobs(stack.state, OF_EACH) as made:
        yield made


def listed(
    client: httpx.Client, limit: int, offset: int = 0, shown: str = "json"
) -> httpx.Response:
    query: dict[str, str | int] = {"limit": limit, "offset": offset, "f": shown, "datetime": THEN}
    return client.get("/jobs", params=query)


def test_the_list_has_them_all(stack: RunningStack, left: dict[str, list[str]]) -> None:
    """Fault 24."""
    reply = listed(stack.client, 10_000)
    assert reply.status_code == 200, reply.text
    shown = {one["jobID"]: one for one in reply.json()["jobs"]}
    dated = {one for kind, ids in left.items() if kind != "no times" for one in ids}
    assert dated == set(shown)
    for one in left["without a process"]:
        assert "processID" not in shown[one]
    for one in left["enormous progress"]:
        assert shown[one]["progress"] == 100
    assert all(len(one["message"]) <= 1100 for one in shown.values())
    assert listed(stack.client, 10_000, shown="html").status_code == 200
    newest = stack.client.get("/jobs", params={"limit": 2 * OF_EACH})
    assert newest.status_code == 200
    assert set(left["no times"]) <= {one["jobID"] for one in newest.json()["jobs"]}


@pytest.mark.parametrize(
    "query", ["status=failed", "processID=gone", "minDuration=1", "maxDuration=9"]
)
def test_filters_bear_them(stack: RunningStack, left: dict[str, list[str]], query: str) -> None:
    assert left
    reply = stack.client.get(f"/jobs?limit=1000&datetime={THEN}&{query}")
    assert reply.status_code == 200, reply.text
    assert reply.json()["jobs"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_has_a_status_a_page_and_an_answer_for_its_results(
    stack: RunningStack, left: dict[str, list[str]], kind: str
) -> None:
    """Fault 24: no 500 but that of a failed job, which says that it has failed."""
    one = left[kind][0]
    status = stack.client.get(f"/jobs/{one}", params={"f": "json"})
    assert status.status_code == 200, status.text
    page = stack.client.get(f"/jobs/{one}", params={"f": "html"})
    assert page.status_code == 200, page.text
    assert one in page.text
    results = stack.client.get(f"/jobs/{one}/results", params={"f": "json"})
    assert_problem(results, results.status_code)
    assert results.json()["type"] != "about:blank", results.text
    assert "Report the time of the request" not in results.text
    assert stack.client.get(f"/jobs/{one}/results/out").status_code >= 400
    if KINDS[kind].state in ("FAILED", "COMPLETED", "CRASHED"):
        gone = stack.client.delete(f"/jobs/{left[kind][1]}")
        assert (gone.status_code, gone.json()["status"]) == (200, "dismissed"), gone.text
        assert stack.client.get(f"/jobs/{left[kind][1]}").status_code == 404


def test_the_job_of_now_is_as_before(
    stack: RunningStack, job: str, left: dict[str, list[str]]
) -> None:
    """Fault 24."""
    assert left
    assert stack.job(job)["status"] == "successful"
    assert "Hello Ann!" in stack.client.get(f"/jobs/{job}/results").text
    other = stack.submit("simple-flow", {"name": "Bob"})
    assert stack.wait_until_done(other)["status"] == "successful"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_100_000_mixed_old_jobs(stack: RunningStack, job: str) -> None:
    """Fault 24: pages from all over the list, and two jobs of each kind."""
    assert job
    with old_jobs(stack.state, MANY // len(KINDS) + 1) as made:
        assert sum(map(len, made.values())) >= MANY
        for offset in range(0, MANY - 1000, 9000):
            for shown in ("json", "html"):
                reply = listed(stack.client, 1000, offset, shown)
                assert reply.status_code == 200, reply.text[:1000]
        for kind, ids in made.items():
            for one in (ids[0], ids[-1]):
                for shown in ("json", "html"):
                    reply = stack.client.get(f"/jobs/{one}", params={"f": shown})
                    assert reply.status_code == 200, (kind, reply.text[:1000])
        other = stack.submit("simple-flow", {"name": "Bob"})
        assert stack.wait_until_done(other, timeout=240)["status"] == "successful"

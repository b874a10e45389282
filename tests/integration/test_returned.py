"""What flows and unmodified processors return, seen by a client."""

from urllib.parse import quote, unquote

import pytest

from support.http import assert_problem, execute, job_of, prefect_run
from support.server import links, parts
from support.stack import RunningStack

NAMES = ("a/b", "line\nbreak", 'quoted">', "größe 温度", "..x", "/")
BREACHES = {
    "other-job": "the jobID '00000000-0000-4000-8000-000000000000'",
    "other-process": "the processID 'echo'",
    "undeclared": "does not declare: 'more'",
}


@pytest.mark.parametrize("process", ["vanilla-coroutine", "worker-coroutine"])
def test_a_coroutine_runs(stack: RunningStack, process: str) -> None:
    """Fault 16: in the web process and on the worker."""
    reply = execute(stack, process, {"kind": "text"})
    assert reply.status_code == 200, reply.text
    assert reply.text == "Hello"


@pytest.mark.parametrize("process", ["careless", "careless-here"])
@pytest.mark.parametrize(
    ("kind", "told"), [("failed", "the raster is empty"), *BREACHES.items()], ids=str
)
def test_a_record_is_not_believed(stack: RunningStack, process: str, kind: str, told: str) -> None:
    """Fault 27: failed is failed with its message; a breach of the contract says what it is."""
    reply = execute(stack, process, {"kind": kind})
    assert_problem(reply, 500, "job-failed", told)
    for job in stack.client.get("/jobs", params={"processID": process, "limit": 1}).json()["jobs"]:
        assert job["status"] == "failed"
        assert told in job["message"]
        assert told in stack.job(job["jobID"])["message"]
        assert prefect_run(stack, job["jobID"])["state"]["type"] == "FAILED"
        assert_problem(stack.client.get(f"/jobs/{job['jobID']}/results"), 500, "job-failed", told)
        output = stack.client.get(f"/jobs/{job['jobID']}/results/more")
        assert_problem(output, 500, "job-failed", told)


def test_any_identifier_of_an_output_has_an_address(stack: RunningStack) -> None:
    """Fault 27: percent-encoded in addresses and in Content-ID, escaped in headers."""
    related = execute(stack, "names", {})
    assert related.status_code == 200, related.text
    found = parts(related)
    assert {unquote(name) for name in found} == set(NAMES)
    for name, part in found.items():
        assert name == quote(unquote(name), safe="")
        assert part.get_payload(decode=True).strip() == unquote(name).encode()
    job = job_of(related)
    for name in NAMES:
        output = stack.client.get(f"/jobs/{job}/results/{quote(name, safe='')}")
        assert (output.status_code, output.text) == (200, name)
    assert stack.client.get(f"/jobs/{job}/results/{quote('a/c', safe='')}").status_code == 404


def test_any_identifier_of_an_output_is_in_the_links(stack: RunningStack) -> None:
    """Fault 27."""
    wanted = {name: {"transmissionMode": "reference"} for name in NAMES}
    reply = execute(stack, "names", {}, outputs=wanted)
    assert reply.status_code == 204
    addresses = links(reply)["http://www.opengis.net/def/rel/ogc/1.0/results"]
    assert [stack.client.get(address).text for address in addresses] == list(NAMES)
    headers = reply.headers.get_list("Link")
    assert any('title="quoted\\">"' in header for header in headers)
    assert any("title*=UTF-8''line%0Abreak" in header for header in headers)
    document = execute(stack, "names", {}, response="document", outputs=wanted).json()
    assert [stack.client.get(document[name]["href"]).text for name in NAMES] == list(NAMES)
    page = stack.client.get(links(reply)["monitor"][0], params={"f": "html"})
    assert page.status_code == 200
    assert quote("a/b", safe="") in page.text

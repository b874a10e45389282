"""The running server against its own OpenAPI document."""

import os
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from openapi_spec_validator import validate

from support import fuzzing
from support.http import assert_problem
from support.stack import REPOSITORY, RunningStack

MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.0"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
FUZZ_SECONDS = 1500
EXAMPLES = "PYGEOAPI_PREFECT_TEST_EXAMPLES"


def rels(document: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for link in document["links"]:
        found.setdefault(link["rel"].rpartition("/")[2], []).append(link)
    return found


def test_the_document_is_served_and_valid(stack: RunningStack) -> None:
    reply = stack.client.get("/openapi")
    assert reply.headers["Content-Type"] == MEDIA_TYPE
    assert reply.json()["servers"] == [{"url": stack.url}]
    validate(reply.json())
    assert stack.client.get("/openapi", params={"f": "json"}).json() == reply.json()


@pytest.mark.parametrize(
    ("query", "accept"), [({"f": "html"}, "*/*"), ({}, "text/html,application/xhtml+xml,*/*;q=0.8")]
)
def test_the_page_needs_nothing_from_elsewhere(
    stack: RunningStack, query: dict[str, str], accept: str
) -> None:
    page = stack.client.get("/openapi", params=query, headers={"Accept": accept})
    assert page.headers["Content-Type"].startswith("text/html")
    loaded = re.findall(r'(?:src|<link [^>]*href)="([^"]*)"', page.text)
    assert len(loaded) >= 2
    for address in loaded:
        target = urljoin(f"{stack.url}/openapi", address)
        assert target.startswith(f"{stack.url}/")
        assert stack.client.get(urlsplit(target).path).status_code == 200


def test_nothing_but_the_assets_is_served_beside_the_page(stack: RunningStack) -> None:
    for name in ("../flask_swagger_ui.py", "..%2fflask_swagger_ui.py", "none.js"):
        assert_problem(stack.client.get(f"/openapi/ui/{name}"), 404)


def test_an_unknown_format_is_refused(stack: RunningStack) -> None:
    assert_problem(stack.client.get("/openapi", params={"f": "yaml"}), 400, detail="'f'")


def test_the_landing_page_leads_everywhere(stack: RunningStack) -> None:
    links = rels(stack.client.get("/", params={"f": "json"}).json())
    assert [link["type"] for link in links["service-desc"]] == [MEDIA_TYPE]
    for name in ("service-desc", "service-doc", "conformance", "processes", "job-list"):
        for link in links[name]:
            assert link["href"].startswith(stack.url)
            reply = stack.client.get(link["href"])
            assert reply.status_code == 200
            assert reply.headers["Content-Type"].startswith(link["type"])


def test_every_path_answers_with_a_documented_status(stack: RunningStack) -> None:
    paths = stack.client.get("/openapi").json()["paths"]
    values = {"processID": "echo", "jobID": str(uuid.uuid4()), "outputID": "a", "featureId": "0"}
    for path, item in paths.items():
        if "get" in item:
            reply = stack.client.get(path.format(**values))
            assert str(reply.status_code) in item["get"]["responses"], (path, reply.text)
        elif "post" in item:  # without a body: refused by each process
            reply = stack.client.post(path.format(**values))
            assert_problem(reply, 400)


def test_features_without_a_media_type_are_the_clients_fault(stack: RunningStack) -> None:
    assert_problem(stack.client.post("/collections/lakes/items"), 415)


@pytest.mark.slow
@pytest.mark.timeout(FUZZ_SECONDS + 60)
@pytest.mark.parametrize(
    ("included", "phases"),
    [
        ("^/(?!collections)(?!.*/execution)", "examples,coverage,fuzzing"),
        ("/execution$", "fuzzing"),
    ],
    ids=["resources", "executions"],
)
def test_generated_requests_get_documented_answers(
    stack: RunningStack, tmp_path: Path, included: str, phases: str
) -> None:
    """No 5xx and no answer outside its schema (schemathesis).

    Collections are pygeoapi's own. Processes that may fail are described, not executed; see
    ``fuzzing.NOT_EXECUTED``. The variable ``EXAMPLES`` sets how many examples each operation gets.
    """
    some_jobs(stack)
    line = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{stack.url}/openapi"),
        *("--checks", ",".join(CHECKS), "--phases", phases),
        *("--include-path-regex", included, "--exclude-path-regex", fuzzing.not_executed()),
        *("--max-examples", os.environ.get(EXAMPLES, "5"), "--seed", "1"),
        *("--continue-on-failure", "--no-color"),
        *("--suppress-health-check", "all", "--request-timeout", "60"),
    ]
    hooks = {"SCHEMATHESIS_HOOKS": "support.fuzzing", "PYTHONPATH": str(REPOSITORY / "tests")}
    done = subprocess.run(
        line,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **hooks},
        timeout=FUZZ_SECONDS,
        check=False,
    )
    assert done.returncode == 0, "see what it printed"


def some_jobs(stack: RunningStack) -> None:
    """Jobs of every status but failed, with outputs of several media types."""
    done = [stack.submit("many", {}), stack.submit("worker-several", {}, response="document")]
    done += [stack.submit("echo", {"echo": "a", "integers": [1]}) for _ in range(3)]
    for job_id in done:
        stack.wait_until(job_id, "successful")
    dismissed = stack.submit("echo", {"echo": "a", "pause": 600})
    stack.wait_until(dismissed, "running")
    stack.client.delete(f"/jobs/{dismissed}").raise_for_status()

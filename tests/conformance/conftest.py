"""The server under test: that of STACK_URL, or the embedded stack of the integration tests."""

import os
from collections.abc import Iterator

import httpx
import pytest

from support.server import Server


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    url = os.environ.get("STACK_URL") or request.getfixturevalue("stack").url
    with httpx.Client(base_url=url.rstrip("/"), timeout=90, trust_env=False) as client:
        yield Server(client)


@pytest.fixture(scope="module")
def echo(server: Server) -> str:
    """The job of an execution that has succeeded, with two outputs in a document.

    Each module has its own: one of the session is not on the first pages of jobs for long.
    """
    job_id = server.submit("echo", {"echo": "teststring", "number": 4.5}, response="document")
    assert server.ended(job_id)["status"] == "successful"
    return job_id

"""Requirements classes *Callback* and *Dismiss*."""

import os
import uuid
from collections.abc import Iterator

import pytest

from support.http import assert_problem
from support.polling import wait_for
from support.receiver import Receiver, receiving
from support.requirements import requirement
from support.server import Server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    if os.environ.get("STACK_URL"):
        pytest.skip("that server does not reach a subscriber on this machine")
    with receiving() as made:
        yield made


@requirement("/req/callback/job-callback")
def test_the_subscriber_gets_the_results(server: Server, receiver: Receiver) -> None:
    subscriber = {"successUri": f"{receiver.url}/done", "failedUri": f"{receiver.url}/failed"}
    inputs = {"echo": "teststring", "number": 4}
    wanted = {"outputs": {"echo": {}}, "response": "document", "subscriber": subscriber}
    job_id = server.submit("echo", inputs, **wanted)
    wait_for(lambda: receiver.of(job_id), 120, "the subscriber is told")
    (told,) = receiver.of(job_id)
    assert (told.path, told.body) == ("/done", {"echo": "teststring"})
    assert server.document(f"/jobs/{job_id}")["status"] == "successful"


@requirement("/req/callback/job-callback")
def test_a_subscriber_without_success_uri_gets_the_other_callbacks(
    server: Server, receiver: Receiver
) -> None:
    """Fault 14: an extension, each of the three addresses is enough; null is none."""
    subscriber = {"inProgressUri": f"{receiver.url}/running"}
    job_id = server.submit("echo", {"echo": "x"}, subscriber=subscriber)
    wait_for(lambda: receiver.of(job_id), 120, "the subscriber is told")
    (told,) = receiver.of(job_id)
    assert told.path == "/running"
    for member in ("successUri", "inProgressUri", "failedUri"):
        reply = server.execute("echo", {"echo": "x"}, "respond-async", subscriber={member: None})
        assert_problem(reply, 400, "invalid-parameter-value", member)


@requirement("/req/dismiss/job-dismiss-op", "/req/dismiss/job-dismiss-success")
def test_a_running_job_is_dismissed(server: Server) -> None:
    assert "dismiss" in server.document("/processes/echo")["jobControlOptions"]
    job_id = server.submit("echo", {"echo": "x", "pause": 300})
    server.ended(job_id, "running")
    reply = server.client.delete(f"/jobs/{job_id}")
    assert reply.status_code == 200
    found = reply.json()
    assert (found["jobID"], found["type"], found["status"]) == (job_id, "process", "dismissed")
    assert server.document(f"/jobs/{job_id}")["status"] == "dismissed"
    assert_problem(server.get(f"/jobs/{job_id}/results"), 410, "job-dismissed")


@requirement("/req/dismiss/job-dismiss-success")
def test_a_finished_job_is_removed_with_its_outputs(server: Server) -> None:
    job_id = server.submit("echo", {"echo": "x"})
    server.ended(job_id)
    reply = server.client.delete(f"/jobs/{job_id}")
    assert (reply.status_code, reply.json()["status"]) == (200, "dismissed")
    for path in ("", "/results", "/results/echo"):
        assert_problem(server.get(f"/jobs/{job_id}{path}"), 404, "no-such-job")


@requirement("/req/dismiss/job-dismiss-op")
def test_an_unknown_job_cannot_be_dismissed(server: Server) -> None:
    assert_problem(server.client.delete(f"/jobs/{uuid.uuid4()}"), 404, "no-such-job")

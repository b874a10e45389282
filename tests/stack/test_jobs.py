"""Jobs on any stack, through its door."""

import hashlib
import re
from urllib.parse import urlsplit

import httpx

from support.compose import ComposeStack, Door
from support.polling import wait_for

BYTES = 50_000_000


def test_synchronous(door: Door) -> None:
    reply = door.execute("simple-flow", {"name": "Joe"})
    assert (reply.status_code, reply.text) == (200, "Hello Joe!")
    assert reply.headers["Content-Type"].startswith("text/plain")


def test_in_the_web_process(door: Door) -> None:
    reply = door.execute("hello-world", {"name": "Joe"})
    assert reply.status_code == 200, reply.text
    assert "Hello Joe!" in reply.text


def test_asynchronous_in_list_and_in_prefect(door: Door) -> None:
    job_id = door.submit("simple-flow", {"name": "Ann"})
    (job,) = door.wait_for_jobs(job_id)
    assert job["status"] == "successful"
    assert "Hello Ann!" in door.client.get(f"/jobs/{job_id}/results").text
    listed = door.client.get("/jobs", params={"f": "json", "limit": 50}).json()["jobs"]
    assert job_id in {entry["jobID"] for entry in listed}
    wanted = {"flow_runs": {"name": {"any_": [f"pygeoapi_job_{job_id}"]}}}
    (run,) = door.prefect.post("/flow_runs/filter", json=wanted).json()
    assert run["state"]["type"] == "COMPLETED"
    assert run["work_queue_name"] == "pygeoapi"


def test_reference_can_be_followed_from_outside(door: Door) -> None:
    outputs = {"result": {"transmissionMode": "reference"}}
    reply = door.execute("simple-flow", {"name": "Eve"}, outputs=outputs, response="document")
    assert reply.status_code == 200, reply.text
    href = reply.json()["result"]["href"]
    assert urlsplit(href).netloc == urlsplit(door.url).netloc
    assert httpx.get(href, trust_env=False, timeout=30).text == "Hello Eve!"


def test_dismiss(door: Door) -> None:
    job_id = door.submit("echo", {"echo": "x", "pause": 60})
    wait_for(lambda: door.job(job_id)["status"] == "running", 60, lambda: str(door.job(job_id)))
    assert door.client.delete(f"/jobs/{job_id}").json()["status"] == "dismissed"
    (job,) = door.wait_for_jobs(job_id)
    assert job["status"] == "dismissed"


def test_zonal_statistics(door: Door) -> None:
    from support.stack import REPOSITORY

    request = (REPOSITORY / "flows/zonal_statistics/data/request.json").read_bytes()
    reply = door.client.post(
        "/processes/zonal-statistics/execution",
        content=request,
        headers={"Content-Type": "application/json"},
    )
    assert reply.status_code == 200, reply.text


def test_added_process_uses_its_own_library(stack: ComposeStack) -> None:
    reply = stack.execute("made-bytes", {"size": 1_500_000}, outputs={"words": {}})
    assert (reply.status_code, reply.text) == (200, "1500000th")


def test_large_output_is_streamed_and_lies_in_the_bucket_as_it_is(stack: ComposeStack) -> None:
    job_id = stack.submit("made-bytes", {"size": BYTES})
    (job,) = stack.wait_for_jobs(job_id)
    assert job["status"] == "successful"
    digest, size = hashlib.sha256(), 0
    with stack.client.stream("GET", f"/jobs/{job_id}/results/bytes") as reply:
        assert reply.status_code == 200
        for chunk in reply.iter_bytes():
            digest.update(chunk)
            size += len(chunk)
    assert size == BYTES
    expected = (bytes(range(256)) * (BYTES // 256 + 1))[:BYTES]
    assert digest.digest() == hashlib.sha256(expected).digest()
    stored = stack.objects("pygeoapi-results")
    assert stored[f"{job_id}/bytes.bin"] == BYTES
    assert stored[f"{job_id}/words.bin"] == len("50000000th")


def test_code_is_in_the_bucket_under_its_sub_path(stack: ComposeStack) -> None:
    stored = stack.objects("pygeoapi-flows")
    assert any(
        name.startswith("made-bytes/") and name.endswith("/made_bytes/process.py")
        for name in stored
    )
    assert any(name.startswith("zonal-statistics/") for name in stored)


def test_blocks_of_the_page_are_there_without_credentials(stack: ComposeStack) -> None:
    for name in ("test-sb1", "test-sb1-results", "pygeoapi-flows", "pygeoapi-results"):
        reply = stack.prefect.get(
            f"/block_types/slug/remote-file-system/block_documents/name/{name}"
        )
        assert reply.status_code == 200, reply.text
        data = reply.json()["data"]
        assert data["basepath"].startswith("s3://pygeoapi-")
        assert not data.get("settings")


def test_prefects_page_loads_with_its_script(door: Door) -> None:
    ui = door.prefect_api_url.removesuffix("/api")
    with httpx.Client(base_url=ui, follow_redirects=True, timeout=60, trust_env=False) as browser:
        page = browser.get("/")
        assert page.status_code == 200
        found = re.search(r'<script[^>]* src="([^"]+)"', page.text)
        assert found, page.text
        script = browser.get(page.url.join(found[1]))
    assert script.status_code == 200
    assert "javascript" in script.headers["Content-Type"]

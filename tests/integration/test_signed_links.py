"""``signed_links_seconds``: outputs by reference are addresses that the store itself serves."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml

from support import s3_server, web
from support.stack import RunningStack

BLOCK, SECONDS = "signed-links", 300
REFERENCE = {"transmissionMode": "reference"}
PROCESSES = ("vanilla-several", "vanilla-value")


@pytest.fixture(scope="module")
def client(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A web application whose processes keep their outputs in an S3 server."""
    folder = tmp_path_factory.mktemp("signed")
    config = yaml.safe_load(stack.config.read_text())
    config["resources"] = {name: config["resources"][name] for name in PROCESSES}
    config["server"]["manager"] |= {
        "result_storage": f"remote-file-system/{BLOCK}",
        "signed_links_seconds": SECONDS,
    }
    (folder / "config.yml").write_text(yaml.safe_dump(config, width=1000))
    own = web.environment(stack.prefect_api_url)
    address = s3_server.make_bucket(BLOCK)
    names = (BLOCK, address, s3_server.endpoint(), s3_server.KEY, s3_server.SECRET)
    pygeoapi = str(Path(sys.executable).with_name("pygeoapi"))
    line = [pygeoapi, "plugins", "prefect", "create-storage-block", *names]
    subprocess.run(line, env=own, check=True, capture_output=True, timeout=90)
    with web.serving(own, folder / "config.yml", folder / "web.log") as client:
        yield client


def execute(client: httpx.Client, process: str, **body: Any) -> httpx.Response:
    reply = client.post(f"/processes/{process}/execution", json={"inputs": {}, **body})
    assert reply.status_code in (200, 204), reply.text
    return reply


def assert_signed(url: str, content: bytes) -> None:
    """The address is the store's, bounded in time, and enough to read the output."""
    assert url.startswith(s3_server.endpoint())
    query = parse_qs(urlsplit(url).query)
    assert {name.rpartition("-")[2].lower() for name in query} >= {"signature", "expires"}
    assert query.get("X-Amz-Expires", [str(SECONDS)]) == [str(SECONDS)]
    assert httpx.get(url, trust_env=False).content == content


def test_links_of_a_raw_reply(client: httpx.Client) -> None:
    reply = execute(client, "vanilla-value", outputs={"result": REFERENCE})
    assert reply.status_code == 204
    link = reply.headers["Link"].partition(">")[0].lstrip("<")
    assert_signed(link, b"Hello")


def test_links_of_a_document_and_of_the_results_of_the_job(client: httpx.Client) -> None:
    outputs = {"job": {}, "wanted": REFERENCE}
    reply = execute(client, "vanilla-several", outputs=outputs, response="document")
    assert_signed(reply.json()["wanted"]["href"], b'["job", "wanted"]')
    results = client.get(f"/jobs/{reply.json()['job']}/results").json()
    assert_signed(results["wanted"]["href"], b'["job", "wanted"]')


def test_a_part_by_reference(client: httpx.Client) -> None:
    reply = execute(client, "vanilla-several", outputs={"job": {}, "wanted": REFERENCE})
    assert reply.headers["Content-Type"].startswith("multipart/related")
    (url,) = re.findall("Content-Location: (\\S+)", reply.text)
    assert_signed(url, b'["job", "wanted"]')

"""A server of OGC API - Processes as a black box: only its address is known."""

import email
import email.policy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from support.polling import wait_for

REL = "http://www.opengis.net/def/rel/ogc/1.0/"
ENDED = ("successful", "failed", "dismissed")
REFERENCE = {"transmissionMode": "reference"}
LINK = re.compile(r'<([^>]*)>\s*;\s*rel="?([^";]+)"?')


@dataclass(frozen=True)
class Server:
    """A server under test; ``client`` has its address as base."""

    client: httpx.Client

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        """GET as JSON, with query parameters."""
        return self.client.get(path, params=parameters, headers={"Accept": "application/json"})

    def document(self, path: str, **parameters: Any) -> dict[str, Any]:
        """The JSON object at a path, which has to be there."""
        reply = self.get(path, **parameters)
        assert reply.status_code == 200, reply.text
        assert reply.headers["Content-Type"].partition(";")[0] == "application/json"
        document: dict[str, Any] = reply.json()
        return document

    def execute(
        self, process: str, inputs: Any, prefer: str | Sequence[str] = (), **request: Any
    ) -> httpx.Response:
        """POST an execute request; each preference is a header of its own."""
        preferences = [prefer] if isinstance(prefer, str) else prefer
        return self.client.post(
            f"/processes/{process}/execution",
            json={"inputs": inputs, **request},
            headers=[("Prefer", preference) for preference in preferences],
        )

    def submit(self, process: str, inputs: dict[str, Any], **request: Any) -> str:
        """Execute asynchronously; the job's id."""
        reply = self.execute(process, inputs, "respond-async", **request)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["jobID"])

    def ended(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """The statusInfo of a job once it has ended, or has one of these statuses."""

        def found() -> dict[str, Any] | None:
            job = self.document(f"/jobs/{job_id}")
            return job if job["status"] in (statuses or ENDED) else None

        job = wait_for(found, 120, f"job {job_id} has ended")
        assert job is not None
        return job

    def having(self, process: str) -> str:
        """The process, or the test is skipped where there is none of that name."""
        if self.get(f"/processes/{process}").status_code == 404:
            pytest.skip(f"the server has no process {process}")
        return process


def links(reply: httpx.Response) -> dict[str, list[str]]:
    """The addresses in the ``Link`` headers, by relation."""
    found: dict[str, list[str]] = {}
    for header in reply.headers.get_list("Link"):
        for href, rel in LINK.findall(header):
            found.setdefault(rel, []).append(href)
    return found


def rels(document: dict[str, Any]) -> set[str]:
    """The relations of a document's links."""
    return {link["rel"] for link in document["links"]}


def parts(reply: httpx.Response) -> dict[str, Any]:
    """The parts of a multipart/related reply, by ``Content-ID``."""
    head = f"Content-Type: {reply.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + reply.content, policy=email.policy.HTTP)
    assert message.get_content_type() == "multipart/related"
    return {str(part["Content-ID"]).strip("<>"): part for part in message.iter_parts()}

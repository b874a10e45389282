"""The reply to a request for results (OGC API - Processes - Part 1, tables 8 and 9).

| response | transmission | outputs | status | body |
|----------|--------------|---------|--------|------|
| raw      | value        | 1       | 200    | the output's bytes, in its own media type |
| raw      | value, mixed | n       | 200    | multipart/related, one part for each output |
| raw      | reference    | any     | 204    | empty, one ``Link`` header for each output |
| document | any          | any     | 200    | ``results.yaml`` |
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import Protocol

from pygeoapi_prefect.models.documents import WantedOutput
from pygeoapi_prefect.models.link_header import link_header
from pygeoapi_prefect.results import document, filenames, links, multipart, problem, ranges
from pygeoapi_prefect.results.output import Output

RESULTS_REL = links.OGC_REL + "results"
SHORT_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Reply:
    """A reply, independent of any web framework."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Iterator[bytes] = b""


class Asked(Protocol):
    """Members of an execute request that decide on the reply."""

    @property
    def outputs(self) -> Mapping[str, WantedOutput] | None:
        """The outputs that are wanted; None means all of them."""

    @property
    def response(self) -> str:
        """Form of the results, ``raw`` or ``document``."""


def deliver(outputs: Sequence[Output], request: Asked, *, only_references: bool = False) -> Reply:
    """Return the results in the form that the execute request specifies.

    Args:
        outputs: The outputs of the job.
        request: The execute request.
        only_references: Return all outputs by reference, regardless of the request.
    """
    wanted = request.outputs
    chosen = [o for o in outputs if not wanted or o.id in wanted]
    by_reference = {
        o.id
        for o in chosen
        if only_references or (wanted or {}).get(o.id, {}).get("transmissionMode") == "reference"
    }
    if request.response == "document":
        return in_document(chosen, by_reference)
    if not chosen:
        return Reply(204)
    if len(by_reference) == len(chosen):
        return references(chosen)
    if len(chosen) == 1:
        return single(chosen[0])
    return related(chosen, by_reference)


def single(output: Output) -> Reply:
    """One output, streamed unchanged."""
    headers = (
        ("Content-Type", output.media_type),
        ("Content-Length", str(output.size())),
        ("Content-Disposition", filenames.content_disposition(output)),
    )
    return Reply(200, headers, output.chunks())


def ranged(output: Output, range_header: str | None) -> Reply:
    """One output, or its requested range (RFC 9110, section 14).

    Args:
        output: The output.
        range_header: Value of the header ``Range``, or None for the whole.
    """
    try:
        span = ranges.parse(range_header, size := output.size())
    except ranges.NotSatisfiable:
        status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        detail = f"The requested range is outside the output, which has {size} bytes"
        body, _, headers = problem.parts("about:blank", status.phrase, status, detail)
        headers["Content-Range"] = f"bytes */{size}"
        return Reply(status, tuple(headers.items()), body.encode())
    accepted = ("Accept-Ranges", "bytes")
    if span is None:
        whole = single(output)
        return Reply(whole.status, (*whole.headers, accepted), whole.body)
    part = (
        ("Content-Type", output.media_type),
        ("Content-Length", str(span.length)),
        ("Content-Range", span.content_range),
        ("Content-Disposition", filenames.content_disposition(output)),
        accepted,
    )
    return Reply(HTTPStatus.PARTIAL_CONTENT, part, output.chunks(span.start, span.length))


def references(outputs: Sequence[Output]) -> Reply:
    """Only links to the outputs (/req/core/process-execute-sync-raw-ref)."""
    headers = (
        ("Link", link_header(o.href, rel=RESULTS_REL, title=o.id, type=o.media_type))
        for o in outputs
    )
    return Reply(204, tuple(headers))


def related(outputs: Sequence[Output], by_reference: set[str]) -> Reply:
    """All outputs in one multipart body (/req/core/process-execute-sync-raw-value-multi)."""
    parts = [_part(output, output.id in by_reference) for output in outputs]
    boundary = uuid.uuid4().hex
    content_type = multipart.content_type(parts, boundary)
    return Reply(200, (("Content-Type", content_type),), multipart.body(parts, boundary))


def in_document(outputs: Sequence[Output], by_reference: set[str]) -> Reply:
    """All outputs as one JSON object (``results.yaml``)."""
    body = _gathered(document.body(outputs, by_reference))
    return Reply(200, (("Content-Type", "application/json"),), body)


def _gathered(pieces: Iterator[bytes]) -> bytes | Iterator[bytes]:
    """Read a short body completely, so that it has a length and an error still gets its status."""
    begun, size = [], 0
    for piece in pieces:
        begun.append(piece)
        size += len(piece)
        if size > SHORT_BYTES:
            return chain(begun, pieces)
    return b"".join(begun)


def _part(output: Output, by_reference: bool) -> multipart.Part:
    headers = (("Content-Type", output.media_type), ("Content-ID", links.content_id(output.id)))
    if by_reference:
        return multipart.Part((*headers, ("Content-Location", output.href)), lambda: iter(()))
    # Opened before the first byte is sent, so that a missing file still gets an error status.
    chunks = output.chunks()
    return multipart.Part((*headers, ("Content-Length", str(output.size()))), lambda: chunks)

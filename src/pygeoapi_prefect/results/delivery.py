"""The reply to a request for results (OGC API - Processes - Part 1, tables 8 and 9).

| response | transmission | outputs | status | body |
|----------|--------------|---------|--------|------|
| raw      | value        | 1       | 200    | the output's bytes, in its own media type |
| raw      | value, mixed | n       | 200    | multipart/related, one part for each output |
| raw      | reference    | any     | 204    | empty, one ``Link`` header for each output |
| document | any          | any     | 200    | ``results.yaml`` |
"""

import base64
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from pygeoapi_prefect.models import strict_json
from pygeoapi_prefect.results import links, multipart, problem, ranges

RESULTS_REL = links.OGC_REL + "results"


class Chunks(Protocol):
    """Gives ``length`` bytes from ``start`` on, or all to the end, in pieces."""

    def __call__(self, start: int = 0, length: int | None = None) -> Iterator[bytes]: ...


@dataclass(frozen=True)
class Output:
    """One generated output.

    Attributes:
        chunks: Gives the bytes in pieces; notices a missing file when called.
        size: Gives the number of bytes.
        href: Where a client finds the output.
        location: Where it is in its store.
    """

    id: str
    media_type: str
    chunks: Chunks
    size: Callable[[], int]
    href: str
    location: str = ""

    def read(self) -> bytes:
        """The whole output."""
        return b"".join(self.chunks())


@dataclass(frozen=True)
class Reply:
    """A reply, independent of any web framework."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Iterator[bytes] = b""


def deliver(outputs: Sequence[Output], request: Mapping[str, Any]) -> Reply:
    """The results in the form that the execute request asked for.

    Args:
        outputs: What the job has generated.
        request: The execute request; ``response`` and ``outputs`` count.
    """
    wanted = request.get("outputs")
    chosen = [o for o in outputs if not wanted or o.id in wanted]
    by_reference = {
        o.id for o in chosen if (wanted or {}).get(o.id, {}).get("transmissionMode") == "reference"
    }
    if request.get("response") == "document":
        return document(chosen, by_reference)
    if not chosen:
        return Reply(204)
    if len(by_reference) == len(chosen):
        return references(chosen)
    if len(chosen) == 1:
        return single(chosen[0])
    return related(chosen, by_reference)


def single(output: Output) -> Reply:
    """One output, streamed as it is."""
    headers = (("Content-Type", output.media_type), ("Content-Length", str(output.size())))
    return Reply(200, headers, output.chunks())


def ranged(output: Output, range_header: str | None) -> Reply:
    """One output, or the range of it that is asked for (RFC 9110, section 14).

    Args:
        output: The output.
        range_header: Value of the header ``Range``, or None for the whole.
    """
    try:
        span = ranges.parse(range_header, size := output.size())
    except ranges.NotSatisfiable:
        status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        detail = f"The output has {size} bytes"
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
        accepted,
    )
    return Reply(HTTPStatus.PARTIAL_CONTENT, part, output.chunks(span.start, span.length))


def references(outputs: Sequence[Output]) -> Reply:
    """Only where the outputs are (/req/core/process-execute-sync-raw-ref)."""
    headers = (
        ("Link", links.header(o.href, RESULTS_REL, title=o.id, type=o.media_type)) for o in outputs
    )
    return Reply(204, tuple(headers))


def related(outputs: Sequence[Output], by_reference: set[str]) -> Reply:
    """All outputs in one multipart body (/req/core/process-execute-sync-raw-value-multi)."""
    parts = [_part(output, output.id in by_reference) for output in outputs]
    boundary = uuid.uuid4().hex
    content_type = multipart.content_type(parts, boundary)
    return Reply(200, (("Content-Type", content_type),), multipart.body(parts, boundary))


def document(outputs: Sequence[Output], by_reference: set[str]) -> Reply:
    """All outputs as one JSON object (``results.yaml``)."""
    results = {
        o.id: links.link(o.href, RESULTS_REL, o.id, o.media_type)
        if o.id in by_reference
        else inline(o.read(), o.media_type)
        for o in outputs
    }
    body = json.dumps(results, ensure_ascii=False).encode()
    return Reply(200, (("Content-Type", "application/json"),), body)


def inline(content: bytes, media_type: str) -> Any:
    """A value for a results document (``inlineOrRefData.yaml``).

    Plain text and JSON that is no object stand for themselves. Objects and other text are qualified
    with their media type, binary content also with its encoding.
    """
    essence = media_type.partition(";")[0].strip().lower()
    if essence == "application/json" or essence.endswith("+json"):
        try:
            value = strict_json.loads(content.decode(json.detect_encoding(content)))
        except (ValueError, RecursionError):  # what the document cannot hold as JSON
            return _encoded(content, media_type)
        bare = isinstance(value, str | int | float | bool | list) and essence == "application/json"
        return value if bare else {"value": value, "mediaType": media_type}
    if essence.startswith("text/") or essence.endswith("xml"):
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return _encoded(content, media_type)
        return text if essence == "text/plain" else {"value": text, "mediaType": media_type}
    return _encoded(content, media_type)


def _encoded(content: bytes, media_type: str) -> dict[str, str]:
    text = base64.b64encode(content).decode("ascii")
    return {"value": text, "mediaType": media_type, "encoding": "base64"}


def _part(output: Output, by_reference: bool) -> multipart.Part:
    headers = (("Content-Type", output.media_type), ("Content-ID", links.content_id(output.id)))
    if by_reference:
        return multipart.Part((*headers, ("Content-Location", output.href)), lambda: iter(()))
    # Opened before the first byte is sent, so that a missing file is still an error reply.
    chunks = output.chunks()
    return multipart.Part((*headers, ("Content-Length", str(output.size()))), lambda: chunks)

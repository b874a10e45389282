"""The results document that a subscriber is sent: in pieces, and with references if too large."""

import json
import tracemalloc
from collections.abc import Iterator
from itertools import repeat
from typing import Any, cast

import pytest

from pygeoapi_prefect.access.principal import Principal
from pygeoapi_prefect.execution.request import Request
from pygeoapi_prefect.jobs.callbacks import Callback, Callbacks
from pygeoapi_prefect.jobs.queries import Queries
from pygeoapi_prefect.results import delivery
from pygeoapi_prefect.results.output import Output

MIB = 1024 * 1024
DONE = Callback("1", "run", "successful", "http://127.0.0.1/told")


class Finished:
    """One successful job with an output of a given size."""

    def __init__(self, mebibytes: int) -> None:
        self.mebibytes = mebibytes

    def document(
        self, job_id: str, principal: Principal, *, only_references: bool = False
    ) -> delivery.Reply:
        def chunks(start: int = 0, length: int | None = None) -> Iterator[bytes]:
            return repeat(bytes(MIB), self.mebibytes)

        href = f"http://127.0.0.1/jobs/{job_id}/results/o"
        output = Output("o", "image/tiff", chunks, lambda: self.mebibytes * MIB, href)
        request = Request(response="document")
        return delivery.deliver([output], request, only_references=only_references)


def content(mebibytes: int, limit: int) -> tuple[int, Any]:
    jobs = cast(Queries, Finished(mebibytes))
    return Callbacks(jobs, "http://127.0.0.1", limit)._content(DONE)


@pytest.mark.parametrize("mebibytes", [0, 1, 30])
def test_fault_4_a_document_has_the_length_that_is_told(mebibytes: int) -> None:
    size, body = content(mebibytes, 100 * MIB)
    text = body if isinstance(body, bytes) else b"".join(body)
    assert len(text) == size
    assert json.loads(text)["o"]["encoding"] == "base64"


def test_fault_4_a_document_above_the_limit_has_references() -> None:
    size, body = content(1000, 2 * MIB)
    assert isinstance(body, bytes)
    assert size == len(body)
    assert json.loads(body)["o"]["href"] == "http://127.0.0.1/jobs/1/results/o"


def test_fault_4_a_document_is_held_nowhere() -> None:
    tracemalloc.start()
    try:
        size, body = content(40, 100 * MIB)
        assert sum(map(len, body)) == size > 50 * MIB
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()

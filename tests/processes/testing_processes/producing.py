"""Processes with outputs of many kinds, and with a large one."""

from prefect import flow

from pygeoapi_prefect.models.processes import (
    ExecuteRequest,
    JobStatusInfoInternal,
    ProcessDescription,
)
from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.inputs import input_value
from pygeoapi_prefect.process.outputs import is_requested, result_storage, write_output
from testing_processes.declaring import declare, successful

MIB = 1024 * 1024
MADE: dict[str, tuple[str, bytes]] = {
    "text": ("text/plain", "Grüße\n".encode()),
    "number": ("application/json", b"42"),
    "object": ("application/json", b'{"a": [1, 2]}'),
    "geojson": ("application/geo+json", b'{"type": "FeatureCollection", "features": []}'),
    "table": ("text/csv", b"id,mean\r\n1,2.5\r\n"),
    "image": ("image/png", b"\x89PNG\r\n\x1a\n\x00\xff--boundary\r\n"),
    "empty": ("application/octet-stream", b""),
}
"""Media type and content of every output."""


@flow(name="test-outputs", persist_result=True)
def make_outputs(
    job_id: str,
    result_storage_block: str | None,
    process_description: ProcessDescription,
    execution_request: ExecuteRequest,
) -> JobStatusInfoInternal:
    """Write all outputs that are wanted."""
    storage = result_storage(result_storage_block)
    outputs = {
        name: write_output(storage, job_id, f"{name}.bin", content, media_type)
        for name, (media_type, content) in MADE.items()
        if is_requested(execution_request, name)
    }
    return successful(job_id, process_description.id, outputs)


@flow(name="test-big", persist_result=True)
def make_big_output(
    job_id: str,
    result_storage_block: str | None,
    process_description: ProcessDescription,
    execution_request: ExecuteRequest,
) -> JobStatusInfoInternal:
    """Write one output of so many MiB, each filled with its number modulo 256."""
    count = int(input_value(execution_request, "mebibytes"))
    content = b"".join(bytes([number % 256]) * MIB for number in range(count))
    storage = result_storage(result_storage_block)
    result = write_output(storage, job_id, "big.bin", content, "application/octet-stream")
    return successful(job_id, process_description.id, {"result": result})


class OutputsProcessor(BasePrefectProcessor):
    """Several outputs of different media types."""

    process_flow = make_outputs
    process_description = declare(
        "test-outputs",
        {},
        {
            name: {"schema": {"type": "string", "contentMediaType": media_type}}
            for name, (media_type, _) in MADE.items()
        },
    )


class BigOutputProcessor(BasePrefectProcessor):
    """One large output."""

    process_flow = make_big_output
    process_description = declare(
        "test-big", {"mebibytes": {"schema": {"type": "integer", "minimum": 1, "maximum": 256}}}
    )

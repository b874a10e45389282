"""Unmodified pygeoapi processes: run here, or on a worker through one generic flow."""

import asyncio
import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from prefect import Flow, flow
from pygeoapi.error import GenericError
from pygeoapi.process.base import BaseProcessor

from pygeoapi_prefect import storage
from pygeoapi_prefect.errors import ConfigurationError, JobFailedError
from pygeoapi_prefect.models import reference
from pygeoapi_prefect.models.media_types import essence, usable_media_type
from pygeoapi_prefect.models.processes import (
    JobStatus,
    JobStatusInfoInternal,
)
from pygeoapi_prefect.process.contract import UNNAMED, invalid_result
from pygeoapi_prefect.process.loading import load_processor
from pygeoapi_prefect.process.outputs import store_output
from pygeoapi_prefect.pygeoapi_helpers import json_default

PAIR = "a media type and a value"
CONTRACT = f"it must return {PAIR}"
SUFFIXES = {"application/json": "json", "application/geo+json": "geojson", "text/plain": "txt"}


@dataclass(frozen=True)
class Generated:
    """One output of a processor, as bytes in its own media type."""

    id: str
    media_type: str
    content: bytes

    @property
    def file_name(self) -> str:
        """Name of the output's file in the job's folder."""
        # Percent signs would be decoded by the store, so the escapes use another character.
        name = quote(self.id, safe="").replace("%", "=")
        suffix = SUFFIXES.get(essence(self.media_type), "bin")
        return f"output-{name}.{suffix}"


def run(
    processor: BaseProcessor, job_id: str, request: Mapping[str, Any], described: Iterable[str]
) -> list[Generated]:
    """Execute a processor the way pygeoapi's own managers do; a coroutine is run to its end.

    Args:
        processor: A processor of this job alone.
        job_id: Identifier of the job.
        request: The execute request, validated.
        described: Identifiers of the outputs in the process description.

    Raises:
        Exception: Whatever the processor raises; an error of pygeoapi's with its public message.
        JobFailedError: It did not return a media type and a value.
        RuntimeError: It called ``sys.exit``.
    """
    processor.set_job_id(job_id)
    inputs = dict(request.get("inputs", {}))
    try:
        if processor.supports_outputs:
            returned = processor.execute(inputs, outputs=request.get("outputs"))
        else:
            returned = processor.execute(inputs)
        if inspect.iscoroutine(returned):
            returned = asyncio.run(returned)
    except GenericError as error:
        # pygeoapi shows only the user message to clients; the arguments are for the log.
        if error.user_msg:
            error.args = (error.user_msg,)
        raise
    except SystemExit as error:
        raise RuntimeError(f"the process called sys.exit({error.code!r})") from error
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        kind = "None" if returned is None else f"an instance of {type(returned).__qualname__}"
        raise JobFailedError(invalid_result(f"{kind} instead of {PAIR}"))
    media_type, value = returned
    return outputs(media_type, value, list(described))


def refuse_generator(processor_class: type[BaseProcessor]) -> None:
    """Reject a processor class whose ``execute`` is a generator: its items have no defined meaning.

    Raises:
        ConfigurationError: It does.
    """
    execute = inspect.unwrap(processor_class.execute)
    if inspect.isgeneratorfunction(execute) or inspect.isasyncgenfunction(execute):
        raise ConfigurationError(
            f"{processor_class.__module__}.{processor_class.__qualname__}.execute is a generator "
            f"(it has 'yield' in it); {CONTRACT}"
        )


def outputs(media_type: object, value: object, described: list[str]) -> list[Generated]:
    """Split the value that a processor returned into outputs; an invalid media type is ignored.

    A process with several outputs returns an object with their identifiers as keys. For a process
    with one output, the returned value is this output.
    """
    if value is None:
        return []
    if len(described) > 1 and isinstance(value, dict) and value and set(value) <= set(described):
        return [_generated(key, None, part) for key, part in value.items() if part is not None]
    output_id = described[0] if described else UNNAMED
    return [_generated(output_id, usable_media_type(media_type), value)]


def _generated(output_id: str, media_type: str | None, value: object) -> Generated:
    if isinstance(value, bytes | bytearray):
        return Generated(output_id, media_type or "application/octet-stream", bytes(value))
    if isinstance(value, str) and not _wants_json(media_type, value):
        return Generated(output_id, media_type or "text/plain", value.encode())
    text = json.dumps(value, default=json_default)
    return Generated(output_id, media_type or "application/json", text.encode())


def _wants_json(media_type: str | None, text: str) -> bool:
    """Return true if a string must be encoded: its type is JSON, but it is not JSON text."""
    if media_type != "application/json":
        return False
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


def store(
    target: storage.Store, job_id: str, process_id: str, generated: Iterable[Generated]
) -> JobStatusInfoInternal:
    """Write outputs into the job's folder; returns the record of the job.

    Raises:
        StorageUnavailable: The store cannot be reached or refuses.
    """
    written = {
        output.id: store_output(
            target, f"{job_id}/{output.file_name}", output.content, output.media_type
        )
        for output in generated
    }
    return JobStatusInfoInternal(
        job_id=job_id,
        process_id=process_id,
        status=JobStatus.successful,
        generated_outputs=written,
    )


@flow(name="pygeoapi-process", persist_result=True)
def run_processor(
    job_id: str,
    result_storage_block: str,
    process_description: str,
    execution_request: str,
    processor: str,
) -> JobStatusInfoInternal:
    """Run an unmodified pygeoapi process on a worker.

    Args:
        job_id: Identifier of the job.
        result_storage_block: Block for the outputs.
        process_description: The process description, as JSON text.
        execution_request: The execute request, as JSON text or a reference to it.
        processor: The ``processor`` mapping of the resource, as JSON text; set in the deployment.
    """
    description = json.loads(process_description)
    if reference.is_reference(execution_request):
        execution_request = storage.read_reference(execution_request)
    generated = run(
        load_processor(description["id"], json.loads(processor)),
        job_id,
        json.loads(execution_request),
        description["outputs"],
    )
    return store(storage.open_store(result_storage_block), job_id, description["id"], generated)


def flow_for(process_id: str) -> Flow[..., Any]:
    """The generic flow under the name of a process, so that each process has its deployment."""
    return run_processor.with_options(name=process_id)

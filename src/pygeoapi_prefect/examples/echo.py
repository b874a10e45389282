"""A process that returns its inputs: every kind of input, a pause, and progress.

It is also what the OGC's compliance suite is pointed at (ets-ogcapi-processes10), and described so
that what the suite sends is legal under strict validation:

- The first input is a plain string and the only required one; the suite sends ``teststring`` and
  looks for it in the output of the same id.
- The suite sends ``teststring`` to every other input of type string without a format too. Hence
  ``colour`` has no ``type``: its ``enum`` says enough.
- It sends ``{"value": "teststring"}`` to every input of type object: ``text_or_object`` takes it,
  and the geometry is described under ``allOf``, where the suite does not look.
- An ``allOf`` must begin with a member that has a ``format``; for ``bbox`` that is ``ogc-bbox``.
- ``pause`` keeps a job busy for as long as the suite needs to see that it is not ready.
- No input of type string has a ``contentMediaType``: that would make the suite demand errors of
  media type ``application/json``, where RFC 7807 says ``application/problem+json``.
"""

import json
import math
import time
from typing import Any

from prefect import flow, get_run_logger
from pygeoapi.models import processes as schemas

from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.inputs import input_value
from pygeoapi_prefect.process.outputs import is_requested, result_storage, write_output
from pygeoapi_prefect.process.progress import report_progress

STEP_SECONDS = 0.5
SUFFIXES = {"text/plain": "txt", "application/json": "json", "application/geo+json": "geojson"}


@flow(persist_result=True)
def echo(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """Pause for the requested time, then return every input whose output is requested.

    Args:
        job_id: Identifier of the job, given by the process manager.
        result_storage_block: Block for the outputs, as ``<block type slug>/<block name>``.
        process_description: The description of the process.
        execution_request: The inputs, and what the client wants of the outputs.

    Returns:
        One output for each input that was given, ``pause`` excepted.
    """
    rest(float(input_value(execution_request, "pause", default=0)))
    storage = result_storage(result_storage_block)
    generated = {}
    for output_id in process_description.outputs:
        value = input_value(execution_request, output_id)
        if value is None or not is_requested(execution_request, output_id):
            continue
        content, media_type = encoded(output_id, value)
        name = f"{output_id}.{SUFFIXES[media_type]}"
        generated[output_id] = write_output(storage, job_id, name, content, media_type)
    get_run_logger().info("job %s echoes %s", job_id, ", ".join(generated) or "nothing")
    report_progress(100, "Done")
    return schemas.JobStatusInfoInternal(
        jobID=job_id,
        processID=process_description.id,
        status=schemas.JobStatus.successful,
        generated_outputs=generated,
    )


def rest(seconds: float) -> None:
    """Sleep in small steps, reporting progress, so that a dismissed job ends at once."""
    steps = math.ceil(seconds / STEP_SECONDS)
    for step in range(steps):
        report_progress(100 * step / steps, f"Pausing, {seconds - step * STEP_SECONDS:g} s left")
        time.sleep(min(STEP_SECONDS, seconds - step * STEP_SECONDS))


def encoded(output_id: str, value: Any) -> tuple[bytes, str]:
    """A value's bytes and media type: strings as plain text, all else as JSON."""
    if isinstance(value, str):
        return value.encode(), "text/plain"
    media_type = "application/geo+json" if output_id == "geometry" else "application/json"
    return json.dumps(value, ensure_ascii=False).encode(), media_type


BBOX_SCHEMA = {
    "allOf": [
        {"format": "ogc-bbox"},
        {
            "type": "object",
            "required": ["bbox"],
            "properties": {
                "bbox": {
                    "type": "array",
                    "items": {"type": "number"},
                    "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
                },
                "crs": {
                    "type": "string",
                    "format": "uri",
                    "default": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
                },
            },
        },
    ]
}
GEOMETRY_SCHEMA = {
    "allOf": [
        {
            "format": "geojson-geometry",
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": {
                    "type": "string",
                    "enum": [
                        "Point",
                        "MultiPoint",
                        "LineString",
                        "MultiLineString",
                        "Polygon",
                        "MultiPolygon",
                        "GeometryCollection",
                    ],
                },
                "coordinates": {"type": "array", "items": {}},
                "geometries": {"type": "array", "items": {"type": "object"}},
            },
        }
    ]
}
ECHOED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "echo": ("Text", "Any text; the only required input", {"type": "string"}),
    "integers": (
        "Integers",
        "An array of whole numbers",
        {"type": "array", "items": {"type": "integer"}},
    ),
    "number": (
        "Number",
        "A number from 0 to 100",
        {"type": "number", "minimum": 0, "maximum": 100},
    ),
    "boolean": ("Boolean", "true or false", {"type": "boolean"}),
    "colour": ("Colour", "One word of a list", {"enum": ["red", "green", "blue"]}),
    "datetime": ("Date and time", "RFC 3339", {"type": "string", "format": "date-time"}),
    "bbox": ("Bounding box", "4 or 6 numbers, with or without a CRS", BBOX_SCHEMA),
    "geometry": ("Geometry", "A GeoJSON geometry (RFC 7946)", GEOMETRY_SCHEMA),
    "text_or_object": (
        "Text or object",
        'Either of two types; an object may also be sent as {"value": ...}',
        {"oneOf": [{"type": "string"}, {"type": "object"}]},
    ),
}
"""Title, description and schema of each input that has an output of the same id."""

PAUSE = {
    "title": "Pause",
    "description": "Seconds to wait before the response",
    "schema": {"type": "number", "minimum": 0, "maximum": 3600, "default": 0},
    "minOccurs": 0,
}


def _described() -> dict[str, Any]:
    values = {
        name: {"title": title, "description": text, "schema": schema}
        for name, (title, text, schema) in ECHOED.items()
    }
    optional = {name: {**value, "minOccurs": 0} for name, value in values.items() if name != "echo"}
    return {
        "id": "echo",
        "version": "1.0.0",
        "title": "Echo",
        "description": "Returns each input as the output of the same name; can pause before",
        "keywords": ["echo", "test", "example"],
        "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
        "outputTransmission": ["value", "reference"],
        "inputs": {"echo": values["echo"], "pause": PAUSE, **optional},
        "outputs": values,
        "example": {"inputs": {"echo": "hello", "pause": 2, "integers": [1, 2, 3]}},
    }


class EchoProcessor(BasePrefectProcessor):
    """The process ``echo``."""

    process_flow = echo
    process_description = schemas.ProcessDescription.model_validate(_described())

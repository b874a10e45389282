"""A Prefect-powered process with the inputs that no process of the deployment has.

Binary values, inputs that come several times, a bounding box, and alternatives. It gives back what
the flow saw of them, and the bytes of the picture.
"""

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

from prefect import flow
from pygeoapi.models import processes as schemas

from pygeoapi_prefect.models.base import Link
from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.inputs import input_value
from pygeoapi_prefect.process.outputs import is_requested, result_storage, write_output
from pygeoapi_prefect.process.references import download

PNG, TIFF, JP2 = "image/png", "image/tiff", "image/jp2"


def binary(media_type: str) -> dict[str, Any]:
    return {"type": "string", "contentEncoding": "base64", "contentMediaType": media_type}


BBOX = {
    "allOf": [
        {"format": "ogc-bbox"},
        {
            "$ref": "https://schemas.opengis.net/ogcapi/processes/part1/1.0/openapi/schemas/bbox.yaml"
        },
    ]
}
INPUTS: dict[str, dict[str, Any]] = {
    "picture": {"schema": binary(PNG)},
    "raster": {"schema": {"oneOf": [binary(TIFF), binary(JP2)]}},
    "bytes": {
        "schema": {
            "type": "string",
            "format": "byte",
            "contentMediaType": "application/octet-stream",
        }
    },
    "pictures": {"schema": binary(PNG), "maxOccurs": 2},
    "counts": {"schema": {"type": "integer", "minimum": 0}, "maxOccurs": 3},
    "pairs": {
        "schema": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "maxOccurs": "unbounded",
    },
    "area": {"schema": BBOX},
    "size": {"schema": {"oneOf": [{"type": "number"}, {"enum": ["small", "large"]}]}},
}


@flow(persist_result=True)
def taking(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """Give back the inputs as this flow reads them; of binary ones the bytes are counted."""
    values = {name: input_value(execution_request, name) for name in execution_request.inputs or {}}
    seen = {name: told(name, value) for name, value in values.items()}
    contents = {"seen": (json.dumps(seen).encode(), "application/json")}
    if "picture" in values:
        contents["picture"] = (read(values["picture"]), PNG)
    storage = result_storage(result_storage_block)
    return schemas.JobStatusInfoInternal(
        jobID=job_id,
        processID=process_description.id,
        status=schemas.JobStatus.successful,
        generated_outputs={
            name: write_output(storage, job_id, name, content, media_type)
            for name, (content, media_type) in contents.items()
            if is_requested(execution_request, name)
        },
    )


def told(name: str, value: Any) -> Any:
    if name == "pictures":
        return [len(read(one)) for one in (value if isinstance(value, list) else [value])]
    return len(read(value)) if name in ("picture", "raster", "bytes") else value


def read(value: str | Link) -> bytes:
    """The bytes of a binary input, inline or by reference."""
    if not isinstance(value, Link):
        return base64.b64decode(value)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "value")
        download(value.href, target)
        return target.read_bytes()


class TakingProcessor(BasePrefectProcessor):
    process_flow = taking
    process_description = schemas.ProcessDescription.model_validate(
        {
            "id": "taking",
            "version": "1.0.0",
            "title": "Taking",
            "description": "For tests",
            "jobControlOptions": ["sync-execute", "async-execute"],
            "inputs": {
                name: {"title": name, "minOccurs": 0, **value} for name, value in INPUTS.items()
            },
            "outputs": {
                "seen": {"schema": {"type": "object", "contentMediaType": "application/json"}},
                "picture": {"schema": binary(PNG)},
            },
        }
    )

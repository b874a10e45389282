"""What an operator would add: bytes of a size, and the size in words of a library of its own."""

import inflection
from prefect import flow
from pygeoapi.models import processes as schemas

from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.inputs import input_value
from pygeoapi_prefect.process.outputs import is_requested, result_storage, write_output


@flow(persist_result=True)
def made_bytes(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    size = int(input_value(execution_request, "size"))
    contents = {
        "bytes": (bytes(range(256)) * (size // 256 + 1))[:size],
        "words": inflection.ordinalize(size).encode(),
    }
    storage = result_storage(result_storage_block)
    return schemas.JobStatusInfoInternal(
        jobID=job_id,
        processID=process_description.id,
        status=schemas.JobStatus.successful,
        generated_outputs={
            name: write_output(storage, job_id, f"{name}.bin", content, MEDIA_TYPES[name])
            for name, content in contents.items()
            if is_requested(execution_request, name)
        },
    )


MEDIA_TYPES = {"bytes": "application/octet-stream", "words": "text/plain"}


def output(name: str) -> schemas.ProcessOutput:
    return schemas.ProcessOutput(
        title=name,
        schema=schemas.ProcessIOSchema(
            type=schemas.ProcessIOType.STRING, contentMediaType=MEDIA_TYPES[name]
        ),
    )


class MadeBytesProcessor(BasePrefectProcessor):
    process_flow = made_bytes
    process_description = schemas.ProcessDescription(
        id="made-bytes",
        version="1.0.0",
        title="Made bytes",
        description="Bytes of a size",
        keywords=["test"],
        jobControlOptions=[
            schemas.ProcessJobControlOption.SYNC_EXECUTE,
            schemas.ProcessJobControlOption.ASYNC_EXECUTE,
        ],
        inputs={
            "size": schemas.ProcessInput(
                title="Size",
                description="In bytes",
                schema=schemas.ProcessIOSchema(type=schemas.ProcessIOType.INTEGER),
            )
        },
        outputs={name: output(name) for name in MEDIA_TYPES},
    )

"""Tells its process id through a file, then sleeps."""

import os
import time
from pathlib import Path

from prefect import flow
from pygeoapi.models import processes as schemas

from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.inputs import input_value


@flow(persist_result=True)
def bench_sleep(
    job_id: str,
    result_storage_block: str | None,  # noqa: ARG001
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """Write the own process id to ``pid_file``, and sleep for ``seconds``."""
    draft = Path(f"{input_value(execution_request, 'pid_file')}.new")
    draft.write_text(str(os.getpid()))
    draft.rename(draft.with_suffix(""))
    time.sleep(float(input_value(execution_request, "seconds")))
    return schemas.JobStatusInfoInternal(
        jobID=job_id,
        processID=process_description.id,
        status=schemas.JobStatus.successful,
        generated_outputs={},
    )


class BenchSleepProcessor(BasePrefectProcessor):
    """Sleeps."""

    process_flow = bench_sleep
    process_description = schemas.ProcessDescription(
        id="bench-sleep",
        version="1.0.0",
        title="Sleep",
        description="Runs until it is stopped",
        jobControlOptions=[
            schemas.ProcessJobControlOption.SYNC_EXECUTE,
            schemas.ProcessJobControlOption.ASYNC_EXECUTE,
            schemas.ProcessJobControlOption.DISMISS,
        ],
        inputs={
            "pid_file": schemas.ProcessInput(schema={"type": "string"}),
            "seconds": schemas.ProcessInput(schema={"type": "number"}),
        },
        outputs={},
    )

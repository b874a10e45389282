"""A process whose flow consists of Prefect tasks, each visible in Prefect's UI."""

from prefect import flow, get_run_logger, task
from pygeoapi.models import processes as schemas
from pygeoapi.process import exceptions

from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.inputs import input_value
from pygeoapi_prefect.process.outputs import result_storage


# A task's own result is of no use to anybody: only the flow's is kept.
@task(persist_result=False)
def generate_result(name: str, message: str) -> str:
    """Make the greeting."""
    return f"Hello {name}! {message}".strip()


@task(persist_result=False)
def store_result(text: str, job_id: str, result_storage_block: str | None) -> str:
    """Store the greeting; return its full location."""
    storage = result_storage(result_storage_block)
    path = f"{job_id}/output-result.txt"
    storage.write_path(path, text.encode())
    return f"{storage.basepath}/{path}"


@task(persist_result=False)
def generate_status_info(
    job_id: str, process_id: str, location: str, media_type: str
) -> schemas.JobStatusInfoInternal:
    """Return the record of the job: its output and location."""
    return schemas.JobStatusInfoInternal(
        jobID=job_id,
        processID=process_id,
        status=schemas.JobStatus.successful,
        generated_outputs={
            "result": schemas.OutputExecutionResultInternal(
                location=location, media_type=media_type
            )
        },
    )


@flow(persist_result=True)
def hi_prefect_world(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """Greet somebody, in three tasks.

    Args:
        job_id: Identifier of the job, given by the process manager.
        result_storage_block: Block for the outputs, as ``<block type slug>/<block name>``.
        process_description: The description of the process.
        execution_request: The inputs, and what the client wants of the outputs.

    Returns:
        The outputs and where they are.

    Raises:
        MissingJobParameterError: There is no ``name``.
    """
    logger = get_run_logger()
    logger.info("job %s of process %s", job_id, process_description.id)
    name = input_value(execution_request, "name")
    if name is None:
        raise exceptions.MissingJobParameterError("Cannot process without a name")

    text = generate_result(name, input_value(execution_request, "message", default=""))
    location = store_result(text, job_id, result_storage_block)
    media_type = process_description.outputs["result"].schema_.content_media_type
    return generate_status_info(job_id, process_description.id, location, media_type)


class HiPrefectWorldProcessor(BasePrefectProcessor):
    """The process ``hi-prefect-world``."""

    process_flow = hi_prefect_world
    process_description = schemas.ProcessDescription(
        id="hi-prefect-world",
        version="0.0.1",
        title="Hi prefect world Processor",
        description="An example processor that is powered by prefect",
        keywords=["process", "prefect", "example"],
        jobControlOptions=[
            schemas.ProcessJobControlOption.SYNC_EXECUTE,
            schemas.ProcessJobControlOption.ASYNC_EXECUTE,
        ],
        inputs={
            "name": schemas.ProcessInput(
                title="Name",
                description="The name to greet",
                keywords=["cool-name"],
                schema=schemas.ProcessIOSchema(type=schemas.ProcessIOType.STRING),
            ),
            "message": schemas.ProcessInput(
                title="Message",
                description="An additional message",
                schema=schemas.ProcessIOSchema(type=schemas.ProcessIOType.STRING),
                minOccurs=0,
            ),
        },
        outputs={
            "result": schemas.ProcessOutput(
                title="Greeting",
                schema=schemas.ProcessIOSchema(
                    type=schemas.ProcessIOType.STRING, contentMediaType="text/plain"
                ),
            )
        },
        example={"inputs": {"name": "spiderboy"}},
    )

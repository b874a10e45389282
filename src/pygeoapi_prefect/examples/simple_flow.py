"""The smallest Prefect-powered process: one flow, one output."""

from prefect import flow, get_run_logger
from pygeoapi.models import processes as schemas
from pygeoapi.process import exceptions

from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.inputs import input_value
from pygeoapi_prefect.process.outputs import result_storage


@flow(persist_result=True)
def simple_flow(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """Greet somebody.

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
    logger.debug("job %s starts", job_id)

    # 1. The inputs: some are mandatory, others optional.
    name = input_value(execution_request, "name")
    if name is None:
        raise exceptions.MissingJobParameterError("Cannot process without a name")
    message = input_value(execution_request, "message", default="")

    # 2. The work.
    text = f"Hello {name}! {message}".strip()

    # 3. The output, stored with a Prefect block.
    storage = result_storage(result_storage_block)
    path = f"{job_id}/output-result.txt"
    storage.write_path(path, text.encode())

    # 4. What was done, and where the output is.
    return schemas.JobStatusInfoInternal(
        jobID=job_id,
        processID=process_description.id,
        status=schemas.JobStatus.successful,
        generated_outputs={
            "result": schemas.OutputExecutionResultInternal(
                location=f"{storage.basepath}/{path}",
                media_type=process_description.outputs["result"].schema_.content_media_type,
            )
        },
    )


class SimpleFlowProcessor(BasePrefectProcessor):
    """The process ``simple-flow``."""

    process_flow = simple_flow
    process_description = schemas.ProcessDescription(
        id="simple-flow",
        version="0.0.1",
        title="Simple flow Processor",
        description="Greets somebody, in a single Prefect flow",
        keywords=["process", "prefect", "example"],
        jobControlOptions=[
            schemas.ProcessJobControlOption.SYNC_EXECUTE,
            schemas.ProcessJobControlOption.ASYNC_EXECUTE,
        ],
        inputs={
            "name": schemas.ProcessInput(
                title="Name",
                description="The name to greet",
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

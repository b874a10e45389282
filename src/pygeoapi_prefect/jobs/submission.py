"""A validated execute request, ready to run."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from pygeoapi_prefect.config import describe
from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.execution import validation
from pygeoapi_prefect.execution.prefer import Mode
from pygeoapi_prefect.execution.request import Received, Request
from pygeoapi_prefect.jobs import callback_urls, status
from pygeoapi_prefect.jobs.own_references import OwnReferences, Resolve, nothing
from pygeoapi_prefect.jobs.references import References
from pygeoapi_prefect.jobs.turns import TURNS
from pygeoapi_prefect.models.execution import AS_READ
from pygeoapi_prefect.models.processes import ExecuteRequest
from pygeoapi_prefect.process.references import OwnOutput
from pygeoapi_prefect.process.references import labels as labels_of_own
from pygeoapi_prefect.process.registry import Process


@dataclass(frozen=True)
class Submission:
    """A validated execute request, ready to run.

    Attributes:
        request: The execute request, its JSON references resolved.
        mode: How it is executed.
        own: Outputs of this server that the flow opens.
        job_id: Identifier that the job will have.
    """

    process: Process
    request: Request
    mode: Mode
    own: Sequence[OwnOutput] = ()
    job_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def tags(self) -> list[str]:
        """Tags of the job's flow run: the process of a job is known by its tag."""
        owed = [callback_urls.TAG] if self.request.subscriber else []
        return [status.TAG, status.PROCESS_TAG_PREFIX + self.process.id, *owed]

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the job's flow run: its subscribers, and the references for its flow."""
        return {**callback_urls.labels(self.request.subscriber), **labels_of_own(self.own)}


def prepare(
    process: Process, received: Received, limit: int, resolve: Resolve = nothing
) -> Submission:
    """Read and check an execute request; nothing exists of the job yet.

    Args:
        process: The process to run.
        received: The request, as it has arrived.
        limit: Largest JSON input by reference, in bytes.
        resolve: Finds the outputs of this server that inputs refer to.

    Raises:
        UnsupportedMediaType: The body is declared as something else than JSON.
        InvalidJobParameterError: The body, an input or an output is invalid; says which.
        MissingJobParameterError: A required input is absent.
        NotSupported: The request wants something that is not offered.
        TooBusy: Too many other large requests are being read.
    """
    body = received.read()
    own = OwnReferences(resolve)
    with TURNS.taken(len(body)):
        references = References(limit, own)
        valid = validation.validate(body, received, process.description, references)
        if not process.is_vanilla:
            check_model(valid.request)
    return Submission(process, valid.request, valid.mode, own.left)


def check_model(request: Request) -> None:
    """Reject a request that the flow's ``ExecuteRequest`` would reject: it is the client's fault.

    Raises:
        InvalidJobParameterError: Says what is wrong.
    """
    try:
        ExecuteRequest.model_validate(request.as_json(), context=AS_READ)
    except ValidationError as error:
        raise InvalidJobParameterError(describe(error, "request")) from error

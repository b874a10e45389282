"""A validated execute request, ready to run."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from pygeoapi_prefect.access.principal import SYSTEM, Principal
from pygeoapi_prefect.config import ManagerSettings, describe
from pygeoapi_prefect.engine import shares
from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.execution import validation
from pygeoapi_prefect.execution.prefer import Mode
from pygeoapi_prefect.execution.request import Received, Request
from pygeoapi_prefect.jobs import callback_urls, run_parameters, status
from pygeoapi_prefect.jobs.keyed import Keyed
from pygeoapi_prefect.jobs.own_references import OwnReferences, Resolve, nothing
from pygeoapi_prefect.jobs.references import References
from pygeoapi_prefect.jobs.run_parameters import REQUEST_FILE
from pygeoapi_prefect.jobs.turns import TURNS
from pygeoapi_prefect.models.execution import AS_READ
from pygeoapi_prefect.models.processes import ExecuteRequest
from pygeoapi_prefect.process.references import OwnOutput
from pygeoapi_prefect.process.references import labels as labels_of_own
from pygeoapi_prefect.process.registry import Process
from pygeoapi_prefect.storage import Store

OWNER_LABEL = "pygeoapi.owner"
"""Label with the owner's readable name, for Prefect's UI; the tag decides whose a job is."""


@dataclass(frozen=True)
class Submission:
    """A validated execute request, ready to run.

    Attributes:
        request: The execute request, its JSON references resolved.
        mode: How it is executed.
        own: Outputs of this server that the flow opens.
        principal: Whom the job belongs to.
        keyed: The ``Idempotency-Key`` of the request; None if it has none.
    """

    process: Process
    request: Request
    mode: Mode
    own: Sequence[OwnOutput] = ()
    principal: Principal = SYSTEM
    keyed: Keyed | None = None
    _own_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def job_id(self) -> str:
        """Identifier that the job will have."""
        return self._own_id if self.keyed is None else self.keyed.job_id

    @property
    def owner(self) -> str:
        """Whom the job belongs to; empty if nobody is known."""
        return self.principal.subject

    @property
    def request_file(self) -> str:
        """Name of the file for a large request.

        Repetitions with one key share the folder of the job, and none may write over the file that
        the run of another one refers to.
        """
        return REQUEST_FILE if self.keyed is None else f"request-{self.keyed.request_id}.json"

    def has_made(self, run: Run) -> bool:
        """Return true if this is the run of this submission, and not that of a repetition."""
        return self.keyed is None or self.keyed.has_made(run.labels)

    @property
    def tags(self) -> list[str]:
        """Tags of the job's flow run: its process and its owner are known by them."""
        owed = [callback_urls.TAG] if self.request.subscriber else []
        process = status.PROCESS_TAG_PREFIX + self.process.id
        return [status.TAG, process, *shares.tags_of(self.owner), *owed]

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the job's flow run: subscribers, references for its flow, key and owner."""
        found = {**callback_urls.labels(self.request.subscriber), **labels_of_own(self.own)}
        if self.keyed is not None:
            found |= self.keyed.labels
        if self.principal.name:
            found[OWNER_LABEL] = self.principal.name
        return found

    def parameters(self, store: Store, settings: ManagerSettings) -> dict[str, Any]:
        """Parameters of the job's flow run.

        Args:
            store: Where a large request is kept.
            settings: Say how many bytes are large.

        Raises:
            StorageUnavailable: A large request could not be stored.
        """
        return run_parameters.encode(
            self.process, self.job_id, self.request, store, settings, self.request_file
        )


def prepare(
    process: Process,
    received: Received,
    limit: int,
    resolve: Resolve = nothing,
    keyed: Keyed | None = None,
) -> Submission:
    """Read and check an execute request; nothing exists of the job yet.

    Args:
        process: The process to run.
        received: The request, as it has arrived.
        limit: Largest JSON input by reference, in bytes.
        resolve: Finds the outputs of this server that inputs refer to.
        keyed: The key of the request.

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
    return Submission(process, valid.request, valid.mode, own.left, received.principal, keyed)


def check_model(request: Request) -> None:
    """Reject a request that the flow's ``ExecuteRequest`` would reject: it is the client's fault.

    Raises:
        InvalidJobParameterError: Says what is wrong.
    """
    try:
        ExecuteRequest.model_validate(request.as_json(), context=AS_READ)
    except ValidationError as error:
        raise InvalidJobParameterError(describe(error, "request")) from error

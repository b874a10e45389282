"""Puts submissions into the work queues of their deployments."""

import logging
from functools import partial

from pygeoapi_prefect import storage
from pygeoapi_prefect.config import ManagerSettings
from pygeoapi_prefect.engine import runs
from pygeoapi_prefect.engine.deployed import DeployedFlows
from pygeoapi_prefect.errors import DeploymentNotFound, EngineUnavailable
from pygeoapi_prefect.jobs import run_parameters, status
from pygeoapi_prefect.jobs.retry_queue import in_background
from pygeoapi_prefect.jobs.submission import Submission

LOGGER = logging.getLogger(__name__)
LATE_SECONDS = 15.0
"""Until one looks a second time for a run that Prefect has not answered for: it may come late."""


class Queue:
    """Creates the flow run of a submission."""

    def __init__(self, settings: ManagerSettings) -> None:
        self._settings = settings
        self._deployed = DeployedFlows()

    def put(self, submission: Submission) -> runs.Run:
        """Create the flow run of a submission, for a worker to execute.

        Raises:
            DeploymentNotFound: The process was not deployed; there is no job then.
            EngineUnavailable: Prefect cannot be reached; there is no job then.
            StorageUnavailable: A large request could not be stored; there is no job then.
        """
        process, job_id = submission.process, submission.job_id
        block = process.result_block
        values = run_parameters.encode(
            process, job_id, submission.request, storage.open_store(block), self._settings
        )
        forget = partial(forget_unanswered, job_id, block)
        try:
            return self._create(submission, values)
        except DeploymentNotFound as error:
            in_background(forget)
            raise DeploymentNotFound(
                f"process '{process.id}' is not deployed: run "
                f"'pygeoapi plugins prefect deploy-process {process.id}'"
            ) from error
        except EngineUnavailable:
            # The client gets a 503 and may retry: a run that Prefect created must not run.
            in_background(partial(cancel_unanswered, job_id))
            in_background(forget, LATE_SECONDS)
            raise

    def _create(self, submission: Submission, parameters: dict[str, object]) -> runs.Run:
        flow, deployment = submission.process.flow, submission.process.deployment
        assert flow is not None
        assert deployment is not None
        create = partial(
            runs.create,
            name=status.run_name(submission.job_id),
            parameters=parameters,
            tags=submission.tags,
            labels=submission.labels,
            idempotency_key=submission.job_id,
            retries=deployment.retries,
            retry_delay=deployment.retry_delay_seconds,
        )
        return self._deployed.create_run(flow.name, deployment.name, create)


def cancel_unanswered(job_id: str) -> bool:
    """Cancel the run of a job that no client knows; returns true if one exists.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    run = runs.find(status.run_name(job_id))
    if run is not None and not run.is_final:
        LOGGER.warning("job %s: created, but its client got a 503; cancelling it", job_id)
        runs.cancel(run.id)
    return run is not None


def forget_unanswered(job_id: str, block: str) -> None:
    """The same, and delete the stored request if no run refers to it.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
        StorageUnavailable: The store cannot be reached; the request stays.
    """
    if not cancel_unanswered(job_id):
        storage.open_store(block).delete_folder(job_id)

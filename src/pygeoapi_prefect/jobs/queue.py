"""Puts submissions into the work queues of their deployments."""

import logging
from functools import partial

from pygeoapi_prefect import storage
from pygeoapi_prefect.config import ManagerSettings
from pygeoapi_prefect.engine import runs
from pygeoapi_prefect.engine.deployed import DeployedFlows
from pygeoapi_prefect.engine.errors import had_no_effect
from pygeoapi_prefect.errors import DeploymentNotFound, EngineUnavailable
from pygeoapi_prefect.jobs import run_parameters, status
from pygeoapi_prefect.jobs.retry_queue import in_background
from pygeoapi_prefect.jobs.submission import Submission
from pygeoapi_prefect.jobs.unanswered import Unanswered
from pygeoapi_prefect.models.reference import Reference

LOGGER = logging.getLogger(__name__)


class Queue:
    """Creates the flow run of a submission.

    Args:
        settings: Say how large requests are stored.
        unanswered: Looks for runs that nobody knows.
    """

    def __init__(self, settings: ManagerSettings, unanswered: Unanswered) -> None:
        self._settings = settings
        self._unanswered = unanswered
        self._deployed = DeployedFlows()

    def put(self, submission: Submission) -> runs.Run:
        """Create the flow run of a submission, for a worker to execute.

        Returns:
            The run; that of the first request if this is a repetition.

        Raises:
            DeploymentNotFound: The process was not deployed; there is no job then.
            EngineUnavailable: Prefect cannot be reached; there is no job then.
            StorageUnavailable: A large request could not be stored; there is no job then.
        """
        process = submission.process
        store = storage.open_store(process.result_block)
        values = submission.parameters(store, self._settings)
        forget = partial(forget_request, run_parameters.stored(values), submission)
        try:
            run = self._create(submission, values)
        except DeploymentNotFound as error:
            in_background(forget)
            raise DeploymentNotFound(
                f"process '{process.id}' is not deployed: run "
                f"'pygeoapi plugins prefect deploy-process {process.id}'"
            ) from error
        except EngineUnavailable as error:
            if had_no_effect(error):
                in_background(forget)
            else:
                found = partial(_found, submission, forget)
                self._unanswered.watch(submission.job_id, found, forget)
            raise
        if not submission.has_made(run):
            in_background(forget)
        return run

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


def _found(submission: Submission, forget: partial[None], run: runs.Run) -> None:
    """See to a run whose client got a 503.

    The client may send its request again, so the run must not be executed. With a key it must: it
    is the job that the repetition gets. Then only the stored request of another run is deleted.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    if submission.keyed is not None:
        if not submission.has_made(run):
            forget()
    elif not run.is_final:
        job_id = status.job_id(run)
        LOGGER.warning("job %s: created, but its client got a 503; cancelling it", job_id)
        runs.cancel(run.id)


def forget_request(stored: Reference | None, submission: Submission) -> None:
    """Delete the stored request of a submission that has become no run.

    Args:
        stored: The request in its block; None if it was not stored.
        submission: The submission. One with a key shares its folder with its repetitions.

    Raises:
        EngineUnavailable: Prefect, which knows the blocks, cannot be reached.
        StorageUnavailable: The store cannot be reached; the request stays.
    """
    if stored is None:
        return
    store = storage.open_store(stored.block)
    if submission.keyed is None:
        store.delete_folder(submission.job_id)
    else:
        store.delete(stored.path)

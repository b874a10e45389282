"""Outputs of a job: from its flow run to the bytes in its store, and to the reply."""

import logging
import tempfile
from dataclasses import replace
from pathlib import Path

from pygeoapi_prefect import storage
from pygeoapi_prefect.config import ManagerSettings, Settings
from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.errors import (
    JobDismissedError,
    JobFailedError,
    JobNotReadyError,
    OutputNotFound,
)
from pygeoapi_prefect.jobs import records, run_parameters, status
from pygeoapi_prefect.models.media_types import usable_media_type
from pygeoapi_prefect.models.message import listed, named
from pygeoapi_prefect.models.processes import OutputExecutionResultInternal as Stored
from pygeoapi_prefect.process.contract import invalid_result
from pygeoapi_prefect.results import delivery, links
from pygeoapi_prefect.results.output import Output

LOGGER = logging.getLogger(__name__)


def result_store(block: str | None, settings: ManagerSettings) -> storage.Store:
    """Open the store of outputs: a block; without one, the folder ``server.manager.output_dir``.

    Raises:
        BlockNotFound: There is no such block.
        EngineUnavailable: Prefect, which knows the blocks, cannot be reached.
    """
    if block is not None:
        return storage.open_store(block)
    return storage.open_folder(settings.output_dir or Path(tempfile.gettempdir()))


class Outputs:
    """Outputs of all jobs."""

    def __init__(self, settings: Settings) -> None:
        self._manager = settings.manager
        self._root = settings.public_url

    def store(self, run: Run) -> storage.Store:
        """Open the store of a job's outputs: the block that the flow was given."""
        return result_store(run_parameters.result_block(run), self._manager)

    def of(self, run: Run) -> list[Output]:
        """Return the generated outputs of a successful job.

        Raises:
            JobNotReadyError: It has not finished.
            JobDismissedError: It was dismissed.
            StackError: It failed; the error says why as far as a client may know.
        """
        state = status.status(run)
        if state == "failed":
            raise status.failure(run)
        if state == "dismissed":
            raise JobDismissedError("The job was dismissed; it has no results")
        if state != "successful":
            raise JobNotReadyError(f"The job has no results yet; its status is '{state}'")
        generated = records.required(run).generated_outputs or {}
        store = self.store(run)
        return [self._output(run, store, key, output) for key, output in generated.items()]

    def one(self, run: Run, output_id: str) -> Output:
        """Return one output of a successful job; raises as ``of`` does.

        Raises:
            OutputNotFound: The job has no such output.
        """
        outputs = self.of(run)
        for output in outputs:
            if output.id == output_id:
                return output
        known = listed(output.id for output in outputs) or "none"
        raise OutputNotFound(f"The job has no output {named(output_id)} (known outputs: {known})")

    def reply(self, run: Run) -> delivery.Reply:
        """Return the results in the form of the execute request; raises like ``of``."""
        return delivery.deliver(self.of(run), run_parameters.original_request(run))

    def document(self, run: Run, *, only_references: bool) -> delivery.Reply:
        """Return the results as a document, regardless of the request; raises like ``of``."""
        wanted = replace(run_parameters.original_request(run), response="document")
        return delivery.deliver(self.of(run), wanted, only_references=only_references)

    def _output(self, run: Run, store: storage.Store, output_id: str, stored: Stored) -> Output:
        job_id = status.job_id(run)
        try:
            inside = store.resolve(stored.location)
        except storage.OutsideStore as error:
            LOGGER.error("job %s: output %s is not in its block: %s", job_id, output_id, error)
            raise JobFailedError(
                invalid_result(f"the location of output {named(output_id)} is outside the store")
            ) from error
        seconds = self._manager.signed_links_seconds
        signed = store.sign(inside, seconds) if seconds else None
        return Output(
            id=output_id,
            media_type=usable_media_type(stored.media_type) or "application/octet-stream",
            chunks=lambda start=0, length=None: store.chunks(inside, start, length),
            size=lambda: store.size(inside),
            location=inside,
            href=signed or links.output_url(self._root, job_id, output_id),
            json_bytes=stored.json_bytes,
        )

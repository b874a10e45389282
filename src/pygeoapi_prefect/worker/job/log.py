"""The log of a job, in the job's own process."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import TerminationSignal

from pygeoapi_prefect.engine.client import adopt
from pygeoapi_prefect.engine.log.capture import take_all
from pygeoapi_prefect.engine.log.runlog import Limits, RunLog
from pygeoapi_prefect.worker.forkserver.protocol import Job

TERMINATED_SECONDS = 0.25  # to send the log in; half a second after SIGTERM it is SIGKILL


@contextmanager
def log_of(job: Job, client: SyncPrefectClient, limits: Limits) -> Iterator[None]:
    """Send what this process logs and prints to the run's log; at the end, it is complete."""
    adopt(client)
    log = RunLog(lambda: job.id, limits)
    take_all(log)
    patience = math.inf
    try:
        yield
    except TerminationSignal:
        patience = TERMINATED_SECONDS
        raise
    finally:
        log.close(patience)

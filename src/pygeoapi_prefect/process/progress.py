"""Progress of a running job, told from inside its flow.

It is kept in labels of the flow run: one cheap request, no event and no new state (a state change
costs more and is recorded for ever). The web process reads them as ``progress`` and ``message`` of
the job.
"""

import logging
import threading
import time
from uuid import UUID

from prefect.runtime import flow_run

from pygeoapi_prefect.engine.client import api
from pygeoapi_prefect.models.message import clean

PROGRESS_LABEL = "pygeoapi.progress"
MESSAGE_LABEL = "pygeoapi.message"
MAX_MESSAGE = 200
SECONDS_BETWEEN = 1.0

_logger = logging.getLogger(__name__)
_lock = threading.Lock()
_sent: dict[UUID, float] = {}


def report_progress(percent: float, message: str | None = None) -> None:
    """Tell how far the current job is; call it as often as you like.

    One report per second is passed on, the first and 100 % always. Outside a flow run nothing
    happens. A report that cannot be delivered is logged and forgotten: it never fails the flow.

    Args:
        percent: What is done, 0 to 100; shown as a whole number (``progress`` of statusInfo.yaml).
        message: A line for people, cut at 200 characters; None leaves the last one.
    """
    try:
        _report(percent, message)
    except Exception:  # the flow's own work matters more than the report of it
        _logger.warning("progress could not be reported", exc_info=True)


def _report(percent: float, message: str | None) -> None:
    run_id = flow_run.get_id()
    if run_id is None:
        _logger.debug("not in a flow run: %s %% %s", percent, message or "")
        return
    progress = int(min(max(percent, 0), 100))
    if not _is_due(UUID(run_id), final=progress == 100):
        return
    labels: dict[str, bool | int | float | str] = {PROGRESS_LABEL: progress}
    if message is not None:
        labels[MESSAGE_LABEL] = clean(message, MAX_MESSAGE)
    with api() as client:
        client.update_flow_run_labels(UUID(run_id), labels)


def _is_due(run_id: UUID, *, final: bool) -> bool:
    """Return true, and note the time, if a report of this run may be sent now."""
    now = time.monotonic()
    with _lock:
        for other in [run for run, at in _sent.items() if now - at >= SECONDS_BETWEEN]:
            del _sent[other]
        if run_id in _sent and not final:
            return False
        _sent[run_id] = now
        return True

"""Delivers lines of a run's log to Prefect; a rejected batch is sent again, then in halves."""

import time
from collections import deque
from collections.abc import Callable, Sequence

import httpx

from pygeoapi_prefect.engine import routes
from pygeoapi_prefect.engine.client import check, send
from pygeoapi_prefect.engine.log.lines import Line, timestamp
from pygeoapi_prefect.errors import EngineUnavailable

RESEND_SECONDS = 0.2
OUTAGE_PAUSE_SECONDS = 1.0
# The server answers only after it has stored the whole batch, which may take this long.
TIMEOUT = httpx.Timeout(30, connect=2)


class Delivery:
    """Sends batches one after the other.

    Args:
        run_id: Returns the identifier of the flow run that the log belongs to.
        patience: Returns the number of seconds to wait for Prefect if it does not answer.

    Attributes:
        is_down: True after Prefect did not answer in time; then each batch is tried only once.
    """

    def __init__(self, run_id: Callable[[], str], patience: Callable[[], float]) -> None:
        self._run_id = run_id
        self._patience = patience
        self.is_down = False

    def send(self, lines: Sequence[Line]) -> int:
        """Send lines in order, and return the number of lost lines."""
        lost = 0
        pieces = deque([(list(lines), False)])  # with True if it was rejected before
        unanswered = None
        while pieces:
            piece, refused = pieces[0]
            try:
                if unanswered is None or not self._has_arrived(piece):
                    self._post(piece)
            except EngineUnavailable:
                unanswered = unanswered or time.monotonic()
                if self.is_down or time.monotonic() - unanswered > self._patience():
                    self.is_down = True
                    return lost + sum(len(piece) for piece, _ in pieces)
                time.sleep(OUTAGE_PAUSE_SECONDS)
                continue
            except httpx.HTTPStatusError:
                pieces.popleft()
                if not refused:
                    time.sleep(RESEND_SECONDS)
                    pieces.appendleft((piece, True))
                elif len(piece) == 1:
                    lost += 1
                else:
                    middle = len(piece) // 2
                    pieces.extendleft([(piece[middle:], True), (piece[:middle], True)])
            else:
                pieces.popleft()
            unanswered, self.is_down = None, False
        return lost

    def _post(self, lines: Sequence[Line]) -> None:
        """Send a batch once.

        Raises:
            EngineUnavailable: Prefect does not answer; the batch may have arrived.
            httpx.HTTPStatusError: Prefect rejects the batch.
        """
        run_id = self._run_id()
        try:
            send(routes.write_logs([line.fields(run_id) for line in lines]), TIMEOUT)
        except EngineUnavailable as error:
            # Prefect also answers 503 if its database rejects a value.
            if not isinstance(error.__cause__, httpx.HTTPStatusError):
                raise
            if error.__cause__.response.status_code < 500:
                raise
            check()
            raise error.__cause__ from error

    def _has_arrived(self, lines: Sequence[Line]) -> bool:
        """Check for a batch that was sent without a response; Prefect stores all of it or none.

        Raises:
            EngineUnavailable: Prefect does not answer.
        """
        first = lines[0]
        run_id = first.run_id or self._run_id()
        return bool(send(routes.find_log_line(run_id, timestamp(first.time))))

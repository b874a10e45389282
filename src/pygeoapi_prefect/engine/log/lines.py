"""One line of a run's log in the form of Prefect's API; pure."""

import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

MAX_LEVEL = 32_767  # Prefect keeps the level in a SMALLINT
MAX_NAME = 200
EPOCH = datetime.fromtimestamp(0, UTC)


def clean(text: str) -> str:
    r"""Escape characters that PostgreSQL (NUL) or UTF-8 (lone surrogates) cannot store.

    >>> clean("a\0b")
    'a\\x00b'
    """
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return text


def fit(text: str, limit: int) -> str:
    """Clean a text, and cut it to at most ``limit`` bytes as ASCII JSON; a cut text says so.

    Only the beginning of a long text is examined.
    """
    kept = clean(text[:limit])
    if len(text) <= limit and _size(kept) <= limit:
        return kept
    note = f" ... (cut: the line has {len(text)} characters)"
    room = max(limit - len(note), 0)
    kept = kept[:room]
    while kept and (size := _size(kept)) > room:
        kept = kept[: len(kept) * room // (size + 1)]
    return kept + note


def _size(text: str) -> int:
    return len(json.dumps(text)) - 2


@dataclass(frozen=True, slots=True)
class Line:
    """A line, ready to be sent.

    Attributes:
        time: Time at which it was logged, in microseconds since 1970.
        run_id: Flow run that it belongs to; None stands for the run of the log.
        body: The other fields as JSON, small and of a known size.
    """

    time: int
    run_id: str | None
    body: bytes

    def fields(self, run_id: str) -> dict[str, Any]:
        """The line in the form of Prefect's API; ``run_id`` is the run of the log."""
        return {**json.loads(self.body), "flow_run_id": self.run_id or run_id}


class Maker:
    """Makes the lines of one log; their times increase strictly, so that they keep their order.

    Args:
        limit: Largest size of a line as JSON, in bytes (``PREFECT_LOGGING_TO_API_MAX_LOG_SIZE``).
    """

    def __init__(self, limit: int) -> None:
        self._limit = max(limit - 2 * MAX_NAME - 300, MAX_NAME)  # without the message
        self._last = 0

    def make(
        self,
        message: str,
        *,
        level: int = logging.INFO,
        name: str = "pygeoapi_prefect",
        created: float | None = None,
        run_id: str | None = None,
        task_run_id: str | None = None,
    ) -> Line:
        """Make a line.

        Args:
            message: Any text; see ``fit``.
            level: Level of the module ``logging``.
            name: Name of the logger.
            created: Time at which it was logged, in seconds since 1970; now by default.
            run_id: Flow run that it belongs to, if it is not that of the log.
            task_run_id: Task run that it belongs to.
        """
        now = int((time.time() if created is None else created) * 1_000_000)
        self._last = max(now, self._last + 1)
        fields: dict[str, object] = {
            "name": fit(name, MAX_NAME),
            "level": max(0, min(level, MAX_LEVEL)),
            "message": fit(message, self._limit),
            "timestamp": timestamp(self._last),
        }
        if task_run_id is not None:
            fields["task_run_id"] = task_run_id
        return Line(self._last, run_id, json.dumps(fields).encode())


def timestamp(microseconds: int) -> str:
    """A time in the form of Prefect's API."""
    return (EPOCH + timedelta(microseconds=microseconds)).isoformat()

"""The audit log: who did what, one line of JSON each, by the logger ``pygeoapi_prefect.audit``.

No line has a key, a token, or an input.
"""

import json
import logging
from datetime import UTC, datetime

LOGGER = logging.getLogger("pygeoapi_prefect.audit")
LOGGER.setLevel(logging.INFO)
LONGEST = 200
"""Characters of a value: some are a client's."""
Detail = str | int | None


def line(action: str, outcome: str, **details: Detail) -> str:
    """A line of the log: a JSON object in ASCII, so that no value can begin another line.

    Args:
        action: The action, such as ``execute``.
        outcome: ``ok``, ``refused`` or ``failed``.
        details: Further members.
    """
    time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    entry: dict[str, Detail] = {"time": time, "action": action, "outcome": outcome}
    entry |= {key: _bounded(value) for key, value in details.items()}
    return json.dumps(entry)


def write(action: str, outcome: str, **details: Detail) -> None:
    """Write a line to the log; the arguments are those of ``line``."""
    LOGGER.info("audit %s", line(action, outcome, **details))


def to_stderr() -> None:
    """Let the log go to standard error, whatever the levels of other loggers and of their handlers.

    Those of the root change while a process runs in the web process. A handler that somebody has
    added already is kept in the place of this one.
    """
    if not LOGGER.handlers:
        LOGGER.addHandler(logging.StreamHandler())
        LOGGER.propagate = False


def _bounded(value: Detail) -> Detail:
    return value[:LONGEST] if isinstance(value, str) else value

"""Health check: succeeds if a worker on this machine lately heard from Prefect.

``python -m pygeoapi_prefect.worker.health`` prints nothing if all is well, and says why otherwise.
The worker touches a file after each answer of Prefect's that it could act on.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

# Not a field in ``environment``: the check runs every few seconds, and loads no library.
FILE_VARIABLE = "PYGEOAPI_WORKER_HEALTH_FILE"
FILE_NAME = "pygeoapi-worker-alive"
OLDEST_SECONDS = 60.0  # Prefect's default of a poll every 10 s, jitter and a slow machine included


def file() -> Path:
    """The file that the worker touches, by default in the folder for temporary files."""
    named = os.environ.get(FILE_VARIABLE)
    return Path(named) if named else Path(tempfile.gettempdir(), FILE_NAME)


def problem(path: Path) -> str | None:
    """Describe the fault of the worker that touches ``path``; None if it is healthy."""
    try:
        age = time.time() - path.stat().st_mtime
    except OSError as error:
        return f"no worker has reached Prefect: {error}"
    if age > OLDEST_SECONDS:
        return f"the worker has not reached Prefect for {age:.0f} s"
    return None


def main() -> None:
    """Exit with 0 if all is well, with 1 and a line on standard error otherwise."""
    found = problem(file())
    if found is not None:
        sys.exit(found)


if __name__ == "__main__":
    main()

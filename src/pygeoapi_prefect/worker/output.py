"""The raw output of jobs, past Python: of ``os.system``, of C libraries, of a crash.

It goes into the output of the worker, which has lines of its own for every job: so there is a limit
for each job, and a job that writes more than that is read to the end all the same.
"""

import os
from contextlib import suppress

LIMIT = 1 << 20
READ_BYTES = 1 << 16
NOTE = b"\n(this job has written more than 1 MiB to its output: what follows is left out)\n"


class Output:
    """The pipe from one job; made before the fork.

    Args:
        target: File descriptor that the output is copied to.
        limit: How much of it, in bytes.
    """

    def __init__(self, target: int = 2, limit: int = LIMIT) -> None:
        self.reading, self._writing = os.pipe()
        os.set_blocking(self.reading, False)
        self._target = target
        self._left = limit

    def become(self) -> None:
        """In the job's process: make it standard output and error."""
        for standard in (1, 2):
            os.dup2(self._writing, standard)
        os.close(self._writing)
        os.close(self.reading)

    def keep(self) -> None:
        """In the process that reads: hold no end for writing."""
        os.close(self._writing)

    def copy(self) -> int | None:
        """Copy a piece; its size, which is 0 at the end, or None if there is nothing yet."""
        try:
            data = os.read(self.reading, READ_BYTES)
        except BlockingIOError:
            return None
        if self._left > 0:
            self._write(data[: self._left])
            self._left -= len(data)
            if self._left < 0:
                self._write(NOTE)
        return len(data)

    def close(self) -> None:
        """Copy the rest and let go: the job has ended, and all that it has started."""
        while self.copy():
            pass
        os.close(self.reading)

    def _write(self, data: bytes) -> None:
        with suppress(OSError):
            while data:
                data = data[os.write(self._target, data) :]

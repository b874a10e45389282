"""The raw output of jobs, past Python: of ``os.system``, of C libraries, of a crash.

It goes into the output of the worker, which has lines of its own for every job: so there is a limit
for each job, and a job that writes more than that is read to the end all the same. Nobody may read
the worker's output, for a while or for ever: then it is left out, for the process that copies it
also ends jobs, watches their memory and hears the worker.
"""

import os
import select

LIMIT = 1 << 20
READ_BYTES = 1 << 16
NOTE = b"\n(this job has written more than 1 MiB to its output: the rest is omitted)\n"
LOST = b"\n(nobody has read the output of the worker: %d bytes of jobs are omitted)\n"


class Target:
    """The output of the worker, that all jobs write to; never waits for its reader.

    Args:
        fd: File descriptor. It may block, and stays so, for others use it too.
    """

    def __init__(self, fd: int = 2) -> None:
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self._lost = 0

    def write(self, data: bytes) -> None:
        """Write as much as fits, and count the rest.

        When there is room again, the number of bytes that were left out is said first.
        """
        if self._lost and self._put(LOST % self._lost):
            self._lost = 0
        while data:
            piece, data = data[: select.PIPE_BUF], data[select.PIPE_BUF :]
            if self._lost or not self._put(piece):
                self._lost += len(piece)

    def _put(self, piece: bytes) -> bool:
        """Write at most ``PIPE_BUF`` bytes: a pipe that is ready has room for so many (POSIX)."""
        try:
            return bool(self._poll.poll(0)) and os.write(self._fd, piece) == len(piece)
        except OSError:
            return False


class Output:
    """The pipe from one job; made before the fork.

    Args:
        target: Where the output is copied to.
        limit: How much of it, in bytes.
    """

    def __init__(self, target: Target, limit: int = LIMIT) -> None:
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
        """Copy a piece; returns its size, 0 at the end, or None if nothing is available yet."""
        try:
            data = os.read(self.reading, READ_BYTES)
        except BlockingIOError:
            return None
        if self._left > 0:
            self._target.write(data[: self._left])
            self._left -= len(data)
            if self._left < 0:
                self._target.write(NOTE)
        return len(data)

    def close(self) -> None:
        """Copy the rest and let go: the job has ended, and all that it has started."""
        while self.copy():
            pass
        os.close(self.reading)

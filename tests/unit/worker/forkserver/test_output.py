"""The raw output of a job: copied up to a limit, read to the end."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pygeoapi_prefect.worker.forkserver.output import LOST, NOTE, Output, Target
from support.polling import wait_for


def written(path: Path, size: int, limit: int) -> bytes:
    """The part that is kept of the output of a process that writes so much."""
    script = "import os, sys; sys.stdout.write('x' * int(sys.argv[1])); os.write(2, b'!')"
    with path.open("wb") as target:
        output = Output(Target(target.fileno()), limit)
        job = subprocess.Popen(
            [sys.executable, "-c", script, str(size)],
            stdout=output._writing,
            stderr=output._writing,
        )
        output.keep()
        wait_for(lambda: output.copy() == 0, 60, "the end of the output")
        assert job.wait(20) == 0
        output.close()
    return path.read_bytes()


@pytest.mark.parametrize("size", [0, 10, 99, 200_000])
def test_what_is_within_the_limit_is_copied(tmp_path: Path, size: int) -> None:
    kept = written(tmp_path / "out", size, limit=300_000)
    assert sorted(kept) == sorted(b"x" * size + b"!")


def test_fault_34_what_is_above_the_limit_is_left_out_and_said_so(tmp_path: Path) -> None:
    """Fault 34: the job is not held up by it."""
    assert written(tmp_path / "out", 5_000_000, limit=1000) == b"x" * 1000 + NOTE


def test_there_may_be_nothing_yet() -> None:
    output = Output(Target())
    assert output.copy() is None
    output.keep()
    assert output.copy() == 0
    output.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(output.reading)


@pytest.fixture
def unread() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe that blocks, as a container's log is, with no room left."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while os.write(writing, bytes(4096)):
            pass
    os.set_blocking(writing, True)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def drained(reading: int) -> bytes:
    """All that can be read now."""
    os.set_blocking(reading, False)
    read = b""
    with suppress(BlockingIOError):
        while data := os.read(reading, 1 << 16):
            read += data
    return read


def test_fault_34_a_worker_whose_output_nobody_reads_holds_up_no_job(
    unread: tuple[int, int],
) -> None:
    """Fault 34: the fork server goes on, and says what is missing when somebody reads again."""
    reading, writing = unread
    target = Target(writing)
    first, second = Output(target), Output(target)
    os.write(first._writing, b"x" * 5000)
    assert first.copy() == 5000
    os.write(second._writing, b"y" * 700)
    assert second.copy() == 700
    assert set(drained(reading)) == {0}
    os.write(second._writing, b"again")
    assert second.copy() == 5
    assert drained(reading) == LOST % 5700 + b"again"
    os.write(first._writing, b"and on")
    first.copy()
    assert drained(reading) == b"and on"
    for output in (first, second):
        output.keep()
        output.close()


def test_fault_34_room_for_a_part_is_used_without_waiting(unread: tuple[int, int]) -> None:
    """Fault 34: a ready pipe may have less room than a piece of output has bytes."""
    reading, writing = unread
    os.read(reading, 8192)
    target = Target(writing)
    target.write(b"z" * 30_000)
    assert drained(reading).lstrip(b"\0") == b"z" * 8192
    target.write(b"")
    assert drained(reading) == LOST % (30_000 - 8192)


def test_fault_34_a_reader_that_is_gone_is_no_error() -> None:
    """Fault 34."""
    reading, writing = os.pipe()
    os.close(reading)
    Target(writing).write(b"x" * 10_000)
    os.close(writing)

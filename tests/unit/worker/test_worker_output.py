"""The raw output of a job: copied up to a limit, read to the end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pygeoapi_prefect.worker.output import NOTE, Output
from support.polling import wait_for


def written(path: Path, size: int, limit: int) -> bytes:
    """The part that is kept of the output of a process that writes so much."""
    script = "import os, sys; sys.stdout.write('x' * int(sys.argv[1])); os.write(2, b'!')"
    with path.open("wb") as target:
        output = Output(target.fileno(), limit)
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
    output = Output()
    assert output.copy() is None
    output.keep()
    assert output.copy() == 0
    output.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(output.reading)

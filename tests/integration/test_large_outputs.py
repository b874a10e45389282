"""Large outputs in documents: the memory of the web processes that run does not grow with them."""

import time
from pathlib import Path

import pytest

from support.stack import RunningStack

MIB = 1024 * 1024
SIZE = 256  # MiB of each output
MAX_GROWN = 32  # MiB over the idle process


class Peaks:
    """Highest resident memory of each web process since the last reset, in MiB."""

    def __init__(self, stack: RunningStack) -> None:
        arbiter = stack.processes["pygeoapi"].pid
        listed = Path(f"/proc/{arbiter}/task/{arbiter}/children").read_text()
        self._pids = [arbiter, *map(int, listed.split())]

    def reset(self) -> None:
        """Let the kernel forget earlier peaks (``proc_pid_clear_refs(5)``)."""
        for pid in self._pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def read(self) -> dict[int, float]:
        return {pid: self._field(pid, "VmHWM") for pid in self._pids}

    def idle(self) -> dict[int, float]:
        return {pid: self._field(pid, "VmRSS") for pid in self._pids}

    @staticmethod
    def _field(pid: int, name: str) -> float:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith(f"{name}:")]
        return int(line.split()[1]) / 1024


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("output", ["text", "image", "zones"])
def test_fault_4_documents_of_large_outputs(stack: RunningStack, output: str) -> None:
    """Fault 4: base64 took 4 bytes of memory a byte of the output, JSON nine."""
    small = stack.submit("many", {"seconds": 1}, response="document", outputs={output: {}})
    one = stack.submit("many", {"seconds": SIZE}, response="document", outputs={output: {}})
    for job_id in (small, one):
        assert stack.wait_until_done(job_id, timeout=300)["status"] == "successful"
    for _ in range(8):  # so that each of the web processes has sent one
        stack.client.get(f"/jobs/{small}/results").raise_for_status()
    peaks = Peaks(stack)
    idle = peaks.idle()
    peaks.reset()
    began, size = time.monotonic(), 0
    with stack.client.stream("GET", f"/jobs/{one}/results", timeout=300) as reply:
        assert reply.status_code == 200
        for piece in reply.iter_raw(MIB):
            size += len(piece)
    seconds = time.monotonic() - began
    grown = {pid: peak - idle[pid] for pid, peak in peaks.read().items()}
    print(f"{output}: {size / MIB:.0f} MiB, {size / MIB / seconds:.0f} MiB/s, grown {grown}")  # noqa: T201
    assert size >= SIZE * MIB * (4 / 3 if output == "image" else 0.99)
    assert max(grown.values()) <= MAX_GROWN, grown
    assert stack.client.delete(f"/jobs/{one}").status_code == 200
    assert stack.client.delete(f"/jobs/{small}").status_code == 200

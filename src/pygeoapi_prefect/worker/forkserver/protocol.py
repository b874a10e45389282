"""Messages between the worker and its fork server, over a socket pair.

A message is a JSON object, preceded by its length in four bytes.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

_LENGTH = struct.Struct(">I")

EXIT_ERROR = 1
"""Exit status of a job's process that has failed unexpectedly."""
UNAVAILABLE = 75
"""Exit status of a job's process to which Prefect did not answer (EX_TEMPFAIL of sysexits.h)."""
Signal = Literal["cancel", "hand-back", "kill"]
Hooks = Literal["cancelled", "crashed", "failed"]
"""Ends that a flow may have hooks for (``on_cancellation``, ``on_crashed``, ``on_failure``)."""


@dataclass(frozen=True)
class Job:
    """All that a forked child needs to know of a claimed run.

    Attributes:
        run: The flow run, as Prefect's API shows it.
        state_id: Identifier of the PENDING state by which the worker claimed the run.
        claimed: When that was, in seconds of the machine's monotonic clock.
        deployment: The run's deployment, as Prefect's API shows it.
        env: Environment variables of the run; None removes one.
        code_block: Block document that holds the code; None if Prefect is to find the code.
        result_block: Block document for the flow's result; None if Prefect is to find it.
        cache: Folder of downloaded code.
        scratch: Folder for this run alone; the worker removes it.
        memory_limit_mb: Memory that the run may use, in MiB.
        timeout_seconds: Wall-clock time of the flow, in seconds.
        working_dir: Working directory; a folder of its own by default.
        stale_seconds: Seconds after the claim from which another worker may have the run.
        hooks: Run the flow's hooks for this end, instead of the flow.
    """

    run: dict[str, Any]
    state_id: str
    claimed: float
    deployment: dict[str, Any]
    cache: str
    scratch: str
    env: dict[str, str | None] = field(default_factory=dict)
    code_block: dict[str, Any] | None = None
    result_block: dict[str, Any] | None = None
    memory_limit_mb: int | None = None
    timeout_seconds: float | None = None
    working_dir: str | None = None
    stale_seconds: float = 15.0
    hooks: Hooks | None = None

    @property
    def id(self) -> str:
        """Prefect's identifier of the run."""
        return str(self.run["id"])

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of ``dataclasses.asdict``."""
        return cls(**value)


def preload_request(modules: Sequence[str]) -> bytes:
    """Worker to fork server, first of all: import these modules."""
    return pack({"preload": list(modules)})


def run_request(job: Job) -> bytes:
    """Worker to fork server: fork a child for this job."""
    return pack({"run": asdict(job)})


def signal_request(run_id: str, signal: Signal) -> bytes:
    """Worker to fork server: end the child of this run, and what it started."""
    return pack({"signal": signal, "id": run_id})


def pack(message: dict[str, Any]) -> bytes:
    """A message as bytes."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """Finds the messages in a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """The messages that are complete with ``data``."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._buffer)[0]
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield json.loads(body)

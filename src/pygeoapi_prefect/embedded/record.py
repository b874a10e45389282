"""The record of a running stack: which processes it has, where it answers, and its lock."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pygeoapi_prefect.embedded.errors import EmbeddedError
from pygeoapi_prefect.embedded.processes import Identity


@dataclass
class Record:
    """Record of a running stack for ``stop`` and a second ``start``: ``<state>/stack.json``.

    Attributes:
        supervisor: The process that watches the others.
        url: Address of pygeoapi.
        prefect_url: Address of the Prefect UI.
        prefect_api_url: Address of Prefect's API.
        processes: The stack's processes by name.
        ready: Whether every one of them is.
        warning: What the person who started it has to know, if anything.
    """

    supervisor: Identity
    url: str
    prefect_url: str
    prefect_api_url: str
    processes: dict[str, Identity] = field(default_factory=dict)
    ready: bool = False
    warning: str = ""

    def write(self, state: Path) -> None:
        """Replace the file in one step, so that a reader never sees half of it."""
        draft = _file(state).with_suffix(".new")
        draft.write_text(json.dumps(asdict(self), indent=2) + "\n")
        draft.replace(_file(state))

    @classmethod
    def read(cls, state: Path) -> "Record | None":
        """The record of the stack in ``state``, running or left over; None without one."""
        try:
            data = json.loads(_file(state).read_text())
            data["supervisor"] = Identity(**data["supervisor"])
            data["processes"] = {k: Identity(**v) for k, v in data["processes"].items()}
            return cls(**data)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise EmbeddedError(f"{_file(state)} is damaged ({error}): remove it") from error

    def identities(self) -> list[Identity]:
        """All recorded processes, the supervisor first."""
        return [self.supervisor, *self.processes.values()]


def forget(state: Path) -> None:
    """Remove the record: nothing of the stack runs any more."""
    _file(state).unlink(missing_ok=True)


def _file(state: Path) -> Path:
    return state / "stack.json"


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the stack's lock; the system releases it however the holder ends.

    Raises:
        EmbeddedError: A running stack holds it.
    """
    state.mkdir(parents=True, exist_ok=True)
    handle = os.open(state / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EmbeddedError(already_running(state)) from None
        yield
    finally:
        os.close(handle)


def already_running(state: Path) -> str:
    """Message for a second ``start`` on the same folder."""
    record = Record.read(state)
    where = f": pygeoapi {record.url}, Prefect UI {record.prefect_url}" if record else ""
    return f"The stack in {state} is already running{where}. Stop it with scripts/stop."

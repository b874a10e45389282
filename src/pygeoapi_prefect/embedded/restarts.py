"""Schedule for restarting a process that has ended, and the limit for giving up."""

from collections.abc import Mapping
from types import MappingProxyType

WINDOW_SECONDS = 60.0
MOST_ENDS = 4
"""So many ends of one process within ``WINDOW_SECONDS`` end the stack."""
FIRST_PAUSE_SECONDS = 1.0


class Restarts:
    """The ends of the stack's processes, and the restarts that are due; knows no processes.

    Times are seconds of one clock that never goes back.
    """

    def __init__(self) -> None:
        self._ends: dict[str, list[float]] = {}
        self._due: dict[str, float] = {}

    @property
    def waiting(self) -> Mapping[str, float]:
        """Time of the next start of each process that is down."""
        return MappingProxyType(self._due)

    def ended(self, name: str, now: float) -> float | None:
        """Note the end of a process.

        Returns:
            The pause before it is started again, in seconds: it doubles with each end within the
            window. None if it has ended too often to be started again.
        """
        recent = [end for end in self._ends.get(name, []) if now - end < WINDOW_SECONDS]
        self._ends[name] = [*recent, now]
        if len(recent) + 1 >= MOST_ENDS:
            return None
        pause = FIRST_PAUSE_SECONDS * 2.0 ** len(recent)
        self._due[name] = now + pause
        return pause

    def take_due(self, now: float) -> list[str]:
        """The processes to start now; each is named once."""
        due = [name for name, time in self._due.items() if time <= now]
        for name in due:
            del self._due[name]
        return due

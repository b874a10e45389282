"""Reports of a job's process to its supervisor, as files in the run's folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

CONCLUDED = "concluded"
IMPORTED = "imported"
BEGUN = "begun"
HOOKS = "hooks"
HANDED_OVER = "Handed over"
"""Instead of the name of a state: another worker has the run."""


class Conclusion(NamedTuple):
    """End of a run, as reported by its process.

    Attributes:
        state: Name of the state that the run is in.
        imported: Names of the modules that the run had to import.
    """

    state: str
    imported: list[str]


class Report:
    """The report of one process.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def conclude(self, state: str, imported: Iterable[str]) -> None:
        """Write down that the run has ended; last of all."""
        (self._folder / CONCLUDED).write_text(state)
        (self._folder / IMPORTED).write_text("\n".join(imported))

    def conclusion(self) -> Conclusion | None:
        """Read the report of the process; None if it ended before writing one."""
        try:
            imported = (self._folder / IMPORTED).read_text().split()
            return Conclusion((self._folder / CONCLUDED).read_text(), imported)
        except FileNotFoundError:
            return None

    def begin(self) -> None:
        """Write down that the flow's own code begins now: from now on, the run is not repeated."""
        (self._folder / BEGUN).touch()

    def has_begun(self) -> bool:
        """Return true if the flow's own code may have begun.

        Without the folder, which is made before the process, nothing is known.
        """
        return (self._folder / BEGUN).exists() or not self._folder.exists()

    def announce_hooks(self, ends: Iterable[str]) -> None:
        """Write down for which ends the flow has hooks."""
        (self._folder / HOOKS).write_text("\n".join(ends))

    def has_hooks(self, end: str) -> bool:
        """Return true if the flow has hooks for an end, as far as it was loaded."""
        noted = self._folder / HOOKS
        return noted.exists() and end in noted.read_text().split()

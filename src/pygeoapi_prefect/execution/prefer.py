"""The ``Prefer`` header (RFC 7240) and the execution mode (OGC API - Processes, table 5)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# One preference: a token, an optional value (a token or a quoted string), parameters ignored.
_ELEMENT = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+')
_NAME_VALUE = re.compile(r'\s*([^\s=;"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?')
MAX_WAIT = 3600.0
MAX_LENGTH = (
    1000  # of a header: taking a longer one apart would cost more than a client may ask for
)


@dataclass(frozen=True)
class Preferences:
    """Preferences of a client; ``wait`` in seconds."""

    respond_async: bool = False
    wait: float | None = None


@dataclass(frozen=True)
class Mode:
    """Execution mode of a request.

    Attributes:
        run_async: Answer 201 with the job instead of waiting for the results.
        wait: Longest wait for the results before that, in seconds; None is the server's bound.
        applied: Value for ``Preference-Applied``, or None.
    """

    run_async: bool
    wait: float | None = None
    applied: str | None = None


def parse(headers: Iterable[str]) -> Preferences:
    """Read all ``Prefer`` headers of a request; unknown and malformed preferences are ignored.

    As RFC 7240 section 2 says, the first of several preferences of one name counts.
    """
    found: dict[str, str] = {}
    for header in headers:
        if len(header) > MAX_LENGTH:
            continue
        for element in _ELEMENT.findall(header):
            match = _NAME_VALUE.match(element)
            if match:
                found.setdefault(match[1].lower(), match[2] or match[3] or "")
    return Preferences(respond_async="respond-async" in found, wait=_seconds(found.get("wait")))


def _seconds(text: str | None) -> float | None:
    if text and re.fullmatch(r"[0-9]{1,9}", text):
        return min(float(text), MAX_WAIT)
    return None


def negotiate(preferences: Preferences, job_control_options: Iterable[str]) -> Mode:
    """Choose the mode (requirements /req/core/process-execute-auto-execution-mode and -default-).

    Without a preference a process that can do both runs synchronously. ``respond-async`` with
    ``wait=N`` answers with the results if they are there within N seconds (RFC 7240, section 4.3).
    """
    options = set(job_control_options)
    can_async = "async-execute" in options
    can_sync = "sync-execute" in options or not can_async
    wait = preferences.wait
    if can_async and (preferences.respond_async or not can_sync):
        applied = "respond-async" if preferences.respond_async else None
        return Mode(run_async=True, wait=wait if can_sync else None, applied=applied)
    if preferences.respond_async:
        return Mode(run_async=False, wait=wait, applied="wait")
    return Mode(run_async=False, wait=wait, applied=None if wait is None else f"wait={wait:.0f}")

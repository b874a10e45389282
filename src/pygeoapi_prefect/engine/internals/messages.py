"""The sentence in which Prefect's engine reports the exception of a flow; pure.

Needed because a run on Prefect's own worker has no other field for the exception's class.
"""

import re

_EXCEPTION = re.compile(r"\AFlow run encountered an exception: (?:[\w.]+\.)?(\w+): ?(.*)\Z", re.S)


def exception_in(message: str) -> tuple[str, str] | None:
    """Name of the class and text of the exception that a state message reports; None if none."""
    match = _EXCEPTION.match(message)
    return (match[1], match[2]) if match else None

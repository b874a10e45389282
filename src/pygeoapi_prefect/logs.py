"""Prevents forged log lines: unprintable characters are escaped.

A path such as ``/x%0a[...] ERROR`` would otherwise begin a line of its own, and an escape sequence
would be obeyed by the terminal of whoever reads the log (CWE-117, CWE-150).
"""

import copy
import logging
import re
from collections.abc import Iterable
from typing import override

# Control characters, line and paragraph separators, changes of direction, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
INDENT = "    "


def printable(text: str) -> str:
    """A text on one line, with every character that is none as an escape sequence of Python."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class Printable(logging.Formatter):
    """Another formatter's lines, escaped: the message on one, those of a traceback indented.

    Args:
        inner: The formatter.
    """

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    @override
    def format(self, record: logging.LogRecord) -> str:
        safe = copy.copy(record)
        safe.msg, safe.args = printable(record.getMessage()), None
        first, *others = self.inner.format(safe).split("\n")
        return "\n".join([printable(first), *(INDENT + printable(line) for line in others)])


def escape(loggers: Iterable[logging.Logger]) -> None:
    """Let the handlers of these loggers write only lines that are escaped; twice is as good."""
    for logger in loggers:
        for handler in logger.handlers:
            if not isinstance(handler.formatter, Printable):
                handler.setFormatter(Printable(handler.formatter or logging.Formatter()))

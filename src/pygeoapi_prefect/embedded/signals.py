"""Signal handling of the supervisor."""

import signal
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked this process to stop; not an Exception, so that nothing swallows it."""


def raise_when_stopped() -> None:
    """Let the next of these signals raise ``Stopped`` in the main thread.

    A handler also undoes an ignored SIGINT, which a shell gives to the background commands of a
    script, and with which a Prefect worker cannot be stopped.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, _raise)


def ignore() -> None:
    """Let nothing interrupt the stopping."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _raise(_signal: int, _frame: FrameType | None) -> None:
    ignore()
    raise Stopped

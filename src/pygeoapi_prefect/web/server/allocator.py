"""Settings of the C library's allocator, so that memory of a large body is given back.

By default glibc has an arena of the heap for each thread, and after the first large block that is
freed it no longer maps blocks of that size but cuts them out of an arena. One small value at the
end of an arena then keeps all below it: after some large bodies in different threads a web process
held hundreds of MiB that nobody used.
"""

import ctypes
from contextlib import suppress

# Numbers of malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
THRESHOLD_BYTES = 128 * 1024
"""Larger blocks are mapped one by one; of a heap's end, no more is kept. Both are glibc's own
defaults, but setting them turns off that they grow.
"""
ARENAS = 2
"""Python holds its lock while it allocates, so that threads gain nothing by more of them."""


def give_back_freed() -> None:
    """Let freed memory return to the system; without effect on other C libraries than glibc."""
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, ARENAS)
        mallopt(_MMAP_THRESHOLD, THRESHOLD_BYTES)
        mallopt(_TRIM_THRESHOLD, THRESHOLD_BYTES)

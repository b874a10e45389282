"""Looks up host names within a deadline, which the system's resolver does not support.

``getaddrinfo`` cannot be cancelled: if a name server does not answer, it takes as long as
``resolv.conf`` allows, half a minute by default. So it runs in a thread that is never joined. At
most ``MOST_LOOK_UPS`` of them run at a time; others wait within their own deadline.
"""

import queue
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from pygeoapi_prefect.outgoing.addresses import Address

MOST_LOOK_UPS = 16
_slots = threading.BoundedSemaphore(MOST_LOOK_UPS)
_Found = Sequence[tuple[Any, ...]]


class NotResolved(Exception):
    """A name has no address, or the lookup timed out; the text says which."""


def look_up(host: str, port: int, seconds: float) -> list[Address]:
    """All addresses of a host.

    Args:
        host: A name, or an address in any form that the system's resolver accepts.
        port: TCP port.
        seconds: Time limit.

    Raises:
        NotResolved: The host has no address, or the lookup timed out.
    """
    try:
        found = _with_deadline(host, port, seconds)
        # Text with a scope ("fe80::1%eth0"), or of an unknown kind on a system without IPv6.
        addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    except (OSError, ValueError) as error:  # UnicodeError is one
        raise NotResolved("cannot be resolved") from error
    if not addresses:
        raise NotResolved("has no address")
    return addresses


def _with_deadline(host: str, port: int, seconds: float) -> _Found:
    with suppress(socket.gaierror):  # an address needs no name server, and no thread
        return _ask(host, port, socket.AI_NUMERICHOST)
    end = time.monotonic() + seconds
    if seconds <= 0:
        raise NotResolved("cannot be resolved in time; try again later")
    if not _slots.acquire(timeout=seconds):
        raise NotResolved("cannot be resolved now: too many lookups are pending; try again later")
    answer: queue.SimpleQueue[_Found | Exception] = queue.SimpleQueue()
    thread = threading.Thread(target=_answer, args=(host, port, answer), daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the system has no thread left
        _slots.release()
        raise NotResolved("cannot be resolved now; try again later") from None
    try:
        found = answer.get(timeout=max(0.0, end - time.monotonic()))
    except queue.Empty:
        raise NotResolved(f"cannot be resolved within {seconds:.3g} s") from None
    if isinstance(found, Exception):
        raise found
    return found


def _answer(host: str, port: int, answer: "queue.SimpleQueue[_Found | Exception]") -> None:
    try:
        answer.put(_ask(host, port))
    except Exception as error:  # raised again in the waiting thread
        answer.put(error)
    finally:
        _slots.release()


def _ask(host: str, port: int, flags: int = 0) -> _Found:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)

"""Keeps a stack of the tests on this machine: its resolver, and a guard of its connections.

Python imports this module when it starts, in every process of a stack (``support.names`` puts it
on the path). A name is looked up in ``FOLDER`` and nowhere else: a file of that name has a line of
addresses for each look-up; the last line is also that of all later ones. Connections are made to
loopback only; others are refused as a network without routes would refuse them, and noted.
"""

import errno
import os
import re
import socket
import sys
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["TEST_NAMES_FOLDER"])
LOCAL = {"localhost", "localhost.localdomain", socket.gethostname().lower()}
REFUSED = "refused"
_REAL = socket.getaddrinfo


def getaddrinfo(
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[Any]:
    """``socket.getaddrinfo`` without any name server."""
    if host is None or flags & socket.AI_NUMERICHOST:
        return _REAL(host, port, family, type, proto, flags)
    name = host.decode() if isinstance(host, bytes) else host
    try:
        return _REAL(name, port, family, type, proto, flags | socket.AI_NUMERICHOST)
    except socket.gaierror:
        if name.lower() in LOCAL:
            return _REAL(name, port, family, type, proto, flags)
    return [
        entry
        for address in _answer(name)
        for entry in _REAL(address, port, family, type, proto, flags | socket.AI_NUMERICHOST)
    ]


def _answer(name: str) -> list[str]:
    """The addresses that this look-up of a name gives, whichever process asks."""
    if not re.fullmatch(r"[\w.-]+", name) or not (FOLDER / name).is_file():
        raise socket.gaierror(socket.EAI_NONAME, "the tests know no such name")
    lines = (FOLDER / name).read_text(encoding="ascii").splitlines()
    with (FOLDER / f"{name}.asked").open("ab", buffering=0) as asked:
        asked.write(b".")
        number = asked.tell()
    return lines[min(number, len(lines)) - 1].split()


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        target = arguments[1]
        if isinstance(target, tuple) and not _is_here(str(target[0])):
            with (FOLDER / REFUSED).open("a", encoding="ascii") as file:
                file.write(f"{target[0]}\n")
            raise OSError(errno.ENETUNREACH, "Network is unreachable")


def _is_here(host: str) -> bool:
    if host.lower() in LOCAL:
        return True
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback or (mapped or address).is_unspecified


socket.getaddrinfo = getaddrinfo
sys.addaudithook(_guard)

"""Names are looked up within the deadline, whatever the resolver does.

The resolver is the test's. Nothing is connected to: no look-up of these names leaves this process.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pygeoapi_prefect import outgoing
from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.outgoing import names
from support.polling import wait_for

REAL = socket.getaddrinfo
Answer = Callable[[], list[Any]]


def address(*texts: str) -> list[Any]:
    family = {True: socket.AF_INET6, False: socket.AF_INET}
    return [(family[":" in text], socket.SOCK_STREAM, 6, "", (text, 80)) for text in texts]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Answer]]:
    """A resolver that knows these names; a host that is an address is left to the system."""
    known: dict[str, Answer] = {}

    def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
        numeric = options.pop("flags", 0) & socket.AI_NUMERICHOST
        if numeric or host not in known:
            return REAL(host, port, flags=socket.AI_NUMERICHOST, **options)
        return known[host]()

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield known
    wait_for(lambda: names._slots._value == names.MOST_LOOK_UPS, 10, "every look-up has ended")


@pytest.fixture
def silent(resolver: dict[str, Answer]) -> Iterator[str]:
    """A name that no name server answers for until the test is over."""
    over = threading.Event()

    def wait() -> list[Any]:
        over.wait(60)
        return address("1.1.1.1")

    resolver["silent.example"] = wait
    yield "silent.example"
    over.set()


ACTIONS: list[Callable[[str], object]] = [
    outgoing.check_address,
    lambda url: outgoing.fetch(url, max_bytes=10),
    lambda url: outgoing.post(url, b"", {}),
]


@pytest.mark.parametrize("act", ACTIONS)
@pytest.mark.parametrize(
    "special",
    ["3fff::1", "5f00::1", "192.31.196.1", "192.52.193.1", "192.175.48.6", "64:ff9b:1::1"],
)
def test_a_name_that_leads_to_a_special_purpose_address_is_refused(
    resolver: dict[str, Answer], act: Callable[[str], object], special: str
) -> None:
    """Fault 37: one such address among public ones is enough; callbacks have the same guard."""
    resolver["mixed.example"] = lambda: address("1.1.1.1", special)
    with pytest.raises(InvalidJobParameterError, match=r"mixed\.example resolves to an address"):
        act("http://mixed.example/")
    shown = f"[{special}]" if ":" in special else special
    with pytest.raises(InvalidJobParameterError, match="resolves to an address"):
        act(f"http://{shown}/")


@pytest.mark.parametrize("act", ACTIONS)
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "cannot be resolved"),
        (socket.gaierror(socket.EAI_AGAIN, "no name server"), "cannot be resolved"),
        (OSError(24, "Too many open files"), "cannot be resolved"),
        (UnicodeError("label too long"), "cannot be resolved"),
        (TimeoutError(), "cannot be resolved"),
        ([], "has no address"),
        ([(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (10, b"\0"))], "cannot be resolved"),
    ],
    ids=str,
)
def test_a_resolver_without_an_answer_is_told(
    resolver: dict[str, Answer], act: Callable[[str], object], answer: Any, told: str
) -> None:
    """Fault 37: it is never an error of this server."""

    def reply() -> list[Any]:
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    resolver["odd.example"] = reply
    with pytest.raises(InvalidJobParameterError, match=rf"the host odd\.example {told}"):
        act("http://odd.example/")


def test_a_name_server_that_does_not_answer_takes_no_longer_than_the_deadline(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 37."""
    for name in ("JSON_SECONDS", "POST_SECONDS", "CHECK_SECONDS"):
        monkeypatch.setattr(outgoing, name, 0.2)
    began = time.monotonic()
    for act in ACTIONS:
        with pytest.raises(InvalidJobParameterError, match=r"resolved (within 0\.|in time)"):
            act(f"http://{silent}/")
    assert time.monotonic() - began < 5


def test_look_ups_that_hang_are_bounded_and_others_wait_no_longer_than_they_may(
    silent: str, resolver: dict[str, Answer]
) -> None:
    """Fault 37: hostile names cost a bounded number of threads."""
    resolver["quick.example"] = lambda: address("1.1.1.1")
    before = threading.active_count()
    for _ in range(names.MOST_LOOK_UPS + 5):
        with pytest.raises(names.NotResolved, match="cannot be resolved"):
            names.look_up(silent, 80, 0.01)
    assert threading.active_count() - before <= names.MOST_LOOK_UPS
    with pytest.raises(names.NotResolved, match="too many lookups"):
        names.look_up("quick.example", 80, 0.05)
    assert [str(found) for found in names.look_up("1.1.1.1", 80, 0.05)] == ["1.1.1.1"]


def test_a_look_up_that_ends_makes_room(resolver: dict[str, Answer]) -> None:
    resolver["quick.example"] = lambda: address("1.1.1.1", "fe80::1%1")
    for _ in range(3 * names.MOST_LOOK_UPS):
        found = names.look_up("quick.example", 80, 5)
        assert [str(one) for one in found] == ["1.1.1.1", "fe80::1"]


@pytest.mark.parametrize("url", ["http://a.example:0/", "https://1.1.1.1:0", "http://[::1]:0/x"])
def test_port_0_is_refused(url: str) -> None:
    """Fault 37: it was taken for the scheme's own port."""
    for act in [outgoing.check, *ACTIONS]:
        with pytest.raises(InvalidJobParameterError, match="the invalid port 0"):
            act(url)

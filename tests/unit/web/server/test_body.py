"""Reading bodies: deadlines by the number of bytes, and the room for all of them."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from pygeoapi_prefect.errors import InvalidJobParameterError, TooBusy
from pygeoapi_prefect.web.server import body
from pygeoapi_prefect.web.server.body import Body, BodyTooSlow, Room


def receive(messages: Iterable[dict[str, Any]]) -> body.Receive:
    """ASGI's function: these messages, then nothing ever."""
    left = iter(messages)

    async def receive() -> dict[str, Any]:
        message = next(left, None)
        if message is None:
            await asyncio.get_running_loop().create_future()
        assert message is not None
        return message

    return receive


MADE: list[Body] = []


@pytest.fixture(autouse=True)
def _all_are_closed() -> Iterator[None]:
    yield
    while MADE:
        MADE.pop().close()


def made(messages: Iterable[dict[str, Any]], limit: int, room: Room) -> Body:
    MADE.append(Body(receive(messages), limit, room))
    return MADE[-1]


def part(content: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


def test_a_body_is_read_to_its_end() -> None:
    read = made([part(b"ab"), part(b""), part(b"c", more=False)], 10, Room(10))
    asyncio.run(read.read())
    assert read.content.read() == b"abc"
    assert read.is_complete


def test_a_body_is_read_as_far_as_the_limit() -> None:
    read = made([part(b"abc"), part(b"def"), part(b"g", more=False)], 4, Room(10))
    asyncio.run(read.read())
    assert read.content.read() == b"abcd"
    assert not read.is_complete


def test_a_body_that_ends_early_is_the_clients_error() -> None:
    read = made([part(b"abc"), {"type": "http.disconnect"}], 10, Room(10))
    with pytest.raises(InvalidJobParameterError, match="read completely"):
        asyncio.run(read.read())


def test_a_body_that_stops_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "GRACE_SECONDS", 0.05)
    read = made([part(b"a" * 100_000)], 1_000_000, Room(1_000_000))
    with pytest.raises(BodyTooSlow, match="slowly"):
        asyncio.run(read.read())
    assert read.content.tell() == 100_000


def test_large_bodies_share_a_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "IN_MEMORY", 2)
    room = Room(5)
    first = made([part(b"abc"), part(b"de", more=False)], 10, room)
    asyncio.run(first.read())
    second = made([part(b"abcdef", more=False)], 10, room)
    with pytest.raises(TooBusy):
        asyncio.run(second.read())
    small = made([part(b"ab", more=False)], 10, room)
    asyncio.run(small.read())
    second.close()
    first.close()
    first.close()
    third = made([part(b"abcdefg", more=False)], 10, room)
    asyncio.run(third.read())
    assert third.content.read() == b"abcdefg"


def test_who_was_fast_has_no_more_time_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(body, "LOWEST_RATE", 1)
    read = made([part(b"a" * 1000)], 10_000, Room(10_000))
    with pytest.raises(BodyTooSlow):
        asyncio.run(asyncio.wait_for(read.read(), 30))


def test_many_tiny_pieces_are_rejected() -> None:
    read = made([part(b"a")] * 2000, 10_000, Room(10_000))
    with pytest.raises(InvalidJobParameterError, match="chunks"):
        asyncio.run(read.read())
    few = made([part(b"a")] * 900 + [part(b"", more=False)], 10_000, Room(10_000))
    asyncio.run(few.read())
    assert len(few.content.read()) == 900


def test_a_full_disk_is_no_fault_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    read = made([part(b"abc", more=False)], 10, Room(10))

    def fail(_: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(read.content, "write", fail)
    with pytest.raises(TooBusy, match="no space"):
        asyncio.run(read.read())


def test_the_rest_of_a_body_is_discarded_for_a_while() -> None:
    parts = [part(b"abc"), part(b"def"), part(b"", more=False)]
    read = made(parts, 1, Room(10))
    asyncio.run(read.read())
    asyncio.run(read.discard(5))
    assert read.is_complete
    stuck = made(parts[:1], 1, Room(10))
    asyncio.run(stuck.read())
    asyncio.run(stuck.discard(0.05))
    assert not stuck.is_complete

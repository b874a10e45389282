"""Large requests take turns."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pygeoapi_prefect.errors import TooBusy
from pygeoapi_prefect.jobs import references
from pygeoapi_prefect.jobs.turns import LARGE, TURNS, Turns


@contextmanager
def reading(turns: Turns) -> Iterator[threading.Event]:
    """Another thread has the turn until the block ends; the event tells that it has given it up."""
    begun, end, over = threading.Event(), threading.Event(), threading.Event()

    def read() -> None:
        with turns.taken(LARGE):
            begun.set()
            end.wait(30)
        over.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(30)
    try:
        yield over
    finally:
        end.set()
        thread.join(30)


def test_one_large_request_is_read_at_a_time_and_small_ones_beside_it() -> None:
    """Fault 25: eight at once took the memory of all."""
    turns = Turns(seconds=0.05)
    with reading(turns):
        with turns.taken(LARGE - 1):
            pass
        with pytest.raises(TooBusy) as caught, turns.taken(LARGE):
            raise AssertionError("two at a time")
        assert (caught.value.status, caught.value.retry_after) == (503, 5)
    with turns.taken(LARGE), turns.taken(LARGE):  # the same thread needs one turn only
        pass


def test_a_turn_comes_when_the_one_before_is_over() -> None:
    turns = Turns(seconds=30)
    order: list[int] = []

    def read(number: int) -> None:
        with turns.taken(LARGE):
            order.append(number)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(5)]
    with reading(turns):
        for thread in threads:
            thread.start()
        assert order == []
    for thread in threads:
        thread.join(30)
    assert sorted(order) == [0, 1, 2, 3, 4]


def test_only_so_many_wait() -> None:
    """Fault 25: each that waits holds a thread that others need."""
    turns = Turns(seconds=30, waiting=0)
    with reading(turns), pytest.raises(TooBusy, match="Too many"), turns.taken(LARGE):
        raise AssertionError("nobody may wait")


def test_a_turn_is_lent_while_its_owner_waits_for_something_else() -> None:
    turns = Turns(seconds=10)
    with turns.taken(LARGE):
        with turns.lent(), reading(turns):
            pass
        assert turns._free.locked()
    assert not turns._free.locked()
    with turns.lent():  # who has none lends none
        assert not turns._free.locked()


def test_a_turn_comes_back_after_what_was_waited_for_has_failed() -> None:
    """Fault 25: after a reference that was refused, the rest was read without the turn."""
    turns = Turns(seconds=10)
    with turns.taken(LARGE):
        with pytest.raises(ValueError), turns.lent():
            raise ValueError
        assert turns._free.locked()
    assert not turns._free.locked()


def test_a_turn_is_lent_while_the_host_of_a_subscriber_is_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault 25: names that no server answers for kept all other large requests waiting."""
    looked_up: list[bool] = []

    def check_address(url: str) -> None:
        assert url.startswith("http://")
        looked_up.append(TURNS._free.locked())

    monkeypatch.setattr(
        f"{references.__name__}.client.api_url", lambda: "http://127.0.0.1:4200/api"
    )
    monkeypatch.setattr(f"{references.__name__}.outgoing.check_address", check_address)
    with TURNS.taken(LARGE):
        references.References(1).check_subscriber(
            {"successUri": "http://example.org/", "failedUri": "http://a/"}
        )
        assert TURNS._free.locked()
    assert looked_up == [False, False]


def test_a_turn_ends_with_an_error() -> None:
    turns = Turns(seconds=0.05)
    with pytest.raises(ValueError), turns.taken(LARGE):
        raise ValueError
    with turns.taken(LARGE):
        pass

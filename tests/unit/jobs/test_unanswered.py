"""Runs that nobody was told of: looked for together, and until none can come any more."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import runs
from pygeoapi_prefect.errors import EngineUnavailable, StorageUnavailable
from pygeoapi_prefect.jobs import status, unanswered
from pygeoapi_prefect.jobs.unanswered import DEAD_SECONDS, LOOK_SECONDS, MOST, Unanswered


class World:
    """Prefect's runs, the time, what was planned, and what was done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.known: dict[str, runs.Run] = {}
        self.is_away = False
        self.requests = 0
        self.planned: list[tuple[Callable[[], object], float]] = []
        self.done: list[tuple[str, str]] = []
        self.unanswered = Unanswered(lambda: self.now)
        monkeypatch.setattr(runs, "list_runs", self.list_runs)
        monkeypatch.setattr(unanswered, "in_background", self.plan)

    def plan(self, action: Callable[[], object], delay: float = 0) -> None:
        self.planned.append((action, delay))

    def list_runs(self, wanted: Mapping[str, Any], *, limit: int, offset: int) -> list[runs.Run]:
        self.requests += 1
        names = wanted["name"]["any_"]
        assert len(names) <= limit == 200
        assert offset == 0
        if self.is_away:
            raise EngineUnavailable("away")
        return [self.known[name] for name in names if name in self.known]

    def commit(self, job_id: str) -> None:
        """Prefect creates a run, late."""
        name = status.run_name(job_id)
        self.known[name] = runs.Run.from_json({"id": job_id, "name": name})

    def watch(self, job_id: str) -> None:
        self.unanswered.watch(
            job_id,
            lambda run: self.done.append(("found", status.job_id(run))),
            lambda: self.done.append(("absent", job_id)),
        )

    def turn(self) -> None:
        """Do what is planned, once."""
        (action, delay), *self.planned = self.planned
        self.now += delay
        action()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_all_are_looked_for_in_one_request(world: World) -> None:
    for number in range(120):
        world.watch(str(number))
    assert len(world.planned) == 1
    for number in (3, 50, 70, 119):
        world.commit(str(number))
    world.turn()
    assert world.requests == 1
    assert sorted(world.done) == sorted(("found", str(n)) for n in (3, 50, 70, 119))
    assert [delay for _, delay in world.planned] == [LOOK_SECONDS]


def test_many_take_a_request_for_each_page(world: World) -> None:
    for number in range(401):
        world.watch(str(number))
    world.turn()
    assert world.requests == 3


def test_one_that_comes_late_is_found(world: World) -> None:
    world.watch("a")
    while world.now < DEAD_SECONDS - LOOK_SECONDS:
        world.turn()
    assert world.done == []
    world.commit("a")
    world.turn()
    assert world.done == [("found", "a")]
    assert world.planned == []


def test_one_that_cannot_come_any_more_is_given_up(world: World) -> None:
    world.watch("a")
    while world.planned:
        world.turn()
    assert world.done == [("absent", "a")]
    assert DEAD_SECONDS <= world.now <= DEAD_SECONDS + 2 * LOOK_SECONDS
    world.watch("b")  # the next one is looked for again
    world.turn()
    assert len(world.planned) == 1


def test_the_time_counts_from_the_end_of_an_outage(world: World) -> None:
    world.watch("a")
    world.is_away = True
    world.now += 10 * DEAD_SECONDS
    with pytest.raises(EngineUnavailable):
        world.planned[0][0]()
    world.is_away = False
    world.now += DEAD_SECONDS - 1
    world.turn()
    assert world.done == []
    world.now += 1
    world.turn()
    assert world.done == [("absent", "a")]


def test_an_outage_in_the_middle_is_waited_out(world: World) -> None:
    attempts: list[str] = []

    def found(run: runs.Run) -> None:
        attempts.append(run.id)
        if len(attempts) == 1:
            raise EngineUnavailable("away")

    world.unanswered.watch("a", found, lambda: None)
    world.commit("a")
    with pytest.raises(EngineUnavailable):
        world.planned[0][0]()
    world.turn()
    assert attempts == ["a", "a"]
    assert world.planned == []


@pytest.mark.parametrize("error", [ObjectNotFound(Exception()), StorageUnavailable("x")])
def test_a_failure_concerns_one_job_only(world: World, error: Exception) -> None:
    def fail(_: object) -> None:
        raise error

    world.unanswered.watch("a", fail, lambda: None)
    world.watch("b")
    world.commit("a")
    world.commit("b")
    world.turn()
    assert world.done == [("found", "b")]
    assert world.planned == []


def test_an_unexpected_answer_ends_it(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.watch("a")
    monkeypatch.setattr(runs, "list_runs", lambda *_, **__: 1 / 0)
    world.turn()
    assert "no longer looked for" in caplog.text
    assert world.planned == []


def test_their_number_is_bounded(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(MOST + 1):
        world.watch(str(number))
    assert f"job {MOST}: its run is not looked for" in caplog.text
    world.turn()
    assert world.requests == MOST / 200

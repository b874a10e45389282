"""Turns of shares: whose run is next, and whom else to look for."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pygeoapi_prefect.engine.shares import OTHERS, SHARES, share_of
from pygeoapi_prefect.worker.fairness import Turns, ahead, order

A, B, C, D = SHARES[:4]
EVERYBODY = (*SHARES, OTHERS)


def run(name: str, share: str = OTHERS, queue: str = "q") -> dict[str, Any]:
    tags = ["pygeoapi", share] if share else ["pygeoapi"]
    return {"id": name, "tags": tags, "work_queue_id": queue}


def flood(share: str, number: int = 4, queue: str = "q") -> list[dict[str, Any]]:
    return [run(f"{share}/{queue}/{one}", share, queue) for one in range(number)]


def shares(runs: list[dict[str, Any]]) -> list[str]:
    return [share_of(one["tags"]) for one in runs]


def turns(*begun: str, ended: tuple[str, ...] = ()) -> Turns:
    made = Turns()
    for share in begun:
        made.begin(share)
    for share in ended:
        made.end(share)
    return made


def test_the_order_of_time_is_kept_among_runs_of_one_share() -> None:
    assert order(flood(A), [], turns()) == flood(A)


def test_shares_take_turns() -> None:
    assert shares(order([*flood(A), *flood(B, 2)], [], turns())) == [A, B, A, B, A, A]


def test_the_share_that_runs_least_comes_first() -> None:
    assert shares(order([*flood(A, 2), *flood(B, 2)], [], turns(A, A))) == [B, B, A, A]


def test_who_had_the_last_turn_comes_last_although_nothing_runs() -> None:
    due = [*flood(A, 1), *flood(B, 1)]
    assert shares(order(due, [], turns(B, A, ended=(A, B)))) == [B, A]


def test_a_run_beyond_the_page_takes_the_place_of_one_of_its_queue() -> None:
    chosen = order(flood(A), [run("c", C)], turns(A, A, A))
    assert shares(chosen) == [C, A, A, A]


def test_no_queue_gets_more_runs_than_prefect_has_given_it() -> None:
    """The others may be full or paused, or behind a queue of a higher priority."""
    page = [*flood(A, 3, "first"), *flood(A, 1, "second")]
    beyond = [*flood(B, 4, "second"), *flood(C, 4, "third")]
    chosen = order(page, beyond, turns(A))
    assert [one["work_queue_id"] for one in chosen] == ["first"] * 3 + ["second"]
    assert shares(chosen) == [A, A, A, B]


def test_a_run_that_is_found_twice_is_started_once() -> None:
    assert order(flood(A, 2), flood(A, 2), turns()) == flood(A, 2)


def test_nobody_is_looked_for_while_the_page_has_someone_for_every_slot() -> None:
    page = [run(share, share) for share in (A, B, C, D)]
    assert ahead(page, [], 4, turns()) == []
    assert ahead(page, [], 1, turns(A, ended=(A,))) == []


def test_behind_a_flood_everybody_else_is_looked_for() -> None:
    assert ahead(flood(A), [], 1, turns(A)) == [one for one in EVERYBODY if one != A]
    assert ahead(flood(OTHERS), [], 4, turns()) == list(SHARES)


def test_behind_two_floods_those_are_looked_for_that_come_before_both() -> None:
    found = ahead(flood(A), flood(B), 1, turns(A, A, B))
    assert found == [one for one in EVERYBODY if one not in (A, B)]


def test_with_one_slot_and_several_floods_each_has_its_turn() -> None:
    """A worker sees the oldest flood only, and of the others what it asks for."""
    waiting = {share: flood(share, 1000) for share in (A, B, C)}
    waiting[D] = [run("d", D)]
    done, had = Turns(), []
    for _ in range(12):
        page = waiting[A][:2]
        wanted = ahead(page, [], 1, done)
        further = [one for share in (B, C, D) if share in wanted for one in waiting[share]][:1]
        first = order(page, further, done)[0]
        share = share_of(first["tags"])
        waiting[share].remove(first)
        done.begin(share)
        done.end(share)
        had.append(share)
    assert Counter(had) == {A: 4, B: 4, C: 3, D: 1}


RUNS = st.lists(
    st.tuples(st.sampled_from([A, B, C, OTHERS]), st.sampled_from(["q", "r"])), max_size=12
)
BEGUN = st.lists(st.sampled_from([A, B, C, OTHERS]), max_size=12)


@given(RUNS, RUNS, BEGUN)
def test_an_order_has_the_page_s_number_of_each_queue_and_each_share_s_runs_by_time(
    page: list[tuple[str, str]], beyond: list[tuple[str, str]], begun: list[str]
) -> None:
    due = [run(f"due {n}", *one) for n, one in enumerate(sorted(page, key=lambda one: one[1]))]
    further = [run(f"far {n}", *one) for n, one in enumerate(beyond)]
    chosen = order(due, further, turns(*begun))
    queues = [one["work_queue_id"] for one in due]
    assert [one["work_queue_id"] for one in chosen] == queues
    assert len({one["id"] for one in chosen}) == len(chosen)
    known = [one["id"] for one in (*due, *further)]
    for share in (A, B, C, OTHERS):
        for queue in ("q", "r"):
            of_it = [
                known.index(one["id"])
                for one in chosen
                if share_of(one["tags"]) == share and one["work_queue_id"] == queue
            ]
            assert of_it == sorted(of_it)


@given(RUNS, RUNS, BEGUN, st.integers(1, 8))
def test_nobody_that_is_not_looked_for_would_be_started(
    page: list[tuple[str, str]], beyond: list[tuple[str, str]], begun: list[str], slots: int
) -> None:
    """Runs of other shares, wherever they wait, do not change who gets the free slots."""
    due = [run(f"due {n}", share) for n, (share, _) in enumerate(page)]
    further = [run(f"far {n}", share) for n, (share, _) in enumerate(beyond)]
    wanted = ahead(due, [], slots, turns(*begun))
    chosen = order(due, further, turns(*begun))[:slots]
    unwanted = [one for one in further if share_of(one["tags"]) not in wanted]
    without = [one for one in further if one not in unwanted]
    assert chosen == order(due, without, turns(*begun))[:slots]

"""The order in which a worker starts due runs: each share of their owners has its turn.

The share with the fewest runs on this worker comes first, then the one whose turn was the longest
ago, then the one whose run has been due the longest. Shares are those of ``engine.shares``.
"""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence
from copy import deepcopy

from pygeoapi_prefect.engine.routes import Json
from pygeoapi_prefect.engine.shares import OTHERS, SHARES, share_of

Rank = tuple[int, int]


class Turns:
    """The turns that shares have had, and their runs on this worker."""

    def __init__(self) -> None:
        self._running: Counter[str] = Counter()
        self._last: dict[str, int] = {}
        self._number = 0

    def rank(self, share: str) -> Rank:
        """Return the rank of a share; the smallest has the next turn."""
        return self._running[share], self._last.get(share, 0)

    def begin(self, share: str) -> None:
        """Note that a run of a share starts."""
        self._running[share] += 1
        self._number += 1
        self._last[share] = self._number

    def end(self, share: str) -> None:
        """Note that a run of a share has ended."""
        self._running[share] -= 1


def order(
    due: Sequence[Json], further: Sequence[Json], turns: Turns, full: Collection[str] = ()
) -> list[Json]:
    """Put due runs in the order in which they are to be started.

    Args:
        due: The page of due runs as Prefect gives it: by priority of their queues, then by time.
        further: Runs beyond that page, by time. Prefect has not checked whether their queues are
            paused, full or behind others. So each can only replace a run of the page of its queue.
        turns: The turns so far.
        full: Identifiers of deployments of which no run may start now.

    Returns:
        At most as many runs of each queue as ``due`` has, queue by queue.
    """
    return [run for run, _ in _picks(due, further, deepcopy(turns), full)]


def ahead(
    due: Sequence[Json],
    further: Sequence[Json],
    slots: int,
    turns: Turns,
    full: Collection[str] = (),
) -> list[str]:
    """Return the shares that have a turn before these runs fill the free slots.

    Args:
        due: The page of due runs, as above.
        further: The runs beyond that page that are known.
        slots: Number of free slots.
        turns: The turns so far.
        full: As above.
    """
    then = deepcopy(turns)
    picks = _picks(due, further, then, full)
    picked = [rank for (_, rank), _ in zip(picks, range(slots), strict=False)]
    last = max(picked, default=(0, 0))
    return [share for share in (*SHARES, OTHERS) if then.rank(share) < last]


def _picks(
    due: Sequence[Json], further: Sequence[Json], turns: Turns, full: Collection[str]
) -> Iterable[tuple[Json, Rank]]:
    """Generate the runs in their order, with the ranks of their shares; notes their turns."""
    seen = {run["id"] for run in due}
    beyond = [run for run in further if run["id"] not in seen]
    for queue in dict.fromkeys(run["work_queue_id"] for run in due):
        page = [run for run in due if run["work_queue_id"] == queue]
        waiting: dict[str, deque[Json]] = {}
        for run in (*page, *(one for one in beyond if one["work_queue_id"] == queue)):
            if run.get("deployment_id") not in full:
                waiting.setdefault(share_of(run["tags"]), deque()).append(run)
        for _ in page:
            if not waiting:
                break
            share = min(waiting, key=turns.rank)
            yield waiting[share].popleft(), turns.rank(share)
            turns.begin(share)
            if not waiting[share]:
                del waiting[share]

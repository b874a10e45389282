"""Running results over the cells of a zone, which come in windows."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
Areas = NDArray[np.float64]

BYTES_PER_CELL = 16
"""Maximum memory of ``Runs`` for a cell: a value of up to 8 bytes, an area of 4, a reserve."""
SAMPLED = 1024
"""Distance between the sampled values of a run, to find ranges of about equal length."""
RANGE_SAMPLES = 256
"""So many samples, over all runs, make a range that is merged at once."""
SPAN = 1 << 16
"""Whole numbers that lie so close together are counted without sorting."""
SLACK = 1e-9
"""Part of the area that is left to rounding where a percentile falls between two values."""


class TooManyValues(Exception):
    """The values do not fit into the available memory."""


class Moments:
    """Count, extremes, sum, mean and variance, as accurate as those of all cells at once.

    Windows are combined as Chan, Golub and LeVeque (1979) do it: no large sum of squares is ever
    subtracted from another.
    """

    def __init__(self) -> None:
        self.count = 0.0
        self.sum = 0.0
        self.min = math.inf
        self.max = -math.inf
        self._base = math.nan
        self._offset = 0.0
        self._squares = 0.0

    @property
    def mean(self) -> float:
        """The mean."""
        return self._base + self._offset

    @property
    def std(self) -> float:
        """Standard deviation of the population."""
        return math.sqrt(self._squares / self.count) if self.count else 0.0

    def add(self, values: Values, areas: Areas) -> None:
        """Take in cells: their values, finite, and which part of each is covered."""
        self.min = min(self.min, float(values.min()))
        self.max = max(self.max, float(values.max()))
        count = float(areas.sum())
        with np.errstate(over="ignore", invalid="ignore"):
            numbers = values.astype(np.float64)
            self.sum += float(areas @ numbers)
            # Relative to one of them, values differ by little: nothing is lost to rounding.
            if not self.count:
                self._base = float(numbers[0])
            numbers -= self._base
            offset = float(areas @ numbers) / count
            numbers -= offset
            squares = float(areas @ (numbers * numbers))
        step = offset - self._offset
        total = self.count + count
        self._offset += step * count / total
        self._squares += squares + step * step * self.count * count / total
        self.count = total


class Runs:
    """Each different value with its area, kept in sorted runs, one or two a window.

    Args:
        limit: Bytes that may be kept.

    Attributes:
        area: Sum of all areas, in cells.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._runs: list[tuple[Values, NDArray[np.float32]]] = []
        self._bytes = 0
        self.area = 0.0

    def add(self, values: Values, areas: Areas) -> None:
        """Take in cells: their values and which part of each is covered.

        Raises:
            TooManyValues: They do not fit into the limit.
        """
        wholly = areas == 1
        self._keep(values[wholly], None)
        self._keep(values[~wholly], areas[~wholly])

    def ascending(self) -> Iterator[tuple[Values, Areas]]:
        """All different values in ascending order, in batches, with the area of each."""
        if not self._runs:
            return
        samples = np.sort(np.concatenate([values[::SAMPLED] for values, _ in self._runs]))
        cuts = np.unique(samples[RANGE_SAMPLES::RANGE_SAMPLES])
        edges = [
            np.concatenate([[0], np.searchsorted(values, cuts), [len(values)]])
            for values, _ in self._runs
        ]
        for ranges in zip(*map(pairwise, edges), strict=True):
            slices = [slice(first, end) for first, end in ranges]
            parts = list(zip(self._runs, slices, strict=True))
            values = np.concatenate([run[part] for (run, _), part in parts])
            areas = np.concatenate([run[part] for (_, run), part in parts])
            if len(values):
                yield _distinct(values, areas.astype(np.float64))

    def _keep(self, values: Values, areas: Areas | None) -> None:
        if not len(values):
            return
        distinct, totals = _distinct(values, areas)
        run = distinct, totals.astype(np.float32)
        self._bytes += run[0].nbytes + run[1].nbytes
        if self._bytes > self._limit:
            raise TooManyValues
        self._runs.append(run)
        self.area += float(run[1].sum(dtype=np.float64))


@dataclass(frozen=True)
class Ranking:
    """Statistics that need the order of all different values.

    Attributes:
        variety: The number of different values.
        majority: The value with the largest area, the least of those that have it.
        percentiles: For each percentile the least value that is not exceeded in so many percent
            of the area.
    """

    variety: int
    majority: float
    percentiles: Sequence[float]


def ranked(runs: Runs, percentiles: Sequence[float]) -> Ranking:
    """Go through all different values once, from the least to the greatest."""
    wanted = (np.asarray(percentiles, np.float64) / 100 - SLACK) * runs.area
    found = np.full(len(wanted), np.nan)
    variety, majority, largest, below = 0, math.nan, 0.0, 0.0
    for values, areas in runs.ascending():
        variety += len(values)
        place = int(areas.argmax())
        if areas[place] > largest:
            largest, majority = float(areas[place]), float(values[place])
        reached = below + np.cumsum(areas)
        here = np.isnan(found) & (wanted <= reached[-1])
        found[here] = values[np.searchsorted(reached, wanted[here])]
        below = float(reached[-1])
    return Ranking(variety, majority, [float(value) for value in found])


def _distinct(values: Values, areas: Areas | None) -> tuple[Values, Areas]:
    """The different values in ascending order with the area of each; without areas, 1 a cell."""
    least, most = values.min(), values.max()
    if values.dtype.kind in "iu" and int(most) - int(least) < SPAN:
        # In the type of the values a difference may not fit, modulo its range it does.
        unsigned = np.dtype(f"u{values.itemsize}")
        places = values.astype(unsigned) - least.astype(unsigned)
        totals = np.bincount(places.astype(np.intp), areas).astype(np.float64)
        there = np.flatnonzero(totals)
        return (there.astype(unsigned) + least.astype(unsigned)).astype(values.dtype), totals[there]
    if areas is None:
        distinct, counts = np.unique(values, return_counts=True)
        return distinct, counts.astype(np.float64)
    order = np.argsort(values)
    values, areas = values[order], areas[order]
    firsts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    return values[firsts], np.add.reduceat(areas, firsts)

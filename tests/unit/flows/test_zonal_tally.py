"""Running results against NumPy's over all cells at once, and the memory that they take."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zonal_statistics import tally
from zonal_statistics.tally import BYTES_PER_CELL, Moments, Runs, TooManyValues, ranked

Window = tuple[NDArray[Any], NDArray[np.float64]]
PERCENTILES = (0, 1, 10, 25, 50, 75, 90, 99.9, 100)
KINDS = ("uint8", "int8", "int16", "int32", "uint64", "int64", "float32", "float64")


def windows_of(rng: np.random.Generator, dtype: str, sizes: list[int]) -> list[Window]:
    found = []
    for size in sizes:
        if dtype.startswith("float"):
            values: NDArray[Any] = rng.normal(100, 20, size).round(1).astype(dtype)
        else:
            kind = np.iinfo(dtype)
            middle = kind.max // 2 if dtype == "uint64" else 0
            low, high = max(kind.min, middle - 500), min(kind.max, middle + 90_000)
            values = rng.integers(low, high, size, dtype=dtype, endpoint=True)
        areas = np.where(rng.random(size) < 0.7, 1, rng.random(size) + 1e-3)
        found.append((values, areas))
    return found


def both(windows: list[Window]) -> Window:
    return np.concatenate([v for v, _ in windows]), np.concatenate([a for _, a in windows])


@pytest.mark.parametrize("sizes", [[1], [50], [3000, 1, 7, 2500, 800], [40] * 60])
@pytest.mark.parametrize("dtype", KINDS)
def test_ranking_is_that_of_all_cells_at_once(
    dtype: str, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "SAMPLED", 16)
    monkeypatch.setattr(tally, "RANGE_SAMPLES", 5)
    windows = windows_of(np.random.default_rng(len(sizes)), dtype, sizes)
    runs = Runs(1 << 30)
    for values, areas in windows:
        runs.add(values, areas)
    values, areas = both(windows)
    batches = [batch for batch, _ in runs.ascending()]
    distinct = np.concatenate(batches)
    assert np.array_equal(distinct, np.unique(values))
    assert distinct.dtype == values.dtype
    found = ranked(runs, PERCENTILES)
    assert found.variety == len(distinct)
    totals = np.array([areas[values == value].sum() for value in distinct[:300]])
    there = np.flatnonzero(distinct[:300] == found.majority)
    if there.size and dtype != "uint64":  # which float64 does not tell apart
        assert totals[there[0]] == pytest.approx(totals.max())
    order = np.argsort(values)
    reached = np.cumsum(areas[order]) / areas.sum()
    for percentile, value in zip(PERCENTILES, found.percentiles, strict=True):
        below = reached[values[order] < value].max(initial=0)
        upto = reached[values[order] <= value].max()
        assert below <= percentile / 100 + 1e-6
        assert upto >= percentile / 100 - 1e-6


def test_majority_of_several_is_the_least() -> None:
    runs = Runs(1 << 20)
    runs.add(np.array([5, 3, 3, 5, 9]), np.ones(5))
    assert ranked(runs, []).majority == 3


@pytest.mark.parametrize("base", [0.0, 1e6, 1e9, -1e12])
def test_moments_of_windows_are_those_of_all_cells(base: float) -> None:
    rng = np.random.default_rng(1)
    windows = [(base + rng.normal(size=size), rng.random(size)) for size in (1, 2000, 17, 900)]
    moments = Moments()
    for values, areas in windows:
        moments.add(values, areas)
    values, areas = both(windows)
    deviations = values - base
    mean = np.average(deviations, weights=areas)
    assert moments.count == pytest.approx(areas.sum())
    assert (moments.min, moments.max) == (values.min(), values.max())
    assert moments.mean - base == pytest.approx(mean, abs=1e-15 * abs(base) + 1e-12)
    variance = np.average((deviations - mean) ** 2, weights=areas)
    assert moments.std == pytest.approx(np.sqrt(variance), rel=1e-7)


def test_std_of_equal_values_is_nothing() -> None:
    moments = Moments()
    for size in (5, 7):
        moments.add(np.full(size, 16777217.1), np.full(size, 0.3))
    assert moments.std == pytest.approx(0, abs=1e-8)


def test_fault_3_what_does_not_fit_is_refused() -> None:
    """Fault 3: of different values only; the same ones again take no room."""
    runs = Runs(12 * 2000)
    for _ in range(50):
        runs.add(np.arange(3.0), np.ones(3))
    with pytest.raises(TooManyValues):
        runs.add(np.arange(2000.0), np.ones(2000))


MEMORY = """
import resource, sys
import numpy as np
from zonal_statistics import polygons
from zonal_statistics.zonal import statistics_of
dtype, millions, wanted = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "ranked"
rng = np.random.default_rng(1)
class Made:
    def read(self, column, row, width, height):
        values = rng.random((height, width)).astype(dtype)
        return values, np.ones((height, width), bool)
pieces = [polygons.Piece(0, 0, 1000, 1000, None)] * millions
ranked = {"statistics": ["count", "variety", "majority"], "percentiles": [1, 50, 99]}
asked = ranked if wanted else {}
found = statistics_of(Made(), pieces, kept_bytes=1 << 40, **asked)
assert found["count"] == millions * 1e6
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def peak_bytes(dtype: str, millions: int, wanted: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, dtype, str(millions), wanted],
        cwd=Path(tally.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fault_3_bytes_for_each_cell(dtype: str) -> None:
    """Fault 3: percentiles took 80 bytes a cell; peak memory of a process, for more and fewer."""
    small, large = (peak_bytes(dtype, millions, "ranked") for millions in (2, 12))
    assert (large - small) / 10e6 <= BYTES_PER_CELL


def test_fault_3_other_statistics_take_no_more_for_more_cells() -> None:
    """Fault 3: whatever the size of the zone."""
    small, large = (peak_bytes("float64", millions, "plain") for millions in (2, 12))
    assert large - small < 8 << 20

"""Pure statistics: quantiles of a series, medians over repeats."""

import math
import statistics
from collections.abc import Mapping, Sequence

Values = dict[str, float | None]


def quantile(series: Sequence[float], q: float) -> float:
    """The nearest-rank quantile: a value that was measured, never one between two.

    Raises:
        ValueError: The series is empty, or ``q`` is not in (0, 1].
    """
    if not series or not 0 < q <= 1:
        raise ValueError("a quantile needs values, and 0 < q <= 1")
    return sorted(series)[math.ceil(q * len(series)) - 1]


def summary(name: str, series: Sequence[float]) -> Values:
    """``<name>_p50`` and ``<name>_p95`` of a series; None where nothing was measured."""
    if not series:
        return {f"{name}_p50": None, f"{name}_p95": None}
    return {f"{name}_p50": statistics.median(series), f"{name}_p95": quantile(series, 0.95)}


def medians(repeats: Sequence[Mapping[str, float | None]]) -> Values:
    """The median of each metric over the repeats in which it was measured."""
    names = {name: None for repeat in repeats for name in repeat}
    values = {name: [r[name] for r in repeats if r.get(name) is not None] for name in names}
    return {name: _median([v for v in found if v is not None]) for name, found in values.items()}


def steady_rate(ends: Sequence[float], wave: int) -> float | None:
    """Ends per second after the first ``wave`` of them: what came before them is left out.

    Args:
        ends: Moments in seconds at which jobs were seen to have ended, in any order.
        wave: How many end at about the same time, that is how many run beside each other.

    Returns:
        None if there are no more than ``wave``, or all at once.
    """
    later = sorted(ends)[wave - 1 :]
    span = later[-1] - later[0] if later else 0.0
    return (len(later) - 1) / span if span > 0 else None


def ratio(value: float | None, base: float | None) -> float | None:
    """``value / base``; None if one is missing or the base is 0."""
    return value / base if value is not None and base else None


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None

"""The goals, as ratios of one run's numbers; pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.numbers import Values, ratio

Systems = Mapping[str, Values]
OURS, STOCK, TUNED = "ours", "stock-default", "stock-tuned"
TINYDB, TINYDB_FULL = "tinydb", "tinydb-stored"


@dataclass(frozen=True)
class Verdict:
    """One line of the table of goals.

    Attributes:
        metric: What is measured.
        goal: What was asked.
        value: What came out.
        met: Whether it is enough; None if it was not measured.
    """

    metric: str
    goal: str
    value: str
    met: bool | None


def verdicts(systems: Systems) -> list[Verdict]:
    """Every goal held against a run's medians.

    A slow system's burst is counted after its first wave, which leaves out its wait for a poll:
    the comparison favours it.
    """

    def get(system: str, metric: str) -> float | None:
        return systems.get(system, {}).get(metric)

    ours = systems.get(OURS, {}).get
    submit, burst, dismiss = ours("submit_ms_p50"), ours("burst_per_s"), ours("dismiss_ms_p95")
    big, small = ours("list_100000_ms_p95"), ours("list_100_ms_p95")
    post, vanilla = ours("post_ms_p50"), ours("vanilla_ms_p50")
    tiny, tiny_full = get(TINYDB, "post_ms_p50"), get(TINYDB_FULL, "post_ms_p50")
    stored = get(TINYDB_FULL, "vanilla_ms_p50")
    name = "submit → successful, p50"
    return [
        at_most(name, ratio(submit, get(STOCK, "submit_ms_p50")), 1 / 40, "of the stock default"),
        at_most(name, ratio(submit, get(TUNED, "submit_ms_p50")), 1 / 12, "of the tuned worker"),
        at_most(name, submit, 200, "ms"),
        at_most("submit → successful, p95", ours("submit_ms_p95"), 500, "ms"),
        at_least("burst", ratio(burst, get(STOCK, "burst_steady_per_s")), 14, "× stock default"),
        at_least("burst", ratio(burst, get(TUNED, "burst_steady_per_s")), 10, "× tuned worker"),
        at_most("CPU per job", ours("cpu_s_per_job"), 0.30, "s"),
        at_most("async POST, p50", ratio(post, tiny), 1, "× TinyDB's with an empty store"),
        at_most("async POST, p50", ratio(post, tiny_full), 1, "× TinyDB's with a full store"),
        at_most("results, p50", ours("results_ms_p50"), 30, "ms"),
        at_most("vanilla sync, p50", vanilla, 35, "ms"),
        at_most("vanilla sync, p50", ratio(vanilla, stored), 1, "× TinyDB's with a full store"),
        at_most("dismiss until the process is gone, p95", dismiss, 1000, "ms"),
        at_most("job list of 100 000, p95", big, 50, "ms"),
        at_most("job list of 100 000, p95", ratio(big, small), 2, "× that of 100"),
    ]


def at_most(metric: str, value: float | None, bound: float, unit: str) -> Verdict:
    """A goal that a small value meets."""
    return _verdict(metric, "≤", value, bound, unit, lambda v: v <= bound)


def at_least(metric: str, value: float | None, bound: float, unit: str) -> Verdict:
    """A goal that a large value meets."""
    return _verdict(metric, "≥", value, bound, unit, lambda v: v >= bound)


def shown(value: float | None) -> str:
    """A number with three digits that count, or a dash."""
    if value is None:
        return "–"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _verdict(
    metric: str,
    sign: str,
    value: float | None,
    bound: float,
    unit: str,
    holds: Callable[[float], bool],
) -> Verdict:
    fraction = 0 < bound < 1 and unit.startswith("of ")
    limit = f"1/{1 / bound:.0f}" if fraction else f"{bound:g}"
    found = f"1/{1 / value:.1f}" if fraction and value else shown(value)
    met = None if value is None else holds(value)
    return Verdict(metric, f"{sign} {limit} {unit}", found, met)

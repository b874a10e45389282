import pytest

from bench.goals import at_least, at_most, shown, verdicts
from bench.numbers import Values

OURS: Values = {
    "submit_ms_p50": 200.0,
    "submit_ms_p95": 501.0,
    "burst_per_s": 5.0,
    "cpu_s_per_job": 0.3,
    "post_ms_p50": 60.0,
    "list_100_ms_p95": 20.0,
    "list_100000_ms_p95": 41.0,
}
SYSTEMS: dict[str, Values] = {
    "ours": OURS,
    "stock-default": {"submit_ms_p50": 9000.0, "burst_steady_per_s": 0.37},
    "stock-tuned": {"submit_ms_p50": 2000.0, "burst_steady_per_s": 0.49},
    "tinydb": {"post_ms_p50": 59.0},
}


def test_a_goal_is_met_at_its_bound_and_missed_beyond() -> None:
    assert at_most("m", 0.3, 0.3, "s").met is True
    assert at_most("m", 0.31, 0.3, "s").met is False
    assert at_least("m", 14, 14, "x").met is True
    assert at_least("m", 13.9, 14, "x").met is False


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    verdict = at_most("m", None, 1, "s")
    assert (verdict.value, verdict.met) == ("–", None)


def test_fractions_are_shown_as_such() -> None:
    verdict = at_most("m", 1 / 45, 1 / 40, "of it")
    assert (verdict.goal, verdict.value, verdict.met) == ("≤ 1/40 of it", "1/45.0", True)


def test_goals_are_ratios_of_one_run() -> None:
    found = [(v.metric, v.goal, v.met) for v in verdicts(SYSTEMS)]
    assert ("submit → successful, p50", "≤ 1/40 of the stock default", True) in found
    assert ("submit → successful, p50", "≤ 1/12 of the tuned worker", False) in found
    assert ("submit → successful, p95", "≤ 500 ms", False) in found
    assert ("burst", "≥ 14 × stock default", False) in found
    assert ("burst", "≥ 10 × tuned worker", True) in found
    assert ("CPU per job", "≤ 0.3 s", True) in found
    assert ("async POST, p50", "≤ 1 × TinyDB's with an empty store", False) in found
    assert ("job list of 100 000, p95", "≤ 50 ms", True) in found
    assert ("job list of 100 000, p95", "≤ 2 × that of 100", False) in found
    assert ("results, p50", "≤ 30 ms", None) in found


def test_nothing_measured_is_no_error() -> None:
    assert {verdict.met for verdict in verdicts({})} == {None}


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.2961, "0.296"), (9412.4, "9412"), (12.34, "12.3")]
)
def test_numbers_are_shown_with_the_digits_that_count(value: float | None, text: str) -> None:
    assert shown(value) == text

import pytest

from bench.numbers import Values, medians, quantile, ratio, steady_rate, summary


@pytest.mark.parametrize(("q", "value"), [(0.5, 3), (0.95, 5), (1, 5), (0.01, 1)])
def test_a_quantile_is_a_value_that_was_measured(q: float, value: float) -> None:
    assert quantile([5, 1, 4, 2, 3], q) == value


def test_of_100_values_the_95th_is_the_95_percent_quantile() -> None:
    assert quantile(list(range(1, 101)), 0.95) == 95


@pytest.mark.parametrize(("series", "q"), [([], 0.5), ([1], 0), ([1], 1.1)])
def test_a_quantile_of_nothing_is_refused(series: list[float], q: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        quantile(series, q)


def test_a_summary_names_both_quantiles() -> None:
    assert summary("post_ms", [1, 2, 9]) == {"post_ms_p50": 2, "post_ms_p95": 9}
    assert summary("post_ms", []) == {"post_ms_p50": None, "post_ms_p95": None}


def test_medians_take_the_repeats_that_have_a_metric() -> None:
    repeats: list[Values] = [{"a": 1.0, "b": None}, {"a": 3.0}, {"a": 2.0, "c": 7.0}]
    assert medians(repeats) == {"a": 2.0, "b": None, "c": 7.0}
    assert medians([]) == {}


def test_the_steady_rate_leaves_out_the_wait_before_the_first_wave() -> None:
    assert steady_rate([110, 100, 105], 1) == pytest.approx(0.2)
    waves = [12, 12, 12, 12, 22, 22, 22, 22, 32, 32, 32, 32]
    assert steady_rate(waves, 4) == pytest.approx(0.4)


@pytest.mark.parametrize("ends", [[], [100], [100, 100], [1, 2, 3, 4]])
def test_a_single_wave_has_no_steady_rate(ends: list[float]) -> None:
    assert steady_rate(ends, 4) is None


def test_a_ratio_needs_both_numbers() -> None:
    assert ratio(1, 4) == 0.25
    assert ratio(None, 4) is None
    assert ratio(1, None) is None
    assert ratio(1, 0) is None

import pytest

from bench.soak import growth, verdict


def samples(*web: float) -> list[dict[str, float]]:
    return [{"web": value, "prefect": 200.0} for value in web]


def test_growth_is_the_last_sample_over_that_of_the_tenth_minute() -> None:
    found = growth(samples(1, 2, 100, 120), first=3)
    assert found == {"web": pytest.approx(1.2), "prefect": 1.0}


def test_a_short_run_has_no_verdict() -> None:
    assert growth(samples(*[1.0] * 10)) == {}
    assert verdict(samples(*[1.0] * 10), 0) == "too short"


def test_growth_of_a_tenth_is_allowed() -> None:
    assert verdict(samples(*[100.0] * 10, 110.0), 0) == "ok"


def test_shared_memory_that_is_counted_often_is_not_growth() -> None:
    many = [{"web": 100.0, "postgres": size} for size in [*[50.0] * 10, 500.0]]
    assert verdict(many, 0) == "ok"


def test_more_growth_and_failed_jobs_are_told() -> None:
    text = verdict(samples(*[100.0] * 10, 150.0), 2)
    assert text == "web grew 1.50-fold; 2 jobs failed"

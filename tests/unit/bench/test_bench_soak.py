from pathlib import Path

import pytest

from bench.soak import disk_per_job, disk_sample, growth, verdict
from pygeoapi_prefect.embedded.layout import Layout


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


def test_the_disk_that_a_job_takes_is_counted_from_the_tenth_minute() -> None:
    minutes = [{"jobs": 5.0, "database": 100.0, "results": 1.0}] * 9
    minutes += [{"jobs": 10.0, "database": 120.0, "results": 2.0}]
    assert disk_per_job(minutes) == {}
    minutes += [{"jobs": 30.0, "database": 200.0, "results": 4.0}]
    assert disk_per_job(minutes) == {"database": 4.0, "results": 0.1}


def test_what_is_on_disk_is_counted_in_all_folders_without_the_log(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    sizes = {layout.database / "base/1/2": 2048, layout.results / "a/b": 512}
    for path, size in (sizes | {layout.database / "pg_wal/1": 9999}).items():
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(size))
    assert disk_sample(layout) == {"database": 2.0, "results": 0.5}

from typing import Any
from xml.etree import ElementTree

import pytest

from bench.goals import Verdict
from bench.numbers import Values
from bench.plot import bar_lengths, draw
from bench.report import goals_table, lists_table, memory_section, numbers_table, page, table

SYSTEMS: dict[str, Values] = {
    "ours": {
        "submit_ms_p50": 212.0,
        "burst_per_s": 5.1,
        "burst_steady_per_s": 5.3,
        "cpu_s_per_job": 0.31,
        "list_100000_ms_p50": 17.0,
        "list_100000_ms_p95": 21.0,
    },
    "stock-default": {"submit_ms_p50": 9400.0, "burst_steady_per_s": 0.37, "cpu_s_per_job": 3.8},
    "pygeoapi-prefect-0.9.1": {"submit_ms_p50": 10_200.0, "dismiss_ms_p50": None},
}
RECORD: dict[str, Any] = {
    "machine": {
        "name": "Linux",
        "architecture": "x86_64",
        "processor": "A processor",
        "cpus": 2,
        "memory_gib": 7.8,
    },
    "versions": {"python": "3.12.1", "prefect": "3.8.8", "pygeoapi": "0.24.0"},
    "profile": "full",
    "started": "2026-01-02T03:04:05+00:00",
    "load_average_at_start": [0.12, 0.2, 0.3],
    "repeats_planned": 3,
    "stock_worker_limit": 4,
    "systems": SYSTEMS,
}


def test_a_page_says_where_the_numbers_come_from() -> None:
    text = page(RECORD, "file.json", "plot.svg")
    assert "Linux x86_64: A processor, 2 CPUs, 7.8 GiB; Python 3.12.1" in text
    assert "*full*, 2026-01-02, load average at the start 0.12" in text
    assert "[file.json](../bench/results/file.json)" in text
    assert "(plot.svg)" in text
    for heading in ("## Goals", "## Numbers", "## Job list", "## How to read it"):
        assert heading in text


def test_the_table_has_the_measured_systems_only() -> None:
    head, _, *rows = numbers_table(SYSTEMS).splitlines()
    assert head == "|  | this stack | stock worker | pygeoapi-prefect 0.9.1 |"
    assert "| submit → successful, p50 (ms) | 212 | 9400 | 10200 |" in rows
    assert "| dismiss until the process is gone, p50 (ms) | – | – | – |" in rows


def test_memory_is_compared_with_that_after_ten_minutes() -> None:
    samples = [{"web": 100.0, "postgres": 50.0}] * 10 + [{"web": 105.0, "postgres": 80.0}]
    soak = {"minutes": 11, "rate_per_s": 2.5, "jobs": 1650, "failed": 0, "rss_mib": samples}
    soak |= {"disk_kib_per_job": {"database": 3.21}}
    text = memory_section(soak, "soak.json")
    assert "Each job adds 3.2 KiB to the database." in text
    assert "1650 jobs at 2.50/s" in text
    assert "| web | 100 | 105 | 1.05 |" in text
    assert "| postgres | 50 | 80 | 1.60 |" in text


def test_job_lists_are_a_table_by_stored_jobs() -> None:
    assert "| this stack | 100,000 | 17 | 21 |" in lists_table(SYSTEMS)


def test_a_missed_goal_is_told_from_one_that_was_not_measured() -> None:
    text = goals_table([Verdict("a", "b", "1", False), Verdict("c", "d", "–", None)])
    assert "| a | b | 1 | **missed** |" in text
    assert "| c | d | – | not measured |" in text


def test_a_table_is_markdown() -> None:
    assert table(["a", "b"], [["c", "1"]]) == "| a | b |\n| --- | ---: |\n| c | 1 |\n"


def test_the_picture_is_xml_and_leaves_out_what_is_missing() -> None:
    root = ElementTree.fromstring(draw(SYSTEMS))
    bars = [e for e in root.iter("{http://www.w3.org/2000/svg}rect") if e.get("rx")]
    assert len(bars) == 3 + 2 + 2
    assert all(float(bar.get("width", "0")) > 0 for bar in bars)


def test_a_picture_of_nothing_is_still_one() -> None:
    assert ElementTree.fromstring(draw({})).tag.endswith("svg")


def test_bars_are_logarithmic_and_the_largest_fills_the_span() -> None:
    lengths = bar_lengths({"a": 1, "b": 10, "c": 100}, 250)
    assert lengths == pytest.approx({"a": 50, "b": 150, "c": 250})
    assert bar_lengths({"a": 3}, 250) == pytest.approx({"a": 250})
    assert bar_lengths({}, 250) == {}

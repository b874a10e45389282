"""The list of jobs reads no more of them than its bound."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pygeoapi_prefect.access.principal import SYSTEM
from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.engine import runs
from pygeoapi_prefect.jobs.queries import DURATION_SCAN, Queries


def test_only_the_newest_jobs_are_looked_through_for_a_duration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[int] = []

    def endless(_: object) -> Iterator[int]:
        while True:
            read.append(len(read))
            yield read[-1]

    monkeypatch.setattr(runs, "iterate", endless)
    wanted: Any = SimpleNamespace(
        as_prefect=lambda _: {}, has_duration=True, accepts_duration=lambda *_: False
    )
    page = Queries(Settings(public_url="http://localhost")).page(10, 0, SYSTEM, wanted)
    assert (page.jobs, page.has_more, len(read)) == ([], False, DURATION_SCAN)

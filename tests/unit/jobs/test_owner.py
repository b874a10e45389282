"""Whose a local run is: a web process is told apart from all others, whatever the clock says."""

import os
import subprocess
import sys

import psutil
import pytest

from pygeoapi_prefect.engine import endings
from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.errors import JobLostError
from pygeoapi_prefect.jobs import owner, status


def test_this_process_is_not_gone() -> None:
    assert owner.owner() == owner.owner()
    assert not owner._is_gone(owner.owner())


def test_a_process_that_ended_is_gone() -> None:
    code = "from pygeoapi_prefect.jobs import owner; print(owner.owner())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert owner._is_gone(done.stdout.strip())


def test_another_process_of_the_same_number_is_not_taken_for_it() -> None:
    host, pid, start = owner.owner().rsplit("/", 2)
    assert owner._is_gone(f"{host}/{pid}/{start}0")


def test_a_process_of_another_host_is_not_ours_to_judge() -> None:
    _, pid, start = owner.owner().rsplit("/", 2)
    assert not owner._is_gone(f"elsewhere/{pid}/{start}0")


def test_a_step_of_the_clock_is_no_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    if not owner.BOOT_ID.exists():
        pytest.skip("this system has no /proc")
    before = owner.owner()
    stepped = psutil.Process().create_time() + 3600
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: stepped)
    assert not owner._is_gone(before)
    assert str(os.getpid()) in before


def test_a_job_whose_web_process_has_died_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    host, pid, start = owner.owner().rsplit("/", 2)
    found = Run.from_json(
        {
            "id": "run",
            "name": status.run_name("job"),
            "state_type": "RUNNING",
            "tags": [status.TAG, f"{owner.TAG_PREFIX}{host}/{pid}/{start}0"],
        }
    )
    ends: list[object] = []

    def set_state(*_args: object, data: object, **_how: object) -> None:
        ends.append(data)

    monkeypatch.setattr("pygeoapi_prefect.engine.runs.iterate", lambda _chosen: [found])
    monkeypatch.setattr("pygeoapi_prefect.engine.runs.set_state", set_state)
    assert owner.end_abandoned() == 1
    (data,) = ends
    assert isinstance(endings.failure(data), JobLostError)

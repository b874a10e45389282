"""A job is looked up by its identifier, and by nothing else."""

import pytest

from pygeoapi_prefect.engine import runs
from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.errors import JobNotFoundError
from pygeoapi_prefect.jobs.lookup import find

JOB = "6f1c0c35-7c43-4a9c-9b32-7dc1a8ff1d54"


@pytest.mark.parametrize("job_id", ["", "x", JOB.upper(), JOB.replace("-", ""), "../" + JOB])
def test_what_is_not_an_identifier_is_not_looked_up(
    job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "find", None)
    with pytest.raises(JobNotFoundError):
        find(job_id)


def test_a_run_without_our_tag_is_not_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    run = {"id": "1", "name": f"pygeoapi_job_{JOB}"}
    ours, other = Run.from_json({**run, "tags": ["pygeoapi"]}), Run.from_json(run)
    monkeypatch.setattr(runs, "find", lambda _: other)
    with pytest.raises(JobNotFoundError):
        find(JOB)
    monkeypatch.setattr(runs, "find", lambda _: ours)
    assert find(JOB) is ours

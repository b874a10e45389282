"""From a run to its outputs, without a server: the record is in the run, the store is a folder."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pygeoapi_prefect import storage
from pygeoapi_prefect.access.principal import Principal, Role
from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.errors import (
    InvalidJobParameterError,
    JobDismissedError,
    JobFailedError,
    JobNotReadyError,
    OutputNotFound,
)
from pygeoapi_prefect.jobs import own_references, records
from pygeoapi_prefect.jobs.outputs import Outputs, result_store
from pygeoapi_prefect.jobs.own_references import OwnOutputs

JOB = "6f1c0c35-7c43-4a9c-9b32-7dc1a8ff1d54"
NOW = datetime.now(UTC)
ROOT = "http://localhost:5000"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    server = {"url": ROOT, "manager": {"name": "x", "output_dir": str(tmp_path)}}
    return Settings.from_config({"server": server, "resources": {}})


@pytest.fixture
def done(settings: Settings) -> Run:
    """A successful job with one output."""
    store = result_store(None, settings.manager)
    store.write(f"{JOB}/o.txt", b"text")
    output = {"location": f"{JOB}/o.txt", "media_type": "text/plain"}
    record = {"jobID": JOB, "status": "successful", "generated_outputs": {"o": output}}
    parameters: dict[str, Any] = {"job_id": JOB, "execution_request": '{"inputs": {}}'}
    return Run(
        id="1", name=f"pygeoapi_job_{JOB}", state_type="COMPLETED", state_name="Completed",
        state_message="", state_data={records.INLINE: record}, run_count=1, created=NOW, start=NOW,
        end=NOW, updated=NOW, parameters=parameters, tags=("pygeoapi",), labels={},
    )  # fmt: skip


def test_the_store_of_a_job_is_its_block_or_the_folder(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = storage.open_folder(tmp_path / "block")
    monkeypatch.setattr(storage, "open_store", {"a/b": block}.__getitem__)
    assert result_store("a/b", settings.manager) is block
    assert result_store(None, settings.manager).resolve("x") == str(tmp_path / "x")


def test_outputs_are_read_from_the_store(settings: Settings, done: Run) -> None:
    [output] = Outputs(settings).of(done)
    assert (output.id, output.media_type, output.read()) == ("o", "text/plain", b"text")
    assert output.href == f"{ROOT}/jobs/{JOB}/results/o"
    assert Outputs(settings).one(done, "o").size() == 4


def test_the_reply_is_what_was_asked_for(settings: Settings, done: Run) -> None:
    raw = Outputs(settings).reply(done)
    assert b"".join(raw.body if not isinstance(raw.body, bytes) else [raw.body]) == b"text"
    document = Outputs(settings).document(done, only_references=False)
    assert document.body == b'{"o": "text"}'


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("RUNNING", JobNotReadyError),
        ("SCHEDULED", JobNotReadyError),
        ("CANCELLED", JobDismissedError),
        ("FAILED", JobFailedError),
    ],
)
def test_other_jobs_have_no_outputs(
    settings: Settings, done: Run, state: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        Outputs(settings).of(replace(done, state_type=state))


def test_an_unknown_output_is_named(settings: Settings, done: Run) -> None:
    with pytest.raises(OutputNotFound, match="'other'"):
        Outputs(settings).one(done, "other")


def test_an_output_outside_of_the_store_is_not_given_away(settings: Settings, done: Run) -> None:
    stored = {"location": "/etc/passwd", "media_type": "text/plain"}
    record = {**done.state_data[records.INLINE], "generated_outputs": {"o": stored}}
    with pytest.raises(JobFailedError, match=r"location of output .* is outside the store"):
        Outputs(settings).of(replace(done, state_data={records.INLINE: record}))


def test_own_outputs_are_found_by_their_address(
    settings: Settings, done: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Principal("key:ann", frozenset({Role.EXECUTE}))

    def find(job_id: str, principal: Principal) -> Run:
        assert (job_id, principal) == (JOB, own)
        return done

    monkeypatch.setattr(own_references, "find", find)
    resolve = partial(OwnOutputs(Outputs(settings), ROOT).resolve, own)
    assert resolve("https://elsewhere.example/o") is None
    found = resolve(f"{ROOT}/jobs/{JOB}/results/o")
    assert found is not None
    assert found().output.read() == b"text"
    assert found().block is None
    missing = resolve(f"{ROOT}/jobs/{JOB}/results/other")
    assert missing is not None
    with pytest.raises(InvalidJobParameterError, match="cannot be used: The job has no output"):
        missing()

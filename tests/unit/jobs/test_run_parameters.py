"""The parameters of a job's run: what is written is read again, large requests elsewhere."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pygeoapi_prefect import storage
from pygeoapi_prefect.config import ManagerSettings
from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.errors import StorageUnavailable
from pygeoapi_prefect.execution.request import Request
from pygeoapi_prefect.jobs import run_parameters
from pygeoapi_prefect.process.registry import Process

NOW = datetime.now(UTC)
BLOCK = "local-file-system/results"
SMALL = Request({"a": 1}, {"o": {"transmissionMode": "reference"}}, "document")
LARGE = replace(SMALL, inputs={"a": "x" * 10_000})
SETTINGS = ManagerSettings()


def process(block: str | None = BLOCK) -> Process:
    """The three members of a process that matter here."""
    return cast(Process, SimpleNamespace(result_storage=block, result_block=block, description={}))


def run(parameters: dict[str, Any]) -> Run:
    return Run(
        id="1", name="pygeoapi_job_j", state_type="COMPLETED", state_name="", state_message="",
        state_data=None, run_count=1, created=NOW, start=NOW, end=NOW, updated=NOW,
        parameters=parameters, tags=(), labels={},
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> storage.Store:
    return storage.open_folder(tmp_path)


def test_a_small_request_is_in_the_run(store: storage.Store) -> None:
    written = run_parameters.encode(process(), "j", SMALL, store, SETTINGS)
    assert json.loads(written["execution_request"]) == SMALL.as_json()
    assert (written["job_id"], written["result_storage_block"]) == ("j", BLOCK)
    assert all(isinstance(value, str) for value in written.values())
    assert run_parameters.original_request(run(written)) == SMALL
    assert store.list_folders() == []


def test_a_large_request_is_in_the_block(
    store: storage.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = run_parameters.encode(process(), "j", LARGE, store, SETTINGS)
    assert written["execution_request"] == f"block:{BLOCK}#j/request.json"
    monkeypatch.setattr(storage, "read_reference", lambda _: store.read("j/request.json").decode())
    assert run_parameters.original_request(run(written)) == LARGE


def test_of_a_large_request_without_a_block_only_what_decides_on_the_reply_is_kept(
    store: storage.Store,
) -> None:
    written = run_parameters.encode(process(None), "j", LARGE, store, SETTINGS)
    assert len(written["execution_request"]) < 200
    assert run_parameters.original_request(run(written)) == replace(LARGE, inputs={})
    assert store.list_folders() == []
    assert run_parameters.result_block(run(written)) is None


@pytest.mark.parametrize("text", [None, 5, "", "{", "[1]", "block:x", "[" * 100_000])
def test_what_is_not_a_request_counts_as_nothing(text: object) -> None:
    assert run_parameters.original_request(run({"execution_request": text})) == Request()


def test_members_that_make_no_sense_are_left_out() -> None:
    stored = {"inputs": {"a": 1}, "response": "xml", "outputs": {"o": 3}}
    found = run_parameters.original_request(run({"execution_request": json.dumps(stored)}))
    assert found == Request({"a": 1})
    found = run_parameters.original_request(run({"execution_request": '{"inputs": []}'}))
    assert found == Request()


def test_an_outage_of_the_store_is_not_an_empty_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(_: str) -> str:
        raise StorageUnavailable("away")

    monkeypatch.setattr(storage, "read_reference", unavailable)
    with pytest.raises(StorageUnavailable):
        run_parameters.original_request(run({"execution_request": "block:a/b#c"}))

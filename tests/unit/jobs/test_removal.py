"""Stores that an ended job leaves files in; blocks are opened by a stand-in for Prefect."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect import Flow
from prefect.filesystems import LocalFileSystem

from pygeoapi_prefect import storage
from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.errors import BlockNotFound, ConfigurationError
from pygeoapi_prefect.jobs.removal import remove_files
from pygeoapi_prefect.process.task_results import BLOCK_LABEL, own_block

JOB = "6f1c0c35-7c43-4a9c-9b32-7dc1a8ff1d54"
NOW = datetime.now(UTC)
BLOCK = UUID("0f0e0d0c-0b0a-4908-8706-050403020100")
SLUG = "local-file-system/elsewhere"


def failed(**labels: str) -> Run:
    """A job that has failed, of which Prefect has no metadata of a result."""
    return Run(
        id=str(uuid4()),
        name=f"pygeoapi_job_{JOB}",
        state_type="FAILED",
        state_name="Failed",
        state_message="",
        state_data=None,
        run_count=1,
        created=NOW,
        start=NOW,
        end=NOW,
        updated=NOW,
        parameters={},
        tags=(),
        labels=labels,
    )


@pytest.mark.parametrize("named", [SLUG, str(BLOCK)])
def test_a_failed_job_leaves_nothing_in_its_flows_own_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """Fault 6: the second store was known of jobs that had succeeded only."""
    given, own = storage.open_folder(tmp_path / "a"), storage.open_folder(tmp_path / "b")
    monkeypatch.setattr(storage, "open_store", {SLUG: own}.__getitem__)
    monkeypatch.setattr(storage, "open_store_by_id", {BLOCK: own}.__getitem__)
    for store in (given, own):
        store.write(f"{JOB}/task-results/x", b"x")
        store.write("another/task-results/x", b"x")
    remove_files(failed(**{BLOCK_LABEL: named}), lambda: given)
    for store in (given, own):
        assert store.list_folders() == ["another"]


@pytest.mark.parametrize("error", [BlockNotFound, ConfigurationError])
def test_a_job_can_be_removed_where_the_block_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Fault 6."""
    given = storage.open_folder(tmp_path)
    given.write(f"{JOB}/x", b"x")

    def refuse(_: str) -> storage.Store:
        raise error("no such block")

    monkeypatch.setattr(storage, "open_store", refuse)
    remove_files(failed(**{BLOCK_LABEL: SLUG}), lambda: given)
    assert given.list_folders() == []


def test_the_block_of_a_flow_is_known_by_its_name_or_identifier() -> None:
    """Fault 6."""
    block = LocalFileSystem(basepath="/x")
    block._block_document_id = UUID(int=7)

    def function() -> None:
        pass

    assert own_block(Flow(function)) is None
    assert own_block(Flow(function, result_storage=SLUG)) == SLUG
    assert own_block(Flow(function, result_storage=block)) == str(UUID(int=7))

"""Failures of processes as data: made in the job's process, read in the web process."""

import json
from typing import Any

import pytest
from pygeoapi.process import base

from pygeoapi_prefect import errors
from pygeoapi_prefect.process import failures

SENTENCE = "Flow run encountered an exception: {}"


class Unreadable(base.ProcessorExecuteError):  # type: ignore[misc]
    http_status_code = 422
    ogc_exception_code = "UnreadableRaster"


class OddStatus(base.ProcessorExecuteError):  # type: ignore[misc]
    http_status_code = 200


def carried(error: BaseException, message: str = "") -> errors.StackError | None:
    """An error after its way through Prefect's database."""
    return failures.read(json.loads(json.dumps(failures.as_data(error))), message)


@pytest.mark.parametrize(
    "cls",
    [
        errors.MissingJobParameterError,
        errors.InvalidJobParameterError,
        errors.JobNotFoundError,
        errors.OutputNotFound,
        errors.JobFailedError,
        errors.UnknownProcessError,
        errors.ProcessUnavailable,
    ],
)
def test_a_documented_error_arrives_as_it_was(cls: type[errors.StackError]) -> None:
    found = carried(cls("zone 3 is not\na polygon"))
    assert type(found) is cls
    assert str(found) == "zone 3 is not\na polygon"
    assert (found.status, found.type, found.title) == (cls.status, cls.type, cls.title)


def test_the_data_say_kind_title_and_detail() -> None:
    assert failures.as_data(errors.MissingJobParameterError("no name")) == {
        "pygeoapi_failure": {
            "kind": "MissingJobParameterError",
            "title": "Missing parameter value",
            "detail": "no name",
            "status": 400,
            "type": f"{errors.OGC_EXCEPTIONS}missing-parameter-value",
        }
    }


def test_a_processor_error_keeps_its_status_and_code() -> None:
    found = carried(Unreadable("not a raster"))
    assert isinstance(found, errors.JobFailedError)
    assert (str(found), found.status) == ("not a raster", 422)
    assert found.type == f"{errors.OGC_EXCEPTIONS}unreadable-raster"


def test_one_with_a_status_of_no_error_is_a_server_error() -> None:
    found = carried(OddStatus("x"))
    assert found is not None
    assert found.status == 500


@pytest.mark.parametrize("cls", [errors.StorageFull, errors.StorageUnavailable])
def test_a_store_that_fails_is_a_failure_of_the_job(cls: type[errors.StackError]) -> None:
    found = carried(cls("the store is full"))
    assert type(found) is errors.JobFailedError
    assert (str(found), found.status) == ("the store is full", 500)


@pytest.mark.parametrize(
    "error", [ValueError("secret path /etc"), KeyError("x"), errors.EngineUnavailable("no")]
)
def test_any_other_error_says_nothing(error: Exception) -> None:
    assert failures.as_data(error) == {}
    assert carried(error) is None


def test_texts_are_cleaned_and_cut() -> None:
    data = failures.as_data(errors.JobFailedError("a\x00" + "x" * 5000))
    detail = data[failures.MEMBER]["detail"]
    assert detail.startswith("a\\x00xxx")
    assert len(detail) <= 1000


def test_data_come_before_the_sentence() -> None:
    found = carried(Unreadable("told"), SENTENCE.format("JobFailedError: of a sentence"))
    assert found is not None
    assert (str(found), found.status) == ("told", 422)


@pytest.mark.parametrize(
    ("sentence", "cls", "detail", "status"),
    [
        ("MissingJobParameterError: no name", errors.MissingJobParameterError, "no name", 400),
        ("JobFailedError: one\ntwo", errors.JobFailedError, "one\ntwo", 500),
        ("Unreadable: not a raster", errors.JobFailedError, "not a raster", 422),
        ("StorageFull: the store is full", errors.JobFailedError, "the store is full", 500),
    ],
)
def test_a_sentence_of_prefects_own_worker_is_understood(
    sentence: str, cls: type[errors.StackError], detail: str, status: int
) -> None:
    for data in (None, {}, {"storage_key": "x"}):
        found = failures.read(data, SENTENCE.format(sentence))
        assert type(found) is cls
        assert (str(found), found.status) == (detail, status)


@pytest.mark.parametrize(
    "message",
    [
        SENTENCE.format("ValueError: secret path /etc"),
        SENTENCE.format("NobodyKnows: x"),
        "Flow run infrastructure exited with non-zero status code -9.",
        "MissingJobParameterError: not in Prefect's form",
        "",
    ],
)
def test_other_sentences_say_nothing(message: str) -> None:
    assert failures.read(None, message) is None


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"kind": 5, "detail": 7, "status": "400", "type": 1},
        {"kind": "os.system", "detail": "x", "status": 10**9},
        {"kind": "JobFailedError", "status": 200},
    ],
)
def test_strange_data_are_a_failure_of_the_job(told: dict[str, Any]) -> None:
    found = failures.read({failures.MEMBER: told}, "")
    assert type(found) is errors.JobFailedError
    assert found.status == 500
    assert found.type.startswith(errors.OGC_EXCEPTIONS)


@pytest.mark.parametrize("data", ["text", 5, [1], {failures.MEMBER: "text"}])
def test_data_of_others_are_none_of_ours(data: object) -> None:
    assert failures.read(data, "") is None

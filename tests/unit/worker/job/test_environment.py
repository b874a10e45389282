"""Environment of a job, and the settings that follow from it."""

import os

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_LEVEL
from pydantic import ValidationError

from pygeoapi_prefect.worker.job.environment import SettingsCache, apply

URL = "http://127.0.0.1:9/api"


@pytest.fixture(autouse=True)
def own_environment() -> object:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_variables_are_set_and_removed() -> None:
    os.environ["PYGEOAPI_TEST_GONE"] = "x"
    apply({"PYGEOAPI_TEST_NEW": "y", "PYGEOAPI_TEST_GONE": None, "PYGEOAPI_TEST_NEVER": None})
    assert os.environ["PYGEOAPI_TEST_NEW"] == "y"
    assert "PYGEOAPI_TEST_GONE" not in os.environ


def test_settings_follow_from_the_environment_which_stays_as_it_was() -> None:
    before = dict(os.environ)
    found = SettingsCache().get({"PREFECT_API_URL": URL, "PREFECT_LOGGING_LEVEL": "ERROR"}).prefect
    assert PREFECT_API_URL.value_from(found) == URL
    assert PREFECT_LOGGING_LEVEL.value_from(found) == "ERROR"
    assert dict(os.environ) == before


def test_a_flow_sends_no_heartbeat() -> None:
    found = SettingsCache().get({"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "60"})
    assert found.prefect.flows.heartbeat_frequency is None


def test_limits_of_the_log_may_be_those_of_one_deployment() -> None:
    cache = SettingsCache()
    assert cache.get({"PYGEOAPI_LOG_MAX_LINES": "7"}).log.lines == 7
    assert cache.get({"PYGEOAPI_LOG_MAX_LINES": None}).log.lines > 7


def test_settings_are_read_once_for_each_environment() -> None:
    cache = SettingsCache(size=2)
    first = cache.get({"PREFECT_API_URL": URL})
    assert cache.get({"PREFECT_API_URL": URL}) is first
    assert cache.get({"PREFECT_API_URL": f"{URL}2"}) is not first
    cache.get({"PREFECT_API_URL": f"{URL}3"})  # one more than it keeps
    assert cache.get({"PREFECT_API_URL": URL}) is not first


def test_an_invalid_value_is_refused_and_leaves_no_trace() -> None:
    before = dict(os.environ)
    with pytest.raises(ValidationError):
        SettingsCache().get({"PREFECT_API_REQUEST_TIMEOUT": "soon"})
    assert dict(os.environ) == before

"""Prefect's settings are changed for one client without reading them again."""

from typing import Any

import pytest
from prefect.context import get_settings_context
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, PREFECT_CLIENT_RETRY_EXTRA_CODES

from pygeoapi_prefect.engine.internals import settings


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading environment and profile, which takes 60 ms, is an error."""
    get_settings_context()

    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("the settings are read again")

    monkeypatch.setattr(settings.Settings, "__init__", refuse)


@pytest.mark.usefixtures("unread")
def test_a_client_without_retries_costs_no_reading() -> None:
    """It took two thirds of the processor time of a short job."""
    before = PREFECT_CLIENT_MAX_RETRIES.value()
    with settings.without_retries():
        assert PREFECT_CLIENT_MAX_RETRIES.value() == 0
    assert PREFECT_CLIENT_MAX_RETRIES.value() == before > 0


@pytest.mark.usefixtures("unread")
def test_all_other_settings_stay() -> None:
    current, changed = get_settings_context(), settings.without_retries()
    assert changed.profile == current.profile
    expected = current.settings.model_dump()
    expected["client"]["max_retries"] = 0
    assert changed.settings.model_dump() == expected


@pytest.mark.usefixtures("unread")
def test_an_engine_without_heartbeat_costs_no_reading() -> None:
    current = get_settings_context().settings
    assert settings.without_heartbeat(current).flows.heartbeat_frequency is None


@pytest.mark.usefixtures("unread")
def test_clients_repeat_requests_with_more_statuses() -> None:
    current = get_settings_context().settings
    own = current.model_copy(
        update={"client": current.client.model_copy(update={"retry_extra_codes": {418}})}
    )
    with settings.entered(settings.retrying(own, {500, 503})):
        assert PREFECT_CLIENT_RETRY_EXTRA_CODES.value() == {418, 500, 503}
    assert PREFECT_CLIENT_RETRY_EXTRA_CODES.value() == set()

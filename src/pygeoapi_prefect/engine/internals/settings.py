"""Prefect's settings as objects: read once, then changed for one run without reading them again.

Needed because ``temporary_settings`` reads the environment and the profile again, which takes
50 ms, and because no environment variable turns off the heartbeat of a flow.
"""

from collections.abc import Iterable
from typing import cast

from prefect.context import SettingsContext, get_settings_context
from prefect.settings.models.root import Settings

__all__ = [
    "Settings",
    "SettingsContext",
    "entered",
    "read",
    "retrying",
    "without_heartbeat",
    "without_retries",
]


def read() -> Settings:
    """Read the settings from the environment and the profile.

    Raises:
        pydantic.ValidationError: A variable has a value that Prefect rejects.
    """
    return Settings()


def without_heartbeat(settings: Settings) -> Settings:
    """Settings without the heartbeat thread, which would delay the end of the process by a second.

    The worker's own heartbeat shows that a run is alive.
    """
    flows = settings.flows.model_copy(update={"heartbeat_frequency": None})
    return settings.model_copy(update={"flows": flows})


def retrying(settings: Settings, statuses: Iterable[int]) -> Settings:
    """Settings with which Prefect's clients also repeat requests that get one of these statuses.

    By default, they repeat those without an answer and with 408, 429, 502 or 503: six attempts
    within a minute.
    """
    known = cast(set[int], settings.client.retry_extra_codes)  # validated
    codes = known | set(statuses)
    client = settings.client.model_copy(update={"retry_extra_codes": codes})
    return settings.model_copy(update={"client": client})


def without_retries() -> SettingsContext:
    """The current settings without the retries of Prefect's clients; enter a copy of it.

    ``Settings.copy_with_update`` would read the environment and the profile again, which takes
    60 ms in each job.
    """
    settings = get_settings_context().settings
    client = settings.client.model_copy(update={"max_retries": 0})
    return entered(settings.model_copy(update={"client": client}))


def entered(settings: Settings) -> SettingsContext:
    """The context in which Prefect uses these settings, with the current profile."""
    return SettingsContext(profile=get_settings_context().profile, settings=settings)

"""Prefect's settings as objects: read once, changed for one run, entered without a profile's files.

Needed because ``temporary_settings`` reads environment and profile anew, which takes 50 ms, and
because the heartbeat of a flow cannot be turned off by an environment variable.
"""

from prefect.context import SettingsContext, get_settings_context
from prefect.settings.models.root import Settings

__all__ = ["Settings", "SettingsContext", "entered", "read", "without_heartbeat", "without_retries"]


def read() -> Settings:
    """Read the settings from the environment and the profile.

    Raises:
        pydantic.ValidationError: A variable has a value that Prefect refuses.
    """
    return Settings()


def without_heartbeat(settings: Settings) -> Settings:
    """Settings without the thread that would keep the process for a second after its end.

    The worker's own heartbeat tells whether a run is alive.
    """
    flows = settings.flows.model_copy(update={"heartbeat_frequency": None})
    return settings.model_copy(update={"flows": flows})


def without_retries() -> SettingsContext:
    """The current settings without the retries of Prefect's clients; enter a copy of it.

    ``Settings.copy_with_update`` would read environment and profile again, 60 ms in each job.
    """
    settings = get_settings_context().settings
    client = settings.client.model_copy(update={"max_retries": 0})
    return entered(settings.model_copy(update={"client": client}))


def entered(settings: Settings) -> SettingsContext:
    """The context in which Prefect uses these settings, with the current profile."""
    return SettingsContext(profile=get_settings_context().profile, settings=settings)

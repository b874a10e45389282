"""Environment variables of a job, and the settings that follow from them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from pygeoapi_prefect.engine.errors import OUTAGES
from pygeoapi_prefect.engine.internals import settings
from pygeoapi_prefect.engine.internals.settings import Settings
from pygeoapi_prefect.engine.log.runlog import Limits


@dataclass(frozen=True)
class JobSettings:
    """Settings for an environment.

    Attributes:
        prefect: Prefect's.
        log: Limits of the job's log.
    """

    prefect: Settings
    log: Limits


class SettingsCache:
    """Settings for an environment; reading them costs 50 ms, so the parent keeps them."""

    def __init__(self, size: int = 64) -> None:
        self._known: dict[tuple[tuple[str, str | None], ...], JobSettings] = {}
        self._size = size

    def get(self, env: Mapping[str, str | None]) -> JobSettings:
        """The settings of this process's environment with ``env`` on top.

        Raises:
            pydantic.ValidationError: A variable has a value that Prefect refuses.
        """
        key = tuple(sorted(env.items()))
        if key not in self._known:
            if len(self._known) >= self._size:
                self._known.clear()
            before = dict(os.environ)
            try:
                apply(env)
                prefect = settings.without_heartbeat(settings.read())
                prefect = settings.retrying(prefect, OUTAGES)
                self._known[key] = JobSettings(prefect, Limits.from_environment())
            finally:
                os.environ.clear()
                os.environ.update(before)
        return self._known[key]


def apply(env: Mapping[str, str | None]) -> None:
    """Change this process's environment."""
    for name, value in env.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value

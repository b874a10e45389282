"""Environment variables of a job, and Prefect's settings that follow from them."""

import os
from collections.abc import Mapping

from pygeoapi_prefect.engine.internals import settings
from pygeoapi_prefect.engine.internals.settings import Settings


class SettingsCache:
    """Prefect's settings for an environment; reading them costs 50 ms, so the parent keeps them."""

    def __init__(self, size: int = 64) -> None:
        self._known: dict[tuple[tuple[str, str | None], ...], Settings] = {}
        self._size = size

    def get(self, env: Mapping[str, str | None]) -> Settings:
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
                self._known[key] = settings.without_heartbeat(settings.read())
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

"""The program of the fork server: its modules, its preparation, what its children run."""

from collections.abc import Mapping
from typing import NoReturn

from pygeoapi_prefect.engine.internals import shortcuts
from pygeoapi_prefect.worker.forkserver.protocol import Job
from pygeoapi_prefect.worker.job import process
from pygeoapi_prefect.worker.job.environment import JobSettings, SettingsCache

PRELOAD = (
    "prefect.flow_engine",
    "prefect.flows",
    "prefect.engine",
    "prefect.main",
    "prefect.filesystems",
    "prefect.blocks.core",
    "prefect.client.orchestration",
    "prefect.events.worker",
    "prefect.runtime",
    "anyio._backends._asyncio",
    "pydantic.v1",
    "rich._emoji_codes",
    "pygeoapi.models.processes",
    "pygeoapi.process.base",
    "pygeoapi.process.exceptions",
    "pygeoapi_prefect.process.base",
    "pygeoapi_prefect.process.inputs",
    "pygeoapi_prefect.process.outputs",
    "pygeoapi_prefect.process.progress",
    "pygeoapi_prefect.storage",
    "pygeoapi_prefect.engine.log.capture",
)
"""Modules that jobs need, beside those that this one imports."""

_settings = SettingsCache()


def warm() -> None:
    """Prepare once, in the fork server, what every child would otherwise prepare."""
    shortcuts.warm()


def prepare(env: Mapping[str, str | None]) -> JobSettings:
    """Settings for an environment.

    Raises:
        pydantic.ValidationError: A variable has a value that Prefect refuses.
    """
    return _settings.get(env)


def main(job: Job, prepared: JobSettings) -> NoReturn:
    """Run a job in this process, which has just been forked, and end the process."""
    process.main(job, prepared)

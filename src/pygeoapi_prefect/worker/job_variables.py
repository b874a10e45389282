"""The job configuration: that of Prefect's process worker, and limits."""

from typing import Any, Self, override

from prefect.client.orchestration import PrefectClient
from pydantic import Field

from pygeoapi_prefect.engine.internals.workers import ProcessJobConfiguration, ProcessVariables

LIMITS = ("memory_limit_mb", "timeout_seconds")
OURS = (*LIMITS, "crash_retries")


class JobConfiguration(ProcessJobConfiguration):
    """Job variables that this worker knows; ``command`` and ``stream_output`` have no effect."""

    memory_limit_mb: int | None = Field(
        default=None, gt=0, description="Memory that a run may use, in MiB."
    )
    timeout_seconds: float | None = Field(
        default=None, gt=0, description="Wall-clock time of a run, in seconds."
    )
    crash_retries: int | None = Field(
        default=None, ge=0, description="Number of times a run is repeated after its process died."
    )

    @classmethod
    @override
    async def from_template_and_values(
        cls,
        base_job_template: dict[str, Any],
        values: dict[str, Any],
        client: PrefectClient | None = None,
    ) -> Self:
        """Fill in the pool's template; a pool of the process worker lacks our variables."""
        template = dict(base_job_template)
        template["job_configuration"] = {
            **base_job_template["job_configuration"],
            **{name: "{{ " + name + " }}" for name in OURS},
        }
        configured: Self = await super().from_template_and_values(template, values, client=client)
        return configured


class Variables(ProcessVariables):
    """Schema of the job variables."""

    memory_limit_mb: int | None = Field(
        default=None,
        gt=0,
        title="Memory limit",
        description="Memory limit of a run, in MiB; a run above it is killed and fails.",
    )
    timeout_seconds: float | None = Field(
        default=None,
        gt=0,
        title="Time limit",
        description="Wall-clock limit of a run, in seconds; a longer run is stopped and fails.",
    )
    crash_retries: int | None = Field(
        default=None,
        ge=0,
        title="Retries after a crash",
        description="Number of times a run is repeated because its process or its worker died.",
    )

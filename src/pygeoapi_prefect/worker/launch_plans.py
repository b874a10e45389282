"""Launch plans of deployments, cached for a moment: reading one takes 40 ms."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import WorkPool

from pygeoapi_prefect.engine import signatures
from pygeoapi_prefect.engine.internals.workers import base_job_template
from pygeoapi_prefect.engine.routes import Json
from pygeoapi_prefect.engine.worker_api import WorkerApi
from pygeoapi_prefect.worker.job_variables import JobConfiguration

# A run has its deployment's version from its creation, so new code is noticed at once; this is how
# long a change of the deployment's other properties, or of a block, may go unnoticed.
TTL_SECONDS = 10.0
RESULT_BLOCK = "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK"


@dataclass(frozen=True)
class Plan:
    """Launch plan of a deployment's runs.

    Attributes:
        deployment: The deployment, as Prefect's API shows it.
        configuration: Its job variables, filled into the pool's template.
        code_block: Document of the block with its code.
        result_block: Document of the block for its results.
    """

    deployment: Json
    configuration: JobConfiguration
    code_block: Json | None
    result_block: Json | None


class Plans:
    """Makes plans, and keeps them for ten seconds.

    Args:
        api: Prefect's API.
        client: The worker's client, with which Prefect resolves references in job variables.
        pool: Gives the work pool.
        key: Key of the deployments' signatures; None runs those without one, too.
    """

    def __init__(
        self,
        api: WorkerApi,
        client: PrefectClient,
        pool: Callable[[], WorkPool],
        key: bytes | None = None,
    ) -> None:
        self._api = api
        self._key = key
        self._client = client
        self._pool = pool
        self._kept: dict[tuple[str, str | None], tuple[float, Plan]] = {}

    async def get(self, run: Json) -> Plan:
        """The plan for a run.

        Raises:
            prefect.exceptions.ObjectNotFound: The deployment or one of its blocks is gone.
            EngineUnavailable: Prefect does not answer.
            ValueError: A job variable does not have the form that it must have.
            Refused: The deployment is not signed, or the run differs from it.
        """
        if run.get("job_variables"):  # this run's own
            return await self._make(run)
        now = time.monotonic()
        self._kept = {
            key: entry for key, entry in self._kept.items() if now - entry[0] < TTL_SECONDS
        }
        key = str(run["deployment_id"]), run.get("deployment_version")
        if key not in self._kept:
            self._kept[key] = now, await self._make(run)
        elif self._key is not None:
            signatures.verify_run(run, self._kept[key][1].deployment)
        return self._kept[key][1]

    async def _make(self, run: Json) -> Plan:
        deployment = await self._api.deployment(str(run["deployment_id"]))
        if self._key is not None:
            signatures.verify(deployment, self._key)
            signatures.verify_run(run, deployment)  # before Prefect resolves what it refers to
        variables = merged(deployment.get("job_variables") or {}, run.get("job_variables") or {})
        configuration = await JobConfiguration.from_template_and_values(
            self._template(), variables, client=self._client
        )
        code = deployment.get("storage_document_id")
        # Pull steps, other storages and bare paths are left to Prefect.
        ours = code and deployment.get("path") and not deployment.get("pull_steps")
        ours = ours and ":" in str(deployment.get("entrypoint"))
        result = configuration.env.get(RESULT_BLOCK)
        return Plan(
            deployment,
            configuration,
            await self._api.block(str(code)) if ours else None,
            await self._api.block_by_slug(result) if result else None,
        )

    def _template(self) -> Json:
        """The template of the pool; nobody signs it, so signed deployments use Prefect's own."""
        return self._pool().base_job_template if self._key is None else base_job_template()


def merged(deployment: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    """Job variables of a run on top of its deployment's; environments are merged."""
    env = {**(deployment.get("env") or {}), **(run.get("env") or {})}
    return {**deployment, **run, **({"env": env} if env else {})}

"""Requests that a worker sends to Prefect: claim, watch and requeue runs, find dead workers.

Replies are plain JSON: building one of Prefect's models takes about a millisecond for each run, and
would block the event loop that starts all jobs.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, cast

from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import routes
from pygeoapi_prefect.engine.async_client import send
from pygeoapi_prefect.engine.clock import Clock
from pygeoapi_prefect.engine.routes import PAGE, Call, Json
from pygeoapi_prefect.engine.shares import any_of
from pygeoapi_prefect.engine.states import StateType

CLAIM_MARK = "Claimed by worker "
REPEAT_MARK = "Repeated after a crash: "
CRASH_RETRIES = "crash_retries"


class WorkerApi:
    """Prefect's API, as a worker uses it.

    All methods raise ``EngineUnavailable`` for an outage of Prefect, ``ObjectNotFound`` for a 404
    and ``httpx.HTTPStatusError`` for a request that Prefect rejects.

    Args:
        client: The worker's own client.
    """

    def __init__(self, client: PrefectClient) -> None:
        self._client = client
        self._clock = Clock()

    def now(self) -> datetime:
        """Prefect's time, whatever this machine's clock says."""
        return self._clock.now()

    # -- Runs ----------------------------------------------------------------------------------

    async def scheduled(self, pool: str, queues: Sequence[str], limit: int) -> list[Json]:
        """Read the runs that are due, by priority and time, but none of paused or full queues."""
        now = self.now().isoformat()
        rows = await self._send(routes.scheduled_runs(pool, queues, before=now, limit=limit))
        return [row["flow_run"] for row in rows]

    async def due_of(
        self,
        shares: Sequence[str] | None,
        queues: Sequence[str],
        limit: int,
        *,
        without: Sequence[str] = (),
    ) -> list[Json]:
        """Read the runs of some shares that are due, by time, also of paused and full queues.

        Args:
            shares: The shares, of ``engine.shares``; None means all.
            queues: Identifiers of the work queues.
            limit: Largest number of runs.
            without: Identifiers of deployments whose runs are left out.
        """
        now = self.now().isoformat()
        tags = {} if shares is None else any_of(shares)
        call = routes.filter_due_runs(queues, tags, before=now, limit=limit, without=without)
        found: list[Json] = await self._send(call)
        # These wait in their processes for a repetition; Prefect's page of due runs omits them.
        return [run for run in found if run["empirical_policy"].get("retry_type") != "in_process"]

    async def claim(self, run_id: str, worker: str) -> tuple[str | None, datetime | None]:
        """Claim a run; Prefect accepts only the first claim.

        Returns:
            The identifier of the run's PENDING state, or None if the claim was not accepted; and
            the time at which the run is due again if a concurrency limit has postponed it.
        """
        reply = await self.set_state(run_id, "PENDING", f"{CLAIM_MARK}{worker}")
        state = reply.get("state") or {}
        if reply["status"] == "ACCEPT":
            return str(state["id"]), None
        if state.get("type") != "SCHEDULED":  # another worker was faster
            return None, None
        due = (state.get("state_details") or {}).get("scheduled_time")
        return None, datetime.fromisoformat(due) if due else None

    async def set_state(
        self,
        run_id: str,
        state: StateType,
        message: str,
        *,
        name: str | None = None,
        force: bool = False,
        scheduled_time: datetime | None = None,
        data: Json | None = None,
    ) -> Json:
        """Propose a state; the reply's ``status`` says whether Prefect accepted it."""
        due = scheduled_time.isoformat() if scheduled_time else None
        proposed = routes.state(state, message, name=name, data=data, scheduled_time=due)
        return cast(Json, await self._send(routes.set_state(run_id, proposed, force=force)))

    async def run(self, run_id: str) -> Json:
        """Read one run."""
        return cast(Json, await self._send(routes.read_run(run_id)))

    async def runs(self, ids: Sequence[str]) -> list[Json]:
        """Read runs by their identifiers; those that do not exist are omitted."""
        found: list[Json] = []
        for start in range(0, len(ids), PAGE):
            chosen = {"id": {"any_": list(ids[start : start + PAGE])}}
            found += await self._send(routes.filter_runs(chosen, limit=PAGE, offset=0))
        return found

    async def unfinished(self, pool: str) -> list[Json]:
        """Read the runs of a pool that some worker has claimed and that have not ended."""
        found: list[Json] = []
        while True:
            page = await self._send(routes.filter_claimed_runs(pool, offset=len(found)))
            found += page
            if len(page) < PAGE:
                return found

    async def last_claim(self, run_id: str) -> str:
        """Identifier of the state by which a run was claimed last; empty if it never was."""
        claim = await self._last_claim(run_id)
        return str(claim["id"]) if claim else ""

    async def claimant(self, run_id: str) -> str | None:
        """Name of the worker that last claimed a run; None if it was not one of ours."""
        claim = await self._last_claim(run_id)
        message = str((claim or {}).get("message") or "")
        return message.removeprefix(CLAIM_MARK) if message.startswith(CLAIM_MARK) else None

    async def reschedule(self, run: Json, message: str, *, retries: int | None = None) -> None:
        """Put a run back into its queue, for any worker.

        Args:
            run: The run.
            message: The reason.
            retries: New number of repetitions after a failure; None leaves it unchanged.
        """
        run_id = str(run["id"])
        policy = {**(run.get("empirical_policy") or {}), "retry_type": "reschedule"}
        if retries is not None:
            policy["retries"] = retries
        delay = timedelta(seconds=policy.get("retry_delay") or 0 if run.get("run_count") else 0)
        # Prefect gives no worker a run whose retry is meant to happen in the run's own process.
        await self._send(routes.update_run(run_id, {"empirical_policy": policy}))
        due = self.now() + delay
        await self.set_state(run_id, "SCHEDULED", message, force=True, scheduled_time=due)

    async def crash_repeats(self, run_id: str) -> int:
        """Count how often a run was put back into its queue after a crash."""
        return sum(
            state["type"] == "SCHEDULED" and str(state.get("message")).startswith(REPEAT_MARK)
            for state in await self._states(run_id)
        )

    async def crash_retries(self, run: Json) -> int:
        """Number of repetitions allowed after a crash (job variable ``crash_retries``)."""
        value = (run.get("job_variables") or {}).get(CRASH_RETRIES)
        if value is None and run.get("deployment_id"):
            with suppress(ObjectNotFound):
                deployment = await self.deployment(str(run["deployment_id"]))
                value = (deployment.get("job_variables") or {}).get(CRASH_RETRIES)
        return value if isinstance(value, int) else 0

    # -- Deployments and blocks ----------------------------------------------------------------

    async def deployment(self, deployment_id: str) -> Json:
        """Read a deployment."""
        return cast(Json, await self._send(routes.read_deployment(deployment_id)))

    async def block(self, document_id: str) -> Json:
        """Read a block document, secrets included."""
        return cast(Json, await self._send(routes.read_block(document_id)))

    async def block_by_slug(self, slug: str) -> Json:
        """Read the block document ``<block type slug>/<block name>``, secrets included."""
        kind, _, name = slug.partition("/")
        return cast(Json, await self._send(routes.find_block(kind, name)))

    # -- Workers -------------------------------------------------------------------------------

    async def workers(self, pool: str) -> list[Json]:
        """Read all workers of a pool that Prefect knows."""
        return cast(list[Json], await self._send(routes.filter_workers(pool)))

    async def forget_worker(self, pool: str, name: str) -> None:
        """Remove a worker from Prefect's list."""
        await self._send(routes.delete_worker(pool, name))

    async def _last_claim(self, run_id: str) -> Json | None:
        """Read the state by which a run was claimed last; None if it never was."""
        claims = [state for state in await self._states(run_id) if state["type"] == "PENDING"]
        return claims[-1] if claims else None

    async def _states(self, run_id: str) -> list[Json]:
        """Read all states that a run has been in, oldest first."""
        states = await self._send(routes.run_states(run_id))
        return sorted(states, key=lambda one: datetime.fromisoformat(one["timestamp"]))

    async def _send(self, call: Call) -> Any:
        return await send(self._client, call, self._clock.hear)

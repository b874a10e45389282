"""The worker's calls of Prefect's API; replies are plain JSON.

Prefect's models of runs cost about a millisecond each, on the loop that starts all jobs.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import routes
from pygeoapi_prefect.engine.routes import PAGE
from pygeoapi_prefect.engine.states import AWAITING_RETRY, StateType

CLAIM_MARK = "Claimed by worker "
REPEAT_MARK = "Repeated after a crash: "
CRASH_RETRIES = "crash_retries"

Json = dict[str, Any]


class Api:
    """Prefect's API, as this worker uses it.

    All methods raise ``prefect.exceptions.ObjectNotFound`` for a 404 and ``httpx.HTTPError`` for
    whatever else keeps an answer away.
    """

    def __init__(self, client: PrefectClient) -> None:
        self._client = client

    async def scheduled(self, pool: str, queues: Sequence[str], limit: int) -> list[Json]:
        """Runs that are due, by priority and time; paused and full queues give none."""
        body = {
            "work_queue_names": list(queues),
            "scheduled_before": datetime.now(UTC).isoformat(),
            "limit": limit,
        }
        path = f"/work_pools/{pool}/get_scheduled_flow_runs"
        return [row["flow_run"] for row in await self._call("POST", path, json=body)]

    async def claim(self, run_id: str, worker: str) -> tuple[str | None, datetime | None]:
        """Take a run: Prefect aborts every claim but the first.

        Returns:
            The identifier of the run's PENDING state, None if the run cannot be had; and when it
            may be had, if a concurrency limit has postponed it.
        """
        reply = await self.set_state(run_id, "PENDING", f"{CLAIM_MARK}{worker}")
        state = reply.get("state") or {}
        if reply["status"] == "ACCEPT":
            return str(state["id"]), None
        due = (state.get("state_details") or {}).get("scheduled_time")
        return None, datetime.fromisoformat(due) if due else None

    async def set_state(
        self,
        run_id: str,
        state: str,
        message: str,
        *,
        name: str | None = None,
        force: bool = False,
        scheduled_time: datetime | None = None,
        data: Json | None = None,
    ) -> Json:
        """Propose a state; the reply's ``status`` says what became of it."""
        proposed = routes.state(
            cast(StateType, state),
            message,
            name=name,
            data=data,
            scheduled_time=scheduled_time.isoformat() if scheduled_time else None,
        )
        body = {"state": proposed, "force": force}
        return cast(Json, await self._call("POST", f"/flow_runs/{run_id}/set_state", json=body))

    async def run(self, run_id: str) -> Json:
        """One run."""
        return cast(Json, await self._call("GET", f"/flow_runs/{run_id}"))

    async def runs(self, ids: Sequence[str]) -> list[Json]:
        """Those of these runs that exist."""
        found: list[Json] = []
        for start in range(0, len(ids), PAGE):
            chosen = {"id": {"any_": list(ids[start : start + PAGE])}}
            found += await self._filter({"flow_runs": chosen, "limit": PAGE})
        return found

    async def unfinished(self, pool: str) -> list[Json]:
        """Runs of a pool that some worker has claimed and that have not ended."""
        states = {
            "operator": "or_",
            "type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]},
            "name": {"any_": [AWAITING_RETRY]},
        }
        body = {
            "work_pools": {"name": {"any_": [pool]}},
            "flow_runs": {"state": states},
            "sort": "ID_DESC",
            "limit": PAGE,
        }
        found: list[Json] = []
        while True:
            page = await self._filter({**body, "offset": len(found)})
            found += page
            if len(page) < PAGE:
                return found

    async def claimant(self, run_id: str) -> str | None:
        """Name of the worker that last claimed a run; None if it was none of ours."""
        for state in reversed(await self._states(run_id)):
            if state["type"] == "PENDING":
                message = str(state.get("message") or "")
                return message.removeprefix(CLAIM_MARK) if message.startswith(CLAIM_MARK) else None
        return None

    async def crash_repeats(self, run_id: str) -> int:
        """Number of times that a run was put back into its queue after a crash."""
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

    async def reschedule(self, run: Json, message: str, *, retries: int | None = None) -> None:
        """Put a run back into its queue, for any worker.

        Args:
            run: The run.
            message: Why.
            retries: How often it may be repeated if it fails, where that is to change.
        """
        policy = {**(run.get("empirical_policy") or {}), "retry_type": "reschedule"}
        if retries is not None:
            policy["retries"] = retries
        delay = timedelta(seconds=policy.get("retry_delay") or 0 if run.get("run_count") else 0)
        # A run whose retry was to happen in its own process would not be given to a worker.
        await self._call("PATCH", f"/flow_runs/{run['id']}", json={"empirical_policy": policy})
        await self.set_state(
            run["id"],
            "SCHEDULED",
            message,
            force=True,
            scheduled_time=datetime.now(UTC) + delay,
        )

    async def deployment(self, deployment_id: str) -> Json:
        """One deployment."""
        return cast(Json, await self._call("GET", f"/deployments/{deployment_id}"))

    async def block(self, document_id: str) -> Json:
        """A block document, secrets included."""
        return await self._block(f"/block_documents/{document_id}")

    async def block_by_slug(self, slug: str) -> Json:
        """The block document ``<block type slug>/<block name>``, secrets included."""
        kind, _, name = slug.partition("/")
        return await self._block(f"/block_types/slug/{kind}/block_documents/name/{name}")

    async def workers(self, pool: str) -> list[Json]:
        """All workers of a pool that Prefect knows of."""
        path = f"/work_pools/{pool}/workers/filter"
        return cast(list[Json], await self._call("POST", path, json={"limit": PAGE}))

    async def forget_worker(self, pool: str, name: str) -> None:
        """Remove a worker from Prefect's list."""
        await self._call("DELETE", f"/work_pools/{pool}/workers/{name}")

    async def _states(self, run_id: str) -> list[Json]:
        """All states that a run has been in, the oldest first."""
        states = await self._call("GET", f"/flow_run_states/?flow_run_id={run_id}")
        return sorted(states, key=lambda one: str(one["timestamp"]))

    async def _block(self, path: str) -> Json:
        return cast(Json, await self._call("GET", path, params={"include_secrets": "true"}))

    async def _filter(self, body: Json) -> list[Json]:
        return cast(list[Json], await self._call("POST", "/flow_runs/filter", json=body))

    async def _call(
        self, method: Literal["GET", "POST", "PATCH", "DELETE"], path: str, **kwargs: Any
    ) -> Any:
        try:
            # The routes are typed as a closed set of templates; these are the same, filled in.
            response = await self._client.request(method, cast(Any, path), **kwargs)
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:
                raise ObjectNotFound(error) from error
            raise
        return response.json() if response.content else None

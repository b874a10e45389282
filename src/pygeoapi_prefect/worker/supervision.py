"""Looks after one claimed run: starts its process, ends it when it is time, settles its state."""

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from prefect.exceptions import ObjectNotFound
from prefect.logging.loggers import get_logger

from pygeoapi_prefect.engine import endings
from pygeoapi_prefect.engine.errors import is_outage
from pygeoapi_prefect.engine.routes import Json
from pygeoapi_prefect.engine.signatures import Refused
from pygeoapi_prefect.engine.states import TIMED_OUT
from pygeoapi_prefect.engine.worker_api import WorkerApi
from pygeoapi_prefect.worker import settlement
from pygeoapi_prefect.worker.forkserver.client import Child, Exit, ForkServerFailed
from pygeoapi_prefect.worker.forkserver.pool import ForkServers
from pygeoapi_prefect.worker.forkserver.protocol import Hooks, Job, Signal
from pygeoapi_prefect.worker.job.report import HANDED_OVER, Report
from pygeoapi_prefect.worker.launch_plans import Plan, Plans

LOGGER = get_logger("pygeoapi.worker")
CANCEL_GRACE_SECONDS = 0.5
HARD_TIMEOUT_MARGIN_SECONDS = 3.0  # the engine ends a run at its limit; this is for one that hangs
RETRY_SECONDS = 2.0
HOOK_SECONDS = 30.0


@dataclass(frozen=True)
class Workplace:
    """Things that all runs of a worker share.

    Attributes:
        api: Prefect's API.
        plans: How to start runs.
        forks: Where processes come from.
        folder: Folder for code and for the runs' own files.
        stale_seconds: Seconds after a claim from which another worker may think this one dead.
        stopping: Set when the worker stops: what Prefect does not hear then is left to the reaper.
    """

    api: WorkerApi
    plans: Plans
    forks: ForkServers
    folder: Path
    stale_seconds: float = 15.0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


class RunSupervisor:
    """Looks after one run.

    Args:
        workplace: What it shares with others.
        run: The run, as Prefect's API shows it.
    """

    def __init__(self, workplace: Workplace, run: Json) -> None:
        self._workplace = workplace
        self._run = run
        self._name = str(run["name"])
        self.id = str(run["id"])
        self._scratch = workplace.folder / "runs" / self.id
        self._reason: Signal | None = None
        self._stop = asyncio.Event()
        self._claim, self._claimed = "", time.monotonic()

    def end(self, reason: Signal) -> None:
        """Ask for the end of the run; the first reason counts.

        Args:
            reason: "cancel", "hand-back", or "kill" at its time limit.
        """
        if self._reason is None:
            self._reason = reason
            self._stop.set()

    async def supervise(self, state_id: str) -> None:
        """Bring the run, which has just been claimed, to its end.

        Args:
            state_id: Identifier of the PENDING state by which it was claimed.
        """
        claimed = time.monotonic()
        self._claim, self._claimed = state_id, claimed
        LOGGER.info("%s: claimed (run %s)", self._name, self.id)
        ended, level, why = None, logging.INFO, ""
        try:
            plan = await self._workplace.plans.get(self._run)
            job = self._job(plan, self._run, state_id, claimed)
            self._scratch.mkdir(parents=True, exist_ok=True)  # one that is missing has been removed
            child = self._workplace.forks.run(job)
            ended = await self._watch(child, plan.configuration.timeout_seconds)
            concluded = self._concluded()
            state = await self._settled(plan, ended, concluded)
            if self._reason is None and (not concluded or state == "Crashed"):
                reason = settlement.describe(ended, plan.configuration.memory_limit_mb)
                level, why = logging.WARNING, "" if concluded else f": {reason}"
        except Refused as error:
            LOGGER.error("%s: refused: %s", self._name, error)
            state = await self._insist_if_ours(partial(self._refuse, error))
        except Exception as error:
            details = None if _will_pass(error) else error
            LOGGER.error("%s: could not be run: %s", self._name, error, exc_info=details)
            state = await self._insist_if_ours(partial(self._give_up, error))
        finally:
            await asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True)
        used = f"; {ended.cpu:.2f} s of processor, {ended.memory_mb} MiB" if ended else ""
        took = time.monotonic() - claimed
        LOGGER.log(level, "%s: %s after %.2f s%s%s", self._name, state, took, used, why)

    def _job(self, plan: Plan, run: Json, state_id: str, claimed: float) -> Job:
        configuration = plan.configuration
        folder = configuration.working_dir
        return Job(
            run=run,
            state_id=state_id,
            claimed=claimed,
            deployment=plan.deployment,
            env=configuration.env,
            code_block=plan.code_block,
            result_block=plan.result_block,
            cache=str(self._workplace.folder / "code"),
            scratch=str(self._scratch),
            memory_limit_mb=configuration.memory_limit_mb,
            timeout_seconds=configuration.timeout_seconds,
            working_dir=str(folder) if folder else None,
            stale_seconds=self._workplace.stale_seconds,
        )

    async def _watch(self, child: Child, limit: float | None) -> Exit:
        """Wait for a child's end, and bring it about when it is time."""
        stop = asyncio.create_task(self._stop.wait())
        patience = None if limit is None else limit + HARD_TIMEOUT_MARGIN_SECONDS
        try:
            await asyncio.wait(
                (child.exited, stop), timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            stop.cancel()
        if not child.exited.done() and self._reason is not None:
            child.signal(self._reason)
            await asyncio.wait((child.exited,), timeout=CANCEL_GRACE_SECONDS)
        if not child.exited.done():
            self._reason = self._reason or "kill"
            child.signal("kill")
        return await child.exited

    def _concluded(self) -> str | None:
        """The state that the run has reported itself, unless it was to be ended or could not."""
        conclusion = Report(self._scratch).conclusion() if self._reason is None else None
        if conclusion is None:
            return None
        self._workplace.forks.learn(conclusion.imported)
        return conclusion.state

    async def _settled(self, plan: Plan, ended: Exit, concluded: str | None) -> str:
        """Settle the run in Prefect where it has not done so itself, and run its hooks; its state.

        Args:
            plan: Its launch plan.
            ended: End of its process.
            concluded: Name of the state that it has reported itself.
        """
        if self._reason == "cancel":  # as Prefect's worker: before it is said to be cancelled
            await self._run_hooks(plan, "cancelled")
        state = concluded
        if state is None:
            limits, unavailable = plan.configuration, settlement.is_of_outage(ended)
            has_begun = Report(self._scratch).has_begun()
            if self._reason is None and unavailable:
                await asyncio.sleep(RETRY_SECONDS)  # it may be refused again at once
            api = self._workplace.api
            state = await self._insist_if_ours(
                lambda: settlement.settle(
                    api, self.id, self._reason, ended, limits, has_begun=has_begun
                )
            )
        if state == "Crashed":
            await self._run_hooks(plan, "crashed")
        elif not concluded and state in ("Failed", TIMED_OUT):
            await self._run_hooks(plan, "failed")
        return state

    async def _run_hooks(self, plan: Plan, end: Hooks) -> None:
        """Run the flow's hooks for an end in a separate process, within a time limit."""
        if not Report(self._scratch).has_hooks(end):
            return
        forks, child = self._workplace.forks, None
        try:
            async with asyncio.timeout(HOOK_SECONDS):
                run = await self._workplace.api.run(self.id)
                while not forks.is_up:
                    await asyncio.sleep(0.1)
                job = self._job(plan, run, run["state_id"], time.monotonic())
                child = forks.run(replace(job, hooks=end, scratch=str(self._scratch / "after")))
                ended = await asyncio.shield(child.exited)
            if ended.code:
                LOGGER.warning("%s: %s", self._name, settlement.describe(ended))
        except TimeoutError:
            LOGGER.warning("%s: its hooks took longer than %g s", self._name, HOOK_SECONDS)
        except Exception as error:
            LOGGER.warning("%s: its hooks could not be run: %s", self._name, error)
        finally:
            if child is not None and not child.exited.done():
                child.signal("kill")
                await child.exited

    async def _give_up(self, error: Exception) -> str:
        """End a run that has no process, or hand it back where that was not its own fault."""
        api = self._workplace.api
        message = f"The run could not be started: {type(error).__name__}: {error}"
        if _will_pass(error):
            return await settlement.hand_back(api, self.id, message)
        return await settlement.crash(api, self.id, message, endings.as_data("start"))

    async def _refuse(self, error: Refused) -> str:
        """End a run that must not be started."""
        message = f"The worker refuses the run: {error}"
        return await settlement.crash(
            self._workplace.api, self.id, message, endings.as_data("start")
        )

    async def _insist_if_ours(self, action: Callable[[], Awaitable[str]]) -> str:
        """Repeat an action like ``_insist``, unless another worker has claimed the run meanwhile.

        It may have after a long pause, in which it took this worker for dead. Costs a request for
        runs that were claimed some time ago.
        """

        async def act() -> str:
            may_be_lost = time.monotonic() - self._claimed >= self._workplace.stale_seconds
            if may_be_lost and await self._workplace.api.last_claim(self.id) != self._claim:
                return HANDED_OVER
            return await action()

        return await self._insist(act)

    async def _insist(self, action: Callable[[], Awaitable[str]]) -> str:
        """Repeat an action until Prefect answers; a worker that stops leaves it to the reaper."""
        while True:
            try:
                return await action()
            except ObjectNotFound:
                return "Deleted"
            except Exception as error:
                if not is_outage(error) or self._workplace.stopping.is_set():
                    raise
                await asyncio.sleep(RETRY_SECONDS)


def _will_pass(error: Exception) -> bool:
    """Return true for what is no fault of the run: an outage, a fork server that is restarted."""
    return is_outage(error) or isinstance(error, ForkServerFailed)

"""Hooks of a flow for ends that its own process may not live to see."""

import asyncio
import inspect
from collections.abc import Awaitable

from prefect.client.schemas.objects import FlowRun
from prefect.context import SyncClientContext
from prefect.logging.loggers import flow_run_logger

from pygeoapi_prefect.engine.internals import running, shortcuts
from pygeoapi_prefect.engine.log.runlog import Limits
from pygeoapi_prefect.worker.forkserver.protocol import Hooks, Job
from pygeoapi_prefect.worker.job.adapted_flow import hooks_of
from pygeoapi_prefect.worker.job.flow_run import load
from pygeoapi_prefect.worker.job.log import log_of


def run_hooks(job: Job, end: Hooks, limits: Limits) -> str:
    """Run the hooks of a flow whose process has ended, one after the other; name of the state.

    Args:
        job: The job.
        end: The end whose hooks are run.
        limits: Limits of the log.

    Raises:
        Exception: Whatever the flow's code or its block raises while it is loaded.
    """
    flow_run = FlowRun.model_validate(job.run)
    logger = flow_run_logger(flow_run)
    shortcuts.trim()
    with SyncClientContext.get_or_create() as context, log_of(job, context.client, limits):
        flow, state = load(job, flow_run), flow_run.state
        assert state is not None
        for hook in hooks_of(flow)[end]:
            name = running.get_hook_name(hook)
            logger.info("Running hook %r in response to entering state %r", name, state.name)
            try:
                result = hook(flow, flow_run, state)
                if inspect.isawaitable(result):
                    asyncio.run(_awaited(result))
            except Exception:
                logger.exception("An error was encountered while running hook %r", name)
            else:
                logger.info("Hook %r finished running successfully", name)
        return str(state.name)


async def _awaited(result: Awaitable[object]) -> object:
    return await result

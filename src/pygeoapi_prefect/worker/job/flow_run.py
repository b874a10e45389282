"""Loads the flow of a job, and runs it with Prefect's engine."""

import os
from functools import partial
from pathlib import Path
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import BlockDocument, FlowRun
from prefect.context import SyncClientContext
from prefect.logging.loggers import flow_run_logger

from pygeoapi_prefect.engine import routes, runs
from pygeoapi_prefect.engine.client import send
from pygeoapi_prefect.engine.internals import running, shortcuts
from pygeoapi_prefect.engine.log.runlog import Limits
from pygeoapi_prefect.engine.state_messages import prepare_states
from pygeoapi_prefect.process import failures, task_results
from pygeoapi_prefect.storage import block_of
from pygeoapi_prefect.worker.forkserver.protocol import Job
from pygeoapi_prefect.worker.job import code_cache
from pygeoapi_prefect.worker.job.adapted_flow import adapted
from pygeoapi_prefect.worker.job.claim import (
    is_still_ours,
    stop_if_claimed_anew,
    stop_if_lost,
)
from pygeoapi_prefect.worker.job.log import log_of
from pygeoapi_prefect.worker.job.report import HANDED_OVER


def run(job: Job, limits: Limits) -> str:
    """Load and run the flow; name of the state that the run is in then.

    Args:
        job: The job.
        limits: Limits of its log.
    """
    flow_run = FlowRun.model_validate(job.run)
    logger = flow_run_logger(flow_run)
    shortcuts.trim()
    with SyncClientContext.get_or_create() as context, log_of(job, context.client, limits):
        before_end = partial(stop_if_lost, job, running.read_states, logger)
        prepare_states(failures.as_data, before_end=before_end)
        if not is_still_ours(job):
            logger.info("The run was claimed by another worker in the meantime")
            return HANDED_OVER
        try:
            flow = load(job, flow_run)
        except Exception as error:
            logger.exception("The flow's code could not be loaded")
            message = f"The flow's code could not be loaded: {type(error).__name__}: {error}"
            before_end()
            runs.set_state(job.id, "FAILED", message)
            return "Failed"
        tell_block(flow, job)
        detached = running.detached(flow_run)
        shortcuts.spare(
            context.client,
            detached,
            flow_run.deployment_id,
            has_retries=bool(flow.retries) and flow_run.empirical_policy.retries is None,
            result_block=BlockDocument.model_validate(job.result_block)
            if job.result_block
            else None,
        )
        own = adapted(flow, job, before=partial(stop_if_claimed_anew, job, running.read_states))
        return running.drive(own, detached, logger)


def load(job: Job, flow_run: FlowRun) -> Flow[..., Any]:
    """The flow of a job's deployment.

    Raises:
        Exception: Whatever the flow's code or its block raises.
    """
    deployment = job.deployment
    entrypoint = str(deployment.get("entrypoint") or "")
    scratch = Path(job.scratch)
    if job.code_block is not None:
        folder = code_cache.provide(block_of(job.code_block), deployment, Path(job.cache), scratch)
        code_cache.enter(folder, scratch)
        entrypoint = str(folder / entrypoint)
    else:
        work = scratch / "work"
        work.mkdir()
        os.chdir(work)
        if deployment.get("pull_steps") or ":" in entrypoint:
            return running.load(flow_run)
    if job.working_dir is not None:
        os.chdir(job.working_dir)
    return running.load_from(entrypoint)


def tell_block(flow: Flow[..., Any], job: Job) -> None:
    """Tell which block of its own a flow keeps task results in: they are to go with the job.

    Prefect does not say so of a run that has failed. Costs a request where there is such a block.
    """
    block = task_results.own_block(flow)
    given = job.result_block or {}
    if block is None or block in (
        given.get("id"),
        (job.run.get("parameters") or {}).get("result_storage_block"),
    ):
        return
    send(routes.update_labels(job.id, {task_results.BLOCK_LABEL: block}))

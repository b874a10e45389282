"""Runs one job in the forked child, then ends the process."""

import asyncio
import copy
import faulthandler
import functools
import inspect
import logging
import os
import random
import resource
import signal
import sys
import sysconfig
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from prefect import Flow
from prefect.client.schemas.objects import BlockDocument, FlowRun, State
from prefect.context import SyncClientContext
from prefect.exceptions import TerminationSignal
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.logging.loggers import flow_run_logger
from prefect.settings import PREFECT_LOGGING_LEVEL

from pygeoapi_prefect.engine import routes, runs
from pygeoapi_prefect.engine.client import send
from pygeoapi_prefect.engine.errors import is_outage
from pygeoapi_prefect.engine.internals import running, settings, shortcuts
from pygeoapi_prefect.engine.internals.settings import Settings
from pygeoapi_prefect.engine.internals.signals import Intent, intend
from pygeoapi_prefect.engine.state_messages import clean_messages
from pygeoapi_prefect.errors import JobFailedError
from pygeoapi_prefect.models.processes import JobStatusInfoInternal
from pygeoapi_prefect.process import task_results
from pygeoapi_prefect.process.contract import CONTRACT, verify
from pygeoapi_prefect.process.memory import LIMIT_VARIABLE
from pygeoapi_prefect.process.progress import delivered
from pygeoapi_prefect.process.recording import recorded
from pygeoapi_prefect.storage import block_of
from pygeoapi_prefect.worker import download, orphans, wire
from pygeoapi_prefect.worker.joblog import log_of
from pygeoapi_prefect.worker.wire import Job

EXIT_ERROR = 1
JOB_NAME_PREFIX = "pygeoapi_job_"
NO_MEMORY = "The process needs more memory than the system gives it"
DRAIN_SECONDS = 5
# A run that starts later than this after its claim makes sure that it is still this worker's.
STALE_CLAIM_SECONDS = 15


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


def main(job: Job, chosen: Settings) -> NoReturn:
    """Run a job in this process, which has just been forked, and end the process."""
    status = EXIT_ERROR
    before = len(sys.modules)
    try:
        separate(os.getppid())
        with settings.entered(chosen):
            try:
                prepare(job)
                concluded = run_hooks(job, job.hooks) if job.hooks else run(job)
                Path(job.scratch, wire.CONCLUDED).write_text(concluded)
                Path(job.scratch, wire.IMPORTED).write_text("\n".join(imported(before)))
                status = 0
            except TerminationSignal:
                pass  # the worker, which sent it, decides on the state
            finally:
                drain()
    except BaseException as error:
        traceback.print_exc()
        if is_outage(error):
            status = wire.UNAVAILABLE
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def separate(parent: int) -> None:
    """Leave the fork server's session and signals behind."""
    os.setsid()
    orphans.die_with_parent()
    if os.getppid() != parent:  # it had ended before
        os._exit(EXIT_ERROR)
    orphans.adopt()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGUSR1, _ending("cancel"))
    signal.signal(signal.SIGUSR2, _ending("relinquish"))
    faulthandler.enable()
    random.seed()


def _ending(intent: Intent) -> Callable[[int, FrameType | None], None]:
    """A handler that ends the group of this process, and tells Prefect's engine what that means."""

    def end(_number: int, _frame: FrameType | None) -> None:
        intend(intent)
        os.killpg(0, signal.SIGTERM)

    return end


def prepare(job: Job) -> None:
    """Environment, limits, folders and logging of a job."""
    apply(job.env)
    os.environ["PREFECT__FLOW_RUN_ID"] = job.id
    scratch = Path(job.scratch)
    temporary = scratch / "tmp"
    temporary.mkdir(parents=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if job.memory_limit_mb is not None:
        os.environ[LIMIT_VARIABLE] = str(job.memory_limit_mb)
    logging.getLogger("prefect").setLevel(PREFECT_LOGGING_LEVEL.value())
    # Prefect has the log of the run; the worker's own output has a line for it.
    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.setLevel(logging.CRITICAL)


def run(job: Job) -> str:
    """Load and run the flow; name of the state that the run is in then."""
    flow_run = FlowRun.model_validate(job.run)
    logger = flow_run_logger(flow_run)
    shortcuts.trim()
    clean_messages()
    with SyncClientContext.get_or_create() as context, log_of(job, context.client):
        if not is_still_ours(job):
            logger.info("The run was given to another worker meanwhile")
            return "Handed over"
        try:
            flow = load(job, flow_run)
        except Exception as error:
            logger.exception("The flow's code could not be loaded")
            message = f"The flow's code could not be loaded: {type(error).__name__}: {error}"
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
        return running.drive(adapted(flow, job), detached, logger)


def run_hooks(job: Job, end: wire.Hooks) -> str:
    """Run the hooks of a flow whose own process is gone, one after the other; name of the state.

    Raises:
        Exception: Whatever the flow's code or its block raises while it is loaded.
    """
    flow_run = FlowRun.model_validate(job.run)
    logger = flow_run_logger(flow_run)
    shortcuts.trim()
    with SyncClientContext.get_or_create() as context, log_of(job, context.client):
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


def hooks_of(flow: Flow[..., Any]) -> dict[wire.Hooks, list[Callable[..., Any]]]:
    """The hooks of a flow for the ends that its own process may not live to see."""
    return {
        "cancelled": flow.on_cancellation_hooks,
        "crashed": flow.on_crashed_hooks,
        "failed": flow.on_failure_hooks,
    }


def is_still_ours(job: Job) -> bool:
    """Return true if the claim holds: after a long pause another worker may have the run."""
    if time.monotonic() - job.claimed < STALE_CLAIM_SECONDS:
        return True
    return str(send(routes.read_run(job.id))["state_id"]) == job.state_id


def load(job: Job, flow_run: FlowRun) -> Flow[..., Any]:
    """The flow of a job's deployment.

    Raises:
        Exception: Whatever the flow's code or its block raises.
    """
    deployment = job.deployment
    entrypoint = str(deployment.get("entrypoint") or "")
    scratch = Path(job.scratch)
    if job.code_block is not None:
        folder = download.provide(block_of(job.code_block), deployment, Path(job.cache), scratch)
        download.enter(folder, scratch)
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


def adapted(flow: Flow[..., Any], job: Job) -> Flow[..., Any]:
    """The flow with the job's limits, result block and checks."""
    limits = [seconds for seconds in (flow.timeout_seconds, job.timeout_seconds) if seconds]
    own = copy.copy(flow)
    own.timeout_seconds = min(limits, default=None)
    known = [end for end, hooks in hooks_of(flow).items() if hooks]
    Path(job.scratch, wire.HOOKS).write_text("\n".join(known))
    # The worker runs these in a process of their own: this one may be blocked, or have no time.
    own.on_cancellation_hooks, own.on_crashed_hooks = [], []
    if job.result_block is not None:
        # With both set, Prefect does not ask its server for a default.
        if own.persist_result is None:
            own.persist_result = True
        if own.result_storage is None:
            own.result_storage = block_of(job.result_block)
    name = str(job.run.get("name", ""))
    if name.startswith(JOB_NAME_PREFIX):
        task_results.keep_with_job(own, name.removeprefix(JOB_NAME_PREFIX))
    if not own.isgenerator:
        own.fn = recorded(checked(flow.fn, job))
    return own


def checked(function: Callable[..., Any], job: Job) -> Callable[..., Any]:
    """The flow's function, with errors that a client may be told of."""
    is_job = str(job.run.get("name", "")).startswith(JOB_NAME_PREFIX)

    def check(result: Any) -> Any:
        if is_job and not isinstance(result, JobStatusInfoInternal | State):
            kind = "None" if result is None else f"an instance of {type(result).__qualname__}"
            raise JobFailedError(f"the flow returned {kind}; {CONTRACT}")
        if is_job and isinstance(result, JobStatusInfoInternal):
            verify(result, job.run.get("parameters") or {})
        return result

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            try:
                with delivered():
                    return check(await function(*args, **kwargs))
            except MemoryError as error:
                raise JobFailedError(NO_MEMORY) from error

        return wrapped

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            with delivered():
                return check(function(*args, **kwargs))
        except MemoryError as error:
            raise JobFailedError(NO_MEMORY) from error

    return wrapper


def imported(before: int) -> list[str]:
    """The modules of installed packages that were imported after the first so many.

    Modules of the standard library are among them if a package's are.
    """
    shared = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    names, files = [], []
    for name, module in list(sys.modules.items())[before:]:
        file = getattr(module, "__file__", None)
        if file is not None and file.startswith((*shared, sysconfig.get_path("stdlib"))):
            names.append(name)
            files.append(file)
    return names if any(file.startswith(shared) for file in files) else []


def drain() -> None:
    """Send what is still queued for Prefect: ``os._exit`` would lose it."""
    with suppress(Exception):
        running.drain_events(DRAIN_SECONDS)

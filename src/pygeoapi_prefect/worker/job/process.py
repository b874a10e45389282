"""The process of one job, from the fork to its end."""

import faulthandler
import logging
import os
import random
import resource
import signal
import sys
import sysconfig
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from prefect.exceptions import TerminationSignal
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.settings import PREFECT_LOGGING_LEVEL

from pygeoapi_prefect.engine.errors import is_outage
from pygeoapi_prefect.engine.internals import running, settings
from pygeoapi_prefect.engine.internals.signals import Intent, intend
from pygeoapi_prefect.process.memory import LIMIT_VARIABLE
from pygeoapi_prefect.worker.forkserver import process_tree
from pygeoapi_prefect.worker.forkserver.protocol import EXIT_ERROR, UNAVAILABLE, Job
from pygeoapi_prefect.worker.job.environment import JobSettings, apply
from pygeoapi_prefect.worker.job.flow_run import run
from pygeoapi_prefect.worker.job.hooks import run_hooks
from pygeoapi_prefect.worker.job.report import Report

DRAIN_SECONDS = 5


def main(job: Job, chosen: JobSettings) -> NoReturn:
    """Run a job in this process, which has just been forked, and end the process."""
    status = EXIT_ERROR
    before = len(sys.modules)
    try:
        separate(os.getppid())
        with settings.entered(chosen.prefect):
            try:
                set_up(job)
                end = job.hooks
                state = run_hooks(job, end, chosen.log) if end else run(job, chosen.log)
                Report(Path(job.scratch)).conclude(state, imported(before))
                status = 0
            except TerminationSignal:
                pass  # the worker, which sent it, decides on the state
            finally:
                drain()
    except BaseException as error:
        traceback.print_exc()
        if is_outage(error):
            status = UNAVAILABLE
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def separate(parent: int) -> None:
    """Leave the fork server's session and signals behind."""
    os.setsid()
    process_tree.die_with_parent()
    if os.getppid() != parent:  # it had ended before
        os._exit(EXIT_ERROR)
    process_tree.adopt()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGUSR1, _ending("cancel"))
    signal.signal(signal.SIGUSR2, _ending("relinquish"))
    faulthandler.enable()
    random.seed()


def _ending(intent: Intent) -> Callable[[int, FrameType | None], None]:
    """A handler that ends the group of this process, and reports the reason to Prefect's engine."""

    def end(_number: int, _frame: FrameType | None) -> None:
        intend(intent)
        os.killpg(0, signal.SIGTERM)

    return end


def set_up(job: Job) -> None:
    """Set the environment, limits, folders and logging of a job."""
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
    """Send the requests still queued for Prefect: ``os._exit`` would lose them."""
    with suppress(Exception):
        running.drain_events(DRAIN_SECONDS)

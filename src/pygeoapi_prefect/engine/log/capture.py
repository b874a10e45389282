"""Captures what code logs and prints for the log of its run.

A context variable identifies the run, because a web process executes several runs at once. Threads
that a flow starts there must run in a copy of its context (docs/processes.md): a thread pool that
several runs share belongs to none of them, and a thread may outlive the run that started it. The
process of a job has only one run, to which the output of all its threads belongs.
"""

import builtins
import io
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, override

from prefect.context import FlowRunContext, TaskRunContext
from prefect.settings import PREFECT_LOGGING_LEVEL

from pygeoapi_prefect.engine.internals.logs import replace_handlers, replace_print
from pygeoapi_prefect.engine.log.runlog import RunLog

SEEN = "pygeoapi_in_run_log"
QUIET = (
    *("prefect", "httpx", "httpcore", "h11", "hpack", "websockets", "asyncio"),
    *("botocore", "boto3", "aiobotocore", "s3transfer", "urllib3", "fsspec", "s3fs"),
)
"""Loggers of the libraries below a job; a run's log contains only their warnings and errors."""

_log: ContextVar[RunLog | None] = ContextVar("run_log", default=None)
_everywhere: RunLog | None = None
_installing = threading.Lock()
_plain_print = builtins.print


def current() -> RunLog | None:
    """The log of the run that the calling code works for."""
    return _log.get() or _everywhere


@contextmanager
def into(log: RunLog) -> Iterator[None]:
    """Capture what is logged and printed in this context."""
    install()
    token = _log.set(log)
    try:
        yield
    finally:
        _log.reset(token)


def take_all(log: RunLog) -> None:
    """Capture what is logged and printed in this process, permanently."""
    global _everywhere
    install()
    _everywhere = log


class Handler(logging.Handler):
    """Captures the records of runs, without a lock: adding a line to a log may block.

    Args:
        instead_of: Handler that this one replaces; it gets the records that belong to no run.
    """

    def __init__(self, instead_of: logging.Handler | None = None) -> None:
        super().__init__()
        self._instead_of = instead_of

    @override
    def handle(self, record: logging.LogRecord) -> bool:
        """Capture a record once; if its arguments do not match its message, without them."""
        log = current()
        if log is None:
            return bool(self._instead_of and self._instead_of.handle(record))
        if hasattr(record, SEEN) or not getattr(record, "send_to_api", True):
            return False
        if not self.filter(record):
            return False
        setattr(record, SEEN, True)
        try:
            message = self.format(record)
        except Exception as error:
            message = f"{record.msg} (the arguments do not fit: {error})"
        run_id, task_run_id = _runs(record)
        log.add(
            message,
            level=record.levelno,
            name=record.name,
            created=record.created,
            run_id=run_id,
            task_run_id=task_run_id,
        )
        return True


def _runs(record: logging.LogRecord) -> tuple[str | None, str | None]:
    """The flow run and the task run of a record, from Prefect's loggers or from the context."""
    told = getattr(record, "flow_run_id", None), getattr(record, "task_run_id", None)
    return _known(told) if told[0] else _context()


def _context() -> tuple[str | None, str | None]:
    flow, task = FlowRunContext.get(), TaskRunContext.get()
    flow_run_id = flow.flow_run.id if flow and flow.flow_run else None
    if task is None:
        return _known((flow_run_id, None))
    of_task = task.task_run.flow_run_id
    if flow_run_id not in (None, of_task):  # a subflow within a task
        return _known((flow_run_id, None))
    return _known((of_task, task.task_run.id))


def _known(ids: tuple[Any, Any]) -> tuple[str | None, str | None]:
    run, task = (None if value in (None, "<unknown>") else str(value) for value in ids)
    return run, task


def _is_wanted(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or not record.name.startswith(QUIET)


def install() -> None:
    """Start to capture all records and prints of this process; a second call does nothing."""
    with _installing:
        root = logging.getLogger()
        if any(isinstance(handler, Handler) for handler in root.handlers):
            return
        level = logging.getLevelNamesMapping()[PREFECT_LOGGING_LEVEL.value()]
        _lower(root, level)
        handler = Handler()
        handler.setLevel(level)
        handler.addFilter(_is_wanted)
        root.addHandler(handler)
        replace_handlers(Handler)
        # Prefect's replacement of print affects all threads, and captures redirected output.
        replace_print(run_print)


def _lower(root: logging.Logger, level: int) -> None:
    """Let records of this level be created, without more output of the process itself."""
    before = root.level
    if before <= level:
        return
    if not root.handlers and logging.lastResort is not None:
        root.addHandler(logging.lastResort)
    for handler in root.handlers:
        handler.setLevel(max(handler.level, before))
    root.setLevel(level)


def run_print(*values: object, sep: str | None = " ", end: str | None = "\n", **how: Any) -> None:
    """Print to the log of the run; print as usual outside a run, to a file, or if redirected."""
    log = current()
    target = how.get("file") or sys.stdout
    if log is None or target not in (sys.__stdout__, sys.__stderr__, *_own_output):
        _plain_print(*values, sep=sep, end=end, **how)
        return
    text = io.StringIO()
    _plain_print(*values, sep=sep, end=end, file=text)
    if line := text.getvalue():
        run_id, task_run_id = _context()
        log.add(line.removesuffix("\n"), name="print", run_id=run_id, task_run_id=task_run_id)


_own_output = (sys.stdout, sys.stderr)

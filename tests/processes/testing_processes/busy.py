"""Processes that keep a worker busy."""

import json
import os
import subprocess
import sys
import time

from prefect import flow

from pygeoapi_prefect.models.processes import (
    ExecuteRequest,
    JobStatusInfoInternal,
    ProcessDescription,
)
from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.inputs import input_value
from pygeoapi_prefect.process.outputs import result_storage, write_output
from pygeoapi_prefect.process.progress import report_progress
from testing_processes.declaring import SECONDS, declare, successful

STEP_SECONDS = 0.1
PIDS_FILE = "pids.json"
# A child that has a child of its own and says which: both would outlive their parents.
CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


@flow(name="test-sleep", persist_result=True)
def sleep(
    job_id: str,
    result_storage_block: str | None,
    process_description: ProcessDescription,
    execution_request: ExecuteRequest,
) -> JobStatusInfoInternal:
    """Sleep in small steps, and tell how far it is."""
    seconds = float(input_value(execution_request, "seconds"))
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        report_progress(100 * (1 - left / seconds), f"{left:.1f} s left")
        time.sleep(min(STEP_SECONDS, left))
    storage = result_storage(result_storage_block)
    text = f"slept {seconds:g} s".encode()
    result = write_output(storage, job_id, "result.txt", text, "text/plain")
    return successful(job_id, process_description.id, {"result": result})


@flow(name="test-spawn", persist_result=True)
def spawn(
    job_id: str,
    result_storage_block: str | None,
    process_description: ProcessDescription,
    execution_request: ExecuteRequest,
) -> JobStatusInfoInternal:
    """Start a child with a child, write the ids of all into the job's folder, and spin."""
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    pids = [os.getpid(), child.pid, int(child.stdout.readline())]
    storage = result_storage(result_storage_block)
    location = write_output(
        storage, job_id, PIDS_FILE, json.dumps(pids).encode(), "application/json"
    )
    end = time.monotonic() + float(input_value(execution_request, "seconds"))
    number = 1
    while time.monotonic() < end:
        number = number * 48271 % 2147483647
    return successful(job_id, process_description.id, {"result": location})


class SleepProcessor(BasePrefectProcessor):
    """Runs either way."""

    process_flow = sleep
    process_description = declare("test-sleep", SECONDS)


class SleepSyncProcessor(BasePrefectProcessor):
    """Declares synchronous execution only."""

    process_flow = sleep.with_options(name="test-sleep-sync")
    process_description = declare("test-sleep-sync", SECONDS, modes=["sync-execute"])


class SleepAsyncProcessor(BasePrefectProcessor):
    """Declares asynchronous execution only."""

    process_flow = sleep.with_options(name="test-sleep-async")
    process_description = declare("test-sleep-async", SECONDS, modes=["async-execute"])


class SpawnProcessor(BasePrefectProcessor):
    """Leaves children behind if only its own process is ended."""

    process_flow = spawn
    process_description = declare("test-spawn", SECONDS)

"""Processes for the fault tests: jobs that note each of their starts, and jobs that misbehave."""

import ctypes
import hashlib
import logging
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import flow
from pygeoapi.models import processes as schemas

from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.inputs import input_value
from pygeoapi_prefect.process.outputs import result_storage, write_output

LONG_SECONDS = 600
REPETITIONS = 64
DESCRIPTION: Any = {
    "version": "1.0.0",
    "description": "For tests of faults",
    "jobControlOptions": [
        schemas.ProcessJobControlOption.SYNC_EXECUTE,
        schemas.ProcessJobControlOption.ASYNC_EXECUTE,
    ],
    "outputs": {
        "result": schemas.ProcessOutput(
            schema=schemas.ProcessIOSchema(
                type=schemas.ProcessIOType.STRING, contentMediaType="text/plain"
            )
        )
    },
}


def inputs(**kinds: schemas.ProcessIOType) -> dict[str, schemas.ProcessInput]:
    return {
        name: schemas.ProcessInput(schema=schemas.ProcessIOSchema(type=kind), minOccurs=0)
        for name, kind in kinds.items()
    }


def expected(number: int) -> str:
    """The only right output of a job with this number."""
    return hashlib.sha256(str(number).encode()).hexdigest() * REPETITIONS


def note(ledger: str, name: str) -> None:
    """Append a line with this process to the ledger: one write, which the system does not mix."""
    handle = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(handle, f"{name} {os.getpid()}\n".encode())
    finally:
        os.close(handle)


def succeed(
    job_id: str, block: str | None, process_id: str, content: str
) -> schemas.JobStatusInfoInternal:
    output = write_output(
        result_storage(block), job_id, "result.txt", content.encode(), "text/plain"
    )
    return schemas.JobStatusInfoInternal(
        jobID=job_id,
        processID=process_id,
        status=schemas.JobStatus.successful,
        generated_outputs={"result": output},
    )


@flow(persist_result=True)
def counted(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """Note the start, take a while, write what follows from the number."""
    note(input_value(execution_request, "ledger"), job_id)
    time.sleep(input_value(execution_request, "seconds", 0))
    content = expected(int(input_value(execution_request, "number")))
    return succeed(job_id, result_storage_block, process_description.id, content)


def counting(process_id: str) -> schemas.ProcessDescription:
    return schemas.ProcessDescription(
        id=process_id,
        title=process_id,
        inputs=inputs(
            number=schemas.ProcessIOType.NUMBER,
            seconds=schemas.ProcessIOType.NUMBER,
            ledger=schemas.ProcessIOType.STRING,
        ),
        **DESCRIPTION,
    )


class CountedProcessor(BasePrefectProcessor):
    process_flow = counted
    process_description = counting("counted")


class CountedInS3Processor(BasePrefectProcessor):
    process_flow = counted
    process_description = counting("counted-s3")


def raising(left: str) -> None:
    raise ValueError("a secret of the process")


def segfault(left: str) -> None:
    ctypes.string_at(0)


def leaving(left: str) -> None:
    os._exit(3)


def leave_behind(left: str, name: str) -> None:
    """Fork a process that stays, and return once it has noted itself."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        note(left, name)
        os.write(writer, b".")
        time.sleep(LONG_SECONDS)
        os._exit(0)
    os.read(reader, 1)


def forking(left: str) -> None:
    """Leave a process behind that keeps the outputs of this one open."""
    leave_behind(left, "forking")


def daemonising(left: str) -> None:
    """Leave a process behind in a session of its own, whose parent has ended."""
    if (child := os.fork()) == 0:
        os.setsid()
        leave_behind(left, "daemonising")
        os._exit(0)
    os.waitpid(child, 0)


def stubborn(left: str) -> None:
    """Ignore SIGTERM, and so does the process that it leaves behind."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    leave_behind(left, "stubborn")
    time.sleep(LONG_SECONDS)


def hoarding(left: str) -> None:
    hoard = [bytes([number]) * (16 << 20) for number in range(128)]
    raise AssertionError(f"{len(hoard)} blocks of memory are within the limit")


def littering(left: str) -> None:
    """Write more into a file than the system lets it."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
    Path("litter").write_bytes(bytes(8 << 20))


def straying(left: str) -> None:
    """Leave the job's folder, and write beside it."""
    os.chdir("..")
    Path("stray").write_text("not in a folder of a job")


def talkative(left: str) -> None:
    """Log without end, until the time limit."""
    while True:
        logging.getLogger("talkative").info("x" * 1000)


KINDS: dict[str, Callable[[str], None]] = {
    kind.__name__: kind
    for kind in (
        *(raising, segfault, leaving, forking, daemonising, stubborn),
        *(hoarding, littering, straying, talkative),
    )
}


@flow(persist_result=True)
def troublesome(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal | None:
    """Do what a job should not do; succeed if that was possible."""
    ledger = input_value(execution_request, "ledger")
    note(ledger, job_id)
    kind = input_value(execution_request, "kind")
    if kind == "silent":
        return None
    if kind == "trespassing":
        storage = result_storage(result_storage_block)
        write_output(storage, job_id, "../result.txt", b"not in the job's folder", "text/plain")
    KINDS[kind](f"{ledger}.left")
    return succeed(job_id, result_storage_block, process_description.id, kind)


class TroublesomeProcessor(BasePrefectProcessor):
    process_flow = troublesome
    process_description = schemas.ProcessDescription(
        id="troublesome",
        title="troublesome",
        inputs=inputs(kind=schemas.ProcessIOType.STRING, ledger=schemas.ProcessIOType.STRING),
        **DESCRIPTION,
    )

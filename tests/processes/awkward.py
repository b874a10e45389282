"""Prefect-powered processes that only tests need: slow, failing and careless ones."""

import logging
import os
import signal
import subprocess
import sys
import time
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.runtime import flow_run
from pygeoapi.models import processes as schemas
from pygeoapi.process import exceptions
from pygeoapi.process.base import ProcessorExecuteError

from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.inputs import input_value
from pygeoapi_prefect.process.outputs import is_requested, result_storage, write_output
from pygeoapi_prefect.process.progress import report_progress

SECONDS = 120
PARENT = """
import subprocess, sys, time
mark, seconds = sys.argv[1:]
line = f"import time; time.sleep({seconds})"
subprocess.Popen([sys.executable, "-c", line, mark])
time.sleep(float(seconds))
"""
NUMBER = schemas.ProcessIOSchema(type=schemas.ProcessIOType.NUMBER, minimum=0)
BOTH = [
    schemas.ProcessJobControlOption.SYNC_EXECUTE,
    schemas.ProcessJobControlOption.ASYNC_EXECUTE,
]


def description(
    process_id: str, *outputs: str, options: list[Any] = BOTH
) -> schemas.ProcessDescription:
    return schemas.ProcessDescription(
        id=process_id,
        version="1.0.0",
        title=process_id,
        description="For tests",
        jobControlOptions=options,
        inputs={
            "seconds": schemas.ProcessInput(schema=NUMBER, minOccurs=0),
            "kind": schemas.ProcessInput(
                schema=schemas.ProcessIOSchema(type=schemas.ProcessIOType.STRING), minOccurs=0
            ),
        },
        outputs={
            name: schemas.ProcessOutput(
                schema=schemas.ProcessIOSchema(
                    type=schemas.ProcessIOType.STRING, contentMediaType=media_type(name)
                )
            )
            for name in outputs or ("result",)
        },
    )


def media_type(name: str) -> str:
    return {"image": "image/png", "zones": "application/geo+json"}.get(name, "text/plain")


def done(job_id: str, process_id: str, **outputs: object) -> schemas.JobStatusInfoInternal:
    return schemas.JobStatusInfoInternal(
        jobID=job_id,
        processID=process_id,
        status=schemas.JobStatus.successful,
        generated_outputs=outputs,
    )


@flow(persist_result=True)
def slow(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """Sleep, spin, wait for a child process or start a family, telling how far it is."""
    seconds = input_value(execution_request, "seconds", SECONDS)
    kind = input_value(execution_request, "kind", "sleep")
    end = time.monotonic() + seconds
    report_progress(25, f"a quarter of {seconds:g} s")
    if kind == "child":
        line = f"import time; time.sleep({float(seconds)})"
        subprocess.run([sys.executable, "-c", line, f"child-of-{job_id}"], check=True)
    if kind == "family":  # nobody waits for them: ending the flow's own process is not enough
        subprocess.Popen([sys.executable, "-c", PARENT, f"child-of-{job_id}", str(seconds)])
    while time.monotonic() < end:
        if kind != "spin":
            time.sleep(0.05)
    output = write_output(
        result_storage(result_storage_block), job_id, "result.txt", b"done", "text/plain"
    )
    return done(job_id, process_description.id, result=output)


class SlowProcessor(BasePrefectProcessor):
    process_flow = slow
    process_description = description("slow")


@flow(name="slow-sync", persist_result=True)
def slow_sync(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """The same in a process that is synchronous only."""
    return slow.fn(job_id, result_storage_block, process_description, execution_request)


class SlowSyncProcessor(BasePrefectProcessor):
    process_flow = slow_sync
    process_description = description(
        "slow-sync", options=[schemas.ProcessJobControlOption.SYNC_EXECUTE]
    )


OUTPUTS = {"outside": "/etc/passwd", "missing": "{base}/{job}/never-written.txt"}
"""Locations of outputs that are not there, by kind of carelessness."""
MORE = {"location": "/store/x", "media_type": "text/plain"}
RECORDS: dict[str, dict[str, Any]] = {
    "failed": {"status": "failed", "message": "the raster is empty"},
    "other-job": {"jobID": "00000000-0000-4000-8000-000000000000"},
    "other-process": {"processID": "echo"},
    "undeclared": {"generated_outputs": {"more": MORE}},
}
"""What stands in a record that is not to be believed, by kind of carelessness."""


class Unreadable(ProcessorExecuteError):  # type: ignore[misc]
    http_status_code = 422
    ogc_exception_code = "UnreadableRaster"


@task
def unprintable() -> None:
    raise exceptions.InvalidJobParameterError("a task's\x00 \udfff")


@flow(persist_result=True)
def careless(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """Fail, or return what a flow must not return."""
    kind = input_value(execution_request, "kind")
    if kind == "name":
        raise exceptions.MissingJobParameterError("Cannot process without a name")
    if kind == "unexpected":
        raise ValueError("secret of the server")
    if kind == "exit":
        sys.exit(3)
    if kind == "unprintable":
        raise exceptions.InvalidJobParameterError("nothing\x00 \ud800 \x1b[31mred")
    if kind == "unprintable-task":
        unprintable()
    if kind == "long":
        raise exceptions.InvalidJobParameterError("x" * 12_000_000)
    if kind == "own":
        raise Unreadable("the raster cannot be read")
    if kind in OUTPUTS:
        store = result_storage(result_storage_block)
        location = OUTPUTS[kind].format(base=store.basepath, job=job_id)
        output = schemas.OutputExecutionResultInternal(location=location, media_type="text/plain")
        return done(job_id, process_description.id, result=output)
    if kind in RECORDS:
        record = done(job_id, process_description.id).model_dump(mode="json", by_alias=True)
        return schemas.JobStatusInfoInternal.model_validate({**record, **RECORDS[kind]})
    return None


class CarelessProcessor(BasePrefectProcessor):
    process_flow = careless
    process_description = description("careless")


class CarelessSyncProcessor(BasePrefectProcessor):
    process_flow = careless
    process_description = description("careless-here")


@flow(persist_result=True)
def flaky(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """Fail as often as is wanted, take a while in the next attempt, and say which it was."""
    attempt = flow_run.run_count
    if attempt <= input_value(execution_request, "seconds", 0):
        raise OSError("not yet")
    time.sleep(2 if attempt > 1 else 0)
    output = write_output(
        result_storage(result_storage_block),
        job_id,
        "result.txt",
        f"attempt {attempt}".encode(),
        "text/plain",
    )
    return done(job_id, process_description.id, result=output)


class FlakyProcessor(BasePrefectProcessor):
    process_flow = flaky
    process_description = description("flaky")


@flow(name="many-outputs", persist_result=True)
def many(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """Several outputs of several media types, each of a size in MiB."""
    size = int(input_value(execution_request, "seconds", 0) * 1024 * 1024)
    feature = (
        b'{"type": "Feature", "properties": {"name": "' + b"x" * 1000 + b'"}, "geometry": null}'
    )
    contents = {
        "text": b"Hello" + b"x" * size,
        "image": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * (size // 256),
        "zones": b'{"type": "FeatureCollection", "features": ['
        + b", ".join([feature] * (size // len(feature)))
        + b"]}",
    }
    storage = result_storage(result_storage_block)
    outputs = {
        name: write_output(storage, job_id, f"{name}.out", content, media_type(name))
        for name, content in contents.items()
        if is_requested(execution_request, name)
    }
    return done(job_id, process_description.id, **outputs)


class ManyProcessor(BasePrefectProcessor):
    process_flow = many
    process_description = description(
        "many",
        "text",
        "image",
        "zones",
        options=[schemas.ProcessJobControlOption.ASYNC_EXECUTE],
    )


class ManySyncProcessor(BasePrefectProcessor):
    process_flow = many
    process_description = description("many-here", "text", "image", "zones")


@flow(persist_result=True)
def names(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """Outputs whose identifiers no path and no header can hold as they are."""
    storage = result_storage(result_storage_block)
    outputs = {
        name: write_output(storage, job_id, f"{number}.txt", name.encode(), "text/plain")
        for number, name in enumerate(NAMES)
        if is_requested(execution_request, name)
    }
    return done(job_id, process_description.id, **outputs)


NAMES = ("a/b", "line\nbreak", 'quoted">', "größe 温度", "..x", "/")


class NamesProcessor(BasePrefectProcessor):
    process_flow = names
    process_description = description("names", *NAMES)


@flow(name="talking-here", log_prints=True)
def talking_here(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """Say something in each way."""
    logging.getLogger("my_package").info("talking to the log")
    get_run_logger().info("talking to the run's log")
    print("talking to a screen")  # noqa: T201
    storage = result_storage(result_storage_block)
    output = write_output(storage, job_id, "result.txt", b"done", "text/plain")
    return done(job_id, process_description.id, result=output)


class TalkingHereProcessor(BasePrefectProcessor):
    process_flow = talking_here
    process_description = description("talking-here")


@task
def doubled(number: int) -> int:
    return 2 * number


@flow(persist_result=True)
def mapped(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """Forty tasks whose results are kept; then succeed, fail, end the process or wait."""
    total = sum(doubled.map(range(40)).result())
    report_progress(50, f"the total is {total}")
    kind = input_value(execution_request, "kind", "")
    if kind == "fail":
        raise ValueError("after the tasks")
    if kind == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "wait":
        time.sleep(SECONDS)
    storage = result_storage(result_storage_block)
    output = write_output(storage, job_id, "result.txt", str(total).encode(), "text/plain")
    return done(job_id, process_description.id, result=output)


class MappedProcessor(BasePrefectProcessor):
    process_flow = mapped
    process_description = description("mapped")


@flow(name="mapped-elsewhere", persist_result=True, result_storage="local-file-system/elsewhere")
def mapped_elsewhere(
    job_id: str,
    result_storage_block: str | None,
    process_description: schemas.ProcessDescription,
    execution_request: schemas.ExecuteRequest,
) -> schemas.JobStatusInfoInternal:
    """The same with results of tasks in a block of its own."""
    return mapped.fn(job_id, result_storage_block, process_description, execution_request)


class MappedElsewhereProcessor(BasePrefectProcessor):
    process_flow = mapped_elsewhere
    process_description = description("mapped-elsewhere")

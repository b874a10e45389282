"""Rows of ``docs/bounds.md``: bounds of what a client, a flow or an operator's data may use.

The defaults are computed from the code, so that the page cannot differ from it.
"""

import sys
from dataclasses import dataclass

from gunicorn.config import Config  # type: ignore[import-untyped]

from pygeoapi_prefect import config as settings
from pygeoapi_prefect import outgoing
from pygeoapi_prefect.config import ManagerSettings
from pygeoapi_prefect.deploy import files, upload
from pygeoapi_prefect.engine.log import runlog
from pygeoapi_prefect.environment import EnvironmentSettings, LogSettings, OutgoingSettings
from pygeoapi_prefect.execution import faults, idempotency, inputs, prefer, request
from pygeoapi_prefect.jobs import callbacks, queries, references, turns, unanswered
from pygeoapi_prefect.models import message, uri, values
from pygeoapi_prefect.outgoing import names
from pygeoapi_prefect.process import progress
from pygeoapi_prefect.web import rates, serving
from pygeoapi_prefect.web.server import body, connection, gateway, lanes
from pygeoapi_prefect.worker import supervision
from pygeoapi_prefect.worker.forkserver import output
from zonal_statistics import description, rasters

GUNICORN = Config()
UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
INTEGRATION, UNIT = "tests/integration", "tests/unit"
SERVER = f"{UNIT}/web/server/test_server.py"
HOSTILE = f"{INTEGRATION}/hostile/test_hostile_requests.py::test_a_hostile_request"
ADMISSION = f"{INTEGRATION}/test_admission.py::test_nothing_is_accepted_beyond_a_bound"


@dataclass(frozen=True)
class Bound:
    """One bound.

    Attributes:
        of: What is bounded.
        default: Its value, unless configured otherwise.
        setting: Key or variable that changes it; empty if it is fixed.
        happens: Status and message, or whatever else happens at the bound.
        test: The test that holds the code to it, as ``file::name``.
    """

    of: str
    default: str
    setting: str
    happens: str
    test: str


def size(number: float) -> str:
    """A number of bytes in the largest unit that divides it."""
    for unit, name in UNITS:
        if number % unit == 0:
            return f"{number / unit:g} {name}"
    return f"{count(number)} bytes"


def count(number: float) -> str:
    """A number with its thousands apart."""
    return f"{number:,.0f}" if number == int(number) else f"{number:g}"


def seconds(number: float) -> str:
    """A time."""
    return f"{count(number)} s"


def default(of: type[EnvironmentSettings] | type[ManagerSettings], field: str) -> float:
    """The default of a setting."""
    value = of.model_fields[field].default
    assert isinstance(value, int | float)
    return float(value)


def manager(field: str) -> float:
    """The default of a key of ``server.manager``."""
    return default(ManagerSettings, field)


CONNECTIONS = [
    Bound(
        "connections of a web process",
        count(serving.worker_connections),
        "gunicorn's `worker_connections`",
        f"on {connection.EXTRA_CONNECTIONS} more only the probes are answered, others with 503; "
        "any further one gets 503",
        f"{SERVER}::test_connections_are_bounded",
    ),
    Bound(
        "request line",
        f"{count(GUNICORN.limit_request_line)} bytes",
        "gunicorn's `limit_request_line`",
        "414",
        f"{SERVER}::test_parts_of_a_head_are_bounded",
    ),
    Bound(
        "header fields",
        f"{GUNICORN.limit_request_fields} of {count(GUNICORN.limit_request_field_size)} bytes",
        "gunicorn's `limit_request_fields`, `limit_request_field_size`",
        "431",
        f"{SERVER}::test_parts_of_a_head_are_bounded",
    ),
    Bound(
        "head of a request",
        size(connection.HEAD_BYTES),
        "",
        f"431: The request line and the headers are larger than {connection.HEAD_BYTES} bytes",
        f"{SERVER}::test_a_head_is_bounded",
    ),
    Bound(
        "time for the head of a connection's first request",
        seconds(connection.HEAD_SECONDS),
        "",
        "408: No complete request arrived in time",
        f"{SERVER}::test_a_head_has_a_deadline",
    ),
    Bound(
        "time between two requests on a connection",
        seconds(GUNICORN.keepalive),
        "gunicorn's `keepalive`",
        "the connection is closed",
        f"{SERVER}::test_a_connection_without_a_further_request_is_closed",
    ),
    Bound(
        "pause within a body",
        f"{seconds(body.GRACE_SECONDS)}, and {size(body.LOWEST_RATE)} a second on average",
        "",
        "408: The request body arrived too slowly; nothing is executed",
        f"{SERVER}::test_a_body_has_a_deadline",
    ),
    Bound(
        "chunks of a body",
        f"{body.SMALLEST_PIECE} bytes on average, if there are more than {count(body.FEW_PIECES)}",
        "",
        "400: The chunks of the body are too small; send at least 64 bytes in each, on average",
        f"{SERVER}::test_tiny_chunks_are_rejected",
    ),
    Bound(
        "body of a request",
        size(manager("max_body_bytes")),
        "`max_body_bytes`",
        "413: The request body is larger than N bytes",
        f"{INTEGRATION}/test_large_requests.py::test_a_larger_body_is_refused",
    ),
    Bound(
        "large bodies that a web process holds",
        f"{gateway.LARGE_BODIES} times `max_body_bytes`",
        "",
        "503: The server is receiving too many large requests; try again later",
        f"{UNIT}/web/server/test_body.py::test_large_bodies_share_a_room",
    ),
    Bound(
        "requests that wait for a thread",
        f"{lanes.QUEUE} for each thread, for {seconds(lanes.QUEUE_SECONDS)}",
        "",
        "503: Too many requests are waiting; try again later",
        f"{SERVER}::test_too_many_requests_are_told_to_come_back",
    ),
    Bound(
        "responses that are sent in pieces at a time",
        count(gateway.STREAMS),
        "",
        "503: The server is sending too many large responses; try again later",
        f"{SERVER}::test_few_responses_are_sent_in_pieces_at_a_time",
    ),
    Bound(
        f"time in which a client takes {size(gateway.SLICE_BYTES)} of a response",
        seconds(gateway.SEND_SECONDS),
        "",
        "the connection is closed",
        f"{SERVER}::test_a_client_that_does_not_read_is_cut_off",
    ),
    Bound(
        "requests of one client in a time",
        "none",
        "`rate_limits`",
        "429: Too many requests from one client; the limit is 5 per 1 minute; `RateLimit` tells "
        f"what is left. Clients are counted in {count(rates.BUCKETS)} buckets",
        f"{INTEGRATION}/test_admission.py::test_requests_of_one_client_are_limited",
    ),
]
REQUESTS = [
    Bound(
        "cost of the JSON text: 8 for each `{` and `:`, 2 for each `,`, 1 for each `[`",
        count(request.MAX_COST),
        "",
        "400: The body contains too many objects, members, arrays and values to be parsed in time",
        f"{INTEGRATION}/test_large_bodies.py::test_a_body_of_millions_of_objects_is_refused",
    ),
    Bound(
        "levels of nesting",
        count(request.MAX_DEPTH),
        "",
        f"400: The body is nested deeper than {request.MAX_DEPTH} levels",
        f"{UNIT}/execution/test_request.py::test_accepts_depth_up_to_the_bound",
    ),
    Bound(
        "digits of a whole number",
        count(sys.int_info.default_max_str_digits),
        "",
        "400: The body contains an invalid number",
        HOSTILE,
    ),
    Bound(
        "links and qualified values of one input",
        count(inputs.MAX_FORMS),
        "",
        f"400: expected at most {inputs.MAX_FORMS} links and qualified values together",
        f"{UNIT}/execution/test_faults.py::test_links_of_one_input_are_few",
    ),
    Bound(
        "values of one input that contains links",
        count(values.MAX_SEVERAL),
        "",
        f"400: List should have at most {values.MAX_SEVERAL} items",
        f"{UNIT}/models/test_values.py::test_values_with_links_among_them_are_few",
    ),
    Bound(
        f"bodies of {size(turns.LARGE)} and more that a web process reads at a time",
        f"1; {turns.WAITING} wait, for {seconds(turns.SECONDS)}",
        "",
        "503: Too many large requests are being processed; try again later",
        f"{UNIT}/jobs/test_turns.py::test_only_so_many_wait",
    ),
    Bound(
        "errors in a response",
        f"{faults.MAX_TOLD}; the search ends after {faults.MAX_COUNTED}",
        "",
        f"further ones are not listed; each has at most {faults.MAX_DETAIL} characters",
        f"{UNIT}/execution/test_faults.py::test_errors_are_few_and_short",
    ),
    Bound(
        "header `Prefer`",
        f"{count(prefer.MAX_LENGTH)} characters; `wait` of {seconds(prefer.MAX_WAIT)}",
        "",
        "a longer header is ignored, a longer wait is cut",
        f"{UNIT}/execution/test_prefer.py::test_parse",
    ),
    Bound(
        "header `Idempotency-Key`",
        f"{idempotency.MAX_LENGTH} characters",
        "",
        f"400: The header Idempotency-Key must have 1 to {idempotency.MAX_LENGTH} characters",
        f"{INTEGRATION}/test_idempotency.py::test_an_invalid_key_is_rejected",
    ),
    Bound(
        "address of a reference; of a subscriber",
        f"{count(uri.MAX_LENGTH)}; {count(request.MAX_CALLBACK)} characters",
        "",
        "400: is not a valid URI; must be a valid URI of at most "
        f"{request.MAX_CALLBACK} characters",
        f"{UNIT}/models/test_uri.py::test_long_texts_take_no_time",
    ),
    Bound(
        "jobs or processes on a page of a list",
        count(settings.MAX_LIMIT),
        "`server.limits.max_items`",
        "a larger `limit` is cut",
        f"{INTEGRATION}/test_http_bad_input.py::test_limits_beyond_the_largest_are_cut",
    ),
    Bound(
        "jobs that are looked through for a duration",
        f"the newest {count(queries.DURATION_SCAN)}",
        "",
        "older ones are not found",
        f"{UNIT}/jobs/test_queries.py::test_only_the_newest_jobs_are_looked_through_for_a_duration",
    ),
]
JOBS = [
    Bound(
        "jobs that wait for a worker",
        "none",
        "`max_queued`",
        "503: N jobs are already waiting, the maximum for this server",
        ADMISSION,
    ),
    Bound(
        "the same of one client",
        count(manager("max_queued_per_owner")),
        "`max_queued_per_owner`",
        "429: N of your jobs are already waiting, the maximum for one client",
        ADMISSION,
    ),
    Bound(
        "the same of one process",
        "none",
        "`prefect.deployment.max_queued`",
        "503: N jobs of this process are already waiting, its maximum",
        ADMISSION,
    ),
    Bound(
        "jobs of one process that run",
        "none",
        "`prefect.deployment.concurrency_limit`",
        "the others stay accepted",
        f"{INTEGRATION}/test_worker.py::test_a_deployments_concurrency_limit",
    ),
    Bound(
        "jobs that a worker runs",
        "one for each processor, at least 4",
        "`WORKER_LIMIT`",
        "the others stay accepted; clients take turns",
        f"{UNIT}/worker/test_claims.py::test_no_more_runs_are_claimed_than_there_are_slots",
    ),
    Bound(
        "clients of a web process that wait for results",
        count(manager("max_waiting")),
        "`max_waiting`",
        "503: N clients are already waiting for results; with `Prefer`, 201 and the job",
        f"{INTEGRATION}/test_waiting.py::test_who_finds_no_place_is_told_to_come_back",
    ),
    Bound(
        "wait for a synchronous execution",
        seconds(manager("sync_timeout_seconds")),
        "`sync_timeout_seconds`",
        "201 and the job; 504 if the process is synchronous only, and the job is cancelled",
        f"{INTEGRATION}/test_http_execute.py::"
        "test_a_sync_only_process_that_takes_too_long_is_cancelled",
    ),
    Bound(
        "executions in a web process",
        f"{count(manager('max_in_process'))}; as many wait, for {seconds(lanes.QUEUE_SECONDS)}",
        "`max_in_process`",
        "503: Too many requests are waiting; try again later",
        f"{SERVER}::test_few_executions_in_the_web_process_wait",
    ),
    Bound(
        "runs without an answer of Prefect that are looked for",
        count(unanswered.MOST),
        "",
        "a further one is not looked for and may be executed; the log says so",
        f"{UNIT}/jobs/test_unanswered.py::test_their_number_is_bounded",
    ),
]
REFERENCES = [
    Bound(
        "references that the web process fetches for one request",
        f"{references.MAX_REFERENCES}, together within {seconds(references.REFERENCES_SECONDS)}",
        "",
        f"400: at most {references.MAX_REFERENCES} inputs by reference are allowed; "
        f"fetching took more than {references.REFERENCES_SECONDS:g} s",
        f"{UNIT}/jobs/test_references.py::test_so_many_and_no_more",
    ),
    Bound(
        "each of them",
        f"{size(manager('max_reference_bytes'))}, {seconds(outgoing.JSON_SECONDS)}",
        "`max_reference_bytes`",
        "400: is larger than N bytes; timed out after 30 s",
        f"{UNIT}/outgoing/test_outgoing.py::test_a_slow_server_cannot_hold_a_request_for_json",
    ),
    Bound(
        "download by a flow",
        f"{size(default(OutgoingSettings, 'max_bytes'))}, "
        f"{seconds(default(OutgoingSettings, 'timeout_seconds'))}",
        "`OUTGOING_MAX_BYTES`, `OUTGOING_TIMEOUT_SECONDS`",
        "the job fails: is larger than N bytes; timed out after N s",
        f"{UNIT}/outgoing/test_outgoing.py::test_a_slow_server_is_given_up",
    ),
    Bound(
        "redirects of a reference",
        count(outgoing.MAX_REDIRECTS),
        "",
        f"400, or the job fails: redirected more than {outgoing.MAX_REDIRECTS} times",
        f"{UNIT}/outgoing/test_outgoing.py::test_what_cannot_be_used_is_told",
    ),
    Bound(
        "time to connect; silence of a server",
        f"{seconds(outgoing.CONNECT_SECONDS)}; {seconds(outgoing.SILENCE_SECONDS)}",
        "",
        "400, or the job fails: cannot be fetched",
        f"{UNIT}/outgoing/test_outgoing.py::test_a_slow_server_is_given_up",
    ),
    Bound(
        "look-ups of names at a time",
        f"{names.MOST_LOOK_UPS}; {seconds(outgoing.CHECK_SECONDS)} for that of a subscriber",
        "",
        "400: cannot be resolved in time; try again later",
        f"{UNIT}/outgoing/test_names.py::"
        "test_look_ups_that_hang_are_bounded_and_others_wait_no_longer_than_they_may",
    ),
    Bound(
        "attempts of a callback",
        f"{callbacks.ATTEMPTS}, each of {seconds(outgoing.POST_SECONDS)}; "
        f"{callbacks.THREADS} at a time",
        "",
        "it is given up; the log says so",
        f"{UNIT}/jobs/test_callbacks.py::test_in_the_end_it_is_given_up",
    ),
    Bound(
        "results document for a subscriber",
        size(manager("max_callback_bytes")),
        "`max_callback_bytes`",
        "it contains references in the place of values",
        f"{UNIT}/jobs/test_callback_documents.py::"
        "test_fault_4_a_document_above_the_limit_has_references",
    ),
]
FLOWS = [
    Bound(
        "memory of a job",
        "none",
        "`prefect.deployment.memory_limit_mb`",
        "it is killed and fails: The process exceeded its memory limit of N MiB",
        f"{INTEGRATION}/test_worker.py::test_the_memory_limit",
    ),
    Bound(
        "time of an attempt",
        "the flow's",
        "`prefect.deployment.timeout_seconds`",
        "it is stopped, and killed "
        f"{seconds(supervision.HARD_TIMEOUT_MARGIN_SECONDS)} later: The process exceeded its time "
        "limit",
        f"{INTEGRATION}/test_worker.py::test_the_time_limit",
    ),
    Bound(
        "time to end after a dismissal",
        seconds(supervision.CANCEL_GRACE_SECONDS),
        "",
        "SIGKILL",
        f"{UNIT}/worker/test_supervision.py::test_one_that_does_not_use_it_is_killed",
    ),
    Bound(
        "hooks of a flow",
        seconds(supervision.HOOK_SECONDS),
        "",
        "they are killed",
        f"{UNIT}/worker/test_supervision.py::test_hooks_that_take_too_long_are_killed",
    ),
    Bound(
        "log of a job, for each process of it",
        f"{count(default(LogSettings, 'max_lines'))} lines, "
        f"{count(default(LogSettings, 'max_mb'))} MiB",
        "`PYGEOAPI_LOG_MAX_LINES`, `PYGEOAPI_LOG_MAX_MB`",
        "the rest is left out, and the log says so",
        f"{UNIT}/engine/log/test_runlog.py::test_fault_34_the_limit_of_lines_says_when_it_is_reached",
    ),
    Bound(
        "lines that are not yet sent",
        size(runlog.BUFFER_BYTES),
        "",
        "the job waits until Prefect has accepted some",
        f"{UNIT}/engine/log/test_runlog.py::test_fault_7_who_logs_faster_than_prefect_takes_waits",
    ),
    Bound(
        "output past Python (C libraries, crashes)",
        size(output.LIMIT),
        "",
        "the rest is left out, and the worker's log says so",
        f"{INTEGRATION}/test_job_logs.py::test_fault_34_what_a_job_writes_past_python_is_bounded",
    ),
    Bound(
        "reports of progress",
        f"one in {seconds(progress.SECONDS_BETWEEN)}, {progress.MAX_MESSAGE} characters",
        "",
        "the newest is sent, and cut",
        f"{INTEGRATION}/test_progress.py::test_fault_34_many_reports_take_no_time",
    ),
    Bound(
        "message of a job",
        f"{count(message.MAX_MESSAGE)} characters",
        "",
        "it is cut",
        f"{UNIT}/models/test_message.py::test_long_messages_are_cut",
    ),
    Bound(
        "outputs of a job",
        "none: the space of the result store",
        "",
        "the job fails: the store is full; nothing half written is left",
        f"{INTEGRATION}/test_recorded_flows.py::"
        "test_fault_33_a_full_store_is_named_whatever_is_written",
    ),
    Bound(
        "cells that all zones of `zonal-statistics` cover",
        count(description.MAX_CELLS),
        "",
        f"the job fails: together the zones cover more than {description.MAX_CELLS} cells",
        f"{UNIT}/flows/test_zonal_process.py::test_fault_29_all_zones_together_are_bounded",
    ),
    Bound(
        "block of its raster",
        size(rasters.MAX_BLOCK_BYTES),
        "",
        f"the job fails: its blocks are larger than {rasters.MAX_BLOCK_BYTES} bytes; tile it first",
        f"{UNIT}/flows/test_zonal_inputs.py::test_raster_whose_blocks_would_fill_the_memory",
    ),
    Bound(
        "code of a process",
        f"{size(files.MAX_BYTES)}; {upload.KEEP} versions are kept",
        "",
        "`deploy-process` fails and names the limit",
        f"{UNIT}/deploy/test_package.py::test_more_than_the_limit_is_refused",
    ),
]
SECTIONS = {
    "Connections and requests": CONNECTIONS,
    "Execute requests and lists": REQUESTS,
    "Jobs and clients that wait": JOBS,
    "References and callbacks": REFERENCES,
    "Jobs and their code": FLOWS,
}
BOUNDS = [bound for bounds in SECTIONS.values() for bound in bounds]

"""From an execute request to a queued flow run."""

import json
import logging
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from pygeoapi_prefect import outgoing, storage
from pygeoapi_prefect.config import ManagerSettings, describe
from pygeoapi_prefect.engine import client, deployments, runs
from pygeoapi_prefect.errors import (
    ConfigurationError,
    DeploymentNotFound,
    EngineUnavailable,
    InvalidJobParameterError,
    NotSupported,
)
from pygeoapi_prefect.execution import inputs, prefer
from pygeoapi_prefect.execution import request as execute_request
from pygeoapi_prefect.jobs import status, subscriber
from pygeoapi_prefect.jobs.background import in_background
from pygeoapi_prefect.jobs.own import OwnReferences, Resolve, nothing
from pygeoapi_prefect.jobs.turns import TURNS
from pygeoapi_prefect.models import reference, strict_json
from pygeoapi_prefect.models.execution import AS_READ
from pygeoapi_prefect.models.processes import ExecuteRequest
from pygeoapi_prefect.process import references
from pygeoapi_prefect.process.references import OwnOutput
from pygeoapi_prefect.process.registry import Process

LOGGER = logging.getLogger(__name__)
REQUEST_FILE = "request.json"
REPLY = ("outputs", "response")
MAX_REFERENCES = 32
REFERENCES_SECONDS = 60.0  # for all of a request: a thread of the web process waits for them
LATE_SECONDS = 15.0
"""Until one looks a second time for a run that Prefect has not answered for: it may come late."""


@dataclass(frozen=True)
class Submission:
    """A validated execute request, ready to run.

    Attributes:
        request: The execute request, its JSON references resolved.
        mode: How it is executed.
        own: Outputs of this server that the flow opens.
        job_id: Identifier that the job will have.
    """

    process: Process
    request: dict[str, Any]
    mode: prefer.Mode
    own: Sequence[OwnOutput] = ()
    job_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def tags(self) -> list[str]:
        """Tags of the job's flow run: the process of a job is known by its tag."""
        owed = [subscriber.TAG] if self.request.get("subscriber") else []
        return [status.TAG, status.PROCESS_TAG_PREFIX + self.process.id, *owed]

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the job's flow run: who is to be told of it, and what its flow may open."""
        told = subscriber.labels(self.request.get("subscriber") or {})
        return {**told, **references.labels(self.own)}


def validate(
    process: Process,
    request: Mapping[str, Any],
    prefer_headers: Sequence[str],
    limit: int,
    resolve: Resolve = nothing,
) -> Submission:
    """Check a parsed execute request against the process; nothing exists of the job yet.

    Args:
        process: The process to run.
        request: What ``execution.request.parse`` returned.
        prefer_headers: The values of all ``Prefer`` headers.
        limit: Largest JSON input by reference, in bytes.
        resolve: Finds the outputs of this server that inputs refer to.

    Raises:
        InvalidJobParameterError: An input or output is unknown or does not fit; says which.
        MissingJobParameterError: A required input is absent.
        NotSupported: The request wants something that is not offered.
    """
    description = process.description
    execute_request.check_outputs(request, description["outputs"])
    _check_subscriber(request.get("subscriber") or {})
    own = OwnReferences(resolve)
    by_reference = References(limit, own)
    checked = inputs.validate(
        request.get("inputs", {}),
        description["inputs"],
        fetch=by_reference.fetch,
        check=by_reference.check,
    )
    checked_request = {**request, "inputs": checked}
    if not process.is_vanilla:
        _check_model(checked_request)
    mode = prefer.negotiate(prefer.parse(prefer_headers), process.job_control_options)
    return Submission(process, checked_request, mode, own.left)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidJobParameterError("the reference leads to text that is not UTF-8") from error


class References:
    """Checks and fetches the inputs by reference of one request, within what one request may cost.

    What is fetched here and what is looked for in the store count alike.

    Args:
        max_bytes: Largest size of each.
        own: Those that lead to this server's own outputs.
    """

    def __init__(self, max_bytes: int, own: OwnReferences | None = None) -> None:
        self._max_bytes = max_bytes
        self._own = own or OwnReferences()
        self._left = MAX_REFERENCES
        self._ends = time.monotonic() + REFERENCES_SECONDS

    def check(self, _name: str, link: Mapping[str, Any], is_opened: bool) -> None:
        """Check a link before anything is fetched.

        Raises:
            InvalidJobParameterError: It has the wrong form; or the flow cannot open it, as the
                output of this server that it leads to is not there.
        """
        if not is_opened:
            outgoing.check(link["href"])
            return
        with TURNS.lent():
            self._own.check(link["href"], self._spend)

    def fetch(self, _name: str, link: Mapping[str, Any]) -> Any:
        """Fetch the value behind an input's link.

        Raises:
            InvalidJobParameterError: It cannot be had, or there are too many, or too slow ones.
        """
        seconds = self._spend()
        with TURNS.lent():
            body = self._own.read(link["href"], self._max_bytes)
            if body is None:
                body = outgoing.fetch(link["href"], max_bytes=self._max_bytes, seconds=seconds)
        with TURNS.taken(len(body)):
            return _text(body) if inputs.is_text(link) else execute_request.load(body)

    def _spend(self) -> float:
        """Count one more reference; the seconds that are left for it."""
        self._left -= 1
        if self._left < 0:
            raise InvalidJobParameterError(f"more than {MAX_REFERENCES} inputs by reference")
        seconds = self._ends - time.monotonic()
        if seconds <= 0:
            raise InvalidJobParameterError(
                f"the inputs by reference take more than {REFERENCES_SECONDS:g} s"
            )
        return seconds


def _check_subscriber(wanted: Mapping[str, str]) -> None:
    """Only hosts that this server may connect to can be told of a job."""
    if wanted and client.api_url() is None:
        raise NotSupported("This server offers no callbacks: it has no Prefect server")
    for member, url in wanted.items():
        try:
            with TURNS.lent():
                outgoing.check_address(url)
        except InvalidJobParameterError as error:
            raise InvalidJobParameterError(f"'subscriber.{member}': {error}") from error


def _check_model(request: Mapping[str, Any]) -> None:
    """Reject what the flow's ``ExecuteRequest`` would reject: it is the client's fault."""
    try:
        ExecuteRequest.model_validate(request, context=AS_READ)
    except ValidationError as error:
        raise InvalidJobParameterError(describe(error, "request")) from error


class Queue:
    """Puts submissions into the work queues of their deployments."""

    def __init__(self, settings: ManagerSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._deployments: dict[str, str] = {}

    def put(self, submission: Submission) -> runs.Run:
        """Create the flow run of a submission.

        Raises:
            DeploymentNotFound: The process was not deployed.
            EngineUnavailable: Prefect cannot be reached; there is no job then.
            StorageUnavailable: A large request could not be stored; there is no job then.
        """
        process = submission.process
        if process.result_storage is None:
            raise ConfigurationError(
                f"process '{process.id}' has no result storage: set "
                "processor.prefect.result_storage or server.manager.result_storage"
            )
        deployment = self._deployment_id(process)
        values = parameters(submission, self._settings, storage.open_store(process.result_storage))
        try:
            return self._create(submission, values, deployment)
        except ObjectNotFound:  # deployed anew since we looked: the id has changed
            self._forget(process)
            return self._create(submission, values, self._deployment_id(process))
        except EngineUnavailable:
            # The client is told to try again: a run that Prefect created all the same must not run.
            in_background(partial(cancel_unanswered, submission.job_id))
            forget = partial(forget_unanswered, submission.job_id, process.result_storage)
            in_background(forget, LATE_SECONDS)
            raise

    @staticmethod
    def _create(submission: Submission, parameters: dict[str, Any], deployment: str) -> runs.Run:
        configured = submission.process.deployment
        return runs.create(
            deployment,
            name=status.NAME_PREFIX + submission.job_id,
            parameters=parameters,
            tags=submission.tags,
            labels=submission.labels,
            idempotency_key=submission.job_id,
            retries=configured.retries if configured else None,
            retry_delay=configured.retry_delay_seconds if configured else None,
        )

    def _deployment_id(self, process: Process) -> str:
        with self._lock:
            known = self._deployments.get(process.id)
        if known:
            return known
        flow, deployment = process.flow, process.deployment
        if flow is None or deployment is None:
            raise DeploymentNotFound(f"process '{process.id}' has no deployment")
        found = deployments.find_id(flow.name, deployment.name)
        if found is None:
            raise DeploymentNotFound(
                f"process '{process.id}' is not deployed: run "
                f"'pygeoapi plugins prefect deploy-process {process.id}'"
            )
        with self._lock:
            self._deployments[process.id] = found
        return found

    def _forget(self, process: Process) -> None:
        with self._lock:
            self._deployments.pop(process.id, None)


def cancel_unanswered(job_id: str) -> bool:
    """Cancel the run of a job that no client knows of; whether there is one.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    run = runs.find(status.NAME_PREFIX + job_id)
    if run is not None and not run.is_final:
        LOGGER.warning("job %s: created, but its client was told 503; it is cancelled", job_id)
        runs.cancel(run.id)
    return run is not None


def forget_unanswered(job_id: str, block: str) -> None:
    """The same, and remove the request from the store where there is no run that has it.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
        StorageUnavailable: The store cannot be reached; the request stays.
    """
    if not cancel_unanswered(job_id):
        storage.open_store(block).delete_folder(job_id)


def parameters(
    submission: Submission, settings: ManagerSettings, store: storage.Store
) -> dict[str, Any]:
    """The flow's parameters: client data only as strings, which Prefect does not look into.

    Prefect sends all parameters with every read and list, so a large request goes to the store.

    Raises:
        StorageUnavailable: A large request could not be stored.
    """
    process = submission.process
    text = strict_json.dumps(submission.request)
    if len(text) > settings.inline_request_bytes and process.result_storage is None:
        # Of a run here only what decides on the reply is needed later.
        kept = {key: submission.request[key] for key in REPLY if key in submission.request}
        text = json.dumps(kept)
    elif len(text) > settings.inline_request_bytes:
        path = f"{submission.job_id}/{REQUEST_FILE}"
        store.write(path, text.encode())
        text = f"{reference.PREFIX}{process.result_storage}#{path}"
    return {
        "job_id": submission.job_id,
        "result_storage_block": process.result_storage,
        "process_description": json.dumps(process.description),
        "execution_request": text,
    }


def original_request(run: runs.Run) -> dict[str, Any]:
    """The execute request of a job, from its run's parameters or from the block.

    What is no execute request, because another program or version has made the run, counts as
    nothing; of one that is, members that decide on the reply are left out if they make no sense.

    Raises:
        StackError: The block cannot be read now, or the request is gone from it.
    """
    text = run.parameters.get("execution_request")
    if not isinstance(text, str):
        return {}
    try:
        if text.startswith(reference.PREFIX):
            text = storage.read_reference(text)
        loaded = json.loads(text)
    except (ValueError, RecursionError) as error:
        LOGGER.warning("job %s: its request cannot be read: %s", status.job_id(run), error)
        return {}
    return _sensible(loaded) if isinstance(loaded, dict) else {}


def _sensible(request: dict[str, Any]) -> dict[str, Any]:
    try:
        execute_request.check(deciding := {key: request[key] for key in REPLY if key in request})
    except InvalidJobParameterError:
        deciding = {}
    return {key: value for key, value in request.items() if key not in REPLY} | deciding

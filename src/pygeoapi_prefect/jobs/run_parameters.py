"""The parameters of a job's flow run: written when the job is made, read for its results.

Client data travel as strings only, which Prefect does not look into: it would expand
``{"__prefect_kind": ...}`` anywhere in nested parameters. Prefect sends all parameters with every
read and list, so a large request goes to the store.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pygeoapi_prefect import storage
from pygeoapi_prefect.config import ManagerSettings
from pygeoapi_prefect.engine.runs import Run
from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.execution.request import Request
from pygeoapi_prefect.jobs import status
from pygeoapi_prefect.models import reference, strict_json
from pygeoapi_prefect.process.registry import Process

LOGGER = logging.getLogger(__name__)
REQUEST_FILE = "request.json"
REPLY = ("outputs", "response")


def encode(
    process: Process,
    job_id: str,
    request: Request,
    store: storage.Store,
    settings: ManagerSettings,
    file: str = REQUEST_FILE,
) -> dict[str, Any]:
    """Return the parameters of a flow.

    Args:
        process: The process to run.
        job_id: Identifier of the job.
        request: The execute request.
        store: Where a large request is kept.
        settings: Say how many bytes are large.
        file: Name of the file for a large request, in the folder of the job.

    Raises:
        StorageUnavailable: A large request could not be stored.
    """
    document = request.as_json()
    text = strict_json.dumps(document)
    if len(text) > settings.inline_request_bytes and process.result_storage is None:
        # A run in this process needs only the members that determine the reply.
        text = json.dumps({name: document[name] for name in REPLY if name in document})
    elif len(text) > settings.inline_request_bytes:
        path = f"{job_id}/{file}"
        store.write(path, text.encode())
        text = str(reference.Reference(process.result_block, path))
    return {
        "job_id": job_id,
        "result_storage_block": process.result_storage,
        "process_description": json.dumps(process.description),
        "execution_request": text,
    }


def stored(parameters: Mapping[str, Any]) -> reference.Reference | None:
    """The file of a large request, from the parameters for it; None if it is in them."""
    text = parameters["execution_request"]
    return reference.Reference.parse(text) if reference.is_reference(text) else None


def original_request(run: Run) -> Request:
    """Read the execute request of a job from its run or from the block.

    What is no execute request, because another program or version has made the run, counts as
    nothing; of one that is, members that decide on the reply are left out if they make no sense.

    Raises:
        StackError: The block cannot be read now, or the request is gone from it.
    """
    text = run.parameters.get("execution_request")
    if not isinstance(text, str):
        return Request()
    try:
        if reference.is_reference(text):
            text = storage.read_reference(text)
        loaded = json.loads(text)
    except (ValueError, RecursionError) as error:
        LOGGER.warning("job %s: its request cannot be read: %s", status.job_id(run), error)
        return Request()
    return _sensible(loaded) if isinstance(loaded, Mapping) else Request()


def result_block(run: Run) -> str | None:
    """The block that a job's outputs are in; None for a folder of the web process."""
    block = run.parameters.get("result_storage_block")
    return block if isinstance(block, str) else None


def _sensible(document: Mapping[str, Any]) -> Request:
    try:
        request = Request.from_json({name: document[name] for name in REPLY if name in document})
    except InvalidJobParameterError:
        request = Request()
    inputs = document.get("inputs")
    return replace(request, inputs=inputs if isinstance(inputs, Mapping) else {})

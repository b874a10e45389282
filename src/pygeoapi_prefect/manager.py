"""pygeoapi's process manager interface, translated to the jobs of this library.

It holds no logic of its own. ``pygeoapi_prefect.web`` uses its ``commands``, ``queries`` and
``registry`` only; an unmodified ``pygeoapi serve`` calls the methods below, within what core passes
on.
"""

import json
import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from flask import Response, has_request_context
from pygeoapi.process import base as core
from pygeoapi.process.manager.base import BaseManager
from werkzeug.exceptions import HTTPException

from pygeoapi_prefect import errors, pygeoapi_helpers
from pygeoapi_prefect.access.principal import SYSTEM
from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.execution.request import Received
from pygeoapi_prefect.jobs.commands import Commands
from pygeoapi_prefect.jobs.queries import Queries
from pygeoapi_prefect.models.documents import StatusInfo
from pygeoapi_prefect.process.registry import Registry
from pygeoapi_prefect.pygeoapi_helpers import (
    JobStatus,
    RequestedProcessExecutionMode,
    Subscriber,
)
from pygeoapi_prefect.results.delivery import Reply
from pygeoapi_prefect.results.problem import problem

LOGGER = logging.getLogger(__name__)
# Members of a job that core reads with [], so they must exist (pygeoapi 0.24, api/processes.py).
ABSENT = {"progress": 0, "message": "", "started": "", "finished": None, "updated": None}


class PrefectManager(BaseManager):  # type: ignore[misc]
    """Process manager whose jobs are Prefect flow runs.

    Args:
        manager_def: ``server.manager`` of the configuration, with ``processes`` added by core.

    A process that cannot be loaded is logged as an error and not served.

    Raises:
        ConfigurationError: The manager is not configured correctly.
    """

    def __init__(self, manager_def: dict[str, Any]) -> None:
        super().__init__(manager_def)
        self.is_async = True
        self.supports_subscribing = False
        settings = _settings(manager_def)
        self.settings = settings
        self.registry = Registry(settings)
        for process_id, reason in self.registry.unavailable.items():
            LOGGER.error("the process '%s' is not served: %s", process_id, reason)
        configured = {str(key): value for key, value in manager_def["processes"].items()}
        self.processes: OrderedDict[str, Any] = OrderedDict(
            (process_id, configured[process_id]) for process_id in self.registry.ids()
        )
        self.commands = Commands(settings)
        self.queries = Queries(settings)

    def get_processor(self, process_id: str) -> core.BaseProcessor:
        """A new processor; core reads its metadata and changes them."""
        try:
            return self.registry.get(process_id).new_processor()
        except errors.UnknownProcessError as error:
            raise core.UnknownProcessError(str(error)) from error

    def get_jobs(
        self,
        status: JobStatus | None = None,  # noqa: ARG002 - core never passes it
        limit: int | None = None,
        offset: int | None = None,
    ) -> dict[str, Any]:
        """A page of jobs, newest first, in the form that core expects."""
        with self._for_core():
            page = self.queries.page(limit or self.settings.default_limit, offset or 0, SYSTEM)
            total = self.queries.count(SYSTEM)
        return {"jobs": [_core_job(info) for info in page.jobs], "numberMatched": total}

    def get_job(self, job_id: str) -> dict[str, Any]:
        """One job in the form that core expects.

        Raises:
            pygeoapi.process.base.JobNotFoundError: There is no such job.
        """
        with self._for_core():
            return _core_job(self.queries.get(job_id, SYSTEM))

    def get_job_result(self, job_id: str) -> tuple[str, Any]:
        """Media type and content of the results.

        Raises:
            pygeoapi.process.base.JobNotFoundError: There is no such job.
        """
        with self._for_core():
            return _content(self.queries.results(job_id, SYSTEM))

    def delete_job(self, job_id: str) -> bool:
        """Cancel a job that runs, or remove one that has ended.

        Raises:
            pygeoapi.process.base.JobNotFoundError: There is no such job.
        """
        with self._for_core():
            self.commands.dismiss(job_id, SYSTEM)
        return True

    def execute_process(
        self,
        process_id: str,
        data_dict: dict[str, Any],
        execution_mode: RequestedProcessExecutionMode | None = None,
        requested_outputs: dict[str, Any] | None = None,
        subscriber: Subscriber | None = None,
        requested_response: str = "raw",
    ) -> tuple[str, str, Any, JobStatus, dict[str, str]]:
        """Run a process; see ``jobs.commands.Commands.execute``."""
        body = {"inputs": data_dict, "outputs": requested_outputs, "response": requested_response}
        if subscriber is not None:
            body["subscriber"] = {"successUri": subscriber.success_uri}
        respond_async = execution_mode == RequestedProcessExecutionMode.respond_async
        received = Received(
            lambda: json.dumps(body).encode(), prefer=["respond-async"] if respond_async else []
        )
        with self._for_core():
            execution = self.commands.execute(self.registry.get(process_id), received)
        job_id = execution.job_id
        if execution.reply is None:
            headers = {"Preference-Applied": "respond-async"}  # without it core sends no statusInfo
            return job_id, "application/json", None, JobStatus.accepted, headers
        applied = {"Preference-Applied": execution.applied} if execution.applied else {}
        media_type, content = _content(execution.reply)
        return job_id, media_type, content, JobStatus.successful, applied

    @contextmanager
    def _for_core(self) -> Iterator[None]:
        """As ``_translated``, if everybody may do everything: core does not say who asks."""
        with _translated():
            if self.settings.manager.access is not None:
                raise errors.ConfigurationError(
                    "server.manager.access is enforced only by pygeoapi_prefect.web.app"
                )
            yield


def _settings(manager_def: dict[str, Any]) -> Settings:
    """Core hands a manager its own section only; links also need ``server.url``."""
    server = pygeoapi_helpers.configuration().get("server", {})
    manager = {key: value for key, value in manager_def.items() if key != "processes"}
    config = {"server": {**server, "manager": manager}, "resources": manager_def["processes"]}
    return Settings.from_config(config)


def _core_job(info: StatusInfo) -> dict[str, Any]:
    process = info.get("processID", "")
    job = {**ABSENT, **info, "identifier": info["jobID"], "process_id": process}
    job["started"] = info.get("started") or info["created"]
    job["mimetype"] = "application/json"  # only links have it
    return job


def _content(reply: Reply) -> tuple[str, bytes]:
    """Core would escape ``<`` and ``>`` in what it takes for JSON: a parameter keeps it off."""
    body = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
    media_type = dict(reply.headers).get("Content-Type", "application/octet-stream")
    if media_type == "application/json":
        media_type += "; charset=utf-8"
    return media_type, body


@contextmanager
def _translated() -> Iterator[None]:
    """Raise what core knows; anything else as a ready response, where Flask is there to send it."""
    try:
        yield
    except errors.JobNotFoundError as error:
        raise core.JobNotFoundError(str(error)) from error
    except errors.StackError as error:
        if has_request_context():
            _respond(error)
        raise _as_processor_error(error) from error


def _respond(error: errors.StackError) -> NoReturn:
    body, status, headers = problem(error)
    raise HTTPException(response=Response(body, status, headers)) from error


def _as_processor_error(error: errors.StackError) -> core.ProcessorExecuteError:
    wrapped = core.ProcessorExecuteError(str(error), user_msg=str(error))
    wrapped.http_status_code = int(error.status)
    wrapped.ogc_exception_code = error.type.rsplit("/", 1)[-1]
    return wrapped

"""The views of the Processes resources: request in, ``jobs.service`` called, reply out."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.errors import InvalidJobParameterError, NotSupported, RequestTooLarge
from pygeoapi_prefect.execution import request as execute_request
from pygeoapi_prefect.jobs import filters
from pygeoapi_prefect.jobs.service import Jobs
from pygeoapi_prefect.process.registry import Process, Registry
from pygeoapi_prefect.results import links
from pygeoapi_prefect.results.delivery import Reply

MAX_LIMIT = 10_000  # /req/core/pl-limit-definition and /req/job-list/limit-definition
COMMON_PARAMETERS = ("limit", "offset", "f")
SUMMARY = (
    "id", "version", "title", "description", "keywords", "metadata", "jobControlOptions",
    "outputTransmission",
)  # fmt: skip


class Views:
    """View functions over one set of jobs and processes."""

    def __init__(self, settings: Settings, registry: Registry, jobs: Jobs) -> None:
        self._root = settings.public_url
        self._settings = settings
        self._registry = registry
        self._jobs = jobs

    def processes(self, process_id: str | None = None) -> Response:
        """``GET /processes`` and ``GET /processes/{processID}``."""
        _only_json()
        if process_id is not None:
            return _json(self._description(self._registry.get(process_id)))
        limit, offset = self._paging()
        shown = list(self._registry)[offset : offset + limit]
        page = {
            "processes": [self._summary(process) for process in shown],
            "links": self._page_links(
                "/processes", limit, offset, has_more=offset + limit < len(self._registry)
            ),
        }
        return _json(page)

    def execute(self, process_id: str) -> Response:
        """``POST /processes/{processID}/execution``."""
        self._registry.get(process_id)  # an unknown process is told before a bad body
        body = execute_request.parse(self._body(), request.content_type)
        execution = self._jobs.execute(process_id, body, request.headers.getlist("Prefer"))
        url = links.job_url(self._root, execution.job_id)
        if execution.reply is not None:
            response = _reply(execution.reply)
            response.headers.add("Link", links.header(url, "monitor"))
        else:
            response = _json(self._job(execution.job or {}), 201)
            response.headers["Location"] = url
        if execution.applied:
            response.headers["Preference-Applied"] = execution.applied
        return response

    def _body(self) -> bytes:
        """The request's body; one without a declared length is cut at the limit, not refused."""
        try:
            content = request.get_data()
        except (OSError, ParseException) as error:  # a wrong chunk, or the client went away
            raise InvalidJobParameterError("The body could not be read to its end") from error
        limit = self._settings.manager.max_body_bytes
        if request.content_length is None and len(content) >= limit:
            raise RequestTooLarge(f"The request body is larger than {limit} bytes")
        return content

    def jobs(self, job_id: str | None = None) -> Response:
        """``GET /jobs``, ``GET`` and ``DELETE /jobs/{jobID}``."""
        _only_json()
        if job_id is None:
            return self._job_list()
        if request.method == "DELETE":
            return _json(self._dismissed(self._jobs.dismiss(job_id)))
        return _json(self._job(self._jobs.get(job_id)))

    def results(self, job_id: str) -> Response:
        """``GET /jobs/{jobID}/results``."""
        return _reply(self._jobs.results(job_id))

    def output(self, job_id: str, output_id: str) -> Response:
        """``GET /jobs/{jobID}/results/{outputID}`` (draft of Part 1, version 2)."""
        return _reply(self._jobs.output(job_id, output_id))

    def _job_list(self) -> Response:
        _known_parameters(*filters.PARAMETERS)
        wanted = filters.parse(request.args.to_dict(flat=False))
        limit, offset = self._paging()
        page = self._jobs.page(limit, offset, wanted)
        return _json(
            {
                "jobs": [self._job(info) for info in page.jobs],
                "links": self._page_links("/jobs", limit, offset, has_more=page.has_more),
                "numberReturned": len(page.jobs),
            }
        )

    def _job(self, info: dict[str, Any]) -> dict[str, Any]:
        return {**info, "links": links.job_links(self._root, info)}

    def _dismissed(self, info: dict[str, Any]) -> dict[str, Any]:
        up = links.link(f"{self._root}/jobs", "up", "All jobs")
        return {**info, "links": [up]}

    def _summary(self, process: Process) -> dict[str, Any]:
        summary = {k: process.description[k] for k in SUMMARY if process.description.get(k)}
        url = links.process_url(self._root, process.id)
        return {**summary, "links": [links.link(url, "self", "Description of the process")]}

    def _description(self, process: Process) -> dict[str, Any]:
        url = links.process_url(self._root, process.id)
        own = [
            links.link(url, "self", "This description"),
            links.link(f"{url}/execution", links.OGC_REL + "execute", "Execute the process"),
            links.link(f"{self._root}/jobs", links.OGC_REL + "job-list", "Jobs"),
        ]
        return {**process.description, "links": [*process.description.get("links", ()), *own]}

    def _paging(self) -> tuple[int, int]:
        limit = _integer("limit", 1, MAX_LIMIT, self._settings.default_limit)
        return min(limit, self._settings.max_limit), _integer("offset", 0, 2**31 - 1, 0)

    def _page_links(
        self, path: str, limit: int, offset: int, *, has_more: bool
    ) -> list[dict[str, str]]:
        def page(rel: str, title: str, start: int) -> dict[str, str]:
            query = {**request.args.to_dict(flat=False), "limit": limit, "offset": start}
            return links.link(f"{self._root}{path}?{urlencode(query, doseq=True)}", rel, title)

        pages = [page("self", "This page", offset)]
        if has_more:
            pages.append(page("next", "Next page", offset + limit))
        if offset > 0:
            pages.append(page("prev", "Previous page", max(offset - limit, 0)))
        return pages


def _integer(name: str, least: int, most: int, default: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()):
        raise InvalidJobParameterError(f"'{name}' must be an integer from {least} on")
    value = int(text) if len(text) <= 10 else most
    if value < least:
        raise InvalidJobParameterError(f"'{name}' must be an integer from {least} on")
    return min(value, most)


def _known_parameters(*names: str) -> None:
    unknown = sorted(set(request.args) - {*names, *COMMON_PARAMETERS})
    if unknown:
        shown = ", ".join(f"'{name[:40]}'" for name in unknown[:5])
        raise InvalidJobParameterError(f"There is no query parameter {shown} here")


def _only_json() -> None:
    wanted = request.args.get("f")
    if wanted not in (None, "json"):
        raise NotSupported(f"The format '{wanted[:20]}' is not offered here; f=json is")


def _json(document: dict[str, Any], status: int = 200) -> Response:
    body = json.dumps(document, ensure_ascii=False)
    return Response(body, status, content_type="application/json")


def _reply(reply: Reply) -> Response:
    body: bytes | Iterator[bytes] = reply.body
    response = Response(body, reply.status)
    del response.headers["Content-Type"]
    for name, value in reply.headers:
        response.headers.add(name, value)
    return response

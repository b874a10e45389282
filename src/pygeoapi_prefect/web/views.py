"""The views of the Processes resources: request in, ``jobs`` called, reply out.

Each builds one JSON document (``documents``), which is then sent as it is or shown by ``pages``.
"""

import time
from functools import partial

from flask import Response, request

from pygeoapi_prefect.errors import InvalidJobParameterError, RequestTooLarge
from pygeoapi_prefect.execution.request import Received
from pygeoapi_prefect.jobs import filters
from pygeoapi_prefect.jobs.commands import Execution
from pygeoapi_prefect.manager import PrefectManager
from pygeoapi_prefect.models.link_header import link_header
from pygeoapi_prefect.results import links
from pygeoapi_prefect.web import audit, documents, paging, render, waiting
from pygeoapi_prefect.web.identity import principal
from pygeoapi_prefect.web.pages import Pages


class Views:
    """View functions over one set of jobs and processes."""

    def __init__(self, manager: PrefectManager, pages: Pages) -> None:
        self._settings = manager.settings
        self._root = manager.settings.public_url
        self._registry = manager.registry
        self._commands = manager.commands
        self._queries = manager.queries
        self._pages = pages

    def processes(self, process_id: str | None = None) -> Response:
        """``GET /processes`` and ``GET /processes/{processID}``."""
        shown = render.shown()
        if process_id is not None:
            process = self._registry.get(process_id, principal())
            document = documents.process_description(self._root, process, shown)
            return self._pages.process(document, shown)
        page = self._page()
        visible = self._registry.visible(principal())
        chosen = visible[page.offset : page.offset + page.limit]
        url, query = f"{self._root}/processes", request.args.to_dict(flat=False)
        has_more = page.offset + page.limit < len(visible)
        document = {
            "processes": [documents.process_summary(self._root, process) for process in chosen],
            "links": paging.page_links(url, query, page, has_more, shown),
        }
        return self._pages.respond(document, shown, "processes")

    def execute(self, process_id: str) -> Response:
        """``POST /processes/{processID}/execution``."""
        resumed = waiting.resumed_of(request.environ)
        if resumed is not None:
            return self._execution(self._commands.complete(resumed.pending))
        # First, so that an unknown process is reported before an invalid body.
        process = self._registry.get(process_id, principal())
        received = Received(
            self._body,
            request.content_type,
            request.headers.getlist("Prefer"),
            request.environ.get(waiting.ARRIVED, time.monotonic()),
            principal=principal(),
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        park = waiting.park_of(request.environ)
        if park is None:
            return self._execution(self._commands.execute(process, received))
        begun = self._commands.begin(process, received)
        if isinstance(begun, Execution):
            return self._execution(begun)
        audit.names_job(begun.submission.job_id)
        park(waiting.Parked(begun, partial(self._commands.abandon, begun)))
        return Response()  # nobody gets it

    def _execution(self, execution: Execution) -> Response:
        """Answer an execute request."""
        audit.names_job(execution.job_id)
        url = links.job_url(self._root, execution.job_id)
        if execution.job is not None:
            response = render.as_json(documents.job(self._root, execution.job), 201)
            response.headers["Location"] = url
        else:
            assert execution.reply is not None
            response = render.reply(execution.reply)
            if self._settings.manager.monitor_link:
                response.headers.add("Link", link_header(url, rel="monitor"))
        if execution.applied:
            response.headers["Preference-Applied"] = execution.applied
        return response

    def _body(self) -> bytes:
        """The request's body; one without a declared length is cut at the limit, not rejected."""
        try:
            content = request.get_data(cache=False)
        except OSError as error:  # the connection broke
            raise InvalidJobParameterError("The body could not be read completely") from error
        limit = self._settings.manager.max_body_bytes
        if request.content_length is None and len(content) >= limit:
            raise RequestTooLarge(f"The request body is larger than {limit} bytes")
        return content

    def jobs(self, job_id: str | None = None) -> Response:
        """``GET /jobs``, ``GET`` and ``DELETE /jobs/{jobID}``."""
        shown = render.shown()
        if job_id is None:
            return self._job_list()
        if request.method == "DELETE":
            info = self._commands.dismiss(job_id, principal())
            return render.as_json(documents.dismissed_job(self._root, info))
        if shown == "json":
            info = self._queries.get(job_id, principal())
            return render.as_json(documents.job(self._root, info, shown))
        details = self._queries.details(job_id, principal())
        return self._pages.job(details, documents.job(self._root, details.info, shown))

    def results(self, job_id: str) -> Response:
        """``GET /jobs/{jobID}/results``."""
        if render.shown() == "html":
            details = self._queries.details(job_id, principal())
            if details.info["status"] == "successful":
                url = links.job_url(self._root, job_id) + "/results"
                return self._pages.results(details, documents.this_document(url, "html"))
        response = render.reply(self._queries.results(job_id, principal()))
        response.vary.add("Accept")
        return response

    def output(self, job_id: str, output_id: str) -> Response:
        """``GET /jobs/{jobID}/results/{outputID}`` (draft of version 2), whole or a range."""
        # Outputs have no validator, so no If-Range can be true: then the whole is sent.
        is_whole = request.method != "GET" or "If-Range" in request.headers
        wanted = None if is_whole else request.headers.get("Range")
        return render.reply(self._queries.output(job_id, output_id, principal(), wanted))

    def _job_list(self) -> Response:
        query = request.args.to_dict(flat=False)
        paging.refuse_unknown(query, filters.PARAMETERS)
        shown, page = render.shown(), self._page()
        found = self._queries.page(page.limit, page.offset, principal(), filters.parse(query))
        url = f"{self._root}/jobs"
        document = {
            "jobs": [documents.job(self._root, info) for info in found.jobs],
            "links": paging.page_links(url, query, page, found.has_more, shown),
            "numberReturned": len(found.jobs),
        }
        ids = [process.id for process in self._registry.visible(principal())]
        return self._pages.respond(document, shown, "jobs", query=query, process_ids=ids)

    def _page(self) -> paging.Page:
        settings = self._settings
        return paging.page(request.args, settings.default_limit, settings.max_limit)

"""Requests that the audit log names: what changes something, and access that was refused."""

import re
from collections.abc import Mapping
from http import HTTPStatus

from flask import Flask, Response, g, request

from pygeoapi_prefect.access import audit
from pygeoapi_prefect.web import edge, identity, waiting

Actions = Mapping[tuple[str, str], str]
ACCESS = "access"
"""The action of a request that was refused before anything was done."""
REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")


def prepare(app: Flask, actions: Actions) -> None:
    """Write the log of an application.

    Args:
        app: The application.
        actions: Names of the actions that are written, by method and endpoint.
    """

    def write(response: Response) -> Response:
        action = actions.get((request.method, request.endpoint or ""))
        is_refused = response.status_code in REFUSED
        if waiting.resumed_of(request.environ) is not None and not is_refused:
            return response  # it was written when the job was accepted
        if action is not None or is_refused:
            _write(action or ACCESS, response.status_code)
        return response

    app.after_request(write)


def names_job(job_id: str) -> None:
    """Let the line for the current request name the job that it has made."""
    g.audited_job = job_id


def _write(action: str, status: int) -> None:
    principal, path = identity.principal(), request.view_args or {}
    audit.write(
        action,
        outcome_of(status),
        status=status,
        principal=principal.subject or None,
        name=principal.name or None,
        proof=principal.proof if principal.subject else None,
        process=path.get("process_id"),
        job=g.get("audited_job") or path.get("job_id"),
        method=request.method,
        path=request.path,
        address=edge.client(request.remote_addr),
        request=_request_id(),
    )


def outcome_of(status: int) -> str:
    """The outcome for a status of HTTP."""
    if status < HTTPStatus.BAD_REQUEST:
        return "ok"
    return "refused" if status in REFUSED else "failed"


def _request_id() -> str | None:
    """The header ``X-Request-ID`` that a proxy or a client has sent, if it has its usual form."""
    sent = request.headers.get("X-Request-ID", "")
    return sent if _REQUEST_ID.fullmatch(sent) else None

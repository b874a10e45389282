"""The WSGI application.

``gunicorn --config python:pygeoapi_prefect.web.serving 'pygeoapi_prefect.web.app:create_app()'``.

pygeoapi's own Flask application with the views of its Processes resources replaced. The environment
variable ``PYGEOAPI_CONFIG`` names the configuration. An import of this module starts nothing.
"""

import logging
import math
from functools import cache
from http import HTTPStatus
from typing import Any

from flask import Flask, request

from pygeoapi_prefect import logs
from pygeoapi_prefect.access import audit as audit_log
from pygeoapi_prefect.access import sessions
from pygeoapi_prefect.access.gate import Gate
from pygeoapi_prefect.engine import client
from pygeoapi_prefect.environment import WebSettings
from pygeoapi_prefect.errors import ConfigurationError, UnsupportedMediaType
from pygeoapi_prefect.jobs import expiry, owner
from pygeoapi_prefect.jobs.callbacks import Callbacks
from pygeoapi_prefect.jobs.retry_queue import in_background
from pygeoapi_prefect.manager import PrefectManager
from pygeoapi_prefect.models.message import listed
from pygeoapi_prefect.outgoing import configured
from pygeoapi_prefect.web import (
    answers,
    audit,
    conformance,
    core,
    edge,
    exposure,
    health,
    identity,
    landing,
    named,
    names,
    origins,
    problem,
    protocol,
    rates,
    render,
    sign_in,
)
from pygeoapi_prefect.web.browsers import SIGN_IN, SIGN_OUT, Browsers, Visitor
from pygeoapi_prefect.web.core import Core, Endpoint, View
from pygeoapi_prefect.web.openapi import view as openapi
from pygeoapi_prefect.web.pages import Pages, asset
from pygeoapi_prefect.web.views import Views

LOGGER = logging.getLogger(__name__)
LOGGERS = (None, "gunicorn.error", "gunicorn.access", "prefect")
"""Loggers with separate handlers; None is the root."""
BOOT_ERROR = 3  # tells gunicorn to stop instead of starting the worker again and again
ACTIONS: audit.Actions = {
    ("POST", Endpoint.EXECUTE): "execute",
    ("DELETE", Endpoint.JOBS): "dismiss",
    ("POST", SIGN_IN): "sign-in",
    ("POST", SIGN_OUT): "sign-out",
}
"""Requests that the audit log names, whatever their outcome."""

APP: Flask
"""The application under its former name; it is made when the name is first read."""


def create_app() -> Flask:
    """The application of pygeoapi with this library's views, for a WSGI server.

    pygeoapi makes one application in each process, so a later call returns the same one.

    Raises:
        SystemExit: The configuration is invalid; the log says why, in one line.
    """
    try:
        return _application()
    except ConfigurationError as error:
        LOGGER.critical("cannot start: %s", error)
        raise SystemExit(BOOT_ERROR) from None


def __getattr__(name: str) -> Flask:
    """Return the application for ``APP`` (PEP 562)."""
    if name == "APP":
        return create_app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _application() -> Flask:
    pygeoapi = core.load()
    logs.escape(map(logging.getLogger, LOGGERS))
    app, manager = pygeoapi.app, pygeoapi.manager
    app.config[render.PRETTY_PRINT] = manager.settings.pretty_print
    app.config["MAX_CONTENT_LENGTH"] = manager.settings.manager.max_body_bytes
    app.config["MAX_IN_PROCESS"] = manager.settings.manager.max_in_process
    app.config["IN_PROCESS"] = [one.id for one in manager.registry if one.deployment is None]
    exposure.check(manager.settings, WebSettings.from_env().bind)
    gate = _gate(manager)
    signed_in = _browsers(pygeoapi)
    pages = Pages(
        pygeoapi.config, manager.settings, Visitor if signed_in is None else signed_in.visitor
    )
    _replace_views(pygeoapi, pages)
    sign_in.add(pygeoapi, pages, signed_in)
    openapi.install(pygeoapi, pages)
    core.declare_conformance(conformance.CLASSES)
    blocks = sorted({p.result_storage for p in manager.registry if p.result_storage})
    _add_probes(app, manager, blocks)
    problem.register(app, pages.error)
    protocol.prepare(app)
    origins.prepare(app, manager.settings)  # before credentials that a browser sends by itself
    # Before all others that look at a request:
    identity.prepare(app, gate, pygeoapi.prefix, signed_in)
    answers.prepare(app, manager.settings, pages.has_any())
    if gate is not None:
        audit_log.to_stderr()
        audit.prepare(app, ACTIONS)
    edge.prepare(app, manager.settings.manager)
    access = manager.settings.manager.access
    if access is not None and access.proxy is not None:
        named.prepare(app, access.proxy)  # outside of what believes X-Forwarded-For
    rates.prepare(app, manager.settings.manager.rate_limits, identity.client)
    _start_services(manager, blocks)
    return app


def _gate(manager: PrefectManager) -> Gate | None:
    """The gate of the configuration; None if everybody may do everything.

    Raises:
        ConfigurationError: It names a process that is not configured, or the file of the keys
            cannot be read.
    """
    access = manager.settings.manager.access
    if access is None:
        return None
    known = {*manager.registry.ids(), *manager.registry.unavailable}
    if unknown := access.roles.unknown(known):
        raise ConfigurationError(
            f"server.manager.access.roles: there is no process {listed(unknown)}"
        )
    return Gate.of(access, configured.fetch)


def _browsers(pygeoapi: Core) -> Browsers | None:
    """The sessions of browsers; None if there are no keys, or no secret to sign sessions with."""
    settings = pygeoapi.manager.settings
    access = settings.manager.access
    if access is None or access.keys is None:
        return None
    try:
        secret = sessions.secret_of(access.keys.with_name(sessions.SECRET_FILE))
    except ConfigurationError as error:
        LOGGER.warning("browsers cannot sign in: %s", error)
        return None
    return Browsers(sessions.Sessions(secret), settings, pygeoapi.prefix)


def _replace_views(pygeoapi: Core, pages: Pages) -> None:
    """Put our views in the place of pygeoapi's, and add those that it does not have."""
    app, manager = pygeoapi.app, pygeoapi.manager
    views = Views(manager, pages)
    pygeoapi.replace(Endpoint.PROCESSES, views.processes)
    pygeoapi.replace(Endpoint.EXECUTE, views.execute)
    pygeoapi.replace(Endpoint.JOBS, views.jobs)
    pygeoapi.replace(Endpoint.RESULTS, views.results)
    pygeoapi.replace(Endpoint.ITEMS, _answering(pygeoapi.view(Endpoint.ITEMS)))
    root = manager.settings.public_url
    linked = conformance.linked(pygeoapi.view(Endpoint.LANDING_PAGE), root)
    shown = landing.shown_by(app, linked, pages, "landing", root + "/")
    pygeoapi.replace(Endpoint.LANDING_PAGE, shown)
    listed = pygeoapi.view(Endpoint.CONFORMANCE)
    shown = landing.shown_by(app, listed, pages, "conformance", root + "/conformance")
    pygeoapi.replace(Endpoint.CONFORMANCE, shown)
    app.url_map.converters[names.CONVERTER] = names.AnyName
    output = f"{pygeoapi.prefix}/jobs/<job_id>/results/<{names.CONVERTER}:output_id>"
    app.add_url_rule(output, "output", views.output, merge_slashes=False)
    app.add_url_rule(f"{pygeoapi.prefix}/assets/<path:name>", "assets", asset)


def _answering(view: View) -> View:
    """The view of items of pygeoapi, without two of its faults.

    It fails for a ``bbox`` of numbers that are not finite, and answers nothing to a body without a
    media type.
    """

    def answer(**path: Any) -> Any:
        if not all(map(_may_be_finite, request.args.get("bbox", "").split(","))):
            told = "The query parameter 'bbox' has a number that is not finite"
            return {"code": "InvalidParameterValue", "description": told}, HTTPStatus.BAD_REQUEST
        response = view(**path)
        if response is None:
            raise UnsupportedMediaType("The header Content-Type is missing")
        return response

    return answer


def _may_be_finite(text: str) -> bool:
    """Return true for a finite number, and for a text that is none: pygeoapi rejects that."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return True


def _add_probes(app: Flask, manager: PrefectManager, blocks: list[str]) -> None:
    app.add_url_rule("/healthz", "healthz", health.healthz)
    deployments = [process.deployment for process in manager.registry if process.deployment]
    queues = [(deployment.work_pool, deployment.queue) for deployment in deployments]
    readiness = health.readiness(blocks, queues, manager.registry.unavailable)
    app.add_url_rule("/readyz", "readyz", readiness)


def _start_services(manager: PrefectManager, blocks: list[str]) -> None:
    """Start the background threads of this process; they live as long as it."""
    settings = manager.settings
    in_background(owner.end_abandoned)
    if client.api_url() is not None:
        Callbacks(manager.queries, settings.public_url, settings.manager.max_callback_bytes).start()
        expiry.start(blocks, settings.manager.shared_result_days)

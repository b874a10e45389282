"""The WSGI application.

``gunicorn --config python:pygeoapi_prefect.web.serving pygeoapi_prefect.web.app:APP``.

pygeoapi's own Flask application with the views of its Processes resources replaced. The environment
variable ``PYGEOAPI_CONFIG`` names the configuration.
"""

import json
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from pygeoapi.config import get_config
from pygeoapi.util import get_api_rules

from pygeoapi_prefect import logs
from pygeoapi_prefect.engine import client
from pygeoapi_prefect.errors import ConfigurationError, UnsupportedMediaType
from pygeoapi_prefect.jobs import expiry, local
from pygeoapi_prefect.jobs.background import in_background
from pygeoapi_prefect.jobs.callbacks import Callbacks
from pygeoapi_prefect.manager import PrefectManager
from pygeoapi_prefect.web import (
    answers,
    conformance,
    edge,
    health,
    landing,
    names,
    problem,
    protocol,
    render,
)
from pygeoapi_prefect.web.openapi import view as openapi
from pygeoapi_prefect.web.pages import Pages, asset
from pygeoapi_prefect.web.views import Views

LOGGER = logging.getLogger(__name__)
LANDING_PAGE, CONFORMANCE = "pygeoapi.landing_page", "pygeoapi.conformance"
LOGGERS = (None, "gunicorn.error", "gunicorn.access", "prefect")
"""Loggers with handlers of their own; None is the root."""
BOOT_ERROR = 3  # tells gunicorn to stop instead of starting the worker again and again


def _import_pygeoapi() -> tuple[Flask, Any]:
    """Import pygeoapi's application, which reads an OpenAPI file while it is imported."""
    if os.environ.get("PYGEOAPI_OPENAPI"):
        from pygeoapi.flask_app import APP, api_
    else:
        from pygeoapi.openapi import get_oas

        with tempfile.TemporaryDirectory() as folder:
            document = Path(folder) / "openapi.json"
            text = json.dumps(get_oas(_without_processes(get_config())), default=str)
            document.write_text(text, encoding="utf-8")
            os.environ["PYGEOAPI_OPENAPI"] = str(document)
            try:
                from pygeoapi.flask_app import APP, api_
            finally:
                del os.environ["PYGEOAPI_OPENAPI"]
    if not isinstance(api_.manager, PrefectManager):
        raise ConfigurationError(
            "server.manager.name must be pygeoapi_prefect.manager.PrefectManager"
        )
    return APP, api_


def _without_processes(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration whose processes are not loaded: what pygeoapi says of them is replaced."""
    resources = config.get("resources") or {}
    kept = {
        key: resource
        for key, resource in resources.items()
        if not isinstance(resource, dict) or resource.get("type") != "process"
    }
    return {**config, "resources": kept}


def _replace_views(app: Flask, manager: PrefectManager, pages: Pages) -> str:
    """Put our views in the place of pygeoapi's; the path prefix of its routes."""
    views = Views(manager.settings, manager.registry, manager.jobs, pages)
    ours: dict[str, Any] = {
        "pygeoapi.get_processes": views.processes,
        "pygeoapi.execute_process_jobs": views.execute,
        "pygeoapi.get_jobs": views.jobs,
        "pygeoapi.get_job_result": views.results,
    }
    missing = {*ours, LANDING_PAGE, CONFORMANCE} - set(app.view_functions)
    if missing:
        raise ConfigurationError(f"this version of pygeoapi has no endpoint {sorted(missing)}")
    app.view_functions.update(ours)
    root = manager.settings.public_url
    shown = {
        LANDING_PAGE: (conformance.linked(app.view_functions[LANDING_PAGE], root), "landing", "/"),
        CONFORMANCE: (app.view_functions[CONFORMANCE], "conformance", "/conformance"),
    }
    for endpoint, (view, template, path) in shown.items():
        app.view_functions[endpoint] = landing.shown_by(app, view, pages, template, root + path)
    items = app.view_functions["pygeoapi.collection_items"]
    app.view_functions["pygeoapi.collection_items"] = _answering(items)
    prefix: str = get_api_rules(get_config()).get_url_prefix("flask")
    app.url_map.converters[names.CONVERTER] = names.AnyName
    output = f"{prefix}/jobs/<job_id>/results/<{names.CONVERTER}:output_id>"
    app.add_url_rule(output, "output", views.output, merge_slashes=False)
    app.add_url_rule(f"{prefix}/assets/<path:name>", "assets", asset)
    return prefix


def _answering(view: Callable[..., Any]) -> Callable[..., Any]:
    """The view of items of pygeoapi, which answers nothing to a body without a media type."""

    def answer(**path: Any) -> Any:
        response = view(**path)
        if response is None:
            raise UnsupportedMediaType("The header Content-Type is missing")
        return response

    return answer


def create_app() -> Flask:
    """The application of pygeoapi with this library's views.

    Raises:
        ConfigurationError: The configuration cannot be used; says what is wrong.
    """
    app, api = _import_pygeoapi()
    logs.escape(map(logging.getLogger, LOGGERS))
    # It warns of every key of the configuration, "name" or "queue", that is no language.
    logging.getLogger("pygeoapi.l10n").setLevel(logging.ERROR)
    manager: PrefectManager = api.manager
    pages = Pages(get_config(), manager.settings)
    app.config[render.PRETTY_PRINT] = manager.settings.pretty_print
    prefix = _replace_views(app, manager, pages)
    openapi.install(app, api, manager.settings, manager.registry, prefix, pages)
    conformance.declare()
    app.config["MAX_CONTENT_LENGTH"] = manager.settings.manager.max_body_bytes
    blocks = sorted({p.result_storage for p in manager.registry if p.result_storage})
    app.add_url_rule("/healthz", "healthz", health.healthz)
    deployments = [process.deployment for process in manager.registry if process.deployment]
    queues = [(deployment.work_pool, deployment.queue) for deployment in deployments]
    app.add_url_rule(
        "/readyz", "readyz", health.readiness(blocks, queues, manager.registry.unavailable)
    )
    problem.register(app, pages.error)
    answers.prepare(app)
    protocol.prepare(app)
    edge.prepare(app, manager.settings.manager)
    in_background(local.end_abandoned)
    if client.api_url() is not None:
        settings = manager.settings
        Callbacks(manager.jobs, settings.public_url, settings.manager.max_callback_bytes).start()
        expiry.start(blocks, settings.manager.shared_result_days)
    return app


def _start() -> Flask:
    try:
        return create_app()
    except ConfigurationError as error:
        LOGGER.critical("cannot start: %s", error)
        raise SystemExit(BOOT_ERROR) from None


APP = _start()

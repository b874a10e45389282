"""pygeoapi's web application: every name of it that is not part of its plugin interface.

No other module of ``web`` imports pygeoapi. ``tests/contracts/test_pygeoapi.py`` holds each name
here against the installed version, and ``load`` checks the endpoints again when a server starts.
"""

import copy
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any

from flask import Flask
from pygeoapi import __version__, l10n, util

from pygeoapi_prefect import pygeoapi_helpers
from pygeoapi_prefect.errors import ConfigurationError
from pygeoapi_prefect.manager import PrefectManager
from pygeoapi_prefect.models.message import counted

View = Callable[..., Any]
VERSION: str = __version__
"""Version of pygeoapi, as its pages show it."""
TEMPLATES = Path(util.TEMPLATESDIR)
"""Folder of pygeoapi's own templates."""
OPENAPI_VARIABLE = "PYGEOAPI_OPENAPI"


class Endpoint(StrEnum):
    """Flask's names of the views of pygeoapi that are replaced or wrapped."""

    LANDING_PAGE = "pygeoapi.landing_page"
    CONFORMANCE = "pygeoapi.conformance"
    OPENAPI = "pygeoapi.openapi"
    ITEMS = "pygeoapi.collection_items"
    PROCESSES = "pygeoapi.get_processes"
    EXECUTE = "pygeoapi.execute_process_jobs"
    JOBS = "pygeoapi.get_jobs"
    RESULTS = "pygeoapi.get_job_result"


@dataclass(frozen=True)
class Core:
    """pygeoapi's application and its parts.

    Attributes:
        app: The Flask application.
        api: pygeoapi's ``API`` object behind the views.
        manager: The process manager, ours.
        config: pygeoapi's whole configuration.
        prefix: Path prefix of its routes, without a trailing slash; empty if there is none.
    """

    app: Flask
    api: Any
    manager: PrefectManager
    config: dict[str, Any]
    prefix: str

    def view(self, endpoint: Endpoint) -> View:
        """The view function of an endpoint."""
        return self.app.view_functions[endpoint]

    def replace(self, endpoint: Endpoint, view: View) -> None:
        """Put a view function in the place of that of an endpoint."""
        self.app.view_functions[endpoint] = view

    @property
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document that pygeoapi's pages show."""
        document = self.api.openapi
        loaded: dict[str, Any] = json.loads(document) if isinstance(document, str) else document
        return loaded

    def replace_openapi(self, document: dict[str, Any]) -> None:
        """Let pygeoapi show another OpenAPI document."""
        self.api.openapi = document


def load() -> Core:
    """Import pygeoapi's application, which it makes from the configuration while it is imported.

    Raises:
        ConfigurationError: Another process manager is configured, or this version of pygeoapi lacks
            an endpoint.
    """
    config = pygeoapi_helpers.configuration()
    with _openapi_file(config):
        module = import_module("pygeoapi.flask_app")
    app, api = module.APP, module.api_
    if not isinstance(api.manager, PrefectManager):
        raise ConfigurationError(
            "server.manager.name must be pygeoapi_prefect.manager.PrefectManager"
        )
    if missing := set(Endpoint) - set(app.view_functions):
        raise ConfigurationError(
            f"pygeoapi {VERSION} lacks the {counted('endpoint', sorted(missing))}; "
            "see pyproject.toml for the versions that this library works with"
        )
    # It warns of every key of the configuration, "name" or "queue", that is not a language.
    logging.getLogger(l10n.__name__).setLevel(logging.ERROR)
    prefix = util.get_api_rules(config).get_url_prefix("flask")
    return Core(app, api, api.manager, config, prefix)


@contextmanager
def _openapi_file(config: dict[str, Any]) -> Iterator[None]:
    """Provide the OpenAPI file that pygeoapi's application reads, unless the operator has one."""
    if os.environ.get(OPENAPI_VARIABLE):
        yield
        return
    from pygeoapi.openapi import get_oas

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "openapi.json"
        text = json.dumps(get_oas(_without_processes(copy.deepcopy(config))), default=str)
        file.write_text(text, encoding="utf-8")
        os.environ[OPENAPI_VARIABLE] = str(file)
        try:
            yield
        finally:
            del os.environ[OPENAPI_VARIABLE]


def _without_processes(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration without processes, because pygeoapi's views of them are replaced."""
    resources = config.get("resources") or {}
    kept = {
        key: resource
        for key, resource in resources.items()
        if not isinstance(resource, dict) or resource.get("type") != "process"
    }
    return {**config, "resources": kept}


def declare_conformance(classes: Iterable[str]) -> None:
    """Put conformance classes in the place of those that pygeoapi claims for its own views."""
    from pygeoapi.api import processes

    processes.CONFORMANCE_CLASSES[:] = classes


def translated(config: dict[str, Any], language: str) -> dict[str, Any]:
    """A configuration with all its texts in one language.

    Args:
        config: pygeoapi's configuration.
        language: Language tag, such as ``en-US``.
    """
    found: dict[str, Any] = l10n.translate_struct(config, l10n.str2locale(language), True)
    return found

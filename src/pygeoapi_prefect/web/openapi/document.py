"""The whole document: pygeoapi's paths without its Processes ones, and ours."""

import copy
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import yaml

from pygeoapi_prefect.access.principal import SYSTEM, Principal
from pygeoapi_prefect.config import MAX_LIMIT, Settings
from pygeoapi_prefect.models import bbox
from pygeoapi_prefect.process.registry import Registry
from pygeoapi_prefect.web.openapi import execution, security
from pygeoapi_prefect.web.openapi.security import METHODS

PROBES = ("/healthz", "/readyz")
_BEFORE = {
    "414": {"$ref": "#/components/responses/UriTooLong"},
    "431": {"$ref": "#/components/responses/HeadersTooLarge"},
}
"""Responses of the HTTP server itself, before any resource."""
_REPLACED = ("/processes", "/jobs")


def document(
    base: Mapping[str, Any],
    settings: Settings,
    registry: Registry,
    prefix: str = "",
    principal: Principal = SYSTEM,
) -> dict[str, Any]:
    """The OpenAPI 3.0 document of the server (conformance class oas30).

    Args:
        base: pygeoapi's own document, as ``pygeoapi.openapi.get_oas`` makes it.
        settings: Public URL, limits and security schemes.
        registry: The processes, each of which gets an execute operation.
        prefix: Path prefix of all routes but the probes, which ends the public URL.
        principal: Who reads it; it names only the processes that they may use.
    """
    processes = registry.visible(principal)
    ours, theirs = copy.deepcopy(_processes()), _local(_pygeoapis(base))
    paths = {**theirs["paths"], **ours["paths"]}
    paths |= {execution.path(p.id): execution.path_item(p.description) for p in processes}
    if prefix:
        root = settings.public_url.removesuffix(prefix)
        paths |= {path: {**paths[path], "servers": [{"url": root}]} for path in PROBES}
    for item in paths.values():
        for method in METHODS & set(item):
            item[method]["responses"] |= copy.deepcopy(_BEFORE)
    components = {
        kind: {**theirs["components"].get(kind, {}), **ours["components"].get(kind, {})}
        for kind in {*theirs["components"], *ours["components"]}
    }
    components["parameters"]["limit"] = _limit(settings)
    components["schemas"]["bbox"] = bbox.SCHEMA
    if processes:  # or the list would be invalid
        components["parameters"]["processIDPath"]["schema"]["enum"] = [p.id for p in processes]
    whole = {
        "openapi": "3.0.3",
        "info": theirs["info"],
        "servers": [{"url": settings.public_url}],
        "tags": [*ours["tags"], *theirs["tags"]],
        "paths": paths,
        "components": components,
    }
    if settings.manager.access is not None:
        schemes = settings.manager.security_schemes
        security.declare(whole, settings.manager.access, schemes)
    elif schemes := settings.manager.security_schemes:
        components["securitySchemes"] = schemes
        whole["security"] = [{name: []} for name in schemes]
    return whole


@cache
def _processes() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("processes.yml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def _limit(settings: Settings) -> dict[str, Any]:
    schema = {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_LIMIT,
        "default": settings.default_limit,
    }
    return {
        "name": "limit",
        "in": "query",
        "description": f"Maximum number of items, at most {settings.max_limit}",
        "schema": schema,
    }


def _pygeoapis(base: Mapping[str, Any]) -> dict[str, Any]:
    """Parts of pygeoapi's document that stay: all but Processes paths and unused tags."""
    kept = copy.deepcopy(dict(base))
    kept["paths"] = {p: item for p, item in base["paths"].items() if not p.startswith(_REPLACED)}
    used = {
        tag
        for item in kept["paths"].values()
        for method, operation in item.items()
        if method in METHODS
        for tag in operation.get("tags", ())
    }
    kept["tags"] = [tag for tag in base.get("tags", ()) if tag["name"] in used - {"server"}]
    kept.setdefault("components", {})
    return kept


def _local(base: dict[str, Any]) -> dict[str, Any]:
    """The same without remote references; their content is not described.

    pygeoapi answers in more media types than its document says, HTML and JSON-LD for example.
    """
    localised: dict[str, Any] = _without_remote(base, None)
    for item in localised["paths"].values():
        for method in METHODS & set(item):
            for response in item[method]["responses"].values():
                if "$ref" not in response:
                    response.setdefault("content", {}).setdefault("*/*", {"schema": {}})
    for response in localised["components"].get("responses", {}).values():
        response.setdefault("content", {}).setdefault("*/*", {"schema": {}})
    return localised


def _without_remote(node: Any, within: str | None) -> Any:
    if isinstance(node, list):
        parts = [_without_remote(part, within) for part in node]
        return [part for part in parts if part is not None]
    if not isinstance(node, dict):
        return node
    target = node.get("$ref")
    if isinstance(target, str) and not target.startswith("#"):
        return _stand_in(target, within)
    made = {name: _without_remote(value, _context(name, within)) for name, value in node.items()}
    return {name: value for name, value in made.items() if value is not None}


def _context(name: str, within: str | None) -> str | None:
    """Kind of object that the members of ``name`` are."""
    return name if name in ("responses", "parameters", "schema", "schemas") else within


def _stand_in(target: str, within: str | None) -> dict[str, Any] | None:
    """Replacement of a remote reference; None removes it.

    The names are those that pygeoapi 0.24 refers to (OGC API - Features, CQL2, sortby).
    """
    name = (urlsplit(target).fragment or target).rsplit("/", 1)[-1].removesuffix(".yaml")
    if within == "parameters":
        return copy.deepcopy(_PARAMETERS.get(name))
    if within == "responses":
        content: dict[str, Any] = {"*/*": {"schema": {}}}
        return {"description": _RESPONSES.get(name, name), "content": content}
    return {}


_PARAMETERS: dict[str, dict[str, Any]] = {
    "featureId": {
        "name": "featureId",
        "in": "path",
        "required": True,
        "description": "Identifier of a feature",
        "schema": {"type": "string"},
    },
    "sortby": {
        "name": "sortby",
        "in": "query",
        "description": "Properties to sort by, each with the prefix + or -",
        "schema": {"type": "array", "items": {"type": "string"}},
        "style": "form",
        "explode": False,
    },
}
_RESPONSES = {
    "InvalidParameter": "Invalid parameter",
    "NotFound": "The resource does not exist",
    "ServerError": "Unexpected error; report the time of the request to the operator",
    "Collection": "A collection",
    "Features": "Features, as GeoJSON",
    "Feature": "A feature, as GeoJSON",
    "LandingPage": "Links to all resources",
}

"""Deployments in Prefect: find, create, change, list. Replies are plain JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from prefect.exceptions import ObjectNotFound

from pygeoapi_prefect.engine import routes
from pygeoapi_prefect.engine.client import check, send
from pygeoapi_prefect.engine.routes import PAGE, Json
from pygeoapi_prefect.errors import ConfigurationError


def find(flow: str, name: str) -> Json | None:
    """Read the deployment ``<flow>/<name>``; None if there is none.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    try:
        found: Json = send(routes.find_deployment(flow, name))
    except ObjectNotFound:
        check()  # the 404 may not be Prefect's
        return None
    return found


def find_id(flow: str, name: str) -> str | None:
    """Read the identifier of the deployment ``<flow>/<name>``; otherwise like ``find``."""
    found = find(flow, name)
    return None if found is None else str(found["id"])


def apply(flow: str, name: str, wanted: Mapping[str, Any]) -> bool:
    """Create or update the deployment ``<flow>/<name>``; an update keeps its schedules.

    Args:
        flow: Name of the flow, which is created if it does not exist.
        name: Name of the deployment.
        wanted: Members of Prefect's ``DeploymentCreate``, as JSON.

    Returns:
        False if the deployment has all these members already.

    Raises:
        ConfigurationError: Prefect rejects the deployment.
        EngineUnavailable: Prefect cannot be reached.
    """
    existing = find(flow, name)
    if existing is not None and all(_member(existing, key) == wanted[key] for key in wanted):
        return False
    try:
        if existing is None:
            flow_id = send(routes.create_flow(flow))["id"]
            send(routes.create_deployment({"name": name, "flow_id": flow_id, **wanted}))
        else:
            send(routes.update_deployment(existing["id"], dict(wanted)))
    except httpx.HTTPStatusError as error:
        raise ConfigurationError(
            f"Prefect rejects the deployment '{flow}/{name}': {error.response.text}"
        ) from error
    return True


def iterate() -> Iterator[Json]:
    """Read all deployments, page by page.

    Raises:
        EngineUnavailable: Prefect cannot be reached.
    """
    offset = 0
    while True:
        page = send(routes.filter_deployments(offset=offset))
        yield from page
        if len(page) < PAGE:
            return
        offset += PAGE


def _member(existing: Json, key: str) -> Any:
    """A member as it was sent; Prefect returns a concurrency limit as a separate object."""
    if key == "concurrency_limit":
        return (existing.get("global_concurrency_limit") or {}).get("limit")
    return existing.get(key)

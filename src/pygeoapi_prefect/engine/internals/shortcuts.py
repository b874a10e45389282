"""Skips per-run work of Prefect that jobs do not need: half of a short job's cost.

Everything here affects only a forked child, which ends with its run.
"""

import functools
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from types import ModuleType
from typing import Any
from uuid import UUID

import certifi
import httpx
import prefect.blocks.core
import prefect.client.orchestration
import prefect.flows
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import BlockDocument, FlowRun
from prefect.plugins import load_prefect_collections
from prefect.settings import PREFECT_API_SSL_CERT_FILE
from prefect.utilities.callables import ParameterSchema
from pydantic import BaseModel


class Tls:
    """Replaces the module ``ssl`` in the module that makes Prefect's clients.

    Each client would load all certificates, which takes 30 ms; the clients of a run can share them.
    """

    SSLContext = ssl.SSLContext
    CERT_NONE = ssl.CERT_NONE
    create_default_context = staticmethod(functools.cache(ssl.create_default_context))


def trim() -> None:
    """Skip the schema of a flow's parameters, and the events that report that a block was read.

    The schema is used only for making deployments, and takes 60 ms for our models. Such an event
    takes a thread, a websocket, and requests for all related objects.
    """
    for module, name, replacement in REPLACED:
        setattr(module, name, replacement)


def warm() -> None:
    """Do in the fork server, once, what every child would otherwise do."""
    load_prefect_collections()
    Tls.create_default_context(cafile=PREFECT_API_SSL_CERT_FILE.value() or certifi.where())
    for model in _subclasses(BaseModel):
        if not model.__pydantic_complete__:
            with suppress(Exception):
                model.model_rebuild()


def _subclasses(cls: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for child in cls.__subclasses__():
        yield child
        yield from _subclasses(child)


def _no_schema(_function: Callable[..., Any]) -> ParameterSchema:
    return ParameterSchema()


def _no_event(*_args: Any, **_kwargs: Any) -> None:
    return None


REPLACED: tuple[tuple[ModuleType, str, object], ...] = (
    (prefect.flows, "parameter_schema", _no_schema),
    (prefect.blocks.core, "emit_event", _no_event),
    (prefect.client.orchestration, "ssl", Tls),
)
"""Module, name in it, replacement; a test makes sure that Prefect still has them all."""


def spare(
    client: SyncPrefectClient,
    flow_run: FlowRun,
    deployment_id: UUID | None,
    *,
    has_retries: bool,
    result_block: BlockDocument | None,
) -> None:
    """Let a client answer three of the eight requests of a short job itself: the answers are known.

    Args:
        client: The client of the run.
        flow_run: The run as the engine has it, which keeps its state up to date.
        deployment_id: The run's deployment, which ``flow_run`` lacks (see ``running.detached``).
        has_retries: True if Prefect's server must know the flow's retries.
        result_block: The block that the flow is likely to load.
    """
    read_run, update_run = client.read_flow_run, client.update_flow_run
    read_block = client.read_block_document_by_name
    asked = {"read": flow_run.run_count > 0, "update": has_retries}

    def read_flow_run(flow_run_id: UUID) -> FlowRun:
        if asked["read"] or flow_run_id != flow_run.id:
            return read_run(flow_run_id)
        asked["read"] = True  # by the engine, which has just set the run to Running
        known = {"deployment_id": deployment_id, "run_count": 1, "start_time": datetime.now(UTC)}
        return flow_run.model_copy(update=known)

    def update_flow_run(flow_run_id: UUID, **changes: Any) -> httpx.Response:
        if asked["update"] or flow_run_id != flow_run.id:
            return update_run(flow_run_id, **changes)
        asked["update"] = True  # by the engine, with the flow's retries and its file's hash
        return httpx.Response(httpx.codes.NO_CONTENT)

    def read_block_document_by_name(name: str, block_type_slug: str, **how: Any) -> BlockDocument:
        if result_block is not None and result_block.block_type is not None:
            known = result_block.block_type.slug, result_block.name
            if known == (block_type_slug, name):
                return result_block.model_copy(deep=True)
        return read_block(name, block_type_slug, **how)

    for method in (read_flow_run, update_flow_run, read_block_document_by_name):
        setattr(client, method.__name__, method)

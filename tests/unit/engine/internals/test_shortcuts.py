"""What a run does without."""

from typing import Any, cast
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun

from pygeoapi_prefect.engine.internals import shortcuts

RUN = UUID("0195a1c4-0000-7000-8000-000000000001")
OTHER = UUID("0195a1c4-0000-7000-8000-000000000002")
DEPLOYMENT = UUID("0195a1c4-0000-7000-8000-0000000000d1")


class Client:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        self.calls.append(("read", flow_run_id))
        return run(flow_run_id)

    def update_flow_run(self, flow_run_id: UUID, **changes: Any) -> None:
        self.calls.append(("update", flow_run_id))

    def read_block_document_by_name(self, name: str, block_type_slug: str, **how: Any) -> None:
        self.calls.append(("block", name))


def run(run_id: UUID = RUN, **fields: Any) -> FlowRun:
    return FlowRun(id=run_id, flow_id=OTHER, name="r", **fields)


def spared(flow_run: FlowRun, has_retries: bool = False) -> tuple[SyncPrefectClient, Client]:
    client = Client()
    shared = cast(SyncPrefectClient, client)
    shortcuts.spare(shared, flow_run, DEPLOYMENT, has_retries=has_retries, result_block=None)
    return shared, client


def test_prefect_still_has_what_is_replaced() -> None:
    for module, name, _ in shortcuts.REPLACED:
        assert hasattr(module, name), f"{module.__name__}.{name}"


def test_the_engine_is_told_what_is_known_already() -> None:
    client, asked = spared(run())
    first = client.read_flow_run(RUN)
    assert (first.deployment_id, first.run_count) == (DEPLOYMENT, 1)
    client.update_flow_run(RUN, flow_version="x")
    assert asked.calls == []


def test_the_second_question_goes_to_prefect() -> None:
    client, asked = spared(run())
    for _ in range(2):
        client.read_flow_run(RUN)
        client.update_flow_run(RUN, flow_version="x")
    assert asked.calls == [("read", RUN), ("update", RUN)]


def test_a_repeated_run_is_read() -> None:
    client, asked = spared(run(run_count=1))
    client.read_flow_run(RUN)
    assert asked.calls == [("read", RUN)]


def test_prefect_hears_of_a_flows_retries() -> None:
    client, asked = spared(run(), has_retries=True)
    client.update_flow_run(RUN, flow_version="x")
    assert asked.calls == [("update", RUN)]


def test_other_runs_and_blocks_are_prefects_business() -> None:
    client, asked = spared(run())
    client.read_flow_run(OTHER)
    client.update_flow_run(OTHER)
    client.read_block_document_by_name("b", "local-file-system")
    assert asked.calls == [("read", OTHER), ("update", OTHER), ("block", "b")]


def test_certificates_are_loaded_once() -> None:
    assert shortcuts.Tls.create_default_context() is shortcuts.Tls.create_default_context()

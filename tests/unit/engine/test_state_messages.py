"""States that Prefect's engine sends: their messages, and what their data says of an exception."""

import asyncio
import inspect
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import prefect.states
import pytest
from prefect._internal.result_records import ResultRecord, ResultRecordMetadata
from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.exceptions import Abort
from prefect.filesystems import LocalFileSystem
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer
from prefect.states import Failed, Running

from pygeoapi_prefect.engine import routes
from pygeoapi_prefect.engine.state_messages import prepare_states

REPLY = {"status": "ACCEPT", "details": {"type": "accept_details"}, "state": None}


def described(error: BaseException) -> dict[str, Any]:
    return {"told": str(error)} if isinstance(error, ValueError) else {}


@pytest.fixture(autouse=True)
def as_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect's own function, also if another test has prepared this process."""
    own = inspect.unwrap(prefect.states.to_state_create)
    monkeypatch.setattr(prefect.states, "to_state_create", own)


@pytest.mark.parametrize("cls", [SyncPrefectClient, PrefectClient])
def test_both_clients_clean_and_cut_messages(
    cls: type[SyncPrefectClient | PrefectClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 32 and fault 26, where states are made."""
    prepare_states(described)
    prepare_states(described)  # once is enough
    sent: list[dict[str, Any]] = []

    def answer(*_: Any, json: dict[str, Any], **__: Any) -> httpx.Response:
        sent.append(json["state"])
        return httpx.Response(200, json=REPLY)

    async def answer_later(*_: Any, **how: Any) -> httpx.Response:
        return answer(**how)

    is_async = cls is PrefectClient
    monkeypatch.setattr(cls, "request", answer_later if is_async else answer)
    client: Any = cls("http://prefect/api")
    state: Any = Failed(message="a\x00" + "x" * 5000)
    done = client.set_flow_run_state(uuid4(), state)
    if is_async:
        asyncio.run(done)
    assert sent[0]["message"].startswith("a\\x00xxx")
    assert len(sent[0]["message"]) == 1000


def test_our_own_states_are_cleaned() -> None:
    """Fault 32: every state that web process and worker propose themselves is made here."""
    state = routes.state("FAILED", "\x00" + "x" * 5000, data={"a": 1})
    assert state["message"].startswith("\\x00x")
    assert len(state["message"]) == 1000
    assert state["data"] == {"a": 1}


def test_an_exception_is_described_in_the_data() -> None:
    prepare_states(described)
    state: Any = Failed(message="x", data=ValueError("why"))
    assert prefect.states.to_state_create(state).data == {"told": "why"}


def test_the_place_of_a_stored_result_stays_beside_it(tmp_path: Path) -> None:
    prepare_states(described)
    store = ResultStore(
        result_storage=LocalFileSystem(basepath=str(tmp_path)), serializer=JSONSerializer()
    )
    record: ResultRecord[Any] = store.create_result_record(ValueError("why"), key="k")
    record.mark_persisted()
    state: Any = Failed(message="x", data=record)
    data = json.loads(prefect.states.to_state_create(state).model_dump_json())["data"]
    assert (data["storage_key"], data["serializer"]["type"], data["told"]) == (
        record.metadata.storage_key,
        "json",
        "why",
    )
    # Prefect itself still finds its result.
    assert ResultRecordMetadata.model_validate(data) == record.metadata


@pytest.mark.parametrize("data", [KeyError("secret"), 5, None])
def test_data_that_says_nothing_stays_as_prefect_makes_it(data: Any) -> None:
    prepare_states(described)
    state: Any = Failed(message="x", data=data)
    assert prefect.states.to_state_create(state).data is None


def test_only_a_final_state_can_be_stopped() -> None:
    def stop() -> None:
        raise Abort("the run is lost")

    prepare_states(described, stop)
    assert prefect.states.to_state_create(Running()).type == "RUNNING"
    with pytest.raises(Abort, match="the run is lost"):
        prefect.states.to_state_create(Failed())

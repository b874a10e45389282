"""Messages of the states that Prefect's engine sends."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import prefect.states
import pytest
from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.states import Failed

from pygeoapi_prefect.engine import routes
from pygeoapi_prefect.engine.state_messages import clean_messages

REPLY = {"status": "ACCEPT", "details": {"type": "accept_details"}, "state": None}


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect.states, "to_state_create", prefect.states.to_state_create)


@pytest.mark.parametrize("cls", [SyncPrefectClient, PrefectClient])
def test_both_clients_clean_and_cut_messages(
    cls: type[SyncPrefectClient | PrefectClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 32 and fault 26, where states are made."""
    clean_messages()
    clean_messages()  # once is enough
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

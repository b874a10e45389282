"""Messages between the worker and its fork server."""

import json
from typing import Any

import pytest

from pygeoapi_prefect.worker.forkserver import protocol


def job(**changes: Any) -> protocol.Job:
    fields: dict[str, Any] = {
        "run": {"id": "r1", "name": "pygeoapi_job_1", "parameters": {"text": "ä\n\0"}},
        "state_id": "s1",
        "claimed": 12.5,
        "deployment": {"id": "d1", "entrypoint": "a/b.py:flow"},
        "cache": "/cache",
        "scratch": "/scratch",
    }
    return protocol.Job(**{**fields, **changes})


def unpacked(*chunks: bytes) -> list[dict[str, Any]]:
    unpacker = protocol.Unpacker()
    return [message for chunk in chunks for message in unpacker.feed(chunk)]


def test_a_job_arrives_as_it_was_sent() -> None:
    sent = job(env={"A": "1", "B": None}, memory_limit_mb=5, timeout_seconds=0.5)
    (message,) = unpacked(protocol.run_request(sent))
    received = protocol.Job.from_json(message["run"])
    assert received == sent
    assert received.id == "r1"


def test_what_a_job_may_lack() -> None:
    plain = job()
    assert plain.env == {}
    assert plain.code_block is None
    assert plain.result_block is None
    assert plain.memory_limit_mb is None
    assert plain.timeout_seconds is None
    assert plain.working_dir is None


def test_other_requests() -> None:
    assert unpacked(protocol.preload_request(["a", "b.c"])) == [{"preload": ["a", "b.c"]}]
    assert unpacked(protocol.signal_request("r1", "kill")) == [{"signal": "kill", "id": "r1"}]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
def test_messages_in_pieces_of_any_size(size: int) -> None:
    messages = [{"number": number, "text": "x" * number} for number in range(20)]
    stream = b"".join(map(protocol.pack, messages))
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert unpacked(*pieces) == messages


def test_an_incomplete_message_is_kept_for_later() -> None:
    unpacker = protocol.Unpacker()
    stream = protocol.pack({"a": 1})
    assert list(unpacker.feed(stream[:-1])) == []
    assert list(unpacker.feed(b"")) == []
    assert list(unpacker.feed(stream[-1:] + protocol.pack({"b": 2}))) == [{"a": 1}, {"b": 2}]


def test_a_large_message() -> None:
    (message,) = unpacked(protocol.pack({"text": "x" * 1_000_000}))
    assert len(message["text"]) == 1_000_000


def test_the_length_comes_first() -> None:
    packed = protocol.pack({"a": "é"})
    assert int.from_bytes(packed[:4], "big") == len(packed) - 4
    assert json.loads(packed[4:]) == {"a": "é"}

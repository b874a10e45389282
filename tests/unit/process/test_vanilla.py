"""Unmodified pygeoapi processors: called as core calls them; what they return becomes outputs."""

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, override

import pytest
from pygeoapi.process.base import BaseProcessor, ProcessorExecuteError

from pygeoapi_prefect import storage
from pygeoapi_prefect.errors import ConfigurationError, JobFailedError
from pygeoapi_prefect.process import vanilla
from pygeoapi_prefect.process.loading import load_processor

METADATA: dict[str, Any] = {"title": "t", "inputs": {}, "outputs": {"a": {}}}


class Plain(BaseProcessor):  # type: ignore[misc]
    """Takes data only, as most do."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, METADATA)
        self.job_id = ""

    def set_job_id(self, job_id: str) -> None:
        self.job_id = job_id

    def execute(self, data: dict[str, Any]) -> tuple[str, Any]:
        return "application/json", {"data": data, "job": self.job_id}


class WithOutputs(Plain):
    """Is told which outputs are wanted."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def)
        self.supports_outputs = True

    @override
    def execute(self, data: dict[str, Any], outputs: Any = None) -> tuple[str, Any]:
        return "application/json", {"data": data, "outputs": outputs}


class Failing(Plain):
    """Has a message for the log and one for the client."""

    @override
    def execute(self, data: dict[str, Any]) -> tuple[str, Any]:
        raise ProcessorExecuteError("secret path", user_msg="the input is not usable")


def run(cls: type[Plain], request: dict[str, Any]) -> Any:
    generated = vanilla.run(cls({"name": "x"}), "job-1", request, ["a"])
    assert [output.id for output in generated] == ["a"]
    return json.loads(generated[0].content)


def test_a_processor_gets_its_inputs_and_job_id() -> None:
    assert run(Plain, {"inputs": {"x": 1}}) == {"data": {"x": 1}, "job": "job-1"}
    assert run(Plain, {}) == {"data": {}, "job": "job-1"}


def test_outputs_are_passed_only_to_those_that_want_them() -> None:
    wanted = {"a": {"transmissionMode": "value"}}
    assert run(WithOutputs, {"outputs": wanted}) == {"data": {}, "outputs": wanted}
    assert run(WithOutputs, {}) == {"data": {}, "outputs": None}


def test_clients_learn_the_user_message_only() -> None:
    with pytest.raises(ProcessorExecuteError) as caught:
        vanilla.run(Failing({"name": "x"}), "job-1", {}, ["a"])
    assert str(caught.value) == "the input is not usable"


@pytest.mark.parametrize(
    ("media_type", "value", "expected"),
    [
        ("text/plain", "text", ("text/plain", b"text")),
        ("image/png", b"\x89PNG", ("image/png", b"\x89PNG")),
        ("application/octet-stream", bytearray(b"x"), ("application/octet-stream", b"x")),
        ("application/json", {"b": 1}, ("application/json", b'{"b": 1}')),
        ("application/geo+json", {"b": 1}, ("application/geo+json", b'{"b": 1}')),
        ("application/json", [1, 2], ("application/json", b"[1, 2]")),
        ("application/json", "text", ("application/json", b'"text"')),
        ("application/json", '{"b": 1}', ("application/json", b'{"b": 1}')),
        ("application/json", 3.5, ("application/json", b"3.5")),
        (None, "text", ("text/plain", b"text")),
        (None, b"x", ("application/octet-stream", b"x")),
        (None, {"b": 1}, ("application/json", b'{"b": 1}')),
    ],
)
def test_every_kind_of_value_becomes_bytes(
    media_type: str | None, value: object, expected: tuple[str, bytes]
) -> None:
    (output,) = vanilla.outputs(media_type, value, ["a"])
    assert (output.media_type, output.content) == expected


def test_none_is_no_output() -> None:
    assert vanilla.outputs("application/json", None, ["a"]) == []


def test_a_process_with_several_outputs_returns_an_object_of_them() -> None:
    found = vanilla.outputs(
        "application/json", {"a": "x", "b": {"c": 1}, "d": None}, ["a", "b", "d"]
    )
    assert [(o.id, o.media_type, o.content) for o in found] == [
        ("a", "text/plain", b"x"),
        ("b", "application/json", b'{"c": 1}'),
    ]


def test_an_object_with_other_keys_is_one_output() -> None:
    (output,) = vanilla.outputs("application/json", {"a": 1, "other": 2}, ["a", "b"])
    assert output.id == "a"
    (output,) = vanilla.outputs("text/plain", "x", [])
    assert output.id == "result"


def test_outputs_are_stored_in_the_jobs_folder(tmp_path: Path) -> None:
    store = storage.open_folder(tmp_path)
    generated = [
        vanilla.Generated("a", "text/plain", b"x"),
        vanilla.Generated("b", "image/png", b"\x89"),
        vanilla.Generated("c", "application/geo+json", b"{}"),
    ]
    record = vanilla.store(store, "job-1", "p", generated)
    assert record.generated_outputs is not None
    assert {name: output.location for name, output in record.generated_outputs.items()} == {
        "a": f"{tmp_path}/job-1/output-a.txt",
        "b": f"{tmp_path}/job-1/output-b.bin",
        "c": f"{tmp_path}/job-1/output-c.geojson",
    }
    assert (tmp_path / "job-1" / "output-b.bin").read_bytes() == b"\x89"


def test_processors_of_one_class_share_nothing() -> None:
    first = load_processor("p", {"name": f"{__name__}.Plain"})
    second = load_processor("p", {"name": f"{__name__}.Plain"})
    first.metadata["outputs"]["b"] = {}
    assert second.metadata["outputs"] == {"a": {}}
    assert METADATA["outputs"] == {"a": {}}


@pytest.mark.parametrize("name", ["no_such_module.Processor", f"{__name__}.Absent", "Unknown"])
def test_a_class_that_cannot_be_loaded_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"process 'p': cannot load {name}"):
        load_processor("p", {"name": name})


def test_the_generic_flow_has_the_name_of_the_process() -> None:
    assert vanilla.flow_for("hello-world").name == "hello-world"
    assert vanilla.run_processor.name == "pygeoapi-process"


class Coroutine(Plain):
    """Waits for something, as a client of another service does."""

    @override
    async def execute(self, data: dict[str, Any]) -> tuple[str, Any]:  # type: ignore[override]
        await asyncio.sleep(0)
        return "application/json", {"data": data, "job": self.job_id}


class CoroutineWithOutputs(WithOutputs):
    @override
    async def execute(self, data: dict[str, Any], outputs: Any = None) -> tuple[str, Any]:  # type: ignore[override]
        await asyncio.sleep(0)
        return "application/json", {"data": data, "outputs": outputs}


class FailingCoroutine(Plain):
    @override
    async def execute(self, data: dict[str, Any]) -> tuple[str, Any]:  # type: ignore[override]
        raise ProcessorExecuteError("secret path", user_msg="the input is not usable")


class Generator(Plain):
    @override
    def execute(self, data: dict[str, Any]) -> Iterator[Any]:  # type: ignore[override]
        yield "application/json"
        yield data


class AsyncGenerator(Plain):
    @override
    async def execute(self, data: dict[str, Any]) -> AsyncIterator[Any]:  # type: ignore[override]
        yield "application/json"


class WrappedGenerator(Plain):
    @functools.wraps(Generator.execute)
    @override
    def execute(self, *args: Any) -> Any:  # type: ignore[override]
        return Generator.execute(*args)


class Returning(Plain):
    """Returns whatever the input says."""

    @override
    def execute(self, data: dict[str, Any]) -> Any:
        return data["value"]


def test_a_coroutine_runs() -> None:
    """Fault 16."""
    assert run(Coroutine, {"inputs": {"x": 1}}) == {"data": {"x": 1}, "job": "job-1"}
    assert run(CoroutineWithOutputs, {"outputs": {"a": {}}}) == {"data": {}, "outputs": {"a": {}}}
    with pytest.raises(ProcessorExecuteError) as caught:
        vanilla.run(FailingCoroutine({"name": "x"}), "job-1", {}, ["a"])
    assert str(caught.value) == "the input is not usable"


@pytest.mark.parametrize("cls", [Generator, AsyncGenerator, WrappedGenerator])
def test_a_generator_is_refused(cls: type[Plain]) -> None:
    """Fault 16."""
    with pytest.raises(ConfigurationError, match=f"{cls.__name__}.execute is a generator"):
        vanilla.refuse_generator(cls)
    for good in (Plain, WithOutputs, Coroutine, Returning):
        vanilla.refuse_generator(good)


@pytest.mark.parametrize(
    "value", [(x for x in ("text/plain", "x")), None, "ab", ("text/plain",), ("a", "b", "c"), 3]
)
def test_what_is_no_media_type_and_value_is_told(value: object) -> None:
    """Fault 16: a generator of two was taken for a media type and a value."""
    with pytest.raises(JobFailedError, match="instead of a media type and a value"):
        vanilla.run(Returning({"name": "x"}), "job-1", {"inputs": {"value": value}}, ["a"])


@pytest.mark.parametrize("output_id", ["a/b", "../../x", "line\nbreak", "a>b", "/", "."])
def test_an_identifier_is_no_path(tmp_path: Path, output_id: str) -> None:
    """Fault 27."""
    target = storage.open_folder(tmp_path)
    generated = [vanilla.Generated(output_id, "text/plain", b"x")]
    record = vanilla.store(target, "job-1", "p", generated)
    assert record.generated_outputs is not None
    location = Path(record.generated_outputs[output_id].location)
    assert location.parent == tmp_path / "job-1"
    assert location.read_bytes() == b"x"

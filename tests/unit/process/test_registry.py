"""What the configured processes are, and which configurations are refused."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from pygeoapi.plugin import PLUGINS
from pygeoapi.process.base import BaseProcessor

from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.errors import ProcessUnavailable, UnknownProcessError
from pygeoapi_prefect.models.processes import ProcessDescription
from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.registry import Process, Registry

SIMPLE = "pygeoapi_prefect.examples.simple_flow.SimpleFlowProcessor"
HI = "pygeoapi_prefect.examples.hi_prefect_world.HiPrefectWorldProcessor"
DEPLOYED = {"deployment": {"name": "d", "queue": "q"}}


@flow(name="registered", persist_result=True)
def registered(
    job_id: str, result_storage_block: Any, process_description: Any, execution_request: Any
) -> None:
    """Do nothing."""


def describe(**members: Any) -> ProcessDescription:
    description = {"id": "registered", "version": "1", "inputs": {}, "outputs": {}, **members}
    return ProcessDescription.model_validate(description)


class Registered(BasePrefectProcessor):
    process_flow = registered
    process_description = describe()


class AsyncOnly(BasePrefectProcessor):
    process_flow = registered
    process_description = describe(jobControlOptions=["async-execute"])


class Useless(BasePrefectProcessor):
    process_flow = registered
    process_description = describe(jobControlOptions=["dismiss"])


class WithoutFlow(BasePrefectProcessor):
    process_description = describe()


def registry(manager: dict[str, Any] | None = None, **processors: Any) -> Registry:
    """Processes by id: the name of a class, or a whole ``processor`` mapping."""
    resources = {
        key.replace("_", "-"): {
            "type": "process",
            "processor": {"name": value} if isinstance(value, str) else value,
        }
        for key, value in processors.items()
    }
    config = {"server": {"manager": manager or {}}, "resources": resources}
    return Registry(Settings.from_config(config))


def reason(registry: Registry, process_id: str) -> str:
    """Why a process is not available, which ``get`` tells operators only."""
    with pytest.raises(ProcessUnavailable) as told:
        registry.get(process_id)
    assert process_id in str(told.value)
    text = registry.unavailable[process_id]
    assert text not in str(told.value)
    assert str(told.value.__cause__) == text
    return text


def only(processor: Any, key: str = "registered") -> Process:
    return registry(**{key: processor}).get(key)


def ours(cls: type[Any], **prefect: Any) -> dict[str, Any]:
    return {"name": f"{__name__}.{cls.__name__}", "prefect": prefect}


def test_processes_come_in_the_order_of_the_configuration() -> None:
    found = registry(simple_flow=SIMPLE, hello_world="HelloWorld", hi_prefect_world=HI)
    assert found.ids() == ["simple-flow", "hello-world", "hi-prefect-world"]
    assert [process.id for process in found] == found.ids()
    assert len(found) == 3
    assert found.get("simple-flow").processor_class.__name__ == "SimpleFlowProcessor"


@pytest.mark.parametrize("unknown", ["", "Simple-flow", "simple-flow ", "\0", "x" * 10_000])
def test_an_unknown_process_is_told(unknown: str) -> None:
    with pytest.raises(UnknownProcessError, match="There is no process"):
        registry(simple_flow=SIMPLE).get(unknown)


def test_a_configuration_without_processes() -> None:
    assert registry().ids() == []


def test_key_and_id_must_be_the_same() -> None:
    text = reason(registry(other=SIMPLE), "other")
    assert re.search(r"'other'.*has the id 'simple-flow'.*the same", text)


@pytest.mark.parametrize(
    "name",
    [
        "no_such_module.Processor",
        "pygeoapi_prefect.examples.simple_flow.NoSuchClass",
        "NotAPlugin",
        "json.JSONDecoder",
        "not_to_be_imported.Exits",
        "not_to_be_imported_either.Broken",
    ],
)
def test_a_class_that_cannot_be_loaded_is_named_and_the_others_are_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 22."""
    (tmp_path / "not_to_be_imported.py").write_text("import sys; sys.exit(3)")
    (tmp_path / "not_to_be_imported_either.py").write_text("class Broken(")
    monkeypatch.syspath_prepend(str(tmp_path))

    found = registry(simple_flow=SIMPLE, p=name, hello_world="HelloWorld")

    assert found.ids() == ["simple-flow", "hello-world"]
    assert [process.id for process in found] == found.ids()
    assert list(found.unavailable) == ["p"]
    assert re.search(rf"process 'p': .*{name}", reason(found, "p"))


def test_a_wrong_key_of_one_process_is_no_other_ones() -> None:
    """Fault 22."""
    wrong = {"name": SIMPLE, "prefect": {"deployment": {"name": "d"}}}
    found = registry(simple_flow=wrong, hello_world="HelloWorld")

    assert found.ids() == ["hello-world"]
    assert "processor.prefect.deployment.queue" in reason(found, "simple-flow")


def test_a_class_without_a_flow_is_named() -> None:
    text = reason(registry(registered=ours(WithoutFlow)), "registered")
    assert "WithoutFlow has no 'process_flow'" in text


class Vanilla(BaseProcessor):  # type: ignore[misc]
    """An unmodified process whose metadata are what its configuration says."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, processor_def["described"])


@pytest.mark.parametrize(
    "described",
    [
        ["a", "list"],
        {"inputs": None},
        {"outputs": ["a"]},
        {"inputs": {"a": "text"}},
        {"inputs": {"a": {"schema": "string"}}},
        {"inputs": {"a": {"minOccurs": "some"}}},
        {"inputs": {"a": {"schema": {"default": {1, 2}}}}},
        {"title": b"bytes"},
        {"jobControlOptions": 7},
    ],
)
def test_a_description_that_would_break_the_list_is_no_process(described: Any) -> None:
    """Fault 22: what cannot be shown is found when the configuration is read."""
    prefect = {"deployment": {"name": "d", "queue": "q"}, "result_storage": "a/b"}
    odd = {"name": f"{__name__}.Vanilla", "described": described, "prefect": prefect}

    found = registry(odd=odd, hello_world="HelloWorld")

    assert found.ids() == ["hello-world"]
    assert "process 'odd'" in reason(found, "odd")


def test_two_processes_do_not_share_a_deployment() -> None:
    class Other(Registered):
        process_description = describe(id="other")

    globals()["Other"] = Other
    shared = registry(registered=ours(Registered, **DEPLOYED), other=ours(Other, **DEPLOYED))
    assert shared.ids() == ["registered"]
    text = reason(shared, "other")
    assert re.search(r"'registered' and 'other' share .*registered/d", text)
    apart = {"deployment": {"name": "e", "queue": "q"}}
    found = registry(registered=ours(Registered, **DEPLOYED), other=ours(Other, **apart))
    assert len(found) == 2
    assert len(registry(registered=ours(Registered), other=ours(Other))) == 2


def test_vanilla_processes_of_one_class_have_deployments_of_their_own() -> None:
    deployed = {"name": "HelloWorld", "prefect": DEPLOYED}
    flows = [process.flow for process in registry(a=deployed, b=deployed)]
    assert [flow.name for flow in flows if flow is not None] == ["a", "b"]


@pytest.mark.parametrize(
    ("processor", "modes"),
    [
        (ours(Registered), ["sync-execute"]),
        (ours(AsyncOnly), ["sync-execute"]),
        (ours(AsyncOnly, **DEPLOYED), ["async-execute", "dismiss"]),
        (ours(Useless, **DEPLOYED), ["sync-execute", "async-execute", "dismiss"]),
    ],
)
def test_only_what_can_be_done_is_declared(processor: Any, modes: list[str]) -> None:
    process = only(processor)
    assert process.job_control_options == modes
    assert process.description["jobControlOptions"] == modes


def test_the_result_storage_of_a_process_wins() -> None:
    own = ours(Registered, result_storage="own/block")
    manager = {"result_storage": "servers/block"}
    assert registry(manager, registered=own).get("registered").result_storage == "own/block"
    found = registry(manager, registered=ours(Registered)).get("registered")
    assert found.result_storage == "servers/block"
    assert only(ours(Registered)).result_storage is None


def test_the_description_of_a_vanilla_process() -> None:
    process = only("HelloWorld", "greeter")
    description = process.description
    assert process.is_vanilla
    assert process.flow is None
    assert description["id"] == "greeter"
    assert isinstance(description["title"], str)
    assert isinstance(description["description"], str)
    assert all(isinstance(word, str) for word in description["keywords"])
    assert description["outputTransmission"] == ["value", "reference"]
    assert description["jobControlOptions"] == ["sync-execute"]
    assert "name" in description["inputs"]


def test_a_description_belongs_to_one_resource() -> None:
    found = registry(a="HelloWorld", b="HelloWorld")
    found.get("a").description["title"] = "changed"
    found.get("a").new_processor().metadata["title"]["en"] = "changed"
    assert found.get("b").description["title"] != "changed"
    assert found.get("b").new_processor().metadata["title"]["en"] != "changed"
    assert found.get("a").new_processor() is not found.get("a").new_processor()


@pytest.mark.parametrize("name", sorted(PLUGINS["process"]))
def test_every_process_that_pygeoapi_ships_is_described(name: str) -> None:
    description = only(name, "shipped").description
    assert description["id"] == "shipped"
    assert isinstance(description["title"], str)
    assert description["inputs"]
    assert description["outputs"]


class YieldingVanilla(BaseProcessor):  # type: ignore[misc]
    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, {"title": "t", "inputs": {}, "outputs": {}})

    def execute(self, data: dict[str, Any]) -> Iterator[Any]:
        yield "text/plain", "x"


@flow(name="yielding")
def yielding(
    job_id: str, result_storage_block: Any, process_description: Any, execution_request: Any
) -> Iterator[Any]:
    """Give pieces."""
    yield job_id


class YieldingFlow(BasePrefectProcessor):
    process_flow = yielding
    process_description = describe()


@pytest.mark.parametrize("cls", [YieldingVanilla, YieldingFlow])
def test_a_generator_is_refused_when_the_configuration_is_loaded(cls: type[Any]) -> None:
    """Fault 16: with the process and the reason."""
    found = registry(registered=ours(cls), hello_world="HelloWorld")
    assert re.search("process 'registered': .* is a generator", reason(found, "registered"))
    assert found.ids() == ["hello-world"]

"""The base class of Prefect-powered processes."""

import subprocess
import sys
from typing import Any, override

import pytest
from prefect import Flow, flow
from prefect.utilities.callables import parameters_to_args_kwargs

from pygeoapi_prefect.config import PrefectDeployment
from pygeoapi_prefect.errors import ConfigurationError
from pygeoapi_prefect.models.processes import ProcessDescription
from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.base import PrefectDeployment as ExportedDeployment

DESCRIPTION = ProcessDescription.model_validate(
    {
        "id": "adder",
        "version": "1",
        "title": "Adder",
        "inputs": {"a": {"schema": {"type": "integer"}}},
        "outputs": {"sum": {"schema": {"type": "integer"}}},
    }
)


@flow(persist_result=True)
def adder(
    job_id: str, result_storage_block: Any, process_description: Any, execution_request: Any
) -> None:
    """Do nothing."""


class AdderProcessor(BasePrefectProcessor):
    process_flow = adder
    process_description = DESCRIPTION


class DescribedByProperty(BasePrefectProcessor):
    process_flow = adder

    @property
    @override
    def process_description(self) -> ProcessDescription:  # type: ignore[override]
        return DESCRIPTION.model_copy(update={"title": self.name})


class InheritingProcessor(AdderProcessor):
    pass


def test_flow_is_the_same_object_wherever_it_is_read() -> None:
    processor = AdderProcessor({"name": "x"})
    assert AdderProcessor.process_flow is adder
    assert processor.process_flow is adder
    assert InheritingProcessor.process_flow is adder
    assert InheritingProcessor({"name": "x"}).process_flow is adder


def test_reading_the_flow_from_an_instance_does_not_bind_it() -> None:
    processor = AdderProcessor({"name": "x"})
    for _ in range(2):
        assert hasattr(processor, "process_flow")
        assert isinstance(processor.process_flow, Flow)
    given = {
        "job_id": "1",
        "result_storage_block": None,
        "process_description": 1,
        "execution_request": 2,
    }
    args, kwargs = parameters_to_args_kwargs(adder.fn, given)
    assert len(args) + len(kwargs) == 4
    assert set(adder.parameters.properties) == set(given)


def test_making_a_processor_does_not_change_the_flow() -> None:
    before = dict(vars(adder))
    AdderProcessor({"name": "x", "prefect": {"result_storage": "local-file-system/r"}})
    assert vars(adder) == before


def test_result_storage_block_and_deployment_are_none_by_default() -> None:
    for definition in ({"name": "x"}, {"name": "x", "prefect": {}}, {"name": "x", "prefect": None}):
        processor = AdderProcessor(definition)
        assert processor.result_storage_block is None
        assert processor.deployment_info is None


def test_settings_are_read_from_the_processor_mapping() -> None:
    processor = AdderProcessor(
        {
            "name": "tests.AdderProcessor",
            "prefect": {
                "result_storage": "remote-file-system/results",
                "deployment": {
                    "name": "minio",
                    "queue": "pygeoapi",
                    "storage_block": "remote-file-system/code",
                    "storage_sub_path": "adder",
                },
            },
        }
    )
    assert processor.name == "tests.AdderProcessor"
    assert processor.result_storage_block == "remote-file-system/results"
    assert processor.deployment_info == PrefectDeployment(
        name="minio",
        queue="pygeoapi",
        storage_block="remote-file-system/code",
        storage_sub_path="adder",
    )
    assert ExportedDeployment is PrefectDeployment


def test_processor_mapping_without_a_name_will_do() -> None:
    assert AdderProcessor({}).name == "AdderProcessor"


@pytest.mark.parametrize(
    ("prefect", "named"),
    [
        ({"deployment": {"queue": "q"}}, "processor.prefect.deployment.name"),
        ({"deployment": {"name": "n"}}, "processor.prefect.deployment.queue"),
        ({"deployment": {"name": "n", "queue": "q", "pool": "p"}}, "deployment.pool"),
        ({"result_storage": 3}, "processor.prefect.result_storage"),
        ({"result-storage": "x/y"}, "result-storage"),
    ],
)
def test_wrong_settings_are_named_with_the_process(prefect: Any, named: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AdderProcessor({"name": "x", "prefect": prefect})
    assert "process 'adder'" in str(caught.value)
    assert named in str(caught.value)


def test_class_without_a_flow_is_refused() -> None:
    class WithoutFlow(BasePrefectProcessor):
        process_description = DESCRIPTION

    with pytest.raises(ConfigurationError, match="WithoutFlow has no 'process_flow'"):
        WithoutFlow({"name": "x"})


def test_class_whose_flow_is_a_plain_function_is_refused() -> None:
    class WithFunction(BasePrefectProcessor):
        process_flow = adder.fn  # type: ignore[assignment]
        process_description = DESCRIPTION

    with pytest.raises(ConfigurationError, match="a Prefect flow"):
        WithFunction({"name": "x"})


@pytest.mark.parametrize("description", [None, {"id": "adder"}])
def test_class_without_a_description_is_refused(description: Any) -> None:
    class Undescribed(BasePrefectProcessor):
        process_flow = adder
        process_description = description

    with pytest.raises(ConfigurationError, match="Undescribed has no 'process_description'"):
        Undescribed({"name": "x"})


def test_metadata_is_the_description_as_json() -> None:
    metadata = AdderProcessor({"name": "x"}).metadata
    assert metadata["id"] == "adder"
    assert metadata["jobControlOptions"] == ["sync-execute"]
    assert metadata["inputs"]["a"]["schema"] == {"type": "integer"}
    assert "example" not in metadata
    assert metadata["description"] == ""  # pygeoapi's OpenAPI generation needs one


def test_metadata_cannot_be_replaced() -> None:
    processor = AdderProcessor({"name": "x"})
    processor.metadata = {"id": "other"}  # as pygeoapi's base class does
    assert processor.metadata["id"] == "adder"


def test_description_may_be_a_property() -> None:
    assert DescribedByProperty({"name": "mine"}).metadata["title"] == "mine"


@pytest.mark.parametrize("arguments", [{}, {"outputs": {}}, {"job_id": "1"}])
def test_execute_says_what_is_wrong(arguments: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match=r"PrefectManager; is another process manager"):
        AdderProcessor({"name": "x"}).execute({}, **arguments)


def test_two_processors_of_a_class_share_no_settings() -> None:
    first = AdderProcessor({"name": "x", "prefect": {"result_storage": "local-file-system/a"}})
    second = AdderProcessor({"name": "x"})
    assert first.result_storage_block == "local-file-system/a"
    assert second.result_storage_block is None


def test_importing_the_base_class_is_light() -> None:
    code = (
        "import sys; import pygeoapi_prefect.process.base, pygeoapi_prefect.process.inputs\n"
        "heavy = {'flask', 'rasterio', 'boto3', 's3fs', 'prefect.server.api.server'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

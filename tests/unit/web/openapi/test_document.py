"""The OpenAPI document, made of the repository's configuration and the processes of the tests."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate
from pygeoapi.openapi import get_oas
from referencing import Registry as References
from referencing import Resource
from referencing.jsonschema import DRAFT4

from pygeoapi_prefect.access.gate import Gate
from pygeoapi_prefect.access.principal import Principal
from pygeoapi_prefect.access_settings import AccessSettings
from pygeoapi_prefect.config import Settings, load_config
from pygeoapi_prefect.outgoing import configured
from pygeoapi_prefect.process.registry import Registry
from pygeoapi_prefect.web.openapi.document import document
from pygeoapi_prefect.web.openapi.security import METHODS
from support.stack import TEST_PROCESSES, write_config

# pygeoapi's own models still configure pydantic by a class.
pytestmark = pytest.mark.filterwarnings("ignore:Support for class-based")
OGC_PATHS = [
    "/", "/conformance", "/openapi", "/processes", "/processes/{processID}", "/jobs",
    "/jobs/{jobID}", "/jobs/{jobID}/results", "/jobs/{jobID}/results/{outputID}", "/healthz",
    "/readyz",
]  # fmt: skip
JSON = "application/json"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    path = tmp_path_factory.mktemp("config") / "config.yml"
    write_config(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TEST_PROCESSES)
        yield load_config(path)


@pytest.fixture(scope="module")
def base(config: dict[str, Any]) -> dict[str, Any]:
    """pygeoapi's own document, as its JSON file."""
    made: dict[str, Any] = json.loads(json.dumps(get_oas(config), default=str))
    return made


@pytest.fixture(scope="module")
def registry(config: dict[str, Any]) -> Registry:
    return Registry(Settings.from_config(config))


@pytest.fixture(scope="module")
def made(config: dict[str, Any], base: dict[str, Any], registry: Registry) -> dict[str, Any]:
    return document(base, Settings.from_config(config), registry)


def operations(made: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in made["paths"].items():
        for method in METHODS & set(item):
            yield f"{method} {path}", item[method]


def body_of(made: dict[str, Any], process_id: str) -> dict[str, Any]:
    post = made["paths"][f"/processes/{process_id}/execution"]["post"]
    body: dict[str, Any] = post["requestBody"]["content"][JSON]
    return body


def accepts(made: dict[str, Any], schema: dict[str, Any], value: object) -> bool:
    """Whether a schema of the document lets a value pass."""
    uri = "urn:document"
    whole: Resource[Any] = Resource.from_contents(made, default_specification=DRAFT4)
    local = json.loads(json.dumps(schema).replace('"#/', f'"{uri}#/'))
    references: Any = References().with_resource(uri, whole)
    validator: Any = OAS30Validator(local, registry=references)
    return bool(validator.is_valid(value))


def test_the_document_is_valid(made: dict[str, Any]) -> None:
    assert made["openapi"].startswith("3.0.")
    validate(copy.deepcopy(made))


def test_nothing_remote_is_referred_to(made: dict[str, Any]) -> None:
    references = re.findall(r'"\$ref": "([^"]*)"', json.dumps(made))
    assert references
    assert {r for r in references if not r.startswith("#/components/")} == set()


def test_all_resources_are_there_and_nothing_of_pygeoapis_processes(made: dict[str, Any]) -> None:
    assert set(OGC_PATHS) <= set(made["paths"])
    ours = {path for path in made["paths"] if path.startswith(("/jobs", "/processes"))}
    assert {path for path in ours - set(OGC_PATHS) if not path.endswith("/execution")} == set()
    assert "/collections/lakes/items" in made["paths"]
    assert set(made["paths"]["/jobs/{jobID}"]) >= {"get", "delete"}


def test_there_is_one_execute_operation_for_each_process(
    made: dict[str, Any], registry: Registry
) -> None:
    paths = {path for path in made["paths"] if path.endswith("/execution")}
    assert paths == {f"/processes/{name}/execution" for name in registry.ids()}


def test_operations_have_unique_names_and_known_tags(made: dict[str, Any]) -> None:
    found = dict(operations(made))
    names = [operation["operationId"] for operation in found.values()]
    assert len(names) == len(set(names))
    known = {tag["name"] for tag in made["tags"]}
    ours = {k: o for k, o in found.items() if "/collections" not in k}
    assert {tag for operation in ours.values() for tag in operation["tags"]} <= known


def test_every_component_is_used_or_pygeoapis(made: dict[str, Any], base: dict[str, Any]) -> None:
    text = json.dumps(made)
    unused = {
        f"#/components/{kind}/{name}"
        for kind, members in made["components"].items()
        for name in members
        if name not in base["components"].get(kind, {})
        and f'"#/components/{kind}/{name}"' not in text
    }
    assert unused == set()


def test_every_error_is_a_problem(made: dict[str, Any]) -> None:
    for name, operation in operations(made):
        if "/collections" in name or "/readyz" in name:
            continue
        for code, response in operation["responses"].items():
            if code in ("200", "201", "204", "206"):
                continue
            referred = response["$ref"].rpartition("/")[2]
            content = made["components"]["responses"][referred]["content"]
            assert "application/problem+json" in content, (name, code)


def test_the_body_has_the_real_inputs(made: dict[str, Any]) -> None:
    schema = body_of(made, "echo")["schema"]
    inputs = schema["properties"]["inputs"]
    assert schema["required"] == ["inputs"]
    assert inputs["required"] == ["echo"]
    assert "bbox" in inputs["properties"]
    assert inputs["additionalProperties"] is False
    assert set(schema["properties"]["outputs"]["properties"]) >= {"echo", "bbox"}


@pytest.mark.parametrize(
    ("inputs", "valid"),
    [
        ({"echo": "a"}, True),
        ({"echo": {"value": "a", "mediaType": "text/plain"}}, True),
        ({"echo": {"href": "https://example.org/a"}}, True),
        ({"echo": "a", "integers": [1, 2], "number": 3.5, "colour": "red"}, True),
        ({"echo": "a", "bbox": {"bbox": [0, 0, 1, 1]}}, True),
        ({"echo": "a", "bbox": {"bbox": [0, 0, 1]}}, False),
        ({"echo": "a", "number": 101}, False),
        ({"echo": "a", "colour": "mauve"}, False),
        ({"echo": "a", "unknown": 1}, False),
        ({"echo": 1}, False),
        ({}, False),
    ],
)
def test_the_body_schema_accepts_what_the_server_accepts(
    made: dict[str, Any], inputs: dict[str, Any], valid: bool
) -> None:
    assert accepts(made, body_of(made, "echo")["schema"], {"inputs": inputs}) is valid


def test_each_example_fits_its_schema(made: dict[str, Any], registry: Registry) -> None:
    examples = [name for name in registry.ids() if "example" in body_of(made, name)]
    assert {"echo", "simple-flow", "zonal-statistics"} <= set(examples)
    # Unmodified processes have examples that they refuse: pygeoapi's echo does.
    for name in [name for name in examples if not registry.get(name).is_vanilla]:
        body = body_of(made, name)
        assert accepts(made, body["schema"], body["example"]), name


def test_only_a_process_that_can_be_asynchronous_answers_201(made: dict[str, Any]) -> None:
    responses = {
        name: set(made["paths"][f"/processes/{name}/execution"]["post"]["responses"])
        for name in ("echo", "hello-world", "slow-sync")
    }
    assert "201" in responses["echo"]
    assert "201" not in responses["hello-world"] | responses["slow-sync"]


def test_the_document_follows_the_settings(base: dict[str, Any], registry: Registry) -> None:
    scheme = {"type": "http", "scheme": "basic"}
    settings = Settings(
        public_url="https://example.org/geo",
        default_limit=7,
        manager={"security_schemes": {"login": scheme}},
    )
    made = document(base, settings, registry)
    validate(copy.deepcopy(made))
    assert made["servers"] == [{"url": "https://example.org/geo"}]
    assert made["components"]["parameters"]["limit"]["schema"]["default"] == 7
    assert made["components"]["securitySchemes"] == {"login": scheme}
    assert made["security"] == [{"login": []}]
    assert made["paths"]["/healthz"]["get"]["security"] == []


def test_without_settings_no_security_is_invented(made: dict[str, Any]) -> None:
    assert "security" not in made
    assert "securitySchemes" not in made["components"]


def test_a_document_is_made_anew_each_time(
    base: dict[str, Any], registry: Registry, made: dict[str, Any], config: dict[str, Any]
) -> None:
    before = json.dumps(base)
    assert document(base, Settings.from_config(config), registry) == made
    assert json.dumps(base) == before


def test_the_data_file_is_part_of_the_package() -> None:
    from pygeoapi_prefect.web.openapi import document as module

    assert Path(module.__file__).with_name("processes.yml").is_file()


def test_with_access_the_document_is_valid_and_names_what_the_reader_may_use(
    config: dict[str, Any], base: dict[str, Any], registry: Registry
) -> None:
    access = {"anonymous": "read", "roles": {"read": ["echo"]}}
    manager = {**config["server"]["manager"], "access": access}
    settings = Settings.from_config({**config, "server": {**config["server"], "manager": manager}})
    reader = Gate.of(AccessSettings.model_validate(access), configured.fetch).principal(None)
    whole = document(base, settings, registry)
    shown = document(base, settings, registry, "", reader)
    for one in (whole, shown):
        validate(one)
        assert all("security" in operation for _, operation in operations(one))
    executions = [path for path in shown["paths"] if path.endswith("/execution")]
    assert executions == ["/processes/echo/execution"]
    assert shown["components"]["parameters"]["processIDPath"]["schema"]["enum"] == ["echo"]
    assert "simple-flow" in json.dumps(whole)
    assert "simple-flow" not in json.dumps(shown)


def test_a_reader_who_may_use_no_process_gets_a_valid_document(
    config: dict[str, Any], base: dict[str, Any], registry: Registry
) -> None:
    nobody = Principal(processes=frozenset())
    shown = document(base, Settings.from_config(config), registry, "", nobody)
    validate(shown)
    assert not [path for path in shown["paths"] if path.endswith("/execution")]

"""Requirements class *OGC Process Description*."""

from typing import Any

import pytest

from support.requirements import requirement
from support.server import Server

OPENAPI_30 = {
    "title", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
    "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxProperties",
    "minProperties", "required", "enum", "type", "not", "allOf", "oneOf", "anyOf", "items",
    "properties", "format", "additionalProperties", "description", "default", "nullable",
    "discriminator", "readOnly", "writeOnly", "example", "externalDocs", "deprecated",
    "contentMediaType", "contentEncoding", "contentSchema", "$ref",
}  # fmt: skip
"""Members of ``schema.yaml``: OpenAPI 3.0's, and three for content in strings."""


@pytest.fixture(scope="module")
def described(server: Server) -> list[dict[str, Any]]:
    """The descriptions of all processes."""
    summaries = server.document("/processes", limit=1000)["processes"]
    return [server.document(f"/processes/{summary['id']}") for summary in summaries]


def schemas(process: dict[str, Any], side: str) -> list[tuple[str, dict[str, Any]]]:
    """Every input's or output's schema, with a name for messages."""
    return [(f"{process['id']}.{key}", value["schema"]) for key, value in process[side].items()]


def check_schema(where: str, schema: Any) -> None:
    """Only what OpenAPI 3.0 knows; a type is one word."""
    if not isinstance(schema, dict):
        return
    assert set(schema) <= OPENAPI_30, f"{where}: {set(schema) - OPENAPI_30}"
    assert isinstance(schema.get("type", ""), str), where
    for key in ("allOf", "oneOf", "anyOf"):
        for number, part in enumerate(schema.get(key, [])):
            check_schema(f"{where}.{key}[{number}]", part)
    for key in ("items", "not", "additionalProperties"):
        check_schema(f"{where}.{key}", schema.get(key))
    for name, part in schema.get("properties", {}).items():
        check_schema(f"{where}.{name}", part)


@requirement(
    "/req/ogc-process-description/json-encoding",
    "/rec/core/ogc-process-description",
    "/req/json/definition",
)
def test_descriptions_have_the_required_members(described: list[dict[str, Any]]) -> None:
    for process in described:
        assert isinstance(process["id"], str)
        assert isinstance(process["version"], str)
        for link in process["links"]:
            assert isinstance(link["href"], str)
            assert None not in link.values()


@requirement("/req/ogc-process-description/inputs-def", "/req/ogc-process-description/input-def")
def test_inputs_are_described(described: list[dict[str, Any]]) -> None:
    for process in described:
        assert isinstance(process["inputs"], dict)
        for value in process["inputs"].values():
            assert value.get("minOccurs", 1) >= 0
            most = value.get("maxOccurs", 1)
            assert most == "unbounded" or most >= max(1, value.get("minOccurs", 1))
        for where, schema in schemas(process, "inputs"):
            check_schema(where, schema)


@requirement("/req/ogc-process-description/outputs-def", "/req/ogc-process-description/output-def")
def test_outputs_are_described(described: list[dict[str, Any]]) -> None:
    for process in described:
        assert process["outputs"]
        for where, schema in schemas(process, "outputs"):
            check_schema(where, schema)


@requirement("/req/ogc-process-description/input-mixed-type")
@requirement("/req/ogc-process-description/output-mixed-type")
@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_several_types_are_alternatives(server: Server, side: str) -> None:
    schema = server.document("/processes/echo")[side]["text_or_object"]["schema"]
    assert [part["type"] for part in schema["oneOf"]] == ["string", "object"]


@requirement("/req/ogc-process-description/input-binary")
def test_binary_inputs_are_strings(described: list[dict[str, Any]]) -> None:
    for process in described:
        for where, schema in schemas(process, "inputs"):
            for part in [schema, *schema.get("oneOf", []), *schema.get("anyOf", [])]:
                if part.get("contentEncoding") or part.get("format") in ("byte", "binary"):
                    assert part["type"] == "string", where
                    assert part.get("contentMediaType"), where

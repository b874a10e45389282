"""Schema of an input or output: the schema object of OpenAPI 3.0 (``schema.yaml``)."""

import logging
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    Strict,
    field_validator,
    model_serializer,
    model_validator,
)

from pygeoapi_prefect.models.base import JsonNumber, Model
from pygeoapi_prefect.models.enums import ProcessIOFormat, ProcessIOType

_logger = logging.getLogger(__name__)


def _unique(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("each property may be listed once")
    return names


Count = Annotated[int, Strict(), Field(ge=0)]
Flag = Annotated[bool, Strict()]
Names = Annotated[list[str], Field(min_length=1), AfterValidator(_unique)]
Format = Annotated[ProcessIOFormat | str, Field(union_mode="left_to_right")]


class ProcessIOSchema(Model):
    """Schema of an input or output value.

    A keyword that was not given is None, and absent from every dump. What newer JSON Schema
    dialects say and OpenAPI 3.0 says otherwise (``const``, ``examples``, a numeric
    ``exclusiveMinimum``, a type with null) is rewritten; other unknown keywords are dropped with a
    warning in the log; ``x-...`` is kept.
    """

    model_config = ConfigDict(extra="allow")

    ref_: str | None = Field(default=None, alias="$ref")
    title: str | None = None
    multiple_of: JsonNumber | None = Field(default=None, alias="multipleOf", gt=0)
    maximum: JsonNumber | None = None
    exclusive_maximum: Flag | None = Field(default=None, alias="exclusiveMaximum")
    minimum: JsonNumber | None = None
    exclusive_minimum: Flag | None = Field(default=None, alias="exclusiveMinimum")
    max_length: Count | None = Field(default=None, alias="maxLength")
    min_length: Count | None = Field(default=None, alias="minLength")
    pattern: str | None = None
    max_items: Count | None = Field(default=None, alias="maxItems")
    min_items: Count | None = Field(default=None, alias="minItems")
    unique_items: Flag | None = Field(default=None, alias="uniqueItems")
    max_properties: Count | None = Field(default=None, alias="maxProperties")
    min_properties: Count | None = Field(default=None, alias="minProperties")
    required: Names | None = None
    enum: Annotated[list[Any], Field(min_length=1)] | None = None
    type_: ProcessIOType | None = Field(default=None, alias="type")
    not_: "ProcessIOSchema | None" = Field(default=None, alias="not")
    allOf: "list[ProcessIOSchema] | None" = None  # noqa: N815
    oneOf: "list[ProcessIOSchema] | None" = None  # noqa: N815
    anyOf: "list[ProcessIOSchema] | None" = None  # noqa: N815
    items: "ProcessIOSchema | None" = None
    properties: "dict[str, ProcessIOSchema] | None" = None
    additional_properties: "Flag | ProcessIOSchema | None" = Field(
        default=None, alias="additionalProperties"
    )
    description: str | None = None
    format_: Format | None = Field(default=None, alias="format")
    default: Any = None
    nullable: Flag | None = None
    discriminator: dict[str, Any] | None = None
    read_only: Flag | None = Field(default=None, alias="readOnly")
    write_only: Flag | None = Field(default=None, alias="writeOnly")
    xml: dict[str, Any] | None = None
    external_docs: dict[str, Any] | None = Field(default=None, alias="externalDocs")
    example: Any = None
    deprecated: Flag | None = None
    content_media_type: str | None = Field(default=None, alias="contentMediaType")
    content_encoding: str | None = Field(default=None, alias="contentEncoding")
    content_schema: str | None = Field(default=None, alias="contentSchema")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        known = {*cls.model_fields, *(field.alias for field in cls.model_fields.values())}
        found = as_openapi_30(data)
        for name in [name for name in found if name not in known and not name.startswith("x-")]:
            _logger.warning("schema keyword '%s' is not in OpenAPI 3.0 and is ignored", name)
            del found[name]
        return found

    @field_validator("items", mode="before")
    @classmethod
    def _one_schema(cls, value: Any) -> Any:
        """Accept a list of one schema, the form of the 2023 models."""
        if isinstance(value, list):
            if len(value) != 1:
                raise ValueError("'items' is one schema; for several alternatives use its 'oneOf'")
            return value[0]
        return value

    @model_serializer(mode="wrap")
    def _only_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out keywords that were not given: null would not be valid OpenAPI."""
        dumped: dict[str, Any] = handler(self)
        given = {name: value for name, value in dumped.items() if value is not None}
        for name in ("default", "example"):
            if name in self.model_fields_set and getattr(self, name) is None:
                given[name] = None  # here null is a value like any other
        return given


def as_openapi_30(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Rewrite keywords of newer JSON Schema dialects in one schema, subschemas excepted.

    Args:
        schema: A schema of any dialect, with the keywords' own names.
    """
    found = dict(schema)
    if "const" in found:
        found["enum"] = [found.pop("const")]
    examples = found.pop("examples", None)
    if isinstance(examples, list) and examples:
        found.setdefault("example", examples[0])
    for bound, exclusive, stricter in (
        ("minimum", "exclusiveMinimum", max),
        ("maximum", "exclusiveMaximum", min),
    ):
        limit = found.get(exclusive)
        if isinstance(limit, int | float) and not isinstance(limit, bool):
            inclusive = found.get(bound, limit)
            found[bound] = stricter(limit, inclusive)
            found[exclusive] = found[bound] == limit
    types = found.get("type")
    if isinstance(types, list):
        others = [name for name in types if name != "null"]
        if len(others) != 1:
            raise ValueError("'type' is one type; for several use 'oneOf'")
        found["type"] = others[0]
        found["nullable"] = len(others) < len(types)
    return found

"""Schemas of process descriptions as schema objects that a strict OpenAPI 3.0 reader accepts."""

from collections.abc import Callable, Mapping
from typing import Any

from pygeoapi_prefect.models.bbox import is_bbox_schema
from pygeoapi_prefect.models.schema import as_openapi_30

BBOX = {"$ref": "#/components/schemas/bbox"}
_ANY: dict[str, Any] = {}


def schema_object(schema: object) -> dict[str, Any]:
    """Convert a schema of any JSON Schema dialect, subschemas included.

    A keyword that OpenAPI 3.0 does not know is left out, but for ``contentMediaType`` and
    ``contentEncoding``, which OGC adds: they become ``x-content-media-type`` and
    ``x-content-encoding``. A ``$ref`` is not followed: nothing remote is needed to read the
    document, and what it leads to stays undescribed.

    Args:
        schema: A schema; true and false are schemas too.
    """
    if schema is False:
        return {"not": {}}
    if not isinstance(schema, Mapping) or "$ref" in schema:
        return dict(_ANY)
    if is_bbox_schema(schema):
        return dict(BBOX)
    found = as_openapi_30({**schema, **_types(schema)})
    converted: dict[str, Any] = {}
    for name, value in found.items():
        if name in _EXTENSIONS:
            converted[_EXTENSIONS[name]] = value
        elif name.startswith("x-"):
            converted[name] = value
        elif name in _KEYWORDS and (kept := _KEYWORDS[name](value)) is not None:
            converted[name] = kept
    if converted.get("type") == "array":
        converted.setdefault("items", {})
    return converted


def _types(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Several types become alternatives."""
    types = schema.get("type")
    if not isinstance(types, list):
        return {}
    named = [name for name in types if name != "null"]
    if len(named) == 1:
        return {}
    some = {"anyOf": [{"type": name} for name in named]} if "anyOf" not in schema else {}
    return {"type": None, "nullable": "null" in types or None, **some}


def _of_type(*types: type) -> Callable[[Any], Any]:
    def keep(value: Any) -> Any:
        return value if isinstance(value, types) else None

    return keep


def _several(value: Any) -> list[dict[str, Any]] | None:
    return [schema_object(item) for item in value] or None if isinstance(value, list) else None


def _named(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        return None
    return {name: schema_object(item) for name, item in value.items()}


def _items(value: Any) -> dict[str, Any]:
    """A list of schemas, one for each place, is only in newer dialects: any of them."""
    if not isinstance(value, list):
        return schema_object(value)
    return schema_object(value[0]) if len(value) == 1 else {"anyOf": _several(value) or [{}]}


def _flag_or_schema(value: Any) -> Any:
    return value if isinstance(value, bool) else schema_object(value)


_TEXT, _FLAG, _NUMBER = _of_type(str), _of_type(bool), _of_type(int, float)
_LIST, _ANYTHING = _of_type(list), _of_type(object)
_EXTENSIONS = {
    "contentMediaType": "x-content-media-type",
    "contentEncoding": "x-content-encoding",
}
_KEYWORDS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("title", "description", "format", "pattern", "type"), _TEXT),
    **dict.fromkeys(("nullable", "readOnly", "writeOnly", "deprecated"), _FLAG),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum", "uniqueItems"), _FLAG),
    **dict.fromkeys(("minimum", "maximum", "multipleOf"), _NUMBER),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _NUMBER),
    **dict.fromkeys(("minProperties", "maxProperties"), _NUMBER),
    # an empty list of either would say that nothing is valid, or is not valid itself
    "required": lambda value: value if isinstance(value, list) and value else None,
    "enum": lambda value: value if isinstance(value, list) and value else None,
    **dict.fromkeys(("default", "example"), _ANYTHING),
    **dict.fromkeys(("allOf", "oneOf", "anyOf"), _several),
    "not": schema_object,
    "items": _items,
    "properties": _named,
    "additionalProperties": _flag_or_schema,
}

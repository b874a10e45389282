"""Describes schemas and values in a few words, for messages."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pygeoapi_prefect.execution.schema import BASE64, Schema
from pygeoapi_prefect.models.message import clean, named

MAX_VALUE = 60
"""Longest piece of a client's value in a message, in characters."""
MAX_EXPECTED = 300
MAX_CHOICES = 12
TOLD = "x-expected"
_TYPES = {
    "array": "an array",
    "boolean": "true or false",
    "integer": "an integer",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}
_FORMATS = {
    "date": "a date such as 2026-01-31",
    "date-time": "a date and time such as 2026-01-31T12:00:00Z",
    "email": "an email address",
    "geojson-feature": "a GeoJSON Feature",
    "geojson-feature-collection": "a GeoJSON FeatureCollection",
    "geojson-geometry": "a GeoJSON geometry",
    "time": "a time such as 12:00:00Z",
    "uri": "a URI",
    "uuid": "a UUID",
}


def expected(schema: Schema) -> str:
    """Describe the values that a schema (in the dialect of ``schema.Rules``) allows."""
    return clean(_expected(schema), MAX_EXPECTED)


def _expected(schema: Schema) -> str:
    if isinstance(schema, bool) or not schema:
        return "any value" if schema is not False else "nothing"
    if TOLD in schema:
        return str(schema[TOLD])
    if "enum" in schema or "const" in schema:
        return _one_of(schema.get("enum", [schema.get("const")]))
    alternatives = schema.get("oneOf") or schema.get("anyOf") or _loose(schema)
    if alternatives and "type" not in schema:
        return ", or ".join(dict.fromkeys(map(_expected, alternatives)))
    told = " ".join(part for part in (_noun(schema), *_limits(schema)) if part)
    items = schema.get("items")
    has_items = isinstance(items, Mapping) and "array" in schema.get("type", ())
    return f"{told}, each item {_expected(items)}" if items and has_items else told


def _loose(schema: Mapping[str, Any]) -> Sequence[Schema]:
    """The alternatives of an ``anyOf`` among the parts of ``allOf``."""
    parts = [part for part in schema.get("allOf", ()) if isinstance(part, Mapping)]
    found: Sequence[Schema] = next((part["anyOf"] for part in parts if "anyOf" in part), parts)
    return found


def _one_of(choices: list[Any]) -> str:
    told = ", ".join(shown(choice) for choice in choices[:MAX_CHOICES])
    rest = len(choices) - MAX_CHOICES
    return f"{'one of ' if len(choices) > 1 else ''}{told}{f' or {rest} more' if rest > 0 else ''}"


def _noun(schema: Mapping[str, Any]) -> str:
    media_type = schema.get("x-contentMediaType")
    of = f" of {media_type}" if media_type else ""
    name = str(schema.get("x-format", "")).rsplit("/", 1)[-1]
    if schema.get("format") == BASE64:
        return f"base64 text{of}"
    if name in _FORMATS:
        return _FORMATS[name]
    types = schema.get("type", [])
    noun = " or ".join(_TYPES.get(kind, str(kind)) for kind in types) or f"a value{of}"
    if "string" in types and of:
        noun += of
    return (
        f"{noun} in the format {named(name)}" if name and name not in ("byte", "binary") else noun
    )


def _limits(schema: Mapping[str, Any]) -> list[str]:
    told = [
        _range(schema.get("minimum"), schema.get("maximum"), "from", "to"),
        _range(schema.get("minLength"), schema.get("maxLength"), "of", "to", "character"),
        _range(schema.get("minItems"), schema.get("maxItems"), "with", "to", "item"),
        _range(schema.get("minProperties"), schema.get("maxProperties"), "with", "to", "member"),
    ]
    for keyword, words in (
        ("exclusiveMinimum", "above"),
        ("exclusiveMaximum", "below"),
        ("multipleOf", "that is a multiple of"),
    ):
        if keyword in schema:
            told.append(f"{words} {shown(schema[keyword])}")
    if "pattern" in schema:
        told.append(f"that matches the pattern {clean(schema['pattern'], MAX_VALUE)}")
    if schema.get("uniqueItems") is True:
        told.append("that are all different")
    return told


def _range(least: Any, most: Any, first: str, between: str, unit: str = "") -> str:
    if least is not None and least == most:
        return f"{first if unit else 'of'} {many(least, unit)}"
    if least is not None and most is not None:
        return f"{first} {least} {between} {many(most, unit)}"
    word = first if unit else "of"
    if least is not None:
        return f"{word} at least {many(least, unit)}"
    return f"{word} at most {many(most, unit)}" if most is not None else ""


def many(number: Any, unit: str) -> str:
    """A number with its unit, which is in the plural unless the number is 1."""
    if not unit:
        return str(number)
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def shown(value: object) -> str:
    """A value as JSON, or the kind of a large value."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"an array of {many(len(value), 'item')}"
    if isinstance(value, str):
        value = value[: MAX_VALUE + 1]
    return clean(json.dumps(value, ensure_ascii=False, default=str), MAX_VALUE)

"""Validation against the schemas of a process description, in OpenAPI 3.0's dialect.

That dialect is JSON Schema draft 4 (wright-00) with ``nullable``; schemas of pygeoapi's processes
also use the numeric ``exclusiveMinimum`` of later drafts, so both are understood. A schema is
translated to draft 2019-09 and compiled (jsonschema-rs), which validates millions of values in
milliseconds: for a body of 16 MiB, parsing takes longer. Patterns are matched with a limit on
backtracking.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from jsonschema_rs import Draft201909Validator, ReferencingError, ValidationError

from pygeoapi_prefect.errors import ConfigurationError
from pygeoapi_prefect.models import bbox

Schema = Mapping[str, Any] | bool

BASE64 = "x-base64"
REFERENCE = "#/definitions/"
_AS_THEY_ARE = frozenset({
    "const", "enum", "format", "maximum", "maxItems", "maxLength", "maxProperties", "minimum",
    "minItems", "minLength", "minProperties", "multipleOf", "pattern", "required", "uniqueItems",
})  # fmt: skip
_NOTED = ("contentMediaType", "format")
_ONE, _LISTS = ("not", "items", "additionalItems", "additionalProperties"), ("allOf", "anyOf")
_MAPS = ("properties", "patternProperties")


@dataclass(frozen=True)
class Rules:
    """A schema in the dialect of the compiled validator, and the targets of its references.

    Keywords without assertions are left out. ``x-format`` and ``x-contentMediaType`` keep
    information for messages; ``x-expected`` is the whole message for its part.
    """

    schema: Schema
    definitions: Mapping[str, Schema]

    def fits(self, value: object, part: Schema | None = None) -> bool:
        """Return true if a value is valid.

        Args:
            value: JSON data; its numbers are finite.
            part: A part of the schema; the whole of it by default.

        Raises:
            ConfigurationError: The schema itself is not valid.
        """
        return bool(self.validator(part).is_valid(value))

    def validator(self, part: Schema | None = None) -> Draft201909Validator:
        """The compiled schema, or a part of it; see ``fits``."""
        chosen = self.schema if part is None else part
        if self.definitions and isinstance(chosen, Mapping):
            chosen = {**chosen, "definitions": self.definitions}
        return _compiled(json.dumps(chosen, sort_keys=True))


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Draft201909Validator:
    try:
        return Draft201909Validator(
            text, formats={BASE64: is_base64}, validate_formats=True, offline=True
        )
    except (ValidationError, ReferencingError, ValueError) as error:
        raise _invalid(str(error).partition("\n")[0]) from error


def rules(schema: Mapping[str, Any]) -> Rules:
    """Translate a schema of a process description to the dialect of the compiled validator.

    Raises:
        ConfigurationError: It is not a schema.
    """
    return _rules(json.dumps(schema, sort_keys=True))


@lru_cache(maxsize=1024)
def _rules(text: str) -> Rules:
    translation = _Translation(json.loads(text))
    return Rules(translation.whole(), translation.definitions)


class _Translation:
    """Translates one schema, with the targets of its internal references."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self.definitions: dict[str, Any] = {}
        self._names: dict[str, str] = {}

    def whole(self) -> Any:
        return self._part(self._root)

    def _part(self, part: Any) -> Any:
        if isinstance(part, bool):
            return part
        if not isinstance(part, Mapping):
            raise _invalid(f"{part!r} is not a schema")
        if isinstance(part.get("$ref"), str):
            return self._reference(part["$ref"])
        if bbox.is_bbox_format(part.get("format")):
            return _bbox()
        made = {name: part[name] for name in _AS_THEY_ARE & part.keys()}
        made |= {f"x-{name}": part[name] for name in _NOTED if isinstance(part.get(name), str)}
        self._bounds(part, made)
        self._type(part, made)
        self._parts(part, made)
        return made

    def _reference(self, target: str) -> Schema:
        """Translate a reference; one to another document is never fetched and allows any value."""
        if not target.startswith("#"):
            return {}
        name = self._names.get(target)
        if name is None:  # stored first, because a schema may refer to itself
            name = self._names[target] = str(len(self._names))
            self.definitions[name] = self._part(self._found(target))
        return {"$ref": REFERENCE + name}

    def _found(self, target: str) -> Any:
        found = self._root
        for token in target[1:].split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(name)] if isinstance(found, list) else found[name]
            except (KeyError, IndexError, ValueError, TypeError) as error:
                raise _invalid(f"there is no {target}") from error
        return found

    @staticmethod
    def _bounds(part: Mapping[str, Any], made: dict[str, Any]) -> None:
        """Translate exclusive bounds: numbers in newer drafts, booleans beside a bound in older."""
        for bound, exclusive in (
            ("minimum", "exclusiveMinimum"),
            ("maximum", "exclusiveMaximum"),
        ):
            mark = part.get(exclusive)
            if mark is True and bound in made:
                made[exclusive] = made.pop(bound)
            elif mark is not None and not isinstance(mark, bool):
                made[exclusive] = mark

    @staticmethod
    def _type(part: Mapping[str, Any], made: dict[str, Any]) -> None:
        wanted = part.get("type")
        if wanted is not None:
            types = wanted if isinstance(wanted, list) else [wanted]
            made["type"] = [*types, "null"] if part.get("nullable") is True else types
        if part.get("format") == "byte" or part.get("contentEncoding") == "base64":
            made["format"] = BASE64

    def _parts(self, part: Mapping[str, Any], made: dict[str, Any]) -> None:
        for name in _ONE:
            if name in part:
                is_list = isinstance(part[name], list)
                made[name] = self._all(part[name]) if is_list else self._part(part[name])
        for name in _LISTS:
            if name in part:
                made[name] = self._all(part[name])
        for name in _MAPS:
            if name in part:
                made[name] = {key: self._part(one) for key, one in dict(part[name]).items()}
        if "oneOf" in part:
            made["oneOf"] = self._all(part["oneOf"])
            if _is_loose(part["oneOf"]):
                made["allOf"] = [*made.get("allOf", ()), {"anyOf": made.pop("oneOf")}]

    def _all(self, parts: Any) -> list[Any]:
        if not isinstance(parts, list):
            raise _invalid(f"{parts!r} is not a list of schemas")
        return [self._part(part) for part in parts]


def _is_loose(alternatives: list[Any]) -> bool:
    """Validate ``oneOf``; alternatives that cannot be checked here may match too."""
    is_content = any(isinstance(one, Mapping) and "contentMediaType" in one for one in alternatives)
    return is_content or _is_elsewhere(alternatives)


def _is_elsewhere(schema: object) -> bool:
    """Return true if a part of a schema is a "$ref" to another document."""
    if isinstance(schema, Mapping):
        target = schema.get("$ref")
        if isinstance(target, str) and not target.startswith("#"):
            return True
        return any(map(_is_elsewhere, schema.values()))
    return isinstance(schema, list) and any(map(_is_elsewhere, schema))


@cache
def _bbox() -> dict[str, Any]:
    """The schema of a bounding box, with what a client is told of it."""
    made: dict[str, Any] = _Translation(bbox.SCHEMA).whole()
    made["properties"]["bbox"]["x-expected"] = "4 or 6 numbers"
    return {**made, "x-expected": 'a bounding box {"bbox": [4 or 6 numbers]}'}


def is_base64(value: str) -> bool:
    """Return true if a string is base64 (RFC 4648), possibly split into lines."""
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _invalid(reason: str) -> ConfigurationError:
    return ConfigurationError(f"the schema of an input is not valid: {reason}")

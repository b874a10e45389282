"""Validation against the schemas of a process description, in OpenAPI 3.0's dialect.

That dialect is JSON Schema draft 4 (wright-00) with ``nullable``; schemas of pygeoapi's processes
also use the numeric ``exclusiveMinimum`` of later drafts, so both are understood.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft4Validator, Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, UnknownType, ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from pygeoapi_prefect.errors import ConfigurationError

BBOX = {
    "type": "object",
    "required": ["bbox"],
    "properties": {
        "bbox": {
            "type": "array",
            "items": {"type": "number"},
            "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
        },
        "crs": {"type": "string"},
    },
}
"""Schema of a bounding box value (``bbox.yaml``)."""


def _type(validator: Validator, types: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if instance is None and schema.get("nullable") is True:
        return
    yield from Draft4Validator.VALIDATORS["type"](validator, types, instance, schema)


def _exclusive(keyword: str) -> Any:
    def check(validator: Validator, bound: Any, instance: Any, _: Any) -> Iterator[Any]:
        if isinstance(bound, bool) or not validator.is_type(instance, "number"):
            return
        if (instance <= bound) if keyword == "exclusiveMinimum" else (instance >= bound):
            yield ValidationError(f"{instance!r} is not beyond {bound!r}")

    return check


def _one_of(validator: Validator, schemas: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """Where an alternative is elsewhere, or for content that nobody looks into, more may fit."""
    is_loose = _is_elsewhere(schemas) or any("contentMediaType" in part for part in schemas)
    keyword = "anyOf" if is_loose else "oneOf"
    yield from Draft4Validator.VALIDATORS[keyword](validator, schemas, instance, schema)


def _content_encoding(validator: Validator, name: Any, instance: Any, _: Any) -> Iterator[Any]:
    if name == "base64" and validator.is_type(instance, "string") and not _is_base64(instance):
        yield ValidationError(f"{short(instance)} is not base64")


def _is_base64(value: object) -> bool:
    """Whether a string is base64 (RFC 4648), perhaps broken into lines."""
    if not isinstance(value, str):
        return True  # not for a format to tell
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_elsewhere(schema: object) -> bool:
    """Whether a part of a schema is a "$ref" out of it."""
    if isinstance(schema, Mapping):
        target = schema.get("$ref")
        if isinstance(target, str) and not target.startswith("#"):
            return True
        return any(map(_is_elsewhere, schema.values()))
    return isinstance(schema, list) and any(map(_is_elsewhere, schema))


_OpenApiValidator: Any = extend(  # type: ignore[no-untyped-call]
    Draft4Validator,
    {
        "type": _type,
        "oneOf": _one_of,
        "contentEncoding": _content_encoding,
        "exclusiveMinimum": _exclusive("exclusiveMinimum"),
        "exclusiveMaximum": _exclusive("exclusiveMaximum"),
    },
    type_checker=Draft202012Validator.TYPE_CHECKER,  # 3.0 is an integer
)


_FORMATS = FormatChecker()
_FORMATS.checks("byte")(_is_base64)


def _anything(_uri: str) -> Resource[Any]:
    return Resource.from_contents({}, default_specification=DRAFT4)


# A remote "$ref" is never fetched: what it says stays unchecked.
_NO_RETRIEVAL: Registry[Any] = Registry(retrieve=_anything)  # type: ignore[call-arg]


@lru_cache(maxsize=1024)
def _validator(schema: str) -> Any:
    return _OpenApiValidator(json.loads(schema), format_checker=_FORMATS, registry=_NO_RETRIEVAL)


def problem(value: object, schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a value, in one short line, or None.

    Raises:
        ConfigurationError: The schema itself is not valid.
    """
    try:
        error = best_match(_validator(json.dumps(schema, sort_keys=True)).iter_errors(value))
    except (SchemaError, UnknownType, TypeError, KeyError) as fault:
        raise ConfigurationError(f"the schema of an input is not valid: {fault}") from fault
    except OverflowError:
        return f"{short(value)} is out of range"
    if error is None:
        return None
    where = "".join(f"[{part!r}]" for part in error.absolute_path)
    rule = error.validator
    expected = f" ({rule}: {short(error.validator_value)})" if rule else ""
    return f"{where + ': ' if where else ''}{short(error.instance)} is not valid{expected}"


def short(value: object) -> str:
    """JSON text of a value, cut for a message."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 100 else f"{text[:97]}..."

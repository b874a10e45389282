"""Explains why a value does not match a schema: each place, with the expected value.

The compiled validator decides everywhere; this module only descends to the values that it rejects.
So an error among millions of values is found at its speed, and the search ends when enough errors
are known.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pygeoapi_prefect.execution.schema import REFERENCE, Rules, Schema
from pygeoapi_prefect.execution.wording import TOLD, expected, shown
from pygeoapi_prefect.models.message import counted, listed

Path = tuple[str | int, ...]
CHUNK = 1000  # number of items that are validated together, because most of a long array is valid
MOST = 20
"""Number of errors of an alternative that are compared to find the intended one."""
_WHOLE = frozenset({
    "const", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "maximum", "maxItems",
    "maxLength", "maxProperties", "minimum", "minItems", "minLength", "minProperties", "multipleOf",
    "pattern", "type", "uniqueItems",
})  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """An invalid part of a value.

    Attributes:
        path: Names and indices of its place.
        detail: The expected value, as a sentence without a full stop.
        value: The invalid value.
        schema: The part of the schema that it violates, if it is invalid as a whole.
    """

    path: Path
    detail: str
    value: Any
    schema: Schema | None = None


def faults(value: Any, rules: Rules) -> Iterator[Fault]:
    """Yield the invalid parts of a value, in the order in which they are found."""
    yield from _faults(value, rules.schema, (), rules)


def _faults(value: Any, schema: Schema, path: Path, rules: Rules) -> Iterator[Fault]:
    if rules.fits(value, schema):
        return
    if isinstance(schema, Mapping) and "$ref" in schema:
        target = rules.definitions[schema["$ref"].removeprefix(REFERENCE)]
        yield from _faults(value, target, path, rules)
        return
    if isinstance(schema, bool) or not rules.fits(value, _simple(schema)):
        yield _whole(value, schema, path)
        return
    found = False
    for fault in _inner(value, schema, path, rules):
        found = True
        yield fault
    if not found:  # a rule about several members together
        yield _whole(value, schema, path)


def _simple(schema: Mapping[str, Any]) -> Schema:
    return {name: rule for name, rule in schema.items() if name in _WHOLE}


def _whole(value: Any, schema: Schema, path: Path) -> Fault:
    return Fault(path, f"expected {expected(schema)}, not {shown(value)}", value, schema)


def _inner(value: Any, schema: Mapping[str, Any], path: Path, rules: Rules) -> Iterator[Fault]:
    if isinstance(value, dict):
        yield from _members(value, schema, path, rules)
    if isinstance(value, list):
        yield from _items(value, schema, path, rules)
    for part in schema.get("allOf", ()):
        yield from _faults(value, part, path, rules)
    for name in ("anyOf", "oneOf"):
        if name in schema and not rules.fits(value, {name: schema[name]}):
            yield from _alternatives(value, schema, schema[name], path, rules)
    if "not" in schema and rules.fits(value, schema["not"]):
        yield Fault(path, f"{shown(value)} is not allowed here", value)


def _members(
    value: dict[str, Any], schema: Mapping[str, Any], path: Path, rules: Rules
) -> Iterator[Fault]:
    missing = [name for name in schema.get("required", ()) if name not in value]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        yield Fault(path, f"the {counted('member', missing)} {verb} missing", value)
    declared = schema.get("properties", {})
    for name, part in declared.items():
        if name in value:
            yield from _faults(value[name], part, (*path, name), rules)
    others = schema.get("additionalProperties", True)
    if others is True:
        return
    # Some names may match a pattern; the validator decides.
    patterns = schema.get("patternProperties", {})
    fits = _check(rules, {"patternProperties": patterns, "additionalProperties": others})
    unknown = [n for n in value if n not in declared and not fits({n: value[n]})]
    if others is False and unknown:
        known = f" (known members: {listed(declared)})" if declared else ""
        yield Fault(path, f"unknown {counted('member', unknown)}{known}", value)
    elif others is not False:
        for name in unknown:
            yield from _faults(value[name], others, (*path, name), rules)


def _items(
    value: list[Any], schema: Mapping[str, Any], path: Path, rules: Rules
) -> Iterator[Fault]:
    part = schema.get("items", True)
    if isinstance(part, list):
        for index, (item, own) in enumerate(zip(value, part, strict=False)):
            yield from _faults(item, own, (*path, index), rules)
        return
    all_fit, fits = _check(rules, {"items": part}), _check(rules, part)
    for start in range(0, len(value), CHUNK):
        chunk = value[start : start + CHUNK]
        if all_fit(chunk):
            continue
        for index, item in enumerate(chunk, start):
            if not fits(item):
                yield from _faults(item, part, (*path, index), rules)


def _check(rules: Rules, part: Schema) -> Callable[[Any], bool]:
    return rules.validator(part).is_valid


def _alternatives(
    value: Any,
    schema: Mapping[str, Any],
    alternatives: list[Schema],
    path: Path,
    rules: Rules,
) -> Iterator[Fault]:
    """Yield the errors of the alternative that was probably intended."""
    each = [list(islice(_faults(value, part, path, rules), MOST)) for part in alternatives]
    if not all(each):
        told = expected({"oneOf": alternatives})
        detail = (
            f"{shown(value)} matches more than one alternative; expected exactly one of: {told}"
        )
        yield Fault(path, detail, value)
    elif all(found[0].schema is not None and found[0].path == path for found in each):
        yield _whole(value, schema if TOLD in schema else {"oneOf": alternatives}, path)
    else:
        yield from min(each, key=lambda found: _distance(found, path))


def _distance(found: list[Fault], path: Path) -> tuple[int, int]:
    """Few faults near the top, of its kind for example; then the deepest."""
    near = [fault for fault in found if len(fault.path) <= len(path) + 1]
    return len(near), -max(len(fault.path) for fault in found)

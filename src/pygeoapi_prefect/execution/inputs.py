"""Validation of the inputs of an execute request against the process description.

OGC API - Processes - Part 1, 7.11.2.3; a value comes inline, qualified (``{"value": ...}``) or by
reference (``{"href": ...}``).
"""

from collections.abc import Callable, Mapping
from typing import Any

from pygeoapi_prefect.errors import InvalidJobParameterError, MissingJobParameterError
from pygeoapi_prefect.execution.schema import BBOX, problem, short
from pygeoapi_prefect.models.message import listed

Fetch = Callable[[str, Mapping[str, Any]], Any]
"""Called with the input's id and a link; returns the JSON value or the text it leads to."""
Check = Callable[[str, Mapping[str, Any]], None]
"""Called with the input's id and a link to something that is not JSON; raises if not allowed."""

QUALIFIERS = frozenset({"value", "format", "mediaType", "encoding", "schema"})
LINK_MEMBERS = frozenset({"href", "type", "rel", "title", "hreflang", "format", "schema"})
TOLD = ("type", "format", "enum", "minimum", "maximum", "items")
CONTENT = ("contentMediaType", "contentEncoding")
BINARY_FORMATS = frozenset({"byte", "binary"})


def validate(
    inputs: Mapping[str, Any], described: Mapping[str, Any], *, fetch: Fetch, check: Check
) -> dict[str, Any]:
    """Check all inputs; resolve those given by reference to JSON.

    Args:
        inputs: The ``inputs`` member of the execute request.
        described: The ``inputs`` member of the process description, as JSON.
        fetch: Gets the JSON value behind a link.
        check: Accepts or refuses a link that the process itself will open.

    Returns:
        The inputs, with each link to JSON replaced by the value that it leads to.

    Raises:
        MissingJobParameterError: A required input is absent.
        InvalidJobParameterError: An input is unknown or does not fit its description.
    """
    unknown = sorted(set(inputs) - set(described))
    if unknown:
        raise InvalidJobParameterError(
            f"unknown input {listed(unknown)}; "
            f"the process has {', '.join(sorted(described)) or 'none'}"
        )
    for name, description in described.items():
        if name not in inputs and _min_occurs(description) > 0:
            raise MissingJobParameterError(
                f"input '{name}' is missing; expected {_expected(description)}"
            )
    return {
        name: _input(name, value, described[name], fetch, check) for name, value in inputs.items()
    }


def _input(
    name: str, value: Any, description: Mapping[str, Any], fetch: Fetch, check: Check
) -> Any:
    schema = description.get("schema") or {}
    if not _repeats(description):
        return _value(name, value, schema, fetch, check)
    # Several occurrences come as an array; a lone value is taken for an array of one.
    values = value if isinstance(value, list) else [value]
    _count(name, len(values), description)
    checked = [_value(f"{name}[{i}]", item, schema, fetch, check) for i, item in enumerate(values)]
    return checked if isinstance(value, list) else checked[0]


def _value(name: str, value: Any, schema: Mapping[str, Any], fetch: Fetch, check: Check) -> Any:
    if is_link(value):
        if not _is_json(schema, value) and not (is_text(value) and _takes_text(schema)):
            if not _takes_media(schema):
                raise InvalidJobParameterError(
                    f"input '{name}': a reference to JSON was expected, not to another media type"
                )
            check(name, value)
            return value
        value = fetch(name, value)
        _fit(name, value, schema)
        return value
    if is_qualified(value):
        _check_media_type(name, value, schema)
        _fit(name, value["value"], schema)
    else:
        _fit(name, value, schema)
    return value


def _check_media_type(name: str, qualified: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Where each alternative is for a media type, a value of another one is refused."""
    declared, parts = _media_type(qualified), schema.get("oneOf") or schema.get("anyOf") or [schema]
    expected = [part.get("contentMediaType") for part in parts]
    if declared and all(expected) and _essence(declared) not in map(_essence, expected):
        raise InvalidJobParameterError(
            f"input '{name}': media type '{declared}'; expected {' or '.join(expected)}"
        )


def _media_type(qualifier: Mapping[str, Any]) -> str:
    """The media type that a qualified value or a link declares, flat or in its format; or ""."""
    format_ = qualifier.get("format")
    nested = format_.get("mediaType") if isinstance(format_, Mapping) else None
    return str(qualifier.get("mediaType") or qualifier.get("type") or nested or "")


def _essence(media_type: object) -> str:
    return str(media_type).partition(";")[0].strip().lower()


def _fit(name: str, value: Any, schema: Mapping[str, Any]) -> None:
    fault = problem(value, BBOX if _is_bbox(schema) else schema)
    if fault is not None:
        raise InvalidJobParameterError(
            f"input '{name}': {fault}; expected {_expected({'schema': schema})}"
        )


def is_link(value: object) -> bool:
    """Whether a value is a reference (``link.yaml``)."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("href"), str)
        and set(value) <= LINK_MEMBERS
    )


def is_qualified(value: object) -> bool:
    """Whether a value is qualified (``qualifiedInputValue.yaml``)."""
    return isinstance(value, dict) and "value" in value and set(value) <= QUALIFIERS


def is_text(link: Mapping[str, Any]) -> bool:
    """Whether a link says that it leads to plain text: a string as it is, without quotes."""
    return _media_type(link).partition(";")[0].strip().lower() == "text/plain"


def _is_json(schema: Mapping[str, Any], link: Mapping[str, Any]) -> bool:
    """Whether the value behind a link is JSON that the schema can be held against."""
    declared = _media_type(link)
    if declared and "json" not in declared.lower():
        return False
    media_types = [str(part.get("contentMediaType", "")) for part in _alternatives(schema)]
    return any("json" in media_type for media_type in media_types) or not _takes_media(schema)


def _takes_text(schema: Mapping[str, Any]) -> bool:
    """Whether the schema, or an alternative of it, is for strings that are text."""
    may_be = any("string" in str(part.get("type", "string")) for part in _alternatives(schema))
    return may_be and not _takes_media(schema)


def _takes_media(schema: Mapping[str, Any]) -> bool:
    """Whether the schema, or an alternative of it, is for other content than JSON values."""
    return any(
        part.get("contentMediaType")
        or part.get("contentEncoding")
        or part.get("format") in BINARY_FORMATS
        for part in _alternatives(schema)
    )


def _alternatives(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())]


def _is_bbox(schema: Mapping[str, Any]) -> bool:
    formats = [schema.get("format"), *(part.get("format") for part in schema.get("allOf", ()))]
    return any(str(name).rsplit("/", 1)[-1] == "ogc-bbox" for name in formats if name)


def _min_occurs(description: Mapping[str, Any]) -> int:
    return int(description.get("minOccurs", 1))


def _repeats(description: Mapping[str, Any]) -> bool:
    most = description.get("maxOccurs", 1)
    return most == "unbounded" or int(most) > 1


def _count(name: str, number: int, description: Mapping[str, Any]) -> None:
    least, most = _min_occurs(description), description.get("maxOccurs", 1)
    if number < least or (most != "unbounded" and number > int(most)):
        raise InvalidJobParameterError(
            f"input '{name}': {number} values, expected {least} to {most}"
        )


def _expected(description: Mapping[str, Any]) -> str:
    """What the schema asks for, in few words."""
    schema = description.get("schema") or {}
    if _is_bbox(schema):
        return 'a bounding box {"bbox": [4 or 6 numbers]}'
    told = {key: schema[key] for key in (*TOLD, *CONTENT) if key in schema}
    if not told and schema.get("oneOf"):
        return f"one of {short(schema['oneOf'])}"
    return short(told) if told else "any value"

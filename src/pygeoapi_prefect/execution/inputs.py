"""Validation of the inputs of an execute request against the process description.

OGC API - Processes - Part 1, 7.11.2.3; a value comes inline, qualified (``{"value": ...}``) or by
reference (``{"href": ...}``). One response reports all errors.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.execution import explain
from pygeoapi_prefect.execution.faults import MAX_COUNTED, Faults, pointer
from pygeoapi_prefect.execution.schema import Rules, rules
from pygeoapi_prefect.execution.wording import expected, many
from pygeoapi_prefect.models.media_types import essence
from pygeoapi_prefect.models.message import MAX_NAME, clean
from pygeoapi_prefect.models.uri import is_uri
from pygeoapi_prefect.models.values import is_link, is_qualified

Fetch = Callable[[str, Mapping[str, Any]], Any]
"""Called with the input's id and a link; returns the JSON value or text of its target."""
Check = Callable[[str, Mapping[str, Any], bool], None]
"""Called with the input's id, a link, and true if the process itself opens it, false if it is
fetched here; raises if the link is not allowed."""

BINARY_FORMATS = frozenset({"byte", "binary"})
MAX_FORMS = 1000
"""Links and qualified values among the values of one input: each costs more than a plain value."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_PATH = re.compile(r"[^\s{}\[\]\"]*(?:/[^\s{}\[\]\"]*|\.[A-Za-z0-9]{1,8})")
REFERENCE = '; pass a path or URL as {"href": ...}'


def validate(
    inputs: Mapping[str, Any], described: Mapping[str, Any], *, fetch: Fetch, check: Check
) -> dict[str, Any]:
    """Validate all inputs, and resolve references to JSON.

    Nothing is fetched for a request that is invalid anyway.

    Args:
        inputs: The ``inputs`` member of the execute request.
        described: The ``inputs`` member of the process description, as JSON.
        fetch: Gets the JSON value behind a link.
        check: Accepts or rejects a link.

    Returns:
        The inputs, with each link to JSON replaced by its target.

    Raises:
        MissingJobParameterError: A required input is absent, and nothing else is wrong.
        InvalidJobParameterError: An input is unknown or does not match its description.
    """
    found = Faults()
    known = ", ".join(described) or "none"
    unknown = [name for name in inputs if name not in described]  # as sent: there may be a million
    found.unknown(unknown, f"known inputs: {known}")
    for name, description in described.items():
        if name not in inputs and _min_occurs(description) > 0:
            told = expected(rules(description.get("schema") or {}).schema)
            found.missing(name, f"is missing; expected {told}")
    checked = dict(inputs)
    given = [name for name in inputs if name in described]
    for name in sorted(given, key=lambda name: _has_links(inputs[name])):
        one = _Input(name, described[name], found, fetch, check)
        checked[name] = one.checked(inputs[name])
    found.refuse()
    return checked


def _has_links(value: object) -> bool:
    return is_link(value) or any(map(is_link, _objects(value)))


def _objects(value: object) -> list[Any]:
    """The items of an array that contains an object, else none; fast for millions of numbers."""
    return value if isinstance(value, list) and dict in set(map(type, value)) else []


class _Input:
    """One input: its description, and the collector of its errors."""

    def __init__(
        self,
        name: str,
        description: Mapping[str, Any],
        found: Faults,
        fetch: Fetch,
        check: Check,
    ) -> None:
        self._name = name
        self._description = description
        self._schema: Mapping[str, Any] = description.get("schema") or {}
        self._rules = rules(self._schema)
        self._found = found
        self._fetch = fetch
        self._check = check

    def checked(self, value: Any) -> Any:
        """Return the value or values, with links to JSON replaced by their targets."""
        if not _repeats(self._description):
            return self._value(value, ())
        # Several occurrences are an array; a single value counts as an array of one.
        if not isinstance(value, list):
            self._count(1)
            return self._value(value, ())
        self._count(len(value))
        return self._values(value)

    def _values(self, values: list[Any]) -> list[Any]:
        """Validate several values; plain ones are validated together, which is much faster."""
        formed = [
            index
            for index, one in enumerate(_objects(values))
            if isinstance(one, dict) and (is_link(one) or is_qualified(one))
        ]
        if len(formed) > MAX_FORMS:
            self._fault((), f"expected at most {MAX_FORMS} links and qualified values together")
            return values
        if not formed:
            self._plain(values, range(len(values)))
            return values
        checked = list(values)
        for index in formed:
            checked[index] = self._value(values[index], (index,))
        apart = set(formed)
        places = [index for index in range(len(values)) if index not in apart]
        self._plain([values[index] for index in places], places)
        return checked

    def _plain(self, values: list[Any], places: Sequence[int]) -> None:
        several = Rules({"items": self._rules.schema}, self._rules.definitions)
        for fault in _first(values, several):
            self._tell(fault, (places[int(fault.path[0])],), fault.path[1:])

    def _value(self, value: Any, path: explain.Path) -> Any:
        if is_link(value):
            return self._link(value, path)
        if is_qualified(value):
            self._check_media_type(value, path)
            self._fit(value["value"], (*path, "value"))
        else:
            self._fit(value, path)
        return value

    def _link(self, link: Mapping[str, Any], path: explain.Path) -> Any:
        if not is_uri(link["href"]):
            self._fault((*path, "href"), "expected a valid URI (RFC 3986), with %20 for a space")
            return link
        is_fetched = _is_json(self._schema, link) or (is_text(link) and _takes_text(self._schema))
        if not is_fetched and not _takes_media(self._schema):
            declared = clean(essence(_media_type(link)), MAX_NAME)
            self._fault(path, f"expected a reference to JSON, not to {declared}")
            return link
        try:
            self._check(self._name, link, not is_fetched)
            if not is_fetched or self._found.are_there:
                return link
            value = self._fetch(self._name, link)
        except InvalidJobParameterError as error:
            self._fault((*path, "href"), str(error))
            return link
        for fault in _first(value, self._rules):
            place = f"at {pointer(fault.path)} " if fault.path else ""
            self._fault((*path, "href"), f"{fault.detail} ({place}in the referenced document)")
        return value

    def _fit(self, value: Any, path: explain.Path) -> None:
        for fault in _first(value, self._rules):
            self._tell(fault, path, fault.path)

    def _tell(self, fault: explain.Fault, start: explain.Path, inner: explain.Path) -> None:
        is_reference = not inner and self._may_be_reference(fault.value)
        self._fault((*start, *inner), fault.detail + (REFERENCE if is_reference else ""))

    def _may_be_reference(self, value: object) -> bool:
        """Return true if a string looks like the ``href`` of a link."""
        if not isinstance(value, str) or len(value) > 2000:
            return False
        if _URL.fullmatch(value):
            return True
        return not _takes_text(self._schema) and _PATH.fullmatch(value) is not None

    def _check_media_type(self, qualified: Mapping[str, Any], path: explain.Path) -> None:
        """Reject a value whose media type no alternative names, if all alternatives name one."""
        declared = _media_type(qualified)
        parts = self._schema.get("oneOf") or self._schema.get("anyOf") or [self._schema]
        wanted = [part.get("contentMediaType") for part in parts]
        if declared and all(wanted) and essence(declared) not in map(essence, map(str, wanted)):
            told = clean(declared, MAX_NAME)
            self._fault(path, f"expected the media type {' or '.join(wanted)}, not {told}")

    def _count(self, number: int) -> None:
        least, given = _min_occurs(self._description), self._description.get("maxOccurs", 1)
        most = None if given == "unbounded" else int(given)
        if number < least or (most is not None and number > most):
            self._fault((), f"expected {_number_of_values(least, most)}, not {number}")

    def _fault(self, path: explain.Path, detail: str) -> None:
        self._found.add(self._name, path, detail)


def _first(value: Any, wanted: Rules) -> Iterator[explain.Fault]:
    return islice(explain.faults(value, wanted), MAX_COUNTED)


def _media_type(qualifier: Mapping[str, Any]) -> str:
    """The media type that a qualified value or a link declares, flat or in its format; or ""."""
    format_ = qualifier.get("format")
    nested = format_.get("mediaType") if isinstance(format_, Mapping) else None
    return str(qualifier.get("mediaType") or qualifier.get("type") or nested or "")


def is_text(link: Mapping[str, Any]) -> bool:
    """Return true if a link declares plain text: a string as it is, without quotes."""
    return essence(_media_type(link)) == "text/plain"


def _is_json(schema: Mapping[str, Any], link: Mapping[str, Any]) -> bool:
    """Return true if the value behind a link is JSON that the schema can validate."""
    declared = _media_type(link)
    if declared and "json" not in declared.lower():
        return False
    media_types = [str(part.get("contentMediaType", "")) for part in _alternatives(schema)]
    return any("json" in media_type for media_type in media_types) or not _takes_media(schema)


def _takes_text(schema: Mapping[str, Any]) -> bool:
    """Return true if the schema, or an alternative of it, allows strings that are text."""
    may_be = any("string" in str(part.get("type", "string")) for part in _alternatives(schema))
    return may_be and not _takes_media(schema)


def _takes_media(schema: Mapping[str, Any]) -> bool:
    """Return true if the schema, or an alternative of it, allows content other than JSON."""
    return any(
        part.get("contentMediaType")
        or part.get("contentEncoding")
        or part.get("format") in BINARY_FORMATS
        for part in _alternatives(schema)
    )


def _alternatives(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())]


def _number_of_values(least: int, most: int | None) -> str:
    if most is None:
        return f"at least {many(least, 'value')}"
    if least == most:
        return f"exactly {many(most, 'value')}"
    return f"at most {many(most, 'value')}" if least == 0 else f"{least} to {many(most, 'value')}"


def _min_occurs(description: Mapping[str, Any]) -> int:
    return int(description.get("minOccurs", 1))


def _repeats(description: Mapping[str, Any]) -> bool:
    most = description.get("maxOccurs", 1)
    return most == "unbounded" or int(most) > 1

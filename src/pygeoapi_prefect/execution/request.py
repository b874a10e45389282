"""The body of an execute request, from bytes to an object of bounded depth.

OGC API - Processes - Part 1, 7.11.2 and ``execute.yaml``.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from jsonschema_rs import Draft201909Validator

from pygeoapi_prefect.errors import (
    InvalidJobParameterError,
    UnsupportedMediaType,
)
from pygeoapi_prefect.models import strict_json
from pygeoapi_prefect.models.message import MAX_NAME, clean, listed, named
from pygeoapi_prefect.models.uri import is_uri

MAX_DEPTH = 64
COSTS = {b"{": 8, b":": 8, b",": 2, b"[": 1}
MAX_COST = 14_500_000
"""Cost that a body may have: objects, members, values and arrays, by the characters that begin
or part them. A unit is about an eighth of a microsecond of all that is done with a body, so
that the whole takes less than two seconds. The weights were measured for the dearest of each kind:
names that are all different, arrays of empty objects. Those of GeoJSON of 15 MiB stay below:
its shortest position, `[1,2],`, costs 5, a small Feature of 110 characters about 100.
"""
MAX_CALLBACK = 2000
SUBSCRIBER = ("successUri", "inProgressUri", "failedUri")
RESPONSES = ("raw", "document")
TRANSMISSIONS = ("value", "reference")


def parse(body: bytes, content_type: str | None) -> dict[str, Any]:
    """Read an execute request.

    Args:
        body: UTF-8 encoded JSON text.
        content_type: The request's ``Content-Type``; none is taken for JSON.

    Raises:
        UnsupportedMediaType: The body is declared as something else than JSON.
        InvalidJobParameterError: The body is not a JSON object, or a member has the wrong form.
    """
    media_type = (content_type or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType(
            "The body of an execute request must be application/json, not "
            f"{clean(media_type, MAX_NAME)}"
        )
    request = load(body)
    if not isinstance(request, dict):
        raise InvalidJobParameterError("The body must be a JSON object with the member 'inputs'")
    check(request)
    return request


def load(body: bytes) -> Any:
    """Read JSON text that a client is responsible for: its body, or what it refers to.

    Raises:
        InvalidJobParameterError: It is no JSON, is nested too deeply, or has a number or character
            that cannot be used.
    """
    if not body.strip():
        raise InvalidJobParameterError("The body is empty; it must be a JSON object")
    _check_size(body)
    try:
        request = strict_json.loads(body.decode("utf-8-sig"), unique_names=True)
    except UnicodeDecodeError as error:
        raise InvalidJobParameterError(
            f"The body is not valid UTF-8 (byte {error.start})"
        ) from error
    except UnicodeEncodeError as error:
        raise InvalidJobParameterError("The body contains a lone surrogate character") from error
    except RecursionError as error:
        raise InvalidJobParameterError(
            f"The body is nested deeper than {MAX_DEPTH} levels"
        ) from error
    except json.JSONDecodeError as error:
        raise InvalidJobParameterError(f"The body is not valid JSON: {error}") from error
    except strict_json.DuplicateName as error:
        raise InvalidJobParameterError(
            f"An object in the body has the duplicate key {named(error)}"
        ) from error
    except ValueError as error:  # an integer of thousands of digits, or not a number
        raise InvalidJobParameterError(f"The body contains an invalid number: {error}") from error
    if not _shallow().is_valid(request):
        raise InvalidJobParameterError(f"The body is nested deeper than {MAX_DEPTH} levels")
    return request


def _check_size(body: bytes) -> None:
    """Limit the cost of parsing a body, estimated by counting characters, which is fast."""
    if sum(cost * body.count(character) for character, cost in COSTS.items()) > MAX_COST:
        raise InvalidJobParameterError(
            "The body contains too many objects, members, arrays and values to be parsed in time; "
            "pass large data by reference"
        )


@cache
def _shallow() -> Draft201909Validator:
    """Return true if JSON data is nested within the limit; decided by compiled code."""
    levels: dict[str, Any] = {"0": {"not": {"type": ["array", "object"]}}}
    for number in range(1, MAX_DEPTH + 1):
        inner = {"$ref": f"#/definitions/{number - 1}"}
        levels[str(number)] = {"items": inner, "additionalProperties": inner}
    whole = {"$ref": f"#/definitions/{MAX_DEPTH}", "definitions": levels}
    return Draft201909Validator(whole, offline=True)


def check(request: dict[str, Any]) -> None:
    """Check the members other than the inputs' values; a member that is null is removed.

    Raises:
        InvalidJobParameterError: A member has the wrong form; says which.
    """
    for name in [name for name in request if request[name] is None]:
        del request[name]
    if request.get("response", "raw") not in RESPONSES:
        raise InvalidJobParameterError("'response' must be 'raw' or 'document'")
    for name in ("inputs", "outputs", "subscriber"):
        if not isinstance(request.get(name, {}), dict):
            raise InvalidJobParameterError(f"'{name}' must be a JSON object")
    _check_subscriber(request)
    for output, wanted in request.get("outputs", {}).items():
        if not isinstance(wanted, dict):
            raise InvalidJobParameterError(f"output {named(output)} must be a JSON object")
        if wanted.get("transmissionMode", "value") not in TRANSMISSIONS:
            raise InvalidJobParameterError(
                f"output {named(output)}: transmissionMode must be 'value' or 'reference'"
            )


def _check_subscriber(request: dict[str, Any]) -> None:
    """Bring ``subscriber`` into the form of the standard's text, /req/callback/job-callback.

    Its published schema demands ``successUrl`` instead, by mistake: both are accepted. It demands
    that one: here each of the three is enough, which is an extension. Null is no address,
    and a subscriber without any is none.
    """
    if "subscriber" not in request:
        return
    subscriber = dict(request.pop("subscriber"))
    if not subscriber:
        raise InvalidJobParameterError(
            f"'subscriber' must have at least one of the members {', '.join(SUBSCRIBER)}"
        )
    if "successUrl" in subscriber:
        subscriber.setdefault("successUri", subscriber.pop("successUrl"))
    unknown = [name for name in subscriber if name not in SUBSCRIBER]
    if unknown:
        raise InvalidJobParameterError(f"'subscriber' has the unknown member {listed(unknown)}")
    for name, url in subscriber.items():
        if not isinstance(url, str) or len(url) > MAX_CALLBACK or not is_uri(url):
            raise InvalidJobParameterError(
                f"'subscriber.{name}' must be a valid URI of at most {MAX_CALLBACK} characters"
            )
    request["subscriber"] = subscriber


def check_outputs(request: Mapping[str, Any], described: Iterable[str]) -> None:
    """Refuse outputs that the process does not have.

    Raises:
        InvalidJobParameterError: Names the outputs that are unknown and those that exist.
    """
    known = sorted(described)
    unknown = [name for name in request.get("outputs", {}) if name not in known]
    if unknown:
        raise InvalidJobParameterError(
            f"unknown output {listed(unknown)}; known outputs: {', '.join(known)}"
        )

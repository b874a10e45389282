"""An execute request, from bytes to members that have the right form.

OGC API - Processes - Part 1, 7.11.2 and ``execute.yaml``.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, Self, cast

from jsonschema_rs import Draft201909Validator

from pygeoapi_prefect.access.principal import SYSTEM, Principal
from pygeoapi_prefect.errors import (
    InvalidJobParameterError,
    UnsupportedMediaType,
)
from pygeoapi_prefect.execution.wording import shown
from pygeoapi_prefect.models import strict_json
from pygeoapi_prefect.models.documents import WantedOutput
from pygeoapi_prefect.models.media_types import essence, is_json_type
from pygeoapi_prefect.models.message import MAX_NAME, clean, counted, named
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
BODY = "The body"
MAX_CALLBACK = 2000
SUBSCRIBER = ("successUri", "inProgressUri", "failedUri")
RESPONSES = ("raw", "document")
TRANSMISSIONS = ("value", "reference")


@dataclass(frozen=True)
class Received:
    """An execute request as it has arrived.

    Attributes:
        read: Reads the body, UTF-8 encoded JSON text. It is called once, and nobody keeps the body
            while a client waits for the results.
        content_type: The header ``Content-Type``; none is taken for JSON.
        prefer: The values of all ``Prefer`` headers.
        arrived: Time of its arrival, in seconds of ``time.monotonic``; waits count from then.
        principal: Who has sent it; the job will belong to them.
        idempotency_key: The header ``Idempotency-Key``.
    """

    read: Callable[[], bytes]
    content_type: str | None = None
    prefer: Sequence[str] = ()
    arrived: float = field(default_factory=time.monotonic)
    principal: Principal = SYSTEM
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Request:
    """An execute request (``execute.yaml``) whose members have the right form.

    Attributes:
        inputs: Values by the inputs' identifiers, as they came.
        outputs: The outputs that are wanted; None means all of them.
        response: Form of the results.
        subscriber: Callback URLs by the members of ``subscriber.yaml``; empty if there are none.
        others: Members that the standard does not define; the flow gets them as they came.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, WantedOutput] | None = None
    response: Literal["raw", "document"] = "raw"
    subscriber: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Check the members other than the inputs' values; one that is null counts as absent.

        Raises:
            InvalidJobParameterError: A member has the wrong form; says which.
        """
        members = {name: value for name, value in document.items() if value is not None}
        response = members.pop("response", "raw")
        if response not in RESPONSES:
            raise InvalidJobParameterError(
                f"'response' must be 'raw' or 'document', not {shown(response)}"
            )
        for name in ("inputs", "outputs", "subscriber"):
            if not isinstance(given := members.get(name, {}), dict):
                raise InvalidJobParameterError(
                    f"'{name}' must be a JSON object, not {shown(given)}"
                )
        return cls(
            inputs=members.pop("inputs", {}),
            response=cast(Literal["raw", "document"], response),
            subscriber=_subscriber(members.pop("subscriber", None)),
            outputs=_outputs(members.pop("outputs", None)),
            others=members,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the members that were given, as JSON data, and always the inputs."""
        given = {
            "outputs": self.outputs,
            "response": None if self.response == "raw" else self.response,
            "subscriber": self.subscriber or None,
        }
        kept = {name: value for name, value in given.items() if value is not None}
        return {**self.others, "inputs": self.inputs, **kept}


def parse(body: bytes, content_type: str | None) -> Request:
    """Read an execute request.

    Args:
        body: UTF-8 encoded JSON text.
        content_type: The request's ``Content-Type``; none is taken for JSON.

    Raises:
        UnsupportedMediaType: The body is declared as something else than JSON.
        InvalidJobParameterError: The body is not a JSON object, or a member has the wrong form.
    """
    if content_type and not is_json_type(content_type):
        told = clean(essence(content_type), MAX_NAME)
        raise UnsupportedMediaType(
            f"The body of an execute request must be application/json, not {told}"
        )
    document = load(body)
    if not isinstance(document, dict):
        raise InvalidJobParameterError(
            f'The body must be a JSON object such as {{"inputs": {{}}}}, not {shown(document)}'
        )
    return Request.from_json(document)


def load(body: bytes, what: str = BODY) -> Any:
    """Read JSON text that a client is responsible for: its body, or what it refers to.

    Args:
        body: The text, UTF-8 encoded.
        what: Name of the text in messages.

    Raises:
        InvalidJobParameterError: It is no JSON, is nested too deeply, or has a number or character
            that cannot be used.
    """
    if not body.strip():
        raise InvalidJobParameterError(f"{what} is empty; it must be JSON")
    _check_size(body, what)
    try:
        request = strict_json.loads(body.decode("utf-8-sig"), unique_names=True)
    except UnicodeDecodeError as error:
        raise InvalidJobParameterError(f"{what} is not valid UTF-8 (byte {error.start})") from error
    except UnicodeEncodeError as error:
        raise InvalidJobParameterError(f"{what} contains a lone surrogate character") from error
    except RecursionError as error:
        raise InvalidJobParameterError(
            f"{what} is nested deeper than {MAX_DEPTH} levels"
        ) from error
    except json.JSONDecodeError as error:
        raise InvalidJobParameterError(f"{what} is not valid JSON: {error}") from error
    except strict_json.DuplicateName as error:
        raise InvalidJobParameterError(
            f"{what} contains an object with the duplicate key {named(error)}"
        ) from error
    except strict_json.InvalidNumber as error:
        raise InvalidJobParameterError(f"{what} contains an invalid number: {error}") from error
    if not _shallow().is_valid(request):
        raise InvalidJobParameterError(f"{what} is nested deeper than {MAX_DEPTH} levels")
    return request


def _check_size(body: bytes, what: str) -> None:
    """Limit the cost of parsing a body, estimated by counting characters, which is fast."""
    if sum(cost * body.count(character) for character, cost in COSTS.items()) > MAX_COST:
        advice = "; pass large data by reference" if what == BODY else ""
        raise InvalidJobParameterError(
            f"{what} contains too many objects, members, arrays and values to be parsed in "
            f"time{advice}"
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


def _outputs(outputs: dict[str, Any] | None) -> Mapping[str, WantedOutput] | None:
    for output, wanted in (outputs or {}).items():
        if not isinstance(wanted, dict):
            raise InvalidJobParameterError(
                f"output {named(output)} must be a JSON object, not {shown(wanted)}"
            )
        mode = wanted.get("transmissionMode", "value")
        if mode not in TRANSMISSIONS:
            raise InvalidJobParameterError(
                f"output {named(output)}: transmissionMode must be 'value' or 'reference', "
                f"not {shown(mode)}"
            )
    return outputs


def _subscriber(given: dict[str, Any] | None) -> dict[str, str]:
    """Bring ``subscriber`` into the form of the standard's text, /req/callback/job-callback.

    Its published schema demands ``successUrl`` instead, by mistake: both are accepted. It demands
    that one: here each of the three is enough, which is an extension. Null is no address,
    and a subscriber without any is none.
    """
    if given is None:
        return {}
    if not given:
        raise InvalidJobParameterError(
            f"'subscriber' must have at least one of the members {', '.join(SUBSCRIBER)}"
        )
    subscriber = dict(given)
    if "successUrl" in subscriber:
        subscriber.setdefault("successUri", subscriber.pop("successUrl"))
    unknown = [name for name in subscriber if name not in SUBSCRIBER]
    if unknown:
        raise InvalidJobParameterError(
            f"'subscriber' has the unknown {counted('member', unknown)} "
            f"(known members: {', '.join(SUBSCRIBER)})"
        )
    for name, url in subscriber.items():
        if not isinstance(url, str) or len(url) > MAX_CALLBACK or not is_uri(url):
            raise InvalidJobParameterError(
                f"'subscriber.{name}' must be a valid URI of at most {MAX_CALLBACK} characters"
            )
    return subscriber


def check_outputs(request: Request, described: Iterable[str]) -> None:
    """Refuse outputs that the process does not have.

    Raises:
        InvalidJobParameterError: Names the outputs that are unknown and those that exist.
    """
    known = sorted(described)
    unknown = [name for name in request.outputs or {} if name not in known]
    if unknown:
        raise InvalidJobParameterError(
            f"unknown {counted('output', unknown)} (known outputs: {', '.join(known) or 'none'})"
        )

"""Validates a whole execute request: body, headers, and what both ask of the process."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pygeoapi_prefect.execution import inputs, prefer
from pygeoapi_prefect.execution.request import Received, Request, check_outputs, parse


class Outside(Protocol):
    """Access to what a request refers to; raises ``InvalidJobParameterError`` if it is refused."""

    def check_subscriber(self, urls: Mapping[str, str]) -> None:
        """Check callback URLs, by the members of ``subscriber.yaml``."""

    def check(self, name: str, link: Mapping[str, Any], is_opened: bool) -> None:
        """Check a link of an input; true if the process itself opens it; see ``inputs.Check``."""

    def fetch(self, name: str, link: Mapping[str, Any]) -> Any:
        """Return the value behind a link of an input; see ``inputs.Fetch``."""


@dataclass(frozen=True)
class Valid:
    """A validated request, its links to JSON replaced by what they lead to, and its mode."""

    request: Request
    mode: prefer.Mode


def validate(
    body: bytes,
    received: Received,
    description: Mapping[str, Any],
    outside: Outside,
) -> Valid:
    """Validate an execute request against a process.

    Args:
        body: The body, read.
        received: The headers.
        description: The process description, as JSON.
        outside: Access to what the request refers to.

    Raises:
        UnsupportedMediaType: The body is declared as something else than JSON.
        InvalidJobParameterError: The body, an input or an output is invalid; says which.
        MissingJobParameterError: A required input is absent.
        NotSupported: The request wants something that is not offered.
    """
    request = parse(body, received.content_type)
    check_outputs(request, description["outputs"])
    outside.check_subscriber(request.subscriber)
    checked = inputs.validate(
        request.inputs, description["inputs"], fetch=outside.fetch, check=outside.check
    )
    preferences = prefer.parse(received.prefer)
    mode = prefer.negotiate(preferences, description["jobControlOptions"])
    return Valid(replace(request, inputs=checked), mode)

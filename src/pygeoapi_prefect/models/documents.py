"""JSON documents that this server sends, as types: they are made here and need no validation."""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict


class Link(TypedDict):
    """A member of a ``links`` array (``link.yaml``)."""

    href: str
    rel: str
    type: NotRequired[str]
    title: NotRequired[str]
    hreflang: NotRequired[str]


class StatusInfo(TypedDict):
    """A job (``statusInfo.yaml``); what is not known is absent."""

    jobID: str
    processID: NotRequired[str]
    type: Literal["process"]
    status: str
    message: str
    created: str
    updated: str
    started: NotRequired[str]
    finished: NotRequired[str]
    progress: NotRequired[int]
    links: NotRequired[list[Link]]


class Fault(TypedDict):
    """One of several faults of a request, with its place (RFC 6901)."""

    input: str
    pointer: str
    detail: str


class Problem(TypedDict):
    """A problem document (RFC 7807)."""

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[Fault]]


class WantedOutput(TypedDict, total=False):
    """The form in which an output is wanted (``output.yaml``)."""

    transmissionMode: Literal["value", "reference"]
    format: Mapping[str, Any]

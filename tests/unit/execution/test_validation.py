"""A whole execute request: body, headers and what it refers to, in that order."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from pygeoapi_prefect.errors import InvalidJobParameterError, NotSupported
from pygeoapi_prefect.execution.prefer import Mode
from pygeoapi_prefect.execution.request import Received, Request
from pygeoapi_prefect.execution.validation import Valid, validate

HREF = "https://example.org/a.json"
DESCRIPTION = {
    "inputs": {"a": {"schema": {"type": "object"}}},
    "outputs": {"o": {}},
    "jobControlOptions": ["sync-execute", "async-execute"],
}


class Outside:
    """Notes what is asked for; every link leads to an empty object."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def check_subscriber(self, urls: Mapping[str, str]) -> None:
        self.asked.append(dict(urls))
        if "failedUri" in urls:
            raise NotSupported("no callbacks")

    def check(self, name: str, link: Mapping[str, Any], is_opened: bool) -> None:
        self.asked.append(("check", name, is_opened))

    def fetch(self, name: str, link: Mapping[str, Any]) -> Any:
        self.asked.append(("fetch", name))
        return {}


def valid(outside: Outside, *prefer: str, **members: Any) -> Valid:
    def unread() -> bytes:
        raise AssertionError("the body has been read already")

    body = json.dumps(members).encode()
    return validate(body, Received(unread, None, prefer), DESCRIPTION, outside)


def test_a_request_is_complete_with_its_mode() -> None:
    outside = Outside()
    found = valid(outside, "respond-async", inputs={"a": {"href": HREF}}, response="document")
    assert found.request == Request({"a": {}}, response="document")
    assert found.mode == Mode(run_async=True, applied="respond-async")
    assert outside.asked == [{}, ("check", "a", False), ("fetch", "a")]


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"inputs": {"a": {"href": HREF}}, "outputs": {"x": {}}}, InvalidJobParameterError),
        ({"inputs": {"a": {"href": HREF}}, "response": "xml"}, InvalidJobParameterError),
        ({"inputs": {"a": {"href": HREF}, "b": 1}}, InvalidJobParameterError),
        ({"inputs": {}, "subscriber": {"failedUri": "http://a/"}}, NotSupported),
    ],
)
def test_nothing_is_fetched_for_a_request_that_is_rejected(
    members: dict[str, Any], error: type[Exception]
) -> None:
    outside = Outside()
    with pytest.raises(error):
        valid(outside, **members)
    assert ("fetch", "a") not in outside.asked


def test_a_request_does_not_change_any_more() -> None:
    found = valid(Outside(), inputs={"a": {}})
    with pytest.raises(AttributeError):
        found.request.response = "document"  # type: ignore[misc]

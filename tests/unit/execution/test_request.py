"""The body of an execute request: every malformed one is a 400 with a reason."""

import json
from typing import Any

import pytest

from pygeoapi_prefect.errors import (
    InvalidJobParameterError,
    MissingJobParameterError,
    UnsupportedMediaType,
)
from pygeoapi_prefect.execution.request import MAX_DEPTH, check_outputs, parse

JSON = "application/json"


def body(**members: Any) -> bytes:
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    "content_type",
    [None, "application/json", "APPLICATION/JSON; charset=utf-8", "application/x+json"],
)
def test_reads_json_whatever_its_declaration(content_type: str | None) -> None:
    assert parse(body(inputs={"a": 1}), content_type) == {"inputs": {"a": 1}}


def test_reads_text_with_a_byte_order_mark() -> None:
    assert parse(b"\xef\xbb\xbf{}", JSON) == {}


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "json"]
)
def test_refuses_another_media_type(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=content_type):
        parse(b"{}", content_type)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not valid JSON"),
        (b"{'a': 1}", "not valid JSON"),
        (b"\xff\xfe{}", "UTF-8"),
        (b'{"a": "\xe9"}', "UTF-8"),
        (b"[1]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b'{"inputs": {"a": NaN}}', "NaN"),
        (b'{"inputs": {"a": -Infinity}}', "Infinity"),
        (b'{"inputs": {"a": 1e999}}', "out of range"),
        (b'{"inputs": {"a": ' + b"9" * 6000 + b"}}", "number"),
        (b'{"inputs": {"a": "\\ud800"}}', "surrogate"),
        (b"[" * 100_000 + b"]" * 100_000, "deeper"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "deeper"),
        (b'{"inputs": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}", "deeper"),
    ],
)
def test_refuses_what_is_no_usable_json_object(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidJobParameterError, match=reason):
        parse(content, JSON)


def test_accepts_depth_up_to_the_bound() -> None:
    depth = MAX_DEPTH - 2
    nested = b'{"inputs": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    assert "inputs" in parse(nested, JSON)
    with pytest.raises(InvalidJobParameterError, match="deeper"):
        parse(b'{"inputs": ' + b'{"a":' * 64 + b"1" + b"}" * 64 + b"}", JSON)


def test_keeps_escaped_characters_and_null_characters() -> None:
    value = parse(b'{"inputs": {"a": "\\u00e9\\u0000\\ud83d\\ude00"}}', JSON)["inputs"]["a"]
    assert value == "\u00e9\x00\N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"inputs": []}, "'inputs' must be"),
        ({"inputs": "a"}, "'inputs' must be"),
        ({"outputs": ["a"]}, "'outputs' must be"),
        ({"outputs": {"a": "value"}}, "output 'a'"),
        ({"outputs": {"a": {"transmissionMode": "pigeon"}}}, "transmissionMode"),
        ({"response": "xml"}, "'response'"),
        ({"response": ["raw"]}, "'response'"),
        ({"subscriber": "http://example.org"}, "'subscriber'"),
        ({"subscriber": {"failedUri": "http://example.org"}}, "'subscriber.successUri' is missing"),
        ({"subscriber": {"successUri": ["x"]}}, "'subscriber.successUri' must be a URL"),
        ({"subscriber": {"successUri": "x", "when": "now"}}, "'subscriber' has no member 'when'"),
    ],
)
def test_names_the_member_that_is_wrong(members: dict[str, Any], reason: str) -> None:
    with pytest.raises((InvalidJobParameterError, MissingJobParameterError), match=reason):
        parse(body(**members), JSON)


def test_both_names_of_the_member_for_success_are_accepted() -> None:
    url = "http://example.org/x"
    for name in ("successUri", "successUrl"):
        wanted = {name: url, "failedUri": url, "inProgressUri": None}
        parsed = parse(body(subscriber=wanted), JSON)
        assert parsed["subscriber"] == {"successUri": url, "failedUri": url}
    assert "subscriber" not in parse(body(subscriber={}), JSON)


def test_null_members_are_absent() -> None:
    assert parse(body(inputs=None, outputs=None, response=None, subscriber=None), JSON) == {}


def test_refuses_unknown_outputs_and_names_the_known() -> None:
    check_outputs({"outputs": {"a": {}}}, ["a", "b"])
    check_outputs({}, ["a"])
    with pytest.raises(InvalidJobParameterError, match=r"unknown output 'c'; the process has a, b"):
        check_outputs({"outputs": {"c": {}}}, ["b", "a"])

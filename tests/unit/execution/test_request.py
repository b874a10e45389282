"""The body of an execute request: every malformed one is a 400 with a reason."""

import json
import time
from typing import Any

import pytest

from pygeoapi_prefect.errors import InvalidJobParameterError, UnsupportedMediaType
from pygeoapi_prefect.execution.request import MAX_DEPTH, Request, check_outputs, load, parse
from pygeoapi_prefect.models.documents import WantedOutput

JSON = "application/json"


def body(**members: Any) -> bytes:
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    "content_type",
    [None, "application/json", "APPLICATION/JSON; charset=utf-8", "application/x+json"],
)
def test_reads_json_whatever_its_declaration(content_type: str | None) -> None:
    assert parse(body(inputs={"a": 1}), content_type) == Request({"a": 1})


def test_reads_text_with_a_byte_order_mark() -> None:
    assert parse(b"\xef\xbb\xbf{}", JSON) == Request()


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
        (b'{"inputs": {"a": ' + b"9" * 6000 + b"}}", "it has more than 4300 digits$"),
        (b'{"inputs": {"a": "\\ud800"}}', "surrogate"),
        (b"[" * 100_000 + b"]" * 100_000, "deeper"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "deeper"),
        (b'{"inputs": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}", "deeper"),
    ],
)
def test_refuses_what_is_no_usable_json_object(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidJobParameterError, match=reason):
        parse(content, JSON)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"a": NaN}', b'{"a": 1, "a": 2}'])
def test_a_referenced_document_has_its_own_name_in_messages(content: bytes) -> None:
    with pytest.raises(InvalidJobParameterError, match=r"^the referenced document "):
        load(content, "the referenced document")


def test_accepts_depth_up_to_the_bound() -> None:
    depth = MAX_DEPTH - 2
    nested = b'{"inputs": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    assert list(parse(nested, JSON).inputs) == ["a"]
    with pytest.raises(InvalidJobParameterError, match="deeper"):
        parse(b'{"inputs": ' + b'{"a":' * 64 + b"1" + b"}" * 64 + b"}", JSON)


def test_keeps_escaped_characters_and_null_characters() -> None:
    value = parse(b'{"inputs": {"a": "\\u00e9\\u0000\\ud83d\\ude00"}}', JSON).inputs["a"]
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
        ({"subscriber": {"successUri": ["x"]}}, "'subscriber.successUri' must be a valid URI"),
        (
            {"subscriber": {"failedUri": "http://a/", "when": "now"}},
            "'subscriber' has the unknown member 'when'",
        ),
        (
            {"subscriber": {"failedUri": "http://a/", "when": "now", "who": "me"}},
            "'subscriber' has the unknown members 'when', 'who'",
        ),
    ],
)
def test_names_the_member_that_is_wrong(members: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidJobParameterError, match=reason):
        parse(body(**members), JSON)


def test_both_names_of_the_member_for_success_are_accepted() -> None:
    url = "http://example.org/x"
    for name in ("successUri", "successUrl"):
        wanted = {name: url, "failedUri": url}
        parsed = parse(body(subscriber=wanted), JSON)
        assert parsed.subscriber == {"successUri": url, "failedUri": url}
    assert not parse(body(), JSON).subscriber
    assert "subscriber" not in parse(body(), JSON).as_json()


def test_a_subscriber_without_an_address_is_refused() -> None:
    """Fault 14: it was taken for an absent one."""
    with pytest.raises(InvalidJobParameterError, match="at least one of the members successUri"):
        parse(body(subscriber={}), JSON)


@pytest.mark.parametrize("name", ["successUri", "inProgressUri", "failedUri"])
def test_one_address_of_a_subscriber_is_enough_but_not_null(name: str) -> None:
    """Fault 14: null was accepted, and successUri demanded."""
    wanted = {name: "http://example.org/x"}
    assert parse(body(subscriber=wanted), JSON).subscriber == wanted
    for url in (None, "", "http://example.org/a b", "data/x", "http://\u00e9.org/", 3):
        with pytest.raises(InvalidJobParameterError, match=f"'subscriber.{name}' must be a valid"):
            parse(body(subscriber={name: url}), JSON)


@pytest.mark.parametrize(
    "content",
    [
        b'{"inputs": {}, "inputs": {"a": 1}}',
        b'{"inputs": {"a": {"b": [{"c": 1, "inputs": 2, "c": 3, "inputs": 4}]}}}',
        b'{"inputs": {"a": 1, "\\u0061": 2, "inputs": {"inputs": 1, "inputs": 1}}}',
    ],
)
def test_duplicate_keys_are_refused(content: bytes) -> None:
    """Fault 36: which of two members counts is not the same everywhere (RFC 8259)."""
    with pytest.raises(InvalidJobParameterError, match=r"duplicate key '(inputs|c)'"):
        parse(content, JSON)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"inputs": {"a": [' + b"{}," * 5_500_000 + b"{}]}}", "too many objects, members"),
        (b'{"inputs": {"a": [' + b"[]," * 5_500_000 + b"[]]}}", "too many objects, members"),
        (b'{"inputs": {' + b'"a":1,' * 2_600_000 + b'"b":1}}', "too many objects, members"),
        (b'{"inputs": {"a": [' + b"1," * 7_900_000 + b"1]}}", "too many objects, members"),
        (
            b'{"inputs": {"a": ['
            + b"[]," * 2_990_000
            + b"{}," * 990_000
            + b"1," * 990_000
            + b"1]}}",
            "too many objects, members",
        ),
    ],
    ids=["objects", "arrays", "members", "values", "all of them"],
)
def test_bodies_that_would_take_long_to_read_are_refused_at_once(content: bytes, told: str) -> None:
    """Fault 25: 5.6 million objects took two minutes."""
    before = time.process_time()
    with pytest.raises(InvalidJobParameterError, match=told):
        parse(content, JSON)
    assert time.process_time() - before < 0.5


def test_null_members_are_absent() -> None:
    assert parse(body(inputs=None, outputs=None, response=None, subscriber=None), JSON) == Request()


def test_a_request_is_passed_on_as_it_was_given() -> None:
    """The flow sees what the client sent, members of later versions of the standard included."""
    given = {
        "inputs": {"a": 1},
        "outputs": {"o": {"transmissionMode": "reference", "format": {"mediaType": "a/b"}}},
        "response": "document",
        "subscriber": {"successUri": "http://example.org/x"},
        "process": "http://example.org/processes/p",
    }
    parsed = parse(body(**given), JSON)
    assert parsed.as_json() == given
    assert parsed.others == {"process": "http://example.org/processes/p"}
    assert Request().as_json() == {"inputs": {}}
    assert Request(outputs={}).as_json() == {"inputs": {}, "outputs": {}}


def test_refuses_unknown_outputs_and_names_the_known() -> None:
    check_outputs(Request(outputs={"a": {}}), ["a", "b"])
    check_outputs(Request(), ["a"])
    with pytest.raises(
        InvalidJobParameterError, match=r"unknown output 'c' \(known outputs: a, b\)"
    ):
        check_outputs(Request(outputs={"c": {}}), ["b", "a"])


def test_a_million_unknown_outputs_are_not_sorted() -> None:
    """Fault 25: the first are told as they were sent."""
    outputs: dict[str, WantedOutput] = {f"{number}": {} for number in range(9, 0, -1)}
    with pytest.raises(InvalidJobParameterError, match=r"'9', '8', '7', '6', '5' and 4 more"):
        check_outputs(Request(outputs=outputs), ["a"])

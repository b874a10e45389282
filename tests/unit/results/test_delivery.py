"""The delivery matrix: what was asked for decides status, media type and body."""

import base64
import email
import email.policy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from pygeoapi_prefect.execution.request import Request
from pygeoapi_prefect.models.documents import WantedOutput
from pygeoapi_prefect.models.link_header import link_header
from pygeoapi_prefect.results import links
from pygeoapi_prefect.results.delivery import Reply, deliver, single
from pygeoapi_prefect.results.output import Output

TEXT = b"Hello Joe"
PNG = b"\x89PNG\r\n\x1a\n\x00"
COLLECTION = b'{"type": "FeatureCollection", "features": []}'


def output(name: str, content: bytes, media_type: str) -> Output:
    def chunks(start: int = 0, length: int | None = None) -> Iterator[bytes]:
        wanted = content[start : None if length is None else start + length]
        return iter([wanted[:3], wanted[3:]])

    href = f"https://example.org/jobs/1/results/{name}"
    return Output(name, media_type, chunks, lambda: len(content), href)


ONE = [output("text", TEXT, "text/plain")]
MANY = [
    *ONE,
    output("image", PNG, "image/png"),
    output("zones", COLLECTION, "application/geo+json"),
]
REFERENCE: WantedOutput = {"transmissionMode": "reference"}


def content(reply: Reply) -> bytes:
    return reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)


def headers(reply: Reply, name: str) -> list[str]:
    return [value for key, value in reply.headers if key == name]


def parts(reply: Reply) -> list[Any]:
    head = f"Content-Type: {headers(reply, 'Content-Type')[0]}\r\n\r\n".encode()
    message = email.message_from_bytes(head + content(reply), policy=email.policy.HTTP)
    assert message.get_content_type() == "multipart/related"
    return list(message.iter_parts())


def test_one_raw_output_comes_as_it_is() -> None:
    requests: list[dict[str, Any]] = [{}, {"response": "raw"}, {"outputs": {"text": {}}}]
    for request in requests:
        reply = deliver(ONE, Request.from_json(request))
        assert (reply.status, content(reply)) == (200, TEXT)
        assert headers(reply, "Content-Type") == ["text/plain"]
        assert headers(reply, "Content-Length") == ["9"]


def test_only_what_was_asked_for_counts() -> None:
    reply = deliver(MANY, Request.from_json({"outputs": {"image": {"transmissionMode": "value"}}}))
    assert content(reply) == PNG
    assert headers(reply, "Content-Type") == ["image/png"]


def test_several_raw_outputs_come_as_multipart() -> None:
    found = parts(deliver(MANY, Request.from_json({})))
    assert [part["Content-ID"] for part in found] == ["<text>", "<image>", "<zones>"]
    assert [part.get_content_type() for part in found] == [
        "text/plain",
        "image/png",
        "application/geo+json",
    ]
    assert found[1].get_payload(decode=True) == PNG
    assert json.loads(found[2].get_payload(decode=True)) == json.loads(COLLECTION)


def test_mixed_transmission_leaves_the_body_of_references_empty() -> None:
    found = parts(deliver(MANY, Request.from_json({"outputs": {"text": {}, "image": REFERENCE}})))
    assert len(found) == 2
    assert found[0].get_payload(decode=True) == TEXT
    assert found[1]["Content-Location"] == "https://example.org/jobs/1/results/image"
    assert found[1].get_payload(decode=True) == b""


def test_raw_references_come_as_link_headers() -> None:
    reply = deliver(MANY, Request.from_json({"outputs": {"text": REFERENCE, "image": REFERENCE}}))
    assert (reply.status, content(reply)) == (204, b"")
    links = headers(reply, "Link")
    assert len(links) == 2
    assert links[1].startswith("<https://example.org/jobs/1/results/image>; rel=")
    assert 'type="image/png"' in links[1]


def test_a_document_maps_every_output_to_a_value_or_link() -> None:
    reply = deliver(
        MANY,
        Request(response="document", outputs={"text": {}, "image": REFERENCE, "zones": {}}),
    )
    assert headers(reply, "Content-Type") == ["application/json"]
    document = json.loads(content(reply))
    assert document["text"] == "Hello Joe"
    assert document["image"]["href"] == "https://example.org/jobs/1/results/image"
    assert document["zones"] == {
        "value": json.loads(COLLECTION),
        "mediaType": "application/geo+json",
    }


def test_no_output_at_all() -> None:
    assert deliver([], Request.from_json({})).status == 204
    assert content(deliver([], Request.from_json({"response": "document"}))) == b"{}"


@pytest.mark.parametrize(
    ("data", "media_type", "value"),
    [
        (b"text", "text/plain", "text"),
        (b"text", "text/plain; charset=utf-8", "text"),
        (b"3.5", "application/json", 3.5),
        (b"[1, 2]", "application/json", [1, 2]),
        (b'{"a": 1}', "application/json", {"value": {"a": 1}, "mediaType": "application/json"}),
        (b"<a/>", "application/xml", {"value": "<a/>", "mediaType": "application/xml"}),
        (b"a,b", "text/csv", {"value": "a,b", "mediaType": "text/csv"}),
        (b"\x00", "image/png", {"value": "AA==", "mediaType": "image/png", "encoding": "base64"}),
        # What Python takes for JSON, or writes as such, and is none.
        *(
            (
                text,
                "application/json",
                {
                    "value": base64.b64encode(text).decode(),
                    "mediaType": "application/json",
                    "encoding": "base64",
                },
            )
            for text in (b'{"a": NaN}', b"[1e999]", b'["\\ud800"]', b"[" * 60_000)
        ),
        (b'["\\ud83d\\ude00"]', "application/json", ["\U0001f600"]),
        (b"\xff", "text/plain", {"value": "/w==", "mediaType": "text/plain", "encoding": "base64"}),
        (
            b"{",
            "application/json",
            {"value": "ew==", "mediaType": "application/json", "encoding": "base64"},
        ),
    ],
)
def test_inline_values(data: bytes, media_type: str, value: Any) -> None:
    reply = deliver([output("o", data, media_type)], Request(response="document"))
    assert json.loads(content(reply)) == {"o": value}


def test_a_single_output_is_streamed() -> None:
    reply = single(MANY[1])
    assert not isinstance(reply.body, bytes)
    assert next(reply.body) == PNG[:3]


def test_values_of_a_link_header_are_quoted() -> None:
    made = link_header("http://a.org/x", rel="monitor", type='text/plain; charset="utf-8"')
    assert made == r'<http://a.org/x>; rel="monitor"; type="text/plain; charset=\"utf-8\""'


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("plain", 'title="plain"'),
        ('a "b" \\', r'title="a \"b\" \\"'),
        ("line\nbreak", "title*=UTF-8''line%0Abreak"),
        ("größe", "title*=UTF-8''gr%C3%B6%C3%9Fe"),
        ("a\x7f", "title*=UTF-8''a%7F"),
    ],
)
def test_a_title_fits_its_header(title: str, expected: str) -> None:
    """Fault 27 (RFC 8187)."""
    made = link_header("http://a.org/x", rel="item", title=title)
    assert made == f'<http://a.org/x>; rel="item"; {expected}'


@pytest.mark.parametrize(
    ("output_id", "expected"),
    [("zones", "<zones>"), ("a/b", "<a%2Fb>"), ("x>\r\ny", "<x%3E%0D%0Ay>")],
)
def test_a_content_id_is_escaped(output_id: str, expected: str) -> None:
    """Fault 27 (RFC 2392)."""
    assert links.content_id(output_id) == expected

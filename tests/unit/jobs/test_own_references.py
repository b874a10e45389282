"""References of inputs to this server's own outputs."""

from collections.abc import Iterator
from typing import Any

import pytest

from pygeoapi_prefect import outgoing
from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.jobs import references as requested
from pygeoapi_prefect.jobs.own_references import Find, Found, OwnReferences
from pygeoapi_prefect.jobs.references import MAX_REFERENCES, References
from pygeoapi_prefect.process import references
from pygeoapi_prefect.process.references import OwnOutput
from pygeoapi_prefect.results import links
from pygeoapi_prefect.results.output import Output

ROOT = "https://geo.example.org/ogc/v1"
HREF = links.output_url(ROOT, "a job", "a/b")


@pytest.mark.parametrize(
    ("root", "href", "names"),
    [
        (ROOT, HREF, ("a job", "a/b")),
        (ROOT, f"{ROOT}/jobs/j/results/o", ("j", "o")),
        (ROOT, f"{ROOT}/jobs/j/results/o?f=json#part", ("j", "o")),
        (ROOT, "HTTPS://GEO.example.ORG:443/ogc/v1/jobs/j/results/o", ("j", "o")),
        ("http://localhost:5000", "http://localhost:5000/jobs/j/results/o", ("j", "o")),
        ("http://localhost", "http://localhost:80/jobs/j/results/o", ("j", "o")),
        (ROOT, "https://geo.example.org/jobs/j/results/o", None),
        (ROOT, "https://geo.example.org/ogc/v1x/jobs/j/results/o", None),
        (ROOT, "http://geo.example.org/ogc/v1/jobs/j/results/o", None),
        (ROOT, "https://geo.example.org:444/ogc/v1/jobs/j/results/o", None),
        (ROOT, "https://geo.example.org@evil.example/ogc/v1/jobs/j/results/o", None),
        (ROOT, "https://user@geo.example.org/ogc/v1/jobs/j/results/o", None),
        (ROOT, "https://evil.example/ogc/v1/jobs/j/results/o", None),
        (ROOT, f"{ROOT}/jobs/j/results", None),
        (ROOT, f"{ROOT}/jobs/j/results/", None),
        (ROOT, f"{ROOT}/jobs/j/results/o/p", None),
        (ROOT, f"{ROOT}/processes/p", None),
        (ROOT, "https://geo.example.org:99999/ogc/v1/jobs/j/results/o", None),
        (ROOT, "https://[::1/ogc/v1/jobs/j/results/o", None),
        (ROOT, "/ogc/v1/jobs/j/results/o", None),
        (ROOT, "", None),
    ],
)
def test_an_address_names_an_output_of_this_server(
    root: str, href: str, names: tuple[str, str] | None
) -> None:
    """Fault 20."""
    assert links.output_named(root, href) == names


def output(content: bytes) -> Output:
    def chunks(start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return iter([content[:2], content[2:]])

    return Output("o", "application/json", chunks, lambda: len(content), HREF)


def resolving(content: bytes = b'{"a": 1}', block: str | None = "b/n") -> OwnReferences:
    def resolve(href: str) -> Find | None:
        is_own = href.partition("?")[0] == HREF
        return (lambda: Found(output(content), block, "/store/x")) if is_own else None

    return OwnReferences(resolve)


def nothing_to_spend() -> None:
    """Let any number be looked for."""


def test_json_is_read_from_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 20: no HTTP request is made."""
    monkeypatch.setattr(outgoing, "fetch", None)
    assert References(1000, resolving()).fetch("x", {"href": HREF}) == {"a": 1}
    text = References(1000, resolving(b"{")).fetch("x", {"href": HREF, "type": "text/plain"})
    assert text == "{"


@pytest.mark.parametrize(("content", "told"), [(b"[1, 2, 3, 4]", "larger than 8"), (b"{", "JSON")])
def test_what_is_read_is_held_to_the_same_rules(content: bytes, told: str) -> None:
    """Fault 20: size and form are those of any reference."""
    with pytest.raises(InvalidJobParameterError, match=told):
        References(8, resolving(content)).fetch("x", {"href": HREF})


def test_elsewhere_is_as_it_was() -> None:
    own = resolving()
    assert own.read("https://example.org/x", 1000) is None
    own.check("https://example.org/x", nothing_to_spend)
    assert own.left == []
    with pytest.raises(InvalidJobParameterError, match="URI"):
        own.check("block:b/n#x", nothing_to_spend)
    with pytest.raises(InvalidJobParameterError, match="does not connect"):
        References(1000, own).fetch("x", {"href": "http://127.0.0.1:9/x"})


def test_a_flow_is_told_where_its_outputs_are() -> None:
    """Fault 20: by labels of its run, which no client writes."""
    own = resolving()
    own.check(HREF, nothing_to_spend)
    own.check(HREF, nothing_to_spend)
    expected = OwnOutput.of(HREF, "b/n", "/store/x", "application/json")
    assert own.left == [expected, expected]
    made: dict[str, Any] = {**references.labels(own.left), "pygeoapi.message": "x", "n": 1}
    assert len(made) == 3
    assert references.labelled(made) == {expected.key: expected}


def test_an_output_in_a_folder_of_the_web_process_is_for_no_worker() -> None:
    with pytest.raises(InvalidJobParameterError, match="which the process cannot read"):
        resolving(block=None).check(HREF, nothing_to_spend)


def test_what_is_read_here_needs_no_block() -> None:
    """Fault 20: JSON of an unmodified process was refused as no worker can read it."""
    own = resolving(block=None)
    references = References(1000, own)
    references.check("x", {"href": HREF}, False)
    assert references.fetch("x", {"href": HREF}) == {"a": 1}
    assert own.left == []  # and the flow is told of nothing that it does not open


def test_what_is_looked_for_in_the_store_counts_as_what_is_fetched() -> None:
    """Fault 20: a request with a thousand own references cost as many looks into Prefect."""
    looked: list[str] = []

    def resolve(href: str) -> Find | None:
        def find() -> Found:
            looked.append(href)
            return Found(output(b"{}"), "b/n", "/store/x")

        return find if href == HREF else None

    own = References(1000, OwnReferences(resolve))
    for _ in range(100):  # elsewhere: only the form is looked at
        own.check("x", {"href": "https://example.org/x"}, True)
    own.fetch("x", {"href": HREF})
    for _ in range(MAX_REFERENCES - 1):
        own.check("x", {"href": HREF}, True)
    with pytest.raises(InvalidJobParameterError, match="at most 32 inputs by reference"):
        own.check("x", {"href": HREF}, True)
    assert len(looked) == MAX_REFERENCES


def test_what_is_looked_for_in_the_store_has_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 20."""
    monkeypatch.setattr(requested, "REFERENCES_SECONDS", 0.0)
    with pytest.raises(InvalidJobParameterError, match="took more than 0 s"):
        References(1000, resolving()).check("x", {"href": HREF}, True)


def test_a_long_reference_makes_a_short_label() -> None:
    """Fault 20: labels come with every list of runs, and had all of each reference."""
    own = resolving()
    for number in range(MAX_REFERENCES):
        own.check(f"{HREF}?{number}&{'x' * 8000}", nothing_to_spend)
    made = references.labels(own.left)
    assert len(made) == MAX_REFERENCES
    assert sum(map(len, made.values())) < 200 * MAX_REFERENCES
    assert "xxx" not in "".join(made.values())

"""References to a request that is kept in a block."""

from collections.abc import Iterator

import pytest

from pygeoapi_prefect import compat
from pygeoapi_prefect.models import reference


@pytest.fixture(autouse=True)
def _own_loader() -> Iterator[None]:
    yield
    compat.install()


def test_the_registered_loader_gets_the_whole_reference() -> None:
    reference.register_loader(str.upper)
    assert reference.load("block:a-b/c#d/e f.json") == "BLOCK:A-B/C#D/E F.JSON"


def test_a_later_loader_replaces_the_earlier_one() -> None:
    reference.register_loader(lambda _: "first")
    reference.register_loader(lambda _: "second")
    assert reference.load("block:a/b#c") == "second"


def test_errors_of_the_loader_are_passed_on() -> None:
    def fail(text: str) -> str:
        raise LookupError(text)

    reference.register_loader(fail)
    with pytest.raises(LookupError, match="block:a/b#c"):
        reference.load("block:a/b#c")


def test_a_reference_is_written_as_it_is_read() -> None:
    text = "block:remote-file-system/results#job 1/request.json"
    found = reference.Reference.parse(text)
    assert found == reference.Reference("remote-file-system/results", "job 1/request.json")
    assert str(found) == text
    assert reference.is_reference(text)
    assert not reference.is_reference('{"inputs": {}}')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "block:",
        "block:a/b",
        "block:a/b#",
        "block:a#c",
        "block:a/b/c#d",
        "block:a /b#c",
        "Block:a/b#c",
        "x block:a/b#c",
        "block:a/b#c\nd",
    ],
)
def test_the_form_is_checked_before_anything_is_loaded(text: str) -> None:
    def never(_: str) -> str:
        pytest.fail("was called")

    reference.register_loader(never)
    with pytest.raises(ValueError, match="has the form block:"):
        reference.load(text)


def test_without_a_loader_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "_loader", None)
    with pytest.raises(RuntimeError, match="no loader"):
        reference.load("block:a/b#c")

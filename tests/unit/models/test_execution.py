"""Execute requests and results documents."""

# Field names and aliases are both used here; a type checker knows only one of them.
# mypy: disable-error-code="call-arg"

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from pygeoapi_prefect import compat
from pygeoapi_prefect.errors import BlockNotFound
from pygeoapi_prefect.models import reference
from pygeoapi_prefect.models.processes import (
    ExecuteRequest,
    ExecutionDocumentResult,
    ExecutionDocumentSingleOutput,
    ExecutionFormat,
    ExecutionInputObject,
    ExecutionInputValueNoObject,
    ExecutionOutput,
    ExecutionSubscriber,
    Link,
    ProcessOutputTransmissionMode,
    ProcessResponseType,
)

FULL: dict[str, Any] = {
    "inputs": {
        "name": "Joe",
        "numbers": [1, 2.0, 2.5],
        "zones": {"type": "FeatureCollection", "features": [], "note": None},
        "raster": {"href": "http://x/a.tif", "type": "image/tiff"},
        "image": {"value": "AAEC", "format": {"mediaType": "image/png", "encoding": "base64"}},
        "area": {"bbox": [1, 2, 3, 4.5]},
    },
    "outputs": {
        "a": {"transmissionMode": "reference", "format": {"mediaType": "text/csv"}},
        "b": {},
    },
    "response": "document",
    "subscriber": {"successUri": "http://s", "inProgressUri": "http://p", "failedUri": "http://f"},
}


@pytest.fixture
def blocks() -> Iterator[Callable[[str, str], None]]:
    """Lets a test say which text a reference leads to."""
    texts: dict[str, str] = {}

    def load(text: str) -> str:
        if text not in texts:
            raise BlockNotFound(text)
        return texts[text]

    reference.register_loader(load)
    yield texts.__setitem__
    compat.install()


def test_a_request_is_the_same_after_json_and_back() -> None:
    request = ExecuteRequest.model_validate(FULL)
    assert request.as_dict() == FULL
    assert json.loads(request.to_json()) == FULL
    for again in (
        ExecuteRequest.model_validate(request.to_json()),
        ExecuteRequest.model_validate_json(request.to_json()),
        ExecuteRequest.model_validate(request.as_dict()),
        ExecuteRequest(**request.as_dict()),
        ExecuteRequest.model_validate(request),
        ExecuteRequest.model_validate(request.model_dump()),
    ):
        assert again == request
        assert json.loads(again.to_json())["inputs"]["numbers"] == FULL["inputs"]["numbers"]


def test_members() -> None:
    request = ExecuteRequest.model_validate(FULL)
    assert request.inputs is not None
    assert request.outputs is not None
    assert request.response is ProcessResponseType.document
    assert request.outputs["a"] == ExecutionOutput(
        format_=ExecutionFormat(media_type="text/csv"),
        transmission_mode=ProcessOutputTransmissionMode.REFERENCE,
    )
    assert request.outputs["b"].transmission_mode == "value"
    assert request.subscriber == ExecutionSubscriber(
        success_uri="http://s", in_progress_uri="http://p", failed_uri="http://f"
    )


def test_the_way_flows_read_inputs() -> None:
    request = ExecuteRequest.model_validate({"inputs": {"name": "Joe"}})
    inputs: Any = request.inputs
    assert inputs["name"].__root__ == inputs["name"].root == "Joe"
    assert inputs.get("message") is None
    with pytest.raises(KeyError):
        inputs["message"]


def test_an_empty_request() -> None:
    request = ExecuteRequest()
    assert (request.inputs, request.outputs, request.subscriber) == (None, None, None)
    assert request.response == "raw"
    assert request.to_json() == "{}"
    assert ExecuteRequest.model_validate({"inputs": {}, "outputs": None}).as_dict() == {
        "inputs": {}
    }


def test_a_member_set_later_is_written() -> None:
    request = ExecuteRequest()
    request.inputs = {"a": ExecutionInputValueNoObject(1)}
    request.response = ProcessResponseType.document
    assert request.as_dict() == {"inputs": {"a": 1}, "response": "document"}


def test_unknown_members_are_ignored() -> None:
    assert ExecuteRequest.model_validate({"mode": "async", "inputs": {}}).as_dict() == {
        "inputs": {}
    }


@pytest.mark.parametrize(
    ("bad", "loc"),
    [
        ({"inputs": []}, ("inputs",)),
        ({"inputs": "block:a/b#c"}, ("inputs",)),
        ({"inputs": '{"a": 1}'}, ("inputs",)),
        ({"outputs": '{"a": {}}'}, ("outputs",)),
        ({"outputs": "block:a/b#c"}, ("outputs",)),
        ({"outputs": {"a": "block:a/b#c"}}, ("outputs", "a")),
        ({"outputs": {"a": None}}, ("outputs", "a")),
        ({"outputs": {"a": {"transmissionMode": "fax"}}}, ("outputs", "a", "transmissionMode")),
        ({"outputs": {"a": {"format": '{"mediaType": "a"}'}}}, ("outputs", "a", "format")),
        ({"response": "html"}, ("response",)),
        ({"subscriber": "block:a/b#c"}, ("subscriber",)),
    ],
    ids=json.dumps,
)
def test_wrong_members_are_named(
    bad: dict[str, Any], loc: tuple[str, ...], blocks: Callable[[str, str], None]
) -> None:
    blocks("block:a/b#c", json.dumps(FULL))
    with pytest.raises(ValidationError) as caught:
        ExecuteRequest.model_validate(bad)
    assert caught.value.errors()[0]["loc"] == loc


def test_a_reference_is_read(blocks: Callable[[str, str], None]) -> None:
    blocks("block:local-file-system/r#1/request.json", json.dumps(FULL))
    request = ExecuteRequest.model_validate("block:local-file-system/r#1/request.json")
    assert request == ExecuteRequest.model_validate(FULL)


def test_a_reference_leads_to_json_not_to_another_reference(
    blocks: Callable[[str, str], None],
) -> None:
    blocks("block:a/b#c", "block:a/b#c")
    with pytest.raises(ValidationError):
        ExecuteRequest.model_validate("block:a/b#c")


def test_the_reason_why_a_reference_cannot_be_read_is_kept(
    blocks: Callable[[str, str], None],
) -> None:
    assert blocks is not None
    with pytest.raises(BlockNotFound, match="block:a/b#c"):
        ExecuteRequest.model_validate("block:a/b#c")


def test_references_in_inputs_stay_text(blocks: Callable[[str, str], None]) -> None:
    blocks("block:a/b#c", json.dumps(FULL))
    given = {"a": "block:a/b#c", "b": ["block:a/b#c"], "c": {"value": "block:a/b#c"}}
    assert ExecuteRequest.model_validate({"inputs": given}).as_dict() == {"inputs": given}


@pytest.mark.parametrize("text", ["block:a/b#c", json.dumps({"inputs": {}})])
def test_a_document_that_is_a_string_is_never_resolved(
    text: str, blocks: Callable[[str, str], None]
) -> None:
    blocks("block:a/b#c", json.dumps(FULL))
    with pytest.raises(ValidationError):
        ExecuteRequest.model_validate_json(json.dumps(text))
    with pytest.raises(ValidationError):
        ExecuteRequest.model_validate(json.dumps(text))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "null", "block:", "block:a", '{"inputs": {"a": NaN}}', "[" * 100_000],
    ids=lambda text: text[:30],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        ExecuteRequest.model_validate(text)


@pytest.mark.parametrize("depth", [100, 190, 250, 1000, 5000, 100_000])
@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: {"a": x}, lambda x: {"value": x}])
def test_deep_values_come_through_whole_or_are_refused(
    depth: int, wrap: Callable[[Any], Any]
) -> None:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    if depth < 200:
        request = ExecuteRequest(inputs={"a": value})
        assert ExecuteRequest.model_validate(request.to_json()) == request
        assert request.as_dict() == {"inputs": {"a": value}}
    else:
        with pytest.raises(ValidationError, match="at most 200 levels"):
            ExecuteRequest(inputs={"a": value})


def feature_collection(size: int) -> dict[str, Any]:
    """A collection of polygons of about ``size`` bytes of JSON text."""
    draw = random.Random(1)
    ring = [[draw.uniform(-180, 180), draw.uniform(-90, 90)] for _ in range(12)]
    feature = {
        "type": "Feature",
        "properties": {"name": "a", "none": None},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    return {
        "type": "FeatureCollection",
        "features": [feature] * (size // len(json.dumps(feature))),
    }


@pytest.mark.parametrize("form", ["bare", "qualified", "array", "numbers"])
def test_a_megabyte_is_read_in_a_tenth_of_a_second(form: str) -> None:
    collection = feature_collection(1_000_000)
    value: Any = {
        "bare": collection,
        "qualified": {"value": collection},
        "array": collection["features"],
        "numbers": [i / 7 for i in range(55_000)],
    }[form]
    text = json.dumps({"inputs": {"zones": value}})
    assert len(text) > 900_000
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        request = ExecuteRequest.model_validate(text)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.1
    assert json.loads(request.to_json())["inputs"]["zones"] == value


def test_results_documents() -> None:
    given = {
        "text": "a",
        "number": 1.0,
        "link": {"href": "http://x"},
        "json": {"value": {"a": None}},
        "bare": {"a": None},
    }
    document = ExecutionDocumentResult.model_validate(given)
    assert document.__root__ is document.root
    outputs = document.__root__
    assert isinstance(outputs["text"], ExecutionDocumentSingleOutput)
    assert outputs["text"].__root__ == ExecutionInputValueNoObject("a")
    assert outputs["link"].__root__ == Link(href="http://x")
    assert isinstance(outputs["bare"].root, ExecutionInputObject)
    assert json.loads(document.model_dump_json(by_alias=True, exclude_none=True)) == given


def test_every_root_model_has_both_names() -> None:
    for value in (
        ExecutionInputValueNoObject("a"),
        ExecutionDocumentSingleOutput.model_validate("a"),
        ExecutionDocumentResult.model_validate({}),
    ):
        assert isinstance(value, BaseModel)
        assert value.root is value.__root__

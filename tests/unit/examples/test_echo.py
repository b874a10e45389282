"""The echo process: it returns what it gets, and takes what the compliance suite sends."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

from pygeoapi_prefect.errors import InvalidJobParameterError, MissingJobParameterError
from pygeoapi_prefect.examples import echo as module
from pygeoapi_prefect.examples.echo import EchoProcessor, rest
from pygeoapi_prefect.execution.inputs import validate
from pygeoapi_prefect.models.processes import ExecuteRequest, JobStatusInfoInternal

DESCRIPTION = EchoProcessor({"name": "x"}).metadata
POINT = {"type": "Point", "coordinates": [7.5, 52]}
EVERYTHING = {
    "echo": "grüß",
    "pause": 0,
    "integers": [1, 2, 3],
    "number": 1.5,
    "boolean": False,
    "colour": "green",
    "datetime": "2026-01-02T03:04:05Z",
    "bbox": {"bbox": [51.9, 7, 52, 7.1], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"},
    "geometry": POINT,
    "text_or_object": {"value": {"a": {"href": "no link"}}},
}


@pytest.fixture(autouse=True)
def results(tmp_path: Path) -> Iterator[Path]:
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path}), disable_run_logger():
        yield tmp_path


def validated(inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs after the checks that the web process makes."""
    return validate(inputs, DESCRIPTION["inputs"], fetch=unexpected, check=unexpected)


def unexpected(*_: Any) -> Any:
    raise AssertionError("no input is given by reference")


def run(inputs: dict[str, Any], outputs: Any = None) -> JobStatusInfoInternal:
    request = {"inputs": validated(inputs), "outputs": outputs}
    status: JobStatusInfoInternal = EchoProcessor.process_flow.fn(
        job_id="job-1",
        result_storage_block=None,
        process_description=EchoProcessor.process_description,
        execution_request=ExecuteRequest.model_validate(request),
    )
    return status


def echoed(inputs: dict[str, Any], outputs: Any = None) -> dict[str, tuple[str, bytes]]:
    generated = run(inputs, outputs).generated_outputs or {}
    return {
        name: (output.media_type, Path(output.location).read_bytes())
        for name, output in generated.items()
    }


def test_every_input_comes_back_in_its_media_type() -> None:
    found = echoed(EVERYTHING)
    texts = {name: content.decode() for name, (_, content) in found.items()}
    assert {name: media_type for name, (media_type, _) in found.items()} == {
        "echo": "text/plain",
        "integers": "application/json",
        "number": "application/json",
        "boolean": "application/json",
        "colour": "text/plain",
        "datetime": "text/plain",
        "bbox": "application/json",
        "geometry": "application/geo+json",
        "text_or_object": "application/json",
    }
    assert texts["echo"] == "grüß"
    assert texts["colour"] == "green"
    assert texts["datetime"] == "2026-01-02T03:04:05Z"
    for name in ("integers", "number", "boolean", "bbox", "geometry"):
        assert json.loads(texts[name]) == EVERYTHING[name]
    assert json.loads(texts["text_or_object"]) == {"a": {"href": "no link"}}


def test_inputs_that_are_absent_have_no_output() -> None:
    assert list(echoed({"echo": "a"})) == ["echo"]
    assert set(echoed({"echo": "a", "integers": []})) == {"echo", "integers"}


def test_only_requested_outputs_are_made() -> None:
    assert list(echoed(EVERYTHING, {"number": {}})) == ["number"]
    assert set(echoed(EVERYTHING, {"number": {}, "echo": {}})) == {"number", "echo"}
    assert echoed({"echo": "a"}, {"number": {}}) == {}
    assert len(echoed(EVERYTHING, {})) == 9


def test_falsy_values_are_echoed() -> None:
    found = echoed({"echo": "", "boolean": False, "number": 0})
    assert {name: content for name, (_, content) in found.items()} == {
        "echo": b"",
        "boolean": b"false",
        "number": b"0",
    }


def test_template_in_an_input_is_data() -> None:
    template = {"__prefect_kind": "jinja", "template": "{{ 7*7 }}"}
    found = echoed({"echo": "a", "text_or_object": template})
    assert json.loads(found["text_or_object"][1]) == template


def test_it_pauses_in_steps_and_tells_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    monkeypatch.setattr(module, "STEP_SECONDS", 0.02)
    monkeypatch.setattr(module, "report_progress", lambda percent, _: told.append(percent))
    started = time.monotonic()
    rest(0.09)
    assert 0.09 <= time.monotonic() - started < 2
    assert told == [0, 20, 40, 60, 80]


def test_it_does_not_pause_unasked() -> None:
    started = time.monotonic()
    rest(0)
    run({"echo": "a"})
    assert time.monotonic() - started < 0.4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("echo", 3),
        ("pause", -1),
        ("pause", "5"),
        ("integers", [1.5]),
        ("integers", 1),
        ("number", 101),
        ("boolean", "true"),
        ("colour", "teststring"),
        ("datetime", "yesterday"),
        ("bbox", {"bbox": [1, 2, 3]}),
        ("geometry", {"type": "Feature"}),
        ("geometry", "POINT (1 1)"),
        ("text_or_object", 1),
    ],
)
def test_wrong_values_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidJobParameterError, match=f"'{name}"):
        validated({"echo": "a", name: value})


def test_only_the_first_input_is_required() -> None:
    with pytest.raises(MissingJobParameterError, match="'echo'"):
        validated({})
    occurs = {name: described["minOccurs"] for name, described in DESCRIPTION["inputs"].items()}
    assert occurs.pop("echo") == 1
    assert set(occurs.values()) == {0}


def suite_value(schema: dict[str, Any]) -> Any:
    """What ets-ogcapi-processes10 sends to an input it does not test in particular."""
    if "type" not in schema and "oneOf" not in schema:
        return None
    types = [part.get("type") for part in schema.get("oneOf", [schema])]
    if "object" in types:
        return {"value": "teststring"}
    if "string" in types and "format" not in schema:
        return "teststring"
    return None


def suite_inputs() -> dict[str, Any]:
    values = {name: suite_value(told["schema"]) for name, told in DESCRIPTION["inputs"].items()}
    return {name: value for name, value in values.items() if value is not None}


def test_what_the_suite_sends_is_legal_and_comes_back() -> None:
    inputs = suite_inputs()
    assert set(inputs) == {"echo", "text_or_object"}
    found = echoed(inputs, {name: {"transmissionMode": "value"} for name in DESCRIPTION["outputs"]})
    assert found["echo"] == ("text/plain", b"teststring")
    assert found["text_or_object"] == ("text/plain", b"teststring")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("integers", [1, 2, 3]),
        ("bbox", EVERYTHING["bbox"]),
        ("bbox", {"crs": "urn:ogc:def:crs:EPSG:6.6:4326", "bbox": [345345345] * 4}),
        ("pause", 0),
    ],
)
def test_what_the_suite_sends_to_particular_inputs_is_legal(name: str, value: Any) -> None:
    inputs = suite_inputs() | {name: value}
    found = echoed(inputs, {name: {}, "echo": {}})
    assert found["echo"][1] == b"teststring"
    if name != "pause":
        assert json.loads(found[name][1]) == value


def test_description_suits_the_suite() -> None:
    first = next(iter(DESCRIPTION["inputs"]))
    assert DESCRIPTION["inputs"][first]["schema"] == {"type": "string"}
    assert first in DESCRIPTION["outputs"]
    assert DESCRIPTION["inputs"]["pause"]["schema"]["type"] == "number"
    assert "async-execute" in DESCRIPTION["jobControlOptions"]
    assert any("oneOf" in told["schema"] for told in DESCRIPTION["outputs"].values())
    for told in DESCRIPTION["inputs"].values():
        assert "contentMediaType" not in told["schema"]
        for part in told["schema"].get("allOf", [])[:1]:
            assert "format" in part


def test_example_of_the_description_is_valid() -> None:
    inputs = DESCRIPTION["example"]["inputs"] | {"pause": 0}
    assert set(echoed(inputs)) == {"echo", "integers"}

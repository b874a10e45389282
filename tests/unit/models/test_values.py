"""Values of inputs, one by one."""

# Field names and aliases are both used here; a type checker knows only one of them.
# mypy: disable-error-code="call-arg"

import copy
import json
import random
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from pygeoapi_prefect.models.processes import (
    ExecuteRequest,
    ExecutionFormat,
    ExecutionInputBBox,
    ExecutionInputObject,
    ExecutionInputValueNoObject,
    ExecutionInputValueNoObjectArray,
    ExecutionQualifiedInputValue,
    Link,
)
from pygeoapi_prefect.models.values import CRS84, MAX_SEVERAL, is_link, is_qualified

FEATURE = {
    "type": "Feature",
    "bbox": [0, 0, 1, 1],
    "properties": {"name": None, "href": "x", "value": 3},
    "geometry": {"type": "Point", "coordinates": [1, 2.0]},
}


def parsed(value: Any) -> Any:
    """What an input's value becomes."""
    inputs = ExecuteRequest(inputs={"x": copy.deepcopy(value)}).inputs
    assert inputs is not None
    return inputs["x"]


def written(value: Any) -> Any:
    """What becomes of an input's value when the request is written as JSON and read again."""
    first = ExecuteRequest(inputs={"x": copy.deepcopy(value)})
    second = ExecuteRequest.model_validate(first.to_json())
    assert first == second
    return json.loads(second.to_json())["inputs"]["x"]


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal with 1, 1.0 and true told apart."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


@pytest.mark.parametrize(
    "value",
    [
        "Joe",
        "",
        "3",
        "é\u0000\n",
        "block:a/b#c",
        '{"a": 1}',
        3,
        0,
        -(2**70),
        3.5,
        1.0,
        1e-300,
        True,
        False,
    ],
    ids=repr,
)
def test_literals_keep_value_and_type(value: Any) -> None:
    found = parsed(value)
    assert isinstance(found, ExecutionInputValueNoObject)
    assert found.root == value
    assert type(found.root) is type(value)
    assert found.__root__ is found.root
    assert same(written(value), value)


@pytest.mark.parametrize(
    "value",
    [
        [],
        [1, 2],
        [1.5, 2.5],
        [1.0, 2],
        [True, 1, 1.0, "1"],
        [1, "a"],
        [[1.0, [2]], []],
        [None, 1],
        ["block:a/b#c"],
        [FEATURE, FEATURE],
        [{"a": 1}, {"bbox": [1, 2, 3, 4]}],
    ],
    ids=json.dumps,
)
def test_arrays_are_lists_with_their_items_as_they_were(value: list[Any]) -> None:
    found = parsed(value)
    assert isinstance(found, ExecutionInputValueNoObject)
    assert isinstance(found.root, ExecutionInputValueNoObjectArray)
    assert isinstance(found.root, list)
    assert same(found.root, value)
    assert found.root.root is found.root.__root__ is found.__root__
    assert same(written(value), value)


def test_an_array_works_where_lists_do() -> None:
    values = parsed([1.5, 2.5, 3]).root
    assert np.asarray(values).tolist() == [1.5, 2.5, 3.0]
    assert sum(values) == 7
    assert json.dumps(values[:2]) == "[1.5, 2.5]"


@pytest.mark.parametrize("numbers", [[1, 2, 3, 4], [1.5, 2, 3.0, 4], [1, 2, 3, 4, 5, 6.5]], ids=str)
@pytest.mark.parametrize("crs", [None, "http://www.opengis.net/def/crs/OGC/0/CRS84h"])
def test_bounding_boxes(numbers: list[float], crs: str | None) -> None:
    value = {"bbox": numbers} | ({} if crs is None else {"crs": crs})
    found = parsed(value)
    assert isinstance(found, ExecutionInputValueNoObject)
    assert isinstance(found.root, ExecutionInputBBox)
    assert same(found.root.bbox, numbers)
    assert found.__root__.crs == (crs or CRS84)
    assert same(written(value), value)


def test_an_array_of_bounding_boxes() -> None:
    value = [{"bbox": [1, 2, 3, 4]}, {"bbox": [1, 2, 3, 4.0], "crs": "urn:x"}]
    assert [type(box) for box in parsed(value).root] == [ExecutionInputBBox] * 2
    assert same(written(value), value)


@pytest.mark.parametrize(
    "bad",
    [
        {"bbox": []},
        {"bbox": [1, 2, 3]},
        {"bbox": [1, 2, 3, 4, 5]},
        {"bbox": [1, 2, 3, 4, 5, 6, 7]},
        {"bbox": [1, 2, 3, "4"]},
        {"bbox": [1, 2, 3, None]},
        {"bbox": [1, 2, 3, True]},
        {"bbox": [1, 2, 3, 4], "crs": 4326},
    ],
    ids=json.dumps,
)
def test_wrong_bounding_boxes(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        parsed(bad)
    assert caught.value.errors()[0]["loc"][:2] == ("inputs", "x")


def test_a_bounding_box_says_how_many_numbers_it_has() -> None:
    with pytest.raises(ValidationError, match="4 or 6 numbers, not 5"):
        ExecutionInputBBox(bbox=[1, 2, 3, 4, 5])


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": 1, "b": None},
        FEATURE,
        {"type": "FeatureCollection", "features": [FEATURE]},
        {"value": 5, "uom": "m"},
        {"href": 3},
        {"href": "http://x", "roles": ["data"]},
        {"bbox": "north"},
        {"bbox": [1, 2], "name": "a"},
        {"__prefect_kind": "jinja", "template": "{{ 7*7 }}"},
        {"__root__": 1},
        {"root": 1},
        {"format": {"mediaType": "a/b"}},
    ],
    ids=json.dumps,
)
def test_other_objects_are_dicts_as_they_were(value: dict[str, Any]) -> None:
    found = parsed(value)
    assert isinstance(found, ExecutionInputObject)
    assert issubclass(ExecutionInputObject, dict)
    assert same(found, value)
    assert found.root is found.__root__
    assert found.root is found
    assert same(written(value), value)


@pytest.mark.parametrize(
    "value",
    [
        {"href": "http://x/a.tif"},
        {"href": "http://x", "type": "image/tiff", "rel": "r", "title": "t", "hreflang": "en"},
        {"href": "http://x", "format": {"mediaType": "image/tiff", "encoding": "base64"}},
        {"href": "http://x", "schema": {"type": "string"}},
    ],
    ids=json.dumps,
)
def test_references_are_links(value: dict[str, Any]) -> None:
    found = parsed(value)
    assert isinstance(found, Link)
    assert found.href == value["href"]
    assert same(written(value), value)


@pytest.mark.parametrize(
    "inner",
    ["s", 3, 1.0, True, [1.5], {"a": None}, FEATURE, {"href": "http://x"}, {"value": {"value": 1}}],
    ids=json.dumps,
)
def test_qualified_values_hold_what_is_never_qualified_again(inner: Any) -> None:
    value = {"value": inner, "format": {"mediaType": "a/b", "encoding": "base64"}}
    found = parsed(value)
    assert isinstance(found, ExecutionQualifiedInputValue)
    kind = ExecutionInputObject if isinstance(inner, dict) else ExecutionInputValueNoObject
    assert isinstance(found.value, kind)
    assert same(found.value.__root__, inner)
    assert found.format_ == ExecutionFormat(media_type="a/b", encoding="base64")
    assert same(written(value), value)


def test_a_bounding_box_may_be_qualified() -> None:
    found = parsed({"value": {"bbox": [1, 2, 3, 4]}})
    assert isinstance(found.value.root, ExecutionInputBBox)


@pytest.mark.parametrize(
    "flat",
    [
        {"mediaType": "a/b"},
        {"encoding": "base64"},
        {"schema": "http://x"},
        {"schema": {"type": "string", "enum": [None]}},
        {"mediaType": "a/b", "encoding": "base64", "schema": {}},
    ],
    ids=json.dumps,
)
def test_flat_qualifiers_are_the_same_as_nested_ones(flat: dict[str, Any]) -> None:
    assert parsed({"value": 1, **flat}) == parsed({"value": 1, "format": flat})
    assert written({"value": 1, **flat}) == {"value": 1, "format": flat}


def test_nested_qualifiers_win_over_flat_ones() -> None:
    value = {"value": 1, "mediaType": "flat", "encoding": "e", "format": {"mediaType": "nested"}}
    assert written(value)["format"] == {"mediaType": "nested", "encoding": "e"}


def test_a_value_alone_is_qualified_without_a_format() -> None:
    found = parsed({"value": {"a": 1}})
    assert found.format_ is None
    assert found.value == {"a": 1}
    assert written({"value": {"a": 1}}) == {"value": {"a": 1}}
    assert parsed({"value": 1, "format": None}).format_ is None


def test_qualified_by_field_name() -> None:
    by_name = ExecutionQualifiedInputValue(
        value=ExecutionInputValueNoObject("x"),
        format_=ExecutionFormat(media_type="a/b", schema_={"type": "string"}),
    )
    by_alias = ExecutionQualifiedInputValue.model_validate(
        {"value": "x", "format": {"mediaType": "a/b", "schema": {"type": "string"}}}
    )
    assert by_name == by_alias
    assert ExecutionQualifiedInputValue.model_validate(by_name.model_dump()) == by_name


@pytest.mark.parametrize("bad", ["text/plain", 3, ["a"], {"mediaType": 3}, {"schema": 1}], ids=str)
def test_wrong_formats(bad: object) -> None:
    with pytest.raises(ValidationError) as caught:
        parsed({"value": 1, "format": bad})
    assert caught.value.errors()[0]["loc"][:2] == ("inputs", "x")


def test_wrong_format_beside_flat_qualifiers() -> None:
    with pytest.raises(ValidationError):
        parsed({"value": 1, "mediaType": "a/b", "format": "text/plain"})


def test_several_values_with_links_or_qualified_ones_among_them() -> None:
    value = [
        {"href": "http://x"},
        {"value": 1, "format": {"mediaType": "a/b"}},
        FEATURE,
        {"bbox": [1, 2, 3, 4]},
        [1, 2.0],
        "s",
        1.0,
    ]
    found = parsed(value)
    assert [type(item) for item in found] == [
        Link,
        ExecutionQualifiedInputValue,
        ExecutionInputObject,
        *[ExecutionInputValueNoObject] * 4,
    ]
    assert same(written(value), value)


def test_values_with_links_among_them_are_few() -> None:
    assert len(parsed([{"href": "http://x"}, *["s"] * (MAX_SEVERAL - 1)])) == MAX_SEVERAL
    with pytest.raises(ValidationError, match=f"at most {MAX_SEVERAL} items"):
        parsed([{"href": "http://x"}, *["s"] * MAX_SEVERAL])


@pytest.mark.parametrize("items", [[{"href": "a"}], [{"href": "a"}, {"href": "b"}]], ids=json.dumps)
def test_an_array_of_links(items: list[Any]) -> None:
    assert parsed(items) == [Link.model_validate(item) for item in items]
    assert same(written(items), items)


@pytest.mark.parametrize("bad", [None, {"value": None}, [None, {"href": "x"}]], ids=json.dumps)
def test_null_is_refused_with_advice(bad: Any) -> None:
    with pytest.raises(ValidationError, match="null is not a valid value; omit the input"):
        parsed(bad)


@pytest.mark.parametrize(
    "bad", [float("nan"), [float("inf")], {"a": -float("inf")}, "\ud800", {"\udfff": 1}, object()]
)
def test_what_cannot_be_json_is_refused(bad: Any) -> None:
    with pytest.raises(ValidationError, match="cannot be written as JSON"):
        parsed(bad)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "x -Infinity y"])
def test_text_that_looks_like_a_constant_is_text(text: str) -> None:
    assert written([text, {text: text}]) == [text, {text: text}]


@pytest.mark.parametrize("value", ["s", 3, 3.0, True, [1], {"bbox": [1, 2, 3, 4]}], ids=json.dumps)
def test_the_model_of_inline_values_alone(value: Any) -> None:
    found = ExecutionInputValueNoObject.model_validate(value)
    assert same(json.loads(found.model_dump_json(exclude_unset=True)), value)
    assert ExecutionInputValueNoObject(found.root) == found


@pytest.mark.parametrize("bad", [None, {}, {"a": 1}, {"href": "x"}, b"x", float("nan")], ids=str)
def test_what_is_no_inline_value(bad: Any) -> None:
    with pytest.raises(ValidationError):
        ExecutionInputValueNoObject.model_validate(bad)


def test_instances_are_taken_as_values() -> None:
    values: dict[str, Any] = {
        "a": ExecutionInputValueNoObject(1.0),
        "b": Link(href="http://x", type_="a/b"),
        "c": ExecutionQualifiedInputValue(value=ExecutionInputObject(a=None)),
        "d": [Link(href="http://x")],
        "e": ExecutionInputObject(href=1),
    }
    assert ExecuteRequest(inputs=values).as_dict()["inputs"] == {
        "a": 1.0,
        "b": {"href": "http://x", "type": "a/b"},
        "c": {"value": {"a": None}},
        "d": [{"href": "http://x"}],
        "e": {"href": 1},
    }


def any_json(draw: random.Random, depth: int) -> Any:
    """A random JSON value that is made of the words with a meaning here."""
    kind = draw.randrange(9 if depth else 6)
    if kind < 6:
        return [None, True, draw.randrange(9), draw.uniform(-9, 9), 2.0, "block:a/b#c"][kind]
    if kind == 6:
        return [any_json(draw, depth - 1) for _ in range(draw.randrange(5))]
    words = ["value", "format", "href", "type", "bbox", "crs", "root", "__root__", "a", "é"]
    names = draw.sample(words, draw.randrange(1, 4))
    return {name: any_json(draw, depth - 1) for name in names}


def test_whatever_is_accepted_comes_through_unchanged() -> None:
    draw = random.Random(4)
    accepted = 0
    for _ in range(3000):
        value = any_json(draw, 4)
        try:
            request = ExecuteRequest(inputs={"x": value})
        except ValidationError:
            continue
        accepted += 1
        again = ExecuteRequest.model_validate(request.to_json())
        assert again == request
        found = again.as_dict()["inputs"]["x"]
        assert same(without_null_members(found), without_null_members(value)), value
    assert accepted > 2000


def without_null_members(value: Any) -> Any:
    """Links and qualified values without null members: null and absent are the same there."""
    if isinstance(value, list):
        return [without_null_members(item) for item in value]
    if is_link(value) or is_qualified(value):
        return {name: item for name, item in value.items() if item is not None}
    return value


@pytest.mark.parametrize(
    "data",
    [
        {"href": "http://x", "type_": "a/b"},
        {"href": "http://x", "href_lang": "en"},
        {"value": 1, "format_": {"mediaType": "a/b"}},
    ],
)
def test_names_of_our_fields_make_data_of_a_client_no_link(data: dict[str, Any]) -> None:
    """Web validation takes them for plain objects: so must the flow."""
    assert not is_link(data)
    request = ExecuteRequest.model_validate_json(json.dumps({"inputs": {"a": data}}))
    found = (request.inputs or {})["a"]
    assert isinstance(found, ExecutionInputObject)
    assert dict(found) == data
    assert request.as_dict()["inputs"]["a"] == data


def test_a_dump_of_links_and_qualified_values_has_the_standards_names() -> None:
    inputs = {"a": {"href": "http://x", "hreflang": "en"}, "b": {"value": 1, "format": {}}}
    request = ExecuteRequest.model_validate({"inputs": inputs})
    assert ExecuteRequest.model_validate(request.model_dump()) == request

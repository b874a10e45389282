"""The place and the envelope of a stored result."""

import pytest

from pygeoapi_prefect.engine.internals import results
from pygeoapi_prefect.engine.internals.results import Stored

BLOCK = "0195a1c4-0000-7000-8000-000000000001"
DATA = {
    "storage_key": "1/record",
    "storage_block_id": BLOCK,
    "serializer": {"type": "json", "jsonlib": "json"},
}


def test_the_place_is_read() -> None:
    assert results.stored(DATA) == Stored("1/record", BLOCK, "json")


@pytest.mark.parametrize(
    "data", [None, "text", {}, {"storage_key": "", "storage_block_id": 5, "serializer": "json"}]
)
def test_what_a_state_does_not_tell_is_not_known(data: object) -> None:
    assert results.stored(data) == Stored(None, None, None)


def test_the_fields_of_an_instance_are_found() -> None:
    document = {"__class__": "package.Record", "data": {"job_id": "1"}}
    assert results.class_of(document) == "package.Record"
    assert results.fields_of(document) == {"job_id": "1"}


@pytest.mark.parametrize("document", [None, [], "text", {"data": {}}])
def test_other_documents_are_no_instances(document: object) -> None:
    assert results.class_of(document) is None
    assert results.fields_of(document) is None

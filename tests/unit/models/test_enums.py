"""Enumerations: exact member names and values."""

import json
from enum import Enum

import pytest

from pygeoapi_prefect.models import processes

OGC = "http://www.opengis.net/def/format/ogcapi-processes/0/"
MEMBERS = {
    "JobStatus": {s: s for s in ("accepted", "running", "successful", "failed", "dismissed")},
    "ProcessExecutionMode": {"sync_execute": "sync-execute", "async_execute": "async-execute"},
    "RequestedProcessExecutionMode": {"wait": "wait", "respond_async": "respond-async"},
    "ProcessOutputTransmissionMode": {"VALUE": "value", "REFERENCE": "reference"},
    "ProcessResponseType": {"document": "document", "raw": "raw"},
    "ProcessJobControlOption": {
        "SYNC_EXECUTE": "sync-execute",
        "ASYNC_EXECUTE": "async-execute",
        "DISMISS": "dismiss",
    },
    "ProcessIOType": {
        t.upper(): t for t in ("array", "boolean", "integer", "number", "object", "string")
    },
    "ProcessIOFormat": {
        "DATE_TIME": "date-time",
        "DATE": "date",
        "TIME": "time",
        "DURATION": "duration",
        "EMAIL": "email",
        "HOSTNAME": "hostname",
        "IPV4": "ipv4",
        "IPV6": "ipv6",
        "URI": "uri",
        "URI_REFERENCE": "uri-reference",
        "UUID": "uuid",
        "URI_TEMPLATE": "uri-template",
        "JSON_POINTER": "json-pointer",
        "RELATIVE_JSON_POINTER": "relative-json-pointer",
        "REGEX": "regex",
        "BINARY": "binary",
        "GEOJSON_FEATURE_COLLECTION_URI": OGC + "geojson-feature-collection",
        "GEOJSON_FEATURE_URI": OGC + "geojson-feature",
        "GEOJSON_GEOMETRY_URI": OGC + "geojson-geometry",
        "OGC_BBOX_URI": OGC + "ogc-bbox",
        "GEOJSON_FEATURE_COLLECTION_SHORT_CODE": "geojson-feature-collection",
        "GEOJSON_FEATURE_SHORT_CODE": "geojson-feature",
        "GEOJSON_GEOMETRY_SHORT_CODE": "geojson-geometry",
        "OGC_BBOX_SHORT_CODE": "ogc-bbox",
    },
}


@pytest.mark.parametrize("name", MEMBERS)
def test_members_have_the_names_and_values_of_the_2023_design(name: str) -> None:
    enum: type[Enum] = getattr(processes, name)
    assert {member.name: member.value for member in enum} == MEMBERS[name]


def test_members_are_strings() -> None:
    status = processes.JobStatus.successful
    assert isinstance(status, Enum)
    assert status == "successful" == status.value == f"{status}"
    assert json.dumps([status]) == '["successful"]'


def test_everything_exported_exists() -> None:
    assert sorted(processes.__all__) == sorted(set(processes.__all__))
    assert all(hasattr(processes, name) for name in processes.__all__)


def test_all_classes_of_the_2023_design_are_there() -> None:
    names = """AdditionalProcessIOParameters ExecuteRequest ExecutionDocumentResult
        ExecutionDocumentSingleOutput ExecutionFormat ExecutionInputBBox ExecutionInputValueNoObject
        ExecutionInputValueNoObjectArray ExecutionOutput ExecutionQualifiedInputValue
        ExecutionSubscriber JobList JobStatus JobStatusInfoBase JobStatusInfoInternal
        JobStatusInfoRead Link OutputExecutionResultInternal ProcessDescription ProcessExecutionMode
        ProcessIOFormat ProcessIOSchema ProcessIOType ProcessInput ProcessJobControlOption
        ProcessList ProcessMetadata ProcessOutput ProcessOutputTransmissionMode ProcessResponseType
        ProcessSummary RequestedProcessExecutionMode"""
    assert set(names.split()) <= set(processes.__all__)

"""Enumerations of OGC API - Processes.

Member names are those of the 2023 design, inconsistent as they are. Members are strings, so that
they compare equal to what stands in JSON.
"""

from enum import StrEnum


class JobStatus(StrEnum):
    """Status of a job (``statusCode.yaml``)."""

    accepted = "accepted"
    running = "running"
    successful = "successful"
    failed = "failed"
    dismissed = "dismissed"


class ProcessExecutionMode(StrEnum):
    """Execution mode of a job."""

    sync_execute = "sync-execute"
    async_execute = "async-execute"


class RequestedProcessExecutionMode(StrEnum):
    """Execution mode that a client prefers (``Prefer`` header, RFC 7240)."""

    wait = "wait"
    respond_async = "respond-async"


class ProcessOutputTransmissionMode(StrEnum):
    """Delivery of an output (``transmissionMode.yaml``)."""

    VALUE = "value"
    REFERENCE = "reference"


class ProcessResponseType(StrEnum):
    """Form of the results: one JSON document, or the outputs as they are."""

    document = "document"
    raw = "raw"


class ProcessJobControlOption(StrEnum):
    """Operations on jobs of a process (``jobControlOptions.yaml``)."""

    SYNC_EXECUTE = "sync-execute"
    ASYNC_EXECUTE = "async-execute"
    DISMISS = "dismiss"


class ProcessIOType(StrEnum):
    """Types of an OpenAPI 3.0 schema."""

    ARRAY = "array"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    OBJECT = "object"
    STRING = "string"


class ProcessIOFormat(StrEnum):
    """Formats known to JSON Schema, and those of OGC API - Processes - Part 1, table 13.

    A schema may use others: OpenAPI leaves the list open.
    """

    DATE_TIME = "date-time"
    DATE = "date"
    TIME = "time"
    DURATION = "duration"
    EMAIL = "email"
    HOSTNAME = "hostname"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    URI = "uri"
    URI_REFERENCE = "uri-reference"
    UUID = "uuid"
    URI_TEMPLATE = "uri-template"
    JSON_POINTER = "json-pointer"
    RELATIVE_JSON_POINTER = "relative-json-pointer"
    REGEX = "regex"
    BINARY = "binary"
    GEOJSON_FEATURE_COLLECTION_URI = (
        "http://www.opengis.net/def/format/ogcapi-processes/0/geojson-feature-collection"
    )
    GEOJSON_FEATURE_URI = "http://www.opengis.net/def/format/ogcapi-processes/0/geojson-feature"
    GEOJSON_GEOMETRY_URI = "http://www.opengis.net/def/format/ogcapi-processes/0/geojson-geometry"
    OGC_BBOX_URI = "http://www.opengis.net/def/format/ogcapi-processes/0/ogc-bbox"
    GEOJSON_FEATURE_COLLECTION_SHORT_CODE = "geojson-feature-collection"
    GEOJSON_FEATURE_SHORT_CODE = "geojson-feature"
    GEOJSON_GEOMETRY_SHORT_CODE = "geojson-geometry"
    OGC_BBOX_SHORT_CODE = "ogc-bbox"

"""Bounding boxes in schemas: the format ``ogc-bbox``, and the value that it stands for."""

from collections.abc import Mapping
from typing import Any

from pygeoapi_prefect.models.values import CRS84

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["bbox"],
    "properties": {
        "bbox": {
            "type": "array",
            "items": {"type": "number"},
            "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
        },
        "crs": {"type": "string", "default": CRS84},
    },
}
"""Schema of a bounding box (``bbox.yaml``)."""


def is_bbox_format(name: object) -> bool:
    """Return true if a schema's ``format`` is that of a bounding box, as a name or as a URI."""
    return isinstance(name, str) and name.rsplit("/", 1)[-1] == "ogc-bbox"


def is_bbox_schema(schema: Mapping[str, Any]) -> bool:
    """Return true if a schema, or a part of its ``allOf``, has the format of a bounding box."""
    return any(is_bbox_format(part.get("format")) for part in (schema, *schema.get("allOf", ())))

"""The outputs of a job: the zones with their statistics, and the same as a table."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zonal_statistics.zonal import Statistics


def as_geojson(collection: Mapping[str, Any], results: Sequence[Statistics]) -> bytes:
    """The FeatureCollection as it was given, with the statistics among the properties.

    A property that has the name of a statistic is replaced.
    """
    features = [
        {**feature, "properties": {**_properties(feature), **result}}
        for feature, result in zip(collection["features"], results, strict=True)
    ]
    text = json.dumps({**collection, "features": features}, ensure_ascii=False, allow_nan=False)
    return text.encode()


def as_csv(features: Sequence[Mapping[str, Any]], results: Sequence[Statistics]) -> bytes:
    """A line for each zone: its number from 1, its id, its simple properties, its statistics.

    In UTF-8, as RFC 4180 says; what is not there is empty.
    """
    rows = [
        {"zone": number, **_id(feature), **_simple(_properties(feature)), **result}
        for number, (feature, result) in enumerate(zip(features, results, strict=True), start=1)
    ]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _columns(rows, statistics=results[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _columns(rows: Iterable[Mapping[str, Any]], statistics: Iterable[str]) -> list[str]:
    """All columns in the order of their first appearance, the statistics last."""
    last = list(statistics)
    seen = dict.fromkeys(key for row in rows for key in row)
    return [key for key in seen if key not in last] + last


def _properties(feature: Mapping[str, Any]) -> Mapping[str, Any]:
    return feature.get("properties") or {}


def _id(feature: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": feature["id"]} if "id" in feature else {}


def _simple(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if not isinstance(value, dict | list)}

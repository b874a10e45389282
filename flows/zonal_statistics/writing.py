"""The outputs of a job: the zones with their statistics, and the same as a table."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zonal_statistics.zonal import Statistics

OWN = ("zone", "id")
"""Columns that the table always has, regardless of the zones' properties."""
RENAMED = "property_"
"""Put before the name of a property that is the name of such a column."""

# What spreadsheets take for a formula (OWASP, "CSV Injection"), also after a separator that they
# may split at; but not what is a number.
_FORMULA = re.compile(r"(?:^|(?<=[;|\t\r\n]))(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")


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

    In UTF-8, as RFC 4180 says; what is not there is empty. A property that has the name of a
    statistic is replaced, one that is called as a column of ``OWN`` gets another name. Text that a
    spreadsheet would run as a formula gets an apostrophe in front, as OWASP advises; numbers stay.
    """
    names = _names(_properties(feature) for feature in features)
    rows = [
        {"zone": number, **_id(feature), **_simple(_properties(feature), names), **result}
        for number, (feature, result) in enumerate(zip(features, results, strict=True), start=1)
    ]
    columns = _columns(rows, statistics=results[0])
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(map(_harmless, columns))
    writer.writerows([_harmless(row.get(name)) for name in columns] for row in rows)
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


def _names(all_properties: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Name of each property -> name of its column: free, and none of our own."""
    given = dict.fromkeys(name for properties in all_properties for name in properties)
    names = {name: name for name in given if name not in OWN}
    for name in given:
        if name in OWN:
            column = RENAMED + name
            while column in given:
                column = RENAMED + column
            names[name] = column
    return names


def _simple(properties: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        names[key]: value for key, value in properties.items() if not isinstance(value, dict | list)
    }


def _harmless(value: Any) -> Any:
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    return _FORMULA.sub("'", value)

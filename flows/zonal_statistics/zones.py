"""The zones of a job: the polygons of a GeoJSON FeatureCollection, and their CRS."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.models.base import Link, parse_json
from pygeoapi_prefect.process.references import download

WGS84 = CRS.from_epsg(4326)
# PROJ would also read files and pipelines.
_CRS_NAME = re.compile(
    r"(urn:ogc:def:crs:|https?://www\.opengis\.net/def/crs/|EPSG:|OGC:)\S+", re.I
)
MAX_LONGITUDE = 3600
"""Ten turns; longitudes are reduced modulo one turn."""
MAX_COORDINATE = 1e12
"""Of projected zones: more than the Earth has, in any unit."""
_POLYGONS = ("Polygon", "MultiPolygon")


@dataclass(frozen=True)
class Zones:
    """Zones in the order of their features.

    Attributes:
        collection: The FeatureCollection, as it was given.
        geometries: A polygon or multipolygon for each feature; x, y.
        names: What messages call each zone.
        crs: CRS of the coordinates, x (or longitude) first.
    """

    collection: Mapping[str, Any]
    geometries: Sequence[BaseGeometry]
    names: Sequence[str]
    crs: CRS

    @property
    def features(self) -> Sequence[Mapping[str, Any]]:
        """The features of the collection."""
        features: Sequence[Mapping[str, Any]] = self.collection["features"]
        return features


def read_zones(value: Any, folder: Path) -> Zones:
    """Read the zones that an input means.

    Args:
        value: A FeatureCollection, or where to download one.
        folder: A folder that nobody else uses.

    Raises:
        InvalidJobParameterError: It is not a FeatureCollection of valid polygons; names the zone.
    """
    collection = _downloaded(value, folder) if isinstance(value, Link) else value
    if not isinstance(collection, Mapping) or collection.get("type") != "FeatureCollection":
        raise InvalidJobParameterError("input 'zones': expected a GeoJSON FeatureCollection")
    features = collection.get("features")
    if not isinstance(features, list) or not features:
        raise InvalidJobParameterError("input 'zones': the FeatureCollection has no features")
    crs = crs_of(collection)
    names = [_name(number, feature) for number, feature in enumerate(features, start=1)]
    geometries = [
        _geometry(name, feature, crs) for name, feature in zip(names, features, strict=True)
    ]
    return Zones(collection, geometries, names, crs)


def crs_of(collection: Mapping[str, Any]) -> CRS:
    """CRS of a FeatureCollection: WGS 84 (RFC 7946), or the named one of the older ``crs`` member.

    Raises:
        InvalidJobParameterError: The member does not name a geographic or projected CRS.
    """
    member = collection.get("crs")
    if member is None:
        return WGS84
    try:
        name = str(member["properties"]["name"])
        if _CRS_NAME.fullmatch(name):
            crs = CRS.from_user_input(name)
            if crs.is_geographic or crs.is_projected:
                return crs
    except (KeyError, TypeError, CRSError):
        pass
    raise InvalidJobParameterError(
        "input 'zones': 'crs' does not name a known geographic or projected reference system"
    )


def _downloaded(link: Link, folder: Path) -> Any:
    path = folder / "zones.geojson"
    download(link.href, path)
    try:
        return parse_json(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise InvalidJobParameterError(f"input 'zones': {link.href} is not JSON") from error


def _name(number: int, feature: object) -> str:
    identifier = feature.get("id") if isinstance(feature, Mapping) else None
    return f"zone {number}" if identifier is None else f"zone {number} (id {identifier!r})"


def _geometry(name: str, feature: object, crs: CRS) -> BaseGeometry:
    if not isinstance(feature, Mapping) or not isinstance(feature.get("properties") or {}, Mapping):
        raise _invalid(name, "expected a Feature with properties and a geometry")
    member = feature.get("geometry")
    kind = member.get("type") if isinstance(member, Mapping) else None
    if kind not in _POLYGONS:
        raise _invalid(name, f"expected a Polygon or MultiPolygon, not {kind or 'nothing'}")
    try:
        geometry = shapely.force_2d(shapely.geometry.shape(member))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise _invalid(name, f"its coordinates are not those of a {kind}") from error
    except shapely.errors.ShapelyError as error:
        raise _invalid(name, str(error)) from error
    if geometry.is_empty:
        raise _invalid(name, "it has no coordinates")
    if not geometry.is_valid:
        raise _invalid(name, f"it is not valid: {shapely.is_valid_reason(geometry)}")
    _, south, _, north = geometry.bounds
    if crs.is_geographic and max(abs(south), abs(north)) > 90:
        raise _invalid(name, "it has latitudes beyond 90 degrees; longitude comes first")
    reach = MAX_LONGITUDE if crs.is_geographic else MAX_COORDINATE
    if max(map(abs, geometry.bounds)) > reach:
        raise _invalid(name, f"it has coordinates beyond {reach:g}")
    return geometry


def _invalid(name: str, fault: str) -> InvalidJobParameterError:
    return InvalidJobParameterError(f"input 'zones': {name}: {fault}")

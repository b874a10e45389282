"""Zones in the CRS of the raster."""

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from pygeoapi_prefect.errors import InvalidJobParameterError

Bounds = tuple[float, float, float, float]

SEGMENTS = 128
"""A zone's longest side is cut into so many pieces: a straight edge bends when it is projected."""
MARGIN = 0.05
"""Zones are cut off at this distance from the raster, as part of its width or height."""


class Projection:
    """Brings polygons from the zones' CRS into the raster's.

    What lies far from the raster is cut off before: it plays no part in the statistics, and a
    projection may have no place for it.

    Args:
        zones_crs: CRS of the polygons, x first.
        raster_crs: CRS of the raster, as its file says it.
        bounds: Bounds of the raster in its CRS.

    Raises:
        InvalidJobParameterError: There is no way from one CRS to the other.
    """

    def __init__(self, zones_crs: CRS, raster_crs: str, bounds: Bounds) -> None:
        self._transformer: Transformer | None = None
        self._footprint: BaseGeometry | None = None
        try:
            crs = CRS.from_wkt(raster_crs)
            if zones_crs.equals(crs, ignore_axis_order=True):
                return
            self._transformer = Transformer.from_crs(zones_crs, crs, always_xy=True)
            inverse = Transformer.from_crs(crs, zones_crs, always_xy=True)
            self._footprint = _footprint(inverse, bounds, wraps=zones_crs.is_geographic)
        except ProjError as error:
            raise InvalidJobParameterError(
                "input 'raster': zones cannot be brought into its coordinate reference system"
            ) from error

    def __call__(self, name: str, geometry: BaseGeometry) -> BaseGeometry:
        """A polygon or multipolygon in the raster's CRS; empty if it is far from the raster.

        Raises:
            InvalidJobParameterError: The zone, called ``name``, has no place in the raster's CRS.
        """
        if self._transformer is None:
            return geometry
        if self._footprint is not None:
            geometry = _polygons(shapely.intersection(geometry, self._footprint))
        if geometry.is_empty:
            return geometry
        left, bottom, right, top = geometry.bounds
        dense = shapely.segmentize(geometry, max(right - left, top - bottom) / SEGMENTS)
        projected = shapely.transform(dense, self._project)
        if not np.isfinite(shapely.get_coordinates(projected)).all():
            raise InvalidJobParameterError(
                f"input 'zones': {name}: it cannot be projected into the raster's reference system"
            )
        return projected if projected.is_valid else _polygons(shapely.make_valid(projected))

    def _project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        assert self._transformer is not None
        return np.column_stack(self._transformer.transform(points[:, 0], points[:, 1]))


def _footprint(transformer: Transformer, bounds: Bounds, *, wraps: bool) -> BaseGeometry | None:
    """Where the raster lies in the zones' CRS, with a margin; None if that cannot be told."""
    left, bottom, right, top = transformer.transform_bounds(*bounds)
    if not all(map(math.isfinite, (left, bottom, right, top))):
        return None
    across = wraps and left > right
    width = right - left + (360 if across else 0)
    x, y = width * MARGIN, (top - bottom) * MARGIN
    if not across:
        return shapely.box(left - x, bottom - y, right + x, top + y)
    west = shapely.box(left - x, bottom - y, 180, top + y)
    return shapely.union(west, shapely.box(-180, bottom - y, right + x, top + y))


def _polygons(geometry: BaseGeometry) -> BaseGeometry:
    """The polygons of what an operation left; lines and points have no area."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon"])

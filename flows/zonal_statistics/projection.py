"""Zones in the CRS of the raster."""

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from pygeoapi_prefect.errors import InvalidJobParameterError
from zonal_statistics.longitudes import projected_within, turn_of, within
from zonal_statistics.polygons import mended, polygons

Bounds = tuple[float, float, float, float]

SEGMENTS = 128
"""A zone's longest side is cut into so many pieces: a straight edge bends when it is projected."""
STEPS = 1440
"""Edges in longitude and latitude are not longer than a turn in so many steps: a quarter degree."""
MARGIN = 0.05
"""Zones are cut off at this distance from the raster, as part of its width or height."""
ROUNDING = 1e-12
"""Part of a turn that is left out where a projection ends: exactly there, PROJ may take the other
end."""
SAMPLES = 21
"""Number of points on each side that show if the raster lies within its bounds."""


class Projection:
    """Brings polygons from the zones' CRS into the raster's.

    A geographic raster has each longitude once: zones are taken modulo a turn into its range. On
    the way to a projected raster, zones are cut at the meridian where its projection ends, and
    what lies far from the raster is cut off: it plays no part in the statistics, and a projection
    may have no place for it.

    Args:
        zones_crs: CRS of the polygons, x first.
        raster_crs: CRS of the raster, as its file says it.
        bounds: Bounds of the raster in its CRS.

    Raises:
        InvalidJobParameterError: There is no way from one CRS to the other.
    """

    def __init__(self, zones_crs: CRS, raster_crs: str, bounds: Bounds) -> None:
        self._to_longitudes: Transformer | None = None
        self._from_longitudes: Transformer | None = None
        self._footprint: BaseGeometry | None = None
        try:
            crs = CRS.from_wkt(raster_crs)
            same = zones_crs.equals(crs, ignore_axis_order=True)
            self._is_plane = same and not crs.is_geographic
            if self._is_plane:
                return
            base = next(
                one for one in (crs, zones_crs, zones_crs.geodetic_crs) if one and one.is_geographic
            )
            if not zones_crs.equals(base, ignore_axis_order=True):
                self._to_longitudes = Transformer.from_crs(zones_crs, base, always_xy=True)
            self._turn = turn_of(base)
            self._left, self._right = bounds[0], bounds[2]
            if not crs.is_geographic:
                self._from_longitudes = Transformer.from_crs(base, crs, always_xy=True)
                centre = _centre(crs, self._turn)
                half = self._turn * (0.5 - ROUNDING)
                self._left, self._right = centre - half, centre + half
                inverse = Transformer.from_crs(crs, base, always_xy=True)
                self._footprint = self._found_at(inverse, bounds)
        except ProjError as error:
            raise InvalidJobParameterError(
                "input 'raster': zones cannot be projected into its coordinate reference system"
            ) from error

    def __call__(self, name: str, geometry: BaseGeometry) -> BaseGeometry:
        """A polygon or multipolygon in the raster's CRS; empty if it is far from the raster.

        Raises:
            InvalidJobParameterError: The zone, called ``name``, has no place in the raster's CRS.
        """
        if self._is_plane:
            return geometry
        if self._to_longitudes is not None:
            geometry = _projected(name, geometry, self._to_longitudes)
            geometry = projected_within(geometry, self._left, self._right, self._turn)
        else:
            geometry = within(geometry, self._left, self._right, self._turn)
        if self._from_longitudes is None:
            return geometry
        if self._footprint is not None:
            geometry = polygons(shapely.intersection(geometry, self._footprint))
        if geometry.is_empty:
            return geometry
        return mended(_projected(name, geometry, self._from_longitudes, self._turn / STEPS))

    def _found_at(self, inverse: Transformer, bounds: Bounds) -> BaseGeometry | None:
        """Extent of the raster, with a margin; None if it is unknown."""
        left, bottom, right, top = inverse.transform_bounds(*bounds)
        if not all(map(math.isfinite, (left, bottom, right, top))):
            return None
        width = (right - left) % self._turn or self._turn
        x, y = width * MARGIN, (top - bottom) * MARGIN
        box = shapely.box(left - x, bottom - y, left + width + x, top + y)
        found = within(box, self._left, self._right, self._turn)
        across, up = np.linspace(bounds[:2], bounds[2:], SAMPLES).T
        xs, ys = inverse.transform(*(axis.ravel() for axis in np.meshgrid(across, up)))
        xs = (xs - self._left) % self._turn + self._left
        seen = np.isfinite(xs) & np.isfinite(ys)
        return found if shapely.intersects_xy(found, xs[seen], ys[seen]).all() else None


def _centre(crs: CRS, turn: float) -> float:
    """The meridian in the middle of a projection, half a turn from where it ends."""
    crs = crs.source_crs if crs.is_bound and crs.source_crs else crs
    radians = 0.0
    if crs.prime_meridian:
        meridian = crs.prime_meridian
        radians = float(meridian.longitude) * float(meridian.unit_conversion_factor)
    for parameter in crs.coordinate_operation.params if crs.coordinate_operation else ():
        if parameter.name.startswith("Longitude of"):
            radians += float(parameter.value) * float(parameter.unit_conversion_factor)
            break
    return radians * turn / (2 * math.pi)


def _projected(
    name: str, geometry: BaseGeometry, transformer: Transformer, longest: float = math.inf
) -> BaseGeometry:
    """Zones with edges of no more than a length, or a part of their size, in another CRS."""

    def project(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    left, bottom, right, top = geometry.bounds
    dense = shapely.segmentize(geometry, min(longest, max(right - left, top - bottom) / SEGMENTS))
    projected = shapely.transform(dense, project)
    if not np.isfinite(shapely.get_coordinates(projected)).all():
        raise InvalidJobParameterError(
            f"input 'zones': {name}: it cannot be projected into the raster's reference system"
        )
    return projected

"""Wraps longitudes: the same meridian has infinitely many numbers.

RFC 7946, 3.1.9, has zones cut at the antimeridian; many are not, and rasters have longitudes from
-180 to 180 or from 0 to 360.
"""

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from zonal_statistics.polygons import mended, polygons

FAR = 1e12
"""Beyond all latitudes, in any unit."""


def turn_of(crs: CRS) -> float:
    """A whole turn in the unit of a geographic CRS: 360 degrees, or 400 grads."""
    return float(round(2 * math.pi / crs.axis_info[0].unit_conversion_factor, 6))


def within(polygon: BaseGeometry, left: float, right: float, turn: float) -> BaseGeometry:
    """Part of a polygon within a range of longitudes, each longitude modulo a turn.

    Args:
        polygon: A polygon or multipolygon, longitude first; its edges are straight in longitude
            and latitude.
        left: First longitude of the range.
        right: Last longitude; one that is more than a turn away from the first is not reached,
            since each place on Earth counts once.
        turn: A whole turn, in the same unit.
    """
    right = min(right, left + turn)
    west, _, east, _ = polygon.bounds
    if left <= west and east <= right:
        return polygon
    turns = range(math.ceil((left - east) / turn), math.floor((right - west) / turn) + 1)
    band = shapely.box(left, -FAR, right, FAR)
    parts = [shapely.intersection(_moved(polygon, number * turn), band) for number in turns]
    return polygons(shapely.union_all([polygons(part) for part in parts]))


def projected_within(polygon: BaseGeometry, left: float, right: float, turn: float) -> BaseGeometry:
    """As ``within``, of a polygon whose longitudes jump where a projection has made them do so.

    Vertices must be dense: less than half a turn from one to the next. A ring round a pole is
    closed over that pole.
    """
    found = []
    for part in shapely.get_parts(polygon):
        inside = within(_continuous(part.exterior, turn), left, right, turn)
        for hole in part.interiors:
            outside = within(_continuous(hole, turn), left, right, turn)
            inside = shapely.difference(inside, outside)
        found.append(polygons(inside))
    return polygons(shapely.union_all(found))


def _moved(polygon: BaseGeometry, by: float) -> BaseGeometry:
    if by == 0:
        return polygon
    return mended(shapely.transform(polygon, lambda points: points + np.array([by, 0])))


def _continuous(ring: BaseGeometry, turn: float) -> BaseGeometry:
    points: NDArray[np.float64] = shapely.get_coordinates(ring)
    points[:, 0] = np.unwrap(points[:, 0], period=turn)
    first, last = points[0], points[-1]
    if abs(last[0] - first[0]) > turn / 2:
        pole = math.copysign(turn / 4, points[:, 1].mean())
        points = np.vstack([points, [last[0], pole], [first[0], pole]])
    return mended(shapely.Polygon(points))

"""Splits polygons: keeps the areas after an operation, and cuts them into windows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import shapely
from shapely.geometry.base import BaseGeometry

WINDOW_CELLS = 512 * 512
"""Largest window that is read at once, in cells."""
WHOLLY = 1 - 1e-12
"""Part of a window from which on it counts as covered wholly."""


@dataclass(frozen=True)
class Piece:
    """Part of a polygon within a window of a raster.

    Attributes:
        column: First column of the window.
        row: First row.
        width: Number of columns.
        height: Number of rows.
        polygon: In columns and rows from the first one of the raster; None if all is covered.
    """

    column: int
    row: int
    width: int
    height: int
    polygon: BaseGeometry | None

    @property
    def cells(self) -> int:
        """Number of cells of the window."""
        return self.width * self.height

    @property
    def area(self) -> float:
        """The area that is covered, in cells."""
        return float(self.cells if self.polygon is None else self.polygon.area)


def polygons(geometry: BaseGeometry) -> BaseGeometry:
    """The polygons in the result of an operation; lines and points have no area."""
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon"])


def mended(geometry: BaseGeometry) -> BaseGeometry:
    """Repair polygons whose vertices were moved: rounding may have made edges cross.

    Of polygons that are not valid, GEOS finds wrong intersections.
    """
    return geometry if geometry.is_valid else polygons(shapely.make_valid(geometry))


def pieces(
    polygon: BaseGeometry, blocks: tuple[int, int], limit: int | None = None
) -> Iterator[Piece]:
    """Cut a polygon until the window round each piece is small.

    Windows that the polygon does not touch are left out.

    Args:
        polygon: A polygon or multipolygon in columns and rows, within the raster.
        blocks: Height and width of the raster's blocks; windows are cut between blocks if possible.
        limit: Largest window, in cells; ``WINDOW_CELLS`` by default.
    """
    if polygon.is_empty:
        return
    limit = limit or WINDOW_CELLS
    left, top, right, bottom = polygon.bounds
    column, row = math.floor(left), math.floor(top)
    width, height = max(1, math.ceil(right) - column), max(1, math.ceil(bottom) - row)
    if width * height <= limit:
        whole = polygon.area >= width * height * WHOLLY
        yield Piece(column, row, width, height, None if whole else polygon)
        return
    for half in _halves(column, row, width, height, blocks):
        part = polygons(shapely.intersection(polygon, shapely.box(*half)))
        yield from pieces(part, blocks, limit)


def _halves(
    column: int, row: int, width: int, height: int, blocks: tuple[int, int]
) -> list[tuple[int, int, int, int]]:
    """Bounds of two windows: cut between blocks if there are several, else in the middle."""
    right, bottom = column + width, row + height
    across, down = _edge(column, width, blocks[1]), _edge(row, height, blocks[0])
    if across is None and down is None:
        across, down = column + width // 2, row + height // 2
        by_columns = width > height
    else:
        by_columns = down is None or (across is not None and width / blocks[1] > height / blocks[0])
    if by_columns:
        assert across is not None
        return [(column, row, across, bottom), (across, row, right, bottom)]
    assert down is not None
    return [(column, row, right, down), (column, down, right, bottom)]


def _edge(first: int, length: int, block: int) -> int | None:
    """The edge between two blocks that is nearest to the middle; None if there is none."""
    edge = round((first + length / 2) / block) * block
    return edge if first < edge < first + length else None

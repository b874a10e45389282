"""The computation: statistics of the cells that each polygon covers."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from exactextract import exact_extract
from exactextract.feature import FeatureSource, JSONFeature
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from zonal_statistics.polygons import Piece
from zonal_statistics.rasters import Band
from zonal_statistics.tally import Moments, Runs, ranked

STATISTICS = ("count", "min", "max", "mean", "std", "sum", "majority", "variety")
"""Names of the statistics."""
RANKED = {"majority", "variety"}
"""Those that, like percentiles, need all different values of a zone at once."""
DEFAULT_STATISTICS = ("count", "min", "max", "mean", "std")

UNTOUCHED = 1e-8
"""A cell is not covered if no more of it is than this: edges that should meet differ by rounding.
Of a zone that is smaller than a cell, so much of the zone."""
KEPT_BYTES = 512 * 1024 * 1024
"""Memory for the values of a zone if no limit is known."""

Statistics = dict[str, float | int | None]


def statistics_of(
    band: Band,
    pieces: Sequence[Piece],
    statistics: Sequence[str] = DEFAULT_STATISTICS,
    percentiles: Sequence[float] = (),
    kept_bytes: int = KEPT_BYTES,
) -> Statistics:
    """Statistics of the cells that a zone covers, weighted by the part that is covered.

    Only the majority, the variety and percentiles need all different values at once, of at most
    ``tally.BYTES_PER_CELL`` a cell; all else takes no more memory than a window does.

    Args:
        band: The band; cells without data do not count.
        pieces: The zone in pieces, in columns and rows of the band.
        statistics: Some of ``STATISTICS``.
        percentiles: Numbers from 0 to 100.
        kept_bytes: Memory for distinct values.

    Returns:
        The statistics, then ``percentile_<number>``: the least cell value that is not exceeded in
        so many percent of the covered area. ``count`` is the number of cells, one that is covered
        by half counting 0.5; ``std`` is that of the population. A zone without data has the
        count 0 and None for all else.

    Raises:
        InvalidJobParameterError: The raster's file is damaged.
        TooManyValues: The distinct values do not fit into ``kept_bytes``.
    """
    moments, runs = Moments(), Runs(kept_bytes)
    needs_runs = bool(percentiles) or not RANKED.isdisjoint(statistics)
    for values, areas in _cells(band, pieces):
        moments.add(values, areas)
        if needs_runs:
            runs.add(values, areas)
    names = [*statistics, *map(percentile_name, percentiles)]
    if not moments.count:
        return {name: 0.0 if name == "count" else None for name in names}
    ranking = ranked(runs, percentiles)
    found = [getattr(ranking if name in RANKED else moments, name) for name in statistics]
    return {
        name: value if math.isfinite(value) else None
        for name, value in zip(names, [*found, *ranking.percentiles], strict=True)
    }


def percentile_name(percentile: float) -> str:
    """Name of a percentile in the outputs: ``percentile_90``, ``percentile_2.5``."""
    return f"percentile_{percentile:.10g}"


def _cells(
    band: Band, pieces: Sequence[Piece]
) -> Iterator[tuple[NDArray[np.generic], NDArray[np.float64]]]:
    """Values of the cells with data, and which part of each is covered, a window at a time."""
    untouched = UNTOUCHED * min(1.0, sum(piece.area for piece in pieces))
    for piece in pieces:
        values, valid = band.read(piece.column, piece.row, piece.width, piece.height)
        areas = _coverage(piece)
        valid &= areas > untouched
        if valid.any():
            yield values[valid], areas[valid]


def _coverage(piece: Piece) -> NDArray[np.float64]:
    """The part of each cell of a piece's window that is covered, from 0 to 1.

    exactextract is asked for these parts alone, on a grid of whole numbers that is the same
    whatever the raster. It never sees a value: of arrays with a mask it loses the mask where it
    takes two grids for different (isciences/exactextract#193).
    """
    shape = piece.height, piece.width
    if piece.polygon is None:
        return np.ones(shape)
    # exactextract counts rows from the top, and y from the bottom.
    corner = np.array([piece.column, piece.row + piece.height])
    polygon = shapely.transform(
        piece.polygon, lambda points: (points - corner) * np.array([1.0, -1.0])
    )
    grid = NumPyRasterSource(
        np.broadcast_to(np.uint8(0), shape), xmin=0, ymin=0, xmax=piece.width, ymax=piece.height
    )
    [feature] = exact_extract(grid, _Polygons([polygon]), ["cell_id", "coverage"])
    found = feature["properties"]
    areas = np.zeros(piece.cells)
    areas[found["cell_id"]] = found["coverage"]
    return areas.reshape(shape)


class _Polygon(JSONFeature):  # type: ignore[misc]  # exactextract is untyped
    """A feature whose geometry is passed as WKB: as GeoJSON it takes ten times as long."""

    def __init__(self, polygon: BaseGeometry) -> None:
        super().__init__()
        self._polygon = polygon

    def geometry(self) -> bytes:
        wkb: bytes = shapely.to_wkb(self._polygon)
        return wkb


class _Polygons(FeatureSource):  # type: ignore[misc]
    def __init__(self, polygons: Sequence[BaseGeometry]) -> None:
        super().__init__()
        self._all = polygons

    def __iter__(self) -> Iterator[_Polygon]:
        return map(_Polygon, self._all)

    def count(self) -> int:
        return len(self._all)

    def srs_wkt(self) -> None:
        return None

"""The computation: statistics of the cells that each polygon covers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from exactextract import Operation, exact_extract
from exactextract.feature import FeatureSource, JSONFeature
from numpy.typing import NDArray
from rasterio.errors import RasterioIOError
from shapely.geometry.base import BaseGeometry

from pygeoapi_prefect.errors import InvalidJobParameterError
from zonal_statistics.rasters import Band

STATISTICS = {
    "count": "count",
    "min": "min",
    "max": "max",
    "mean": "mean",
    "std": "stdev",
    "sum": "sum",
    "majority": "majority",
    "variety": "variety",
}
"""Name of each statistic -> exactextract's name."""
DEFAULT_STATISTICS = ("count", "min", "max", "mean", "std")

CELLS_IN_MEMORY = 4_000_000

Statistics = dict[str, float | int | None]


def statistics_of(
    band: Band,
    polygons: Sequence[BaseGeometry],
    statistics: Sequence[str] = DEFAULT_STATISTICS,
    percentiles: Sequence[float] = (),
) -> list[Statistics]:
    """Statistics of the cells that each polygon covers, weighted by the part that is covered.

    Args:
        band: The band; cells without data do not count.
        polygons: Polygons and multipolygons in the CRS of the raster; may be empty.
        statistics: Keys of ``STATISTICS``.
        percentiles: Numbers from 0 to 100.

    Returns:
        For each polygon the statistics, then ``percentile_<number>``: the least cell value that is
        not exceeded in so many percent of the covered area. ``count`` is the number of cells, one
        that is covered by half counting 0.5; ``std`` is that of the population. A polygon without
        data has the count 0 and None for all else.

    Raises:
        InvalidJobParameterError: The raster's file is damaged.
    """
    names = {"count", *(STATISTICS[name] for name in statistics)}
    if percentiles:
        names |= {"unique", "frac"}
    operations = [Operation(name, name, band) for name in names]
    full = [polygon for polygon in polygons if not polygon.is_empty]
    try:
        features = exact_extract(
            band, _Polygons(full), operations, max_cells_in_memory=CELLS_IN_MEMORY
        )
    except RasterioIOError as error:
        raise InvalidJobParameterError("input 'raster': its cells cannot be read") from error
    found = (feature["properties"] for feature in features)
    return [
        _selected({"count": 0.0} if polygon.is_empty else next(found), statistics, percentiles)
        for polygon in polygons
    ]


def percentile_name(percentile: float) -> str:
    """Name of a percentile in the outputs: ``percentile_90``, ``percentile_2.5``."""
    return f"percentile_{percentile:.10g}"


def _selected(
    found: Mapping[str, Any], statistics: Sequence[str], percentiles: Sequence[float]
) -> Statistics:
    """What was asked for, in its order, of what exactextract has found in one polygon."""
    names = [*statistics, *map(percentile_name, percentiles)]
    if found["count"] == 0:
        return {name: 0.0 if name == "count" else None for name in names}
    values = [found[STATISTICS[name]] for name in statistics]
    if percentiles:
        values += _percentiles(found["unique"], found["frac"], percentiles)
    return {
        name: value if math.isfinite(value) else None
        for name, value in zip(names, values, strict=True)
    }


def _percentiles(
    cells: NDArray[np.float64], weights: NDArray[np.float64], percentiles: Sequence[float]
) -> list[float]:
    # exactextract's own quantiles interpolate between different values as if each occurred once: in
    # a raster of whole numbers they can be off by one.
    found = np.percentile(cells, percentiles, weights=weights, method="inverted_cdf")
    return [float(value) for value in found]


class _Polygon(JSONFeature):  # type: ignore[misc]  # exactextract is untyped
    """A feature whose geometry is handed over as WKB: as GeoJSON it takes ten times as long."""

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

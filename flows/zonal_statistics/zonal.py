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
    polygon: BaseGeometry,
    statistics: Sequence[str] = DEFAULT_STATISTICS,
    percentiles: Sequence[float] = (),
) -> Statistics:
    """Statistics of the cells that a polygon covers, weighted by the part that is covered.

    Args:
        band: The band; cells without data do not count.
        polygon: A polygon or multipolygon in the CRS of the raster; may be empty.
        statistics: Keys of ``STATISTICS``.
        percentiles: Numbers from 0 to 100.

    Returns:
        The statistics, then ``percentile_<number>``: the least cell value that is not exceeded in
        so many percent of the covered area. ``count`` is the number of cells, one that is covered
        by half counting 0.5; ``std`` is that of the population. A polygon without data has the
        count 0 and None for all else.

    Raises:
        InvalidJobParameterError: The raster's file is damaged.
    """
    if polygon.is_empty:
        return _selected({"count": 0.0}, statistics, percentiles)
    # Whole numbers repeat: each different one with its share of the area takes little memory. Of
    # other numbers, finding the different ones takes ten times as long as keeping all.
    cells, weights = ("unique", "frac") if band.whole_numbers else ("values", "coverage")
    names = {"count", *(STATISTICS[name] for name in statistics)}
    if percentiles:
        names |= {cells, weights}
    operations = [Operation(name, name, band) for name in names]
    try:
        [feature] = exact_extract(
            band, _Polygons([polygon]), operations, max_cells_in_memory=CELLS_IN_MEMORY
        )
    except RasterioIOError as error:
        raise InvalidJobParameterError("input 'raster': its cells cannot be read") from error
    found = feature["properties"]
    found["percentiles"] = _percentiles(found.get(cells), found.get(weights), percentiles)
    return _selected(found, statistics, percentiles)


def percentile_name(percentile: float) -> str:
    """Name of a percentile in the outputs: ``percentile_90``, ``percentile_2.5``."""
    return f"percentile_{percentile:.10g}"


def _selected(
    found: Mapping[str, Any], statistics: Sequence[str], percentiles: Sequence[float]
) -> Statistics:
    """What was asked for, in its order, of what was found in a polygon."""
    names = [*statistics, *map(percentile_name, percentiles)]
    if found["count"] == 0:
        return {name: 0.0 if name == "count" else None for name in names}
    values = [*(found[STATISTICS[name]] for name in statistics), *found["percentiles"]]
    return {
        name: value if math.isfinite(value) else None
        for name, value in zip(names, values, strict=True)
    }


def _percentiles(
    cells: NDArray[np.float64] | None,
    weights: NDArray[np.float64] | None,
    percentiles: Sequence[float],
) -> list[float]:
    # exactextract's own quantiles interpolate between different values as if each occurred once: in
    # a raster of whole numbers they can be off by one.
    if cells is None or cells.size == 0:
        return []
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

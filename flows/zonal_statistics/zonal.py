"""The computation: statistics of the cells that each polygon covers."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import shapely
from exactextract import Operation, exact_extract
from exactextract.feature import FeatureSource, JSONFeature
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
        For each polygon the statistics, then ``percentile_<number>``. ``count`` is the number of
        cells, a cell that is covered by half counting 0.5; ``std`` is that of the population. A
        polygon without data has the count 0 and None for all else.

    Raises:
        InvalidJobParameterError: The raster's file is damaged.
    """
    quantiles = {f"q{i}": name for i, name in enumerate(map(percentile_name, percentiles))}
    operations = [Operation(STATISTICS[name], name, band) for name in {"count", *statistics}]
    operations += [
        Operation("quantile", key, band, options={"q": percentile / 100})
        for key, percentile in zip(quantiles, percentiles, strict=True)
    ]
    try:
        found = exact_extract(
            band, _Polygons(polygons), operations, max_cells_in_memory=CELLS_IN_MEMORY
        )
    except RasterioIOError as error:
        raise InvalidJobParameterError("input 'raster': its cells cannot be read") from error
    wanted = [*statistics, *quantiles]
    return [_named(feature["properties"], wanted, quantiles) for feature in found]


def percentile_name(percentile: float) -> str:
    """Name of a percentile in the outputs: ``percentile_90``, ``percentile_2.5``."""
    return f"percentile_{percentile:.10g}"


def _named(found: dict[str, Any], wanted: Sequence[str], quantiles: dict[str, str]) -> Statistics:
    # exactextract adds "_<quantile>", cut to whole percents, to the name of a quantile.
    plain = {key.partition("_")[0]: value for key, value in found.items()}
    empty = plain["count"] == 0
    values = {key: None if empty and key != "count" else plain[key] for key in wanted}
    return {
        quantiles.get(key, key): value if value is not None and math.isfinite(value) else None
        for key, value in values.items()
    }


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

"""Zonal statistics by the book: each cell is cut with the zone by shapely, and NumPy does the rest.

Slow, and independent of the process: no grid but the file's own, no exactextract, no windows.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

Array = NDArray[Any]

DTYPES = ("uint8", "int16", "int32", "float32", "float64")
NODATA = ("value", "NaN", "mask", "alpha", "none")
NODATA_VALUES = {
    "uint8": 255,
    "int16": -32768,
    "int32": -2147483648,
    "float32": -3.4028234663852886e38,
    "float64": -1e300,
}


def random_cells(rng: np.random.Generator, dtype: str, shape: tuple[int, int]) -> Array:
    """Cells that lose something wherever they pass through a narrower type."""
    if dtype == "float64":
        return 1e9 + rng.normal(size=shape)
    if dtype == "float32":
        return rng.normal(1000, 300, shape).astype(dtype)
    low, high = {
        "uint8": (0, 254),
        "int16": (-1000, 14000),
        "int32": (2_000_000_000, 2_000_009_999),
    }[dtype]
    return rng.integers(low, high, shape, dtype=dtype)


def twelve_gon(rng: np.random.Generator, bounds: tuple[float, float, float, float]) -> Any:
    """A polygon of twelve corners round a point of a rectangle; parts may lie outside."""
    left, bottom, right, top = bounds
    centre = rng.uniform((left, bottom), (right, top))
    angles = np.sort(rng.uniform(0, 2 * np.pi, 12))
    radii = rng.uniform(0.1, 0.5, 12) * min(right - left, top - bottom) * rng.choice([0.02, 1, 1])
    corners = centre + np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, np.newaxis]
    return shapely.make_valid(shapely.Polygon(corners))


def write_with_nodata(
    path: Path, cells: Array, valid: Array, kind: str, transform: Affine, crs: str
) -> Path:
    """Write cells whose nodata are told in one of the ways of ``NODATA``."""
    height, width = cells.shape
    dtype = cells.dtype.name
    if kind in ("value", "NaN"):
        nodata = np.nan if kind == "NaN" else NODATA_VALUES[dtype]
        cells = np.where(valid, cells, np.array(nodata, dtype))
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=height,
            width=width,
            count=2 if kind == "alpha" else 1,
            dtype=dtype,
            crs=crs,
            transform=transform,
            **({"nodata": nodata} if kind in ("value", "NaN") else {}),
        ) as dataset,
    ):
        dataset.write(cells, 1)
        if kind == "alpha":
            dataset.colorinterp = (ColorInterp.gray, ColorInterp.alpha)
            dataset.write(np.where(valid, 255, 0).astype(dtype), 2)
        if kind == "mask":
            dataset.write_mask(valid)
    return path


def fractions(transform: Affine, shape: tuple[int, int], zone: Any) -> Array:
    """The part of each cell that a zone covers: its exact intersection, divided by the cell."""
    columns, rows = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    xs = [transform.c + (columns + edge) * transform.a for edge in (0, 1)]
    ys = [transform.f + (rows + edge) * transform.e for edge in (0, 1)]
    squares = shapely.box(xs[0], np.minimum(*ys), xs[1], np.maximum(*ys))
    shapely.prepare(zone)
    near = shapely.intersects(zone, squares)
    parts = np.zeros(shape)
    parts[near] = shapely.area(shapely.intersection(squares[near], zone)) / shapely.area(
        squares[near]
    )
    return parts


@dataclass
class Errors:
    """The worst errors of many zones.

    Attributes:
        zones: How many zones were compared.
        count: Error of the count, as part of the zone's cells.
        mean: Error of the mean, as part of the zone's range of values.
    """

    zones: int = 0
    count: float = 0.0
    mean: float = 0.0

    def compare(self, found: dict[str, Any], cells: Array, valid: Array, parts: Array) -> None:
        """Take in what the process has found in a zone that covers these parts of the cells.

        Extremes must be the right ones: no cell but one with data that is touched.
        """
        self.zones += 1
        there = valid & (parts > 1e-7 * min(1.0, parts.sum()))
        values = cells[there].astype(np.float64)
        weights = parts[there]
        if weights.sum() == 0:
            assert found["count"] <= 1e-6 * parts.sum()
            return
        self.count = max(self.count, abs(found["count"] - weights.sum()) / parts.sum())
        assert values.min() == found["min"], (values.min(), found)
        assert values.max() == found["max"], (values.max(), found)
        # Of one value alone, the range is nothing; a double holds it to 16 digits.
        span = max(np.ptp(values), 1e-9 * abs(values).max(), 1e-9)
        mean = values[0] + np.average(values - values[0], weights=weights)
        self.mean = max(self.mean, abs(found["mean"] - mean) / span)

    def merge(self, other: "Errors") -> None:
        """Take in the errors of other zones."""
        self.zones += other.zones
        self.count, self.mean = max(self.count, other.count), max(self.mean, other.mean)

    def check(self) -> None:
        """The errors are those of rounding."""
        assert self.zones
        assert self.count < 1e-6, self
        assert self.mean < 1e-6, self

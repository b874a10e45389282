"""Rasters and zones made for a test."""

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

from zonal_statistics.rasters import Band
from zonal_statistics.zonal import Statistics, statistics_of

UTM14 = "EPSG:32614"


def write_raster(
    path: Path,
    cells: NDArray[Any],
    *,
    crs: str | None = UTM14,
    corner: tuple[float, float] = (0, 0),
    cell: float = 1.0,
    transform: Affine | None = None,
    **profile: Any,
) -> Path:
    """Write a GeoTIFF of one or more bands whose lower left corner is ``corner``."""
    bands = cells if cells.ndim == 3 else cells[np.newaxis]
    count, height, width = bands.shape
    scales, offsets = profile.pop("scales", None), profile.pop("offsets", None)
    north_west = Affine(cell, 0, corner[0], 0, -cell, corner[1] + height * cell)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=height,
        width=width,
        count=count,
        dtype=bands.dtype,
        crs=crs,
        transform=transform or north_west,
        **profile,
    ) as dataset:
        dataset.write(bands)
        if scales:
            dataset.scales, dataset.offsets = scales, offsets
    return path


def feature(kind: str, coordinates: Any, **members: Any) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "properties": {}, "geometry": geometry, **members}


def box(left: float, bottom: float, right: float, top: float, **members: Any) -> dict[str, Any]:
    """A feature that is a rectangle."""
    ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
    return feature("Polygon", [ring], **members)


def collection(*features: Any, crs: str | None = None) -> dict[str, Any]:
    """A FeatureCollection, with the older ``crs`` member if a name is given."""
    found: dict[str, Any] = {"type": "FeatureCollection", "features": list(features)}
    if crs is not None:
        found["crs"] = {"type": "name", "properties": {"name": crs}}
    return found


def statistics_in(band: Band, polygon: Any, *arguments: Any, **options: Any) -> Statistics:
    """``statistics_of`` for a polygon in the raster's CRS."""
    return statistics_of(band, list(band.pieces(polygon)), *arguments, **options)

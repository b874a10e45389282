"""The raster of a job: a shipped sample, bytes in the request or a file behind a URL."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Interleaving
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.models.base import Link
from pygeoapi_prefect.process.references import download
from zonal_statistics.polygons import Piece, mended, pieces, polygons

SAMPLES = {"waco-dem": Path(__file__).parent / "data" / "dem.tif"}
"""Rasters that come with the process, by the name that a client gives."""

MAX_BLOCK_BYTES = 64 * 1024 * 1024
"""Largest block, of all bands that are stored together."""
GDAL_CACHE_BYTES = 32 * 1024 * 1024
"""GDAL would cache blocks in 5 % of the machine's memory, regardless of the job's limit."""

LEAST_CELL = 1e-12
"""Smallest cell, as part of the greatest coordinate; a double holds about 1e-16."""


class Band:
    """One band of an open raster, read in windows.

    Args:
        dataset: An open raster; stays open as long as the band is used.
        number: Number of the band, from 1.

    Attributes:
        height: Number of rows.
        width: Number of columns.
        blocks: Height and width of the blocks that the file is stored in, in cells.

    Raises:
        InvalidJobParameterError: There is no such band, or its cells cannot be used.
    """

    def __init__(self, dataset: DatasetReader, number: int = 1) -> None:
        _check(dataset, number)
        self.height, self.width = dataset.shape
        self.blocks: tuple[int, int] = dataset.block_shapes[number - 1]
        self._dataset = dataset
        self._number = number
        # GDAL uses an alpha band as a mask only if its cells have 8 or 16 unsigned bits.
        alphas = (i for i, band in enumerate(dataset.colorinterp, 1) if band is ColorInterp.alpha)
        self._alpha = next((band for band in alphas if band != number), None)
        self._scale = dataset.scales[number - 1]
        self._offset = dataset.offsets[number - 1]

    def extent(self) -> tuple[float, float, float, float]:
        """Least x and y, greatest x and y, in units of the CRS."""
        left, bottom, right, top = self._dataset.bounds
        return left, min(bottom, top), right, max(bottom, top)

    def pieces(self, polygon: BaseGeometry) -> Iterator[Piece]:
        """A polygon of the raster's CRS in pieces, in columns and rows, cut where the band ends.

        The corner of the first cell of the first row is 0, 0, whether that row is the northern one
        or the southern one. In these units all edges of cells are whole numbers, so that nothing
        is left to the rounding of the size of a cell.
        """
        transform = self._dataset.transform
        corner = np.array([transform.c, transform.f])
        cell = np.array([transform.a, transform.e])
        inside = polygons(shapely.intersection(polygon, shapely.box(*self.extent())))
        moved = mended(shapely.transform(inside, lambda points: (points - corner) / cell))
        moved = polygons(shapely.intersection(moved, shapely.box(0, 0, self.width, self.height)))
        return pieces(moved, self.blocks)

    def read(
        self, column: int, row: int, width: int, height: int
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Cells of a window, and where they have data.

        Values have the type of the file, so that none is rounded; if the band has a scale or an
        offset, those are applied and the values are float64. Cells that are NaN or infinite have
        no data, nor have those of the nodata value, the mask or the alpha band.

        Returns:
            Values and a mask, each of ``height`` rows and ``width`` columns, in the file's order.

        Raises:
            InvalidJobParameterError: The raster's file is damaged.
        """
        window = Window(column, row, width, height)
        try:
            cells = self._dataset.read(self._number, window=window, masked=True)
            opaque = self._alpha is None or self._dataset.read(self._alpha, window=window) != 0
        except RasterioIOError as error:
            raise InvalidJobParameterError("input 'raster': its cells cannot be read") from error
        # Cells without data are not checked again: an array without a mask cannot lose one.
        values, valid = cells.data, ~np.ma.getmaskarray(cells) & opaque
        if (self._scale, self._offset) != (1, 0):
            with np.errstate(over="ignore", invalid="ignore"):
                values = values.astype(np.float64) * self._scale + self._offset
        return values, valid & np.isfinite(values)


@contextmanager
def open_raster(value: str | Link, folder: Path) -> Iterator[DatasetReader]:
    """Open the raster that an input means.

    Args:
        value: Name of a sample, a GeoTIFF in base64, or where to download one.
        folder: An empty folder that nobody else uses.

    Raises:
        InvalidJobParameterError: It is not a GeoTIFF, or is not to be had.
    """
    path = _file(value, folder)
    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES):
        try:
            # Only this driver: others, such as VRT, would open any file or URL in the raster.
            dataset = rasterio.open(path, driver="GTiff")
        except RasterioIOError as error:
            raise InvalidJobParameterError("input 'raster': this is not a GeoTIFF") from error
        with dataset:
            yield dataset


def _file(value: str | Link, folder: Path) -> Path:
    if isinstance(value, str) and value in SAMPLES:
        return SAMPLES[value]
    path = folder / "raster.tif"
    if isinstance(value, Link):
        download(value.href, path)
        return path
    try:
        path.write_bytes(base64.b64decode("".join(value.split()), validate=True))
    except (AttributeError, ValueError) as error:  # not text, or not base64
        raise InvalidJobParameterError(
            f"input 'raster': neither base64 nor the name of a sample ({', '.join(SAMPLES)})"
        ) from error
    return path


def _check(dataset: DatasetReader, number: int) -> None:
    if not 1 <= number <= dataset.count:
        raise InvalidJobParameterError(
            f"input 'band': the raster has no band {number}, only 1 to {dataset.count}"
        )
    fault = _fault(dataset, number)
    if fault is not None:
        raise InvalidJobParameterError(f"input 'raster': {fault}")


def _fault(dataset: DatasetReader, number: int) -> str | None:
    kind = np.dtype(dataset.dtypes[number - 1])
    transform = dataset.transform
    scaling = dataset.scales[number - 1], dataset.offsets[number - 1]
    if dataset.crs is None:
        return "it has no coordinate reference system"
    if not np.isfinite([*transform, *dataset.bounds]).all():
        return "the size of its cells, or its place, is infinite or not a number"
    if transform.b != 0 or transform.d != 0 or transform.a <= 0 or transform.e == 0:
        return "its rows do not run from west to east; rectify it first"
    if min(transform.a, abs(transform.e)) < LEAST_CELL * max(map(abs, dataset.bounds)):
        return "its cells are too small for the precision of coordinates"
    if not np.isfinite(scaling).all():
        return "its scale or its offset is infinite or not a number"
    if kind.kind == "c":
        return "its cells are complex numbers"
    if _block_bytes(dataset, number, kind.itemsize) > MAX_BLOCK_BYTES:
        return f"its blocks are larger than {MAX_BLOCK_BYTES} bytes; tile it first"
    return None


def _block_bytes(dataset: DatasetReader, number: int, itemsize: int) -> int:
    together = dataset.count if dataset.interleaving is Interleaving.pixel else 1
    return int(np.prod(dataset.block_shapes[number - 1], dtype=np.int64)) * itemsize * together

"""The raster of a job: a shipped sample, bytes in the request or a file behind a URL."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from exactextract.raster import RasterSource
from numpy.typing import NDArray
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.models.base import Link
from pygeoapi_prefect.outgoing import download

SAMPLES = {"waco-dem": Path(__file__).parent / "data" / "dem.tif"}
"""Rasters that come with the process, by the name that a client gives."""

MAX_BLOCK_BYTES = 256 * 1024 * 1024


class Band(RasterSource):  # type: ignore[misc]  # exactextract is untyped
    """One band of an open raster, read in windows as float64, scaled, with nodata masked.

    Statistics of an integer band would be cut to integers otherwise. Rows that run from south to
    north are turned round.

    Args:
        dataset: An open raster; stays open as long as the band is used.
        number: Number of the band, from 1.

    Raises:
        InvalidJobParameterError: There is no such band, or its cells cannot be used.
    """

    def __init__(self, dataset: DatasetReader, number: int = 1) -> None:
        super().__init__()
        _check(dataset, number)
        self.dataset = dataset
        self.number = number
        self.whole_numbers = np.dtype(dataset.dtypes[number - 1]).kind in "iu"
        self._southern_first = dataset.transform.e > 0
        self._scale = dataset.scales[number - 1]
        self._offset = dataset.offsets[number - 1]

    def res(self) -> tuple[float, float]:
        """Width and height of a cell, in units of the CRS."""
        return self.dataset.transform.a, abs(self.dataset.transform.e)

    def extent(self) -> tuple[float, float, float, float]:
        """Least x and y, greatest x and y, in units of the CRS."""
        left, bottom, right, top = self.dataset.bounds
        return left, min(bottom, top), right, max(bottom, top)

    def srs_wkt(self) -> None:
        """Leave the CRS unsaid: zones are projected before."""

    def nodata_value(self) -> None:
        """Leave nodata unsaid: it is masked in what ``read_window`` returns."""

    def read_window(
        self, column: int, row: int, width: int, height: int
    ) -> np.ma.MaskedArray[tuple[int, int], np.dtype[np.float64]]:
        """Cells of a window; rows counted from the north."""
        first = self.dataset.height - row - height if self._southern_first else row
        window = Window(column, first, width, height)
        cells = self.dataset.read(self.number, window=window, masked=True)
        values: NDArray[np.float64] = cells.data.astype(np.float64) * self._scale + self._offset
        masked = np.ma.MaskedArray(values, mask=np.ma.getmaskarray(cells) | np.isnan(values))
        return masked[::-1] if self._southern_first else masked


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
    try:
        # This driver only: others, such as VRT, would open whatever files and URLs the data name.
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
    block = np.prod(dataset.block_shapes[number - 1], dtype=np.int64) * kind.itemsize
    transform = dataset.transform
    if dataset.crs is None:
        return "it has no coordinate reference system"
    if transform.b != 0 or transform.d != 0 or transform.a <= 0 or transform.e == 0:
        return "its rows do not run from west to east; rectify it first"
    if kind.kind == "c":
        return "its cells are complex numbers"
    if block > MAX_BLOCK_BYTES:
        return f"its blocks are larger than {MAX_BLOCK_BYTES} bytes; tile it first"
    return None

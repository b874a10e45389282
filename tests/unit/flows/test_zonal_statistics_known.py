"""Statistics whose answers are known beforehand, and those of the real DEM against brute force."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray

from pygeoapi_prefect.errors import InvalidJobParameterError
from support.rasters_made import statistics_in, write_raster
from zonal_statistics import polygons
from zonal_statistics.rasters import SAMPLES, Band
from zonal_statistics.zonal import STATISTICS, percentile_name

DATA = SAMPLES["waco-dem"].parent


def measure(path: Path, polygon: Any, *percentiles: float, band: int = 1) -> dict[str, Any]:
    with rasterio.open(path) as dataset:
        return statistics_in(Band(dataset, band), polygon, tuple(STATISTICS), percentiles)


def test_constant(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "r.tif", np.full((10, 10), 7, "int16"))
    found = measure(path, shapely.Point(5, 5).buffer(3.3), 0, 50, 100)
    assert found.pop("count") == pytest.approx(shapely.Point(5, 5).buffer(3.3).area)
    assert found.pop("sum") == pytest.approx(7 * shapely.Point(5, 5).buffer(3.3).area)
    assert found.pop("std") == pytest.approx(0)
    assert found.pop("variety") == 1
    assert set(found.values()) == {7}


def test_mean_of_a_plane_is_its_value_at_the_centroid(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:100, 0:100]
    # Value at the centre of the cell: 3 x - 2 y, with y upwards.
    plane = 3 * (columns + 0.5) - 2 * (100 - rows - 0.5)
    path = write_raster(tmp_path / "r.tif", plane)
    rectangle = shapely.box(12, 30, 57, 81)
    found = measure(path, rectangle)
    assert found["mean"] == pytest.approx(3 * rectangle.centroid.x - 2 * rectangle.centroid.y)
    assert found["count"] == pytest.approx(rectangle.area)
    # Within one cell a plane is taken to be flat, hence not exact for edges that cut cells.
    polygon = shapely.Polygon([(10.3, 11), (80.2, 20.9), (60.5, 88.8), (22, 70.7)])
    expected = 3 * polygon.centroid.x - 2 * polygon.centroid.y
    assert measure(path, polygon)["mean"] == pytest.approx(expected, abs=0.02)


def test_checkerboard(tmp_path: Path) -> None:
    board = np.indices((8, 8)).sum(axis=0) % 2
    path = write_raster(tmp_path / "r.tif", board.astype("uint8"))
    expected = {"count": 64, "min": 0, "max": 1, "mean": 0.5, "std": 0.5, "sum": 32, "variety": 2}
    found = measure(path, shapely.box(0, 0, 8, 8))
    assert found.pop("majority") in (0, 1)
    assert found == pytest.approx(expected)


def test_a_cell_that_is_covered_in_part_counts_with_that_part(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "r.tif", np.array([[1, 2], [3, 4]], "int32"))
    # The upper row lies at y 1..2. Parts: 1: .25 x .5, 2: .75 x .5, 3: .25 x 1, 4: .75 x 1.
    found = measure(path, shapely.box(0.75, 0, 1.75, 1.5))
    weights = [0.125, 0.375, 0.25, 0.75]
    mean = np.average([1, 2, 3, 4], weights=weights)
    assert found["count"] == pytest.approx(1.5)
    assert found["mean"] == pytest.approx(mean)
    assert found["sum"] == pytest.approx(1.5 * mean)
    variance = np.average((np.array([1, 2, 3, 4]) - mean) ** 2, weights=weights)
    assert found["std"] == pytest.approx(math.sqrt(variance))
    assert (found["min"], found["max"], found["majority"]) == (1, 4, 4)


def test_triangle_covers_half_of_the_cells_on_its_diagonal(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "r.tif", np.eye(6)[::-1].copy())
    found = measure(path, shapely.Polygon([(0, 0), (6, 0), (6, 6)]))
    assert found["count"] == pytest.approx(18)
    assert found["sum"] == pytest.approx(6 * 0.5)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_percentile_is_the_least_value_that_covers_the_part(tmp_path: Path, dtype: str) -> None:
    cells = np.arange(16, dtype=dtype).reshape(4, 4)
    path = write_raster(tmp_path / "r.tif", cells)
    found = measure(path, shapely.box(0, 0, 4, 4), 0, 12.5, 12.6, 50, 99, 100)
    percentiles = {key: value for key, value in found.items() if key.startswith("percentile")}
    assert percentiles == {
        "percentile_0": 0,
        "percentile_12.5": 1,
        "percentile_12.6": 2,
        "percentile_50": 7,
        "percentile_99": 15,
        "percentile_100": 15,
    }


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_percentiles_are_weighted_by_area(tmp_path: Path, dtype: str) -> None:
    path = write_raster(tmp_path / "r.tif", np.array([[1, 2, 9]], dtype))
    # A tenth of the first cell, all of the second, a fifth of the third.
    found = measure(path, shapely.box(0.9, 0, 2.2, 1), 5, 10, 50, 80, 90, 100)
    values = [value for key, value in found.items() if key.startswith("percentile")]
    assert values == [1, 2, 2, 2, 9, 9]


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_percentiles_of_many_equal_values(tmp_path: Path, dtype: str) -> None:
    cells = np.repeat(np.array([3, 4, 5], dtype), [700, 200, 100]).reshape(10, 100)
    found = measure(write_raster(tmp_path / "r.tif", cells), shapely.box(0, 0, 100, 10), 69, 71, 95)
    values = [value for key, value in found.items() if key.startswith("percentile")]
    assert values == [3, 4, 5]


def test_names_of_percentiles() -> None:
    assert [percentile_name(p) for p in (0, 5, 50.0, 2.5, 99.9999)] == [
        "percentile_0",
        "percentile_5",
        "percentile_50",
        "percentile_2.5",
        "percentile_99.9999",
    ]


def test_results_have_what_was_asked_for_in_its_order(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "r.tif", np.ones((2, 2)))
    with rasterio.open(path) as dataset:
        found = statistics_in(Band(dataset), shapely.box(0, 0, 1, 1), ["max", "mean"], [90, 10])
        only = statistics_in(Band(dataset), shapely.box(0, 0, 1, 1), ["std"])
        default = statistics_in(Band(dataset), shapely.box(0, 0, 1, 1))
    assert list(found) == ["max", "mean", "percentile_90", "percentile_10"]
    assert list(only) == ["std"]
    assert list(default) == ["count", "min", "max", "mean", "std"]


def test_nodata_does_not_count(tmp_path: Path) -> None:
    cells = np.full((4, 4), 5, "int16")
    cells[:, :2] = -9999
    path = write_raster(tmp_path / "r.tif", cells, nodata=-9999)
    found = measure(path, shapely.box(0, 0, 4, 4), 10)
    assert found["count"] == 8
    assert (found["min"], found["max"], found["mean"], found["percentile_10"]) == (5, 5, 5, 5)
    half = measure(path, shapely.box(1, 0, 3, 4))
    assert half["count"] == 4


@pytest.mark.parametrize("nodata", [None, float("nan"), -1.0])
def test_nan_does_not_count(tmp_path: Path, nodata: float | None) -> None:
    cells = np.array([[np.nan, 2.0], [4.0, np.nan]], "float32")
    path = write_raster(tmp_path / "r.tif", cells, nodata=nodata)
    found = measure(path, shapely.box(0, 0, 2, 2), 0, 100)
    assert (found["count"], found["mean"]) == (2, 3)
    assert (found["percentile_0"], found["percentile_100"]) == (2, 4)


def test_mask_of_the_file_is_honoured(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "r.tif", np.array([[1, 2], [3, 4]], "uint8"))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(np.array([[True, False], [True, False]]))
    found = measure(path, shapely.box(0, 0, 2, 2))
    assert (found["count"], found["max"]) == (2, 3)


@pytest.mark.parametrize(
    "polygon",
    [
        shapely.box(20, 20, 30, 30),  # beside the raster
        shapely.box(0, 0, 1, 1),  # on cells without data
        shapely.MultiPolygon(),
    ],
)
def test_zone_without_data_has_count_zero_and_nulls(tmp_path: Path, polygon: Any) -> None:
    cells = np.ones((4, 4), "float32")
    cells[3, 0] = -1
    path = write_raster(tmp_path / "r.tif", cells, nodata=-1)
    found = measure(path, polygon, 50)
    assert found.pop("count") == 0
    assert len(found) == len(STATISTICS)
    assert set(found.values()) == {None}


def test_zone_partly_outside_counts_what_is_inside(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "r.tif", np.ones((4, 4)))
    assert measure(path, shapely.box(3, 3, 9, 9))["count"] == 1
    assert measure(path, shapely.box(-5, -5, 9, 9))["count"] == 16


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fault_28_infinite_cells_have_no_data(tmp_path: Path, dtype: str) -> None:
    """Fault 28: they do not count, as the description says, and are in no statistic."""
    cells = np.array([[1.0, np.inf, -np.inf], [3.0, np.nan, 5.0]], dtype)
    found = measure(write_raster(tmp_path / "r.tif", cells), shapely.box(0, 0, 3, 2), 0, 100)
    assert (found["count"], found["min"], found["max"], found["mean"]) == (3, 1, 5, 3)
    assert (found["percentile_0"], found["percentile_100"], found["variety"]) == (1, 5, 3)
    only = measure(write_raster(tmp_path / "i.tif", cells[:, 1:2]), shapely.box(0, 0, 1, 2), 50)
    assert only.pop("count") == 0
    assert set(only.values()) == {None}


def test_statistics_too_large_for_a_number_are_null(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "r.tif", np.array([[1.5e308, 1.5e308]]))
    found = measure(path, shapely.box(0, 0, 2, 1))
    assert (found["count"], found["min"], found["max"]) == (2, 1.5e308, 1.5e308)
    assert found["sum"] is None
    scaled = write_raster(tmp_path / "s.tif", np.array([[1e300, 2]]), scales=(1e9,), offsets=(0,))
    assert measure(scaled, shapely.box(0, 0, 2, 1))["count"] == 1


def test_multipolygons_and_holes(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "r.tif", np.arange(100.0).reshape(10, 10))
    two = shapely.MultiPolygon([shapely.box(0, 9, 1, 10), shapely.box(9, 0, 10, 1)])
    assert measure(path, two)["mean"] == pytest.approx((0 + 99) / 2)
    ring = shapely.box(0, 0, 10, 10).difference(shapely.box(1, 1, 9, 9))
    assert measure(path, ring)["count"] == pytest.approx(36)


def test_the_band_that_was_asked_for_is_used(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "r.tif", np.stack([np.ones((2, 2)), np.full((2, 2), 5.0)]))
    assert measure(path, shapely.box(0, 0, 2, 2), band=2)["mean"] == 5


def test_scale_and_offset_are_applied(tmp_path: Path) -> None:
    cells = np.array([[10, 20], [30, -1]], "int16")
    path = write_raster(tmp_path / "r.tif", cells, nodata=-1, scales=(0.1,), offsets=(-5,))
    found = measure(path, shapely.box(0, 0, 2, 2))
    assert found["count"] == 3
    assert found["min"] == pytest.approx(-4)
    assert found["mean"] == pytest.approx(-3)


def test_rows_from_south_to_north(tmp_path: Path) -> None:
    cells = np.arange(12.0).reshape(4, 3)
    path = write_raster(tmp_path / "r.tif", cells, transform=rasterio.Affine(2, 0, 100, 0, 2, 50))
    found = measure(path, shapely.box(102, 50, 104, 54))  # middle column, two southern rows
    assert (found["count"], found["min"], found["max"]) == (2, 1, 4)


def test_windows_smaller_than_the_zone_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = np.random.default_rng(1).normal(size=(200, 150))
    path = write_raster(tmp_path / "r.tif", cells)
    polygon = shapely.Point(70, 100).buffer(60)
    whole = measure(path, polygon, 25)
    monkeypatch.setattr(polygons, "WINDOW_CELLS", 500)
    assert measure(path, polygon, 25) == pytest.approx(whole)


def test_damaged_file_is_the_raster_s_fault(tmp_path: Path) -> None:
    cells = np.random.default_rng(1).integers(0, 255, (256, 256), "uint8")
    path = write_raster(tmp_path / "r.tif", cells, compress="deflate", tiled=True)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InvalidJobParameterError, match="'raster': its cells cannot be read"):
        measure(path, shapely.box(0, 0, 256, 256))


def brute_force(dataset: Any, polygon: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Values and covered parts of all cells of a raster, each cut with the polygon."""
    rows, columns = np.nonzero(dataset.read_masks(1))
    lefts, tops = (np.array(axis) for axis in dataset.xy(rows, columns, offset="ul"))
    rights, bottoms = (np.array(axis) for axis in dataset.xy(rows, columns, offset="lr"))
    squares = shapely.box(lefts, bottoms, rights, tops)
    shapely.prepare(polygon)
    near = np.nonzero(shapely.intersects(polygon, squares))
    parts = shapely.area(shapely.intersection(squares[near], polygon)) / shapely.area(squares[near])
    touched = parts > 1e-9
    values = dataset.read(1)[rows, columns][near].astype("float64")
    return values[touched], parts[touched]


@pytest.mark.parametrize("number", range(5))
def test_real_elevations_against_brute_force(number: int) -> None:
    zones = shapely.from_geojson((DATA / "zones.geojson").read_text(encoding="utf-8"))
    polygon = shapely.get_parts(zones)[number]
    with rasterio.open(SAMPLES["waco-dem"]) as dataset:
        values, parts = brute_force(dataset, polygon)
        found = statistics_in(Band(dataset), polygon)
    mean = np.average(values, weights=parts)
    assert found["count"] == pytest.approx(parts.sum())
    assert found["mean"] == pytest.approx(mean)
    assert found["std"] == pytest.approx(math.sqrt(np.average((values - mean) ** 2, weights=parts)))
    assert (found["min"], found["max"]) == (values.min(), values.max())


def test_whole_dem() -> None:
    with rasterio.open(SAMPLES["waco-dem"]) as dataset:
        cells = dataset.read(1, masked=True).compressed()
        found = statistics_in(Band(dataset), shapely.box(*dataset.bounds), percentiles=[25, 50, 99])
    assert found["count"] == pytest.approx(cells.size)
    assert found["mean"] == pytest.approx(cells.mean())
    assert found["std"] == pytest.approx(cells.std())
    for percentile in (25, 50, 99):
        assert found[f"percentile_{percentile}"] == np.percentile(cells, percentile)

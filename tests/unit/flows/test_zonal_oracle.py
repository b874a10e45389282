"""Statistics of random zones on every kind of grid, against exact intersections with each cell.

``pytest -s`` prints the worst errors as a table.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import Affine

from support.rasters_made import UTM14, statistics_in
from support.zonal_oracle import (
    DTYPES,
    NODATA,
    Errors,
    fractions,
    random_cells,
    twelve_gon,
    write_with_nodata,
)
from zonal_statistics import polygons
from zonal_statistics.rasters import SAMPLES, Band

DEGREES = {"1/3600": 1 / 3600, "1/1200": 1 / 1200, "0.00025": 0.00025, "0.1": 0.1, "0.25": 0.25}
METRES = {"10": 10.0, "30": 30.0, "300.0379": 300.0379}
ORIGINS = {
    "EPSG:4326": ((-97.485, 32.822), (6.1 + 1 / 7200, 50.000138888888889), (170.123, -8.7)),
    UTM14: ((640_000.0, 3_600_000.0), (500_000.5, 5_000_000.25), (-1_234_567.891, 1234.5)),
}
SHAPE = (31, 40)
ZONES = 4

Table = dict[tuple[str, str, str], Errors]


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    found: Table = defaultdict(Errors)
    yield found
    lines = ["| cell | type | nodata | zones | count | mean |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {' | '.join(key)} | {errors.zones} | {errors.count:.1e} | {errors.mean:.1e} |"
        for key, errors in sorted(found.items())
    ]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")


def zones_on(rng: np.random.Generator, transform: Affine, shape: tuple[int, int]) -> list[object]:
    """Random polygons, the whole grid, edges that meet those of cells, less than a cell."""
    height, width = shape
    corners = transform @ (0, 0), transform @ (width, height)
    bounds = (*np.min(corners, axis=0), *np.max(corners, axis=0))
    left, bottom = transform @ (5, 9)
    right, top = transform @ (12, 3)
    centre = shapely.Point(transform @ (7.98, 11.01))
    return [
        *(twelve_gon(rng, bounds) for _ in range(ZONES)),
        shapely.box(*bounds),
        shapely.box(left, min(bottom, top), right, max(bottom, top)),
        centre.buffer(0.05 * transform.a, quad_segs=3),
    ]


@pytest.mark.parametrize("northern_first", [True, False], ids=["north-up", "south-up"])
@pytest.mark.parametrize("name", [*DEGREES, *METRES])
def test_fault_1_no_zone_is_wrong_on_any_grid(
    tmp_path: Path,
    name: str,
    northern_first: bool,
    table: Table,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault 1: cells without data counted, where a mask was lost between two grids."""
    cell = (DEGREES | METRES)[name]
    crs = "EPSG:4326" if name in DEGREES else UTM14
    rng = np.random.default_rng(int(cell * 1e6) + northern_first)
    for number, (x, y) in enumerate(ORIGINS[crs]):
        # Some in one window, some in many.
        monkeypatch.setattr(polygons, "WINDOW_CELLS", (10_000, 200, 90)[number])
        transform = Affine(cell, 0, x, 0, -cell if northern_first else cell, y)
        zones = [
            (zone, fractions(transform, SHAPE, zone)) for zone in zones_on(rng, transform, SHAPE)
        ]
        for dtype, kind in product(DTYPES, NODATA):
            if kind == "NaN" and not dtype.startswith("float"):
                continue
            cells = random_cells(rng, dtype, SHAPE)
            valid = rng.random(SHAPE) > (0 if kind == "none" else 0.2)
            path = write_with_nodata(tmp_path / "r.tif", cells, valid, kind, transform, crs)
            errors = table[name, dtype, kind]
            with rasterio.open(path) as dataset:
                band = Band(dataset)
                for zone, parts in zones:
                    found = statistics_in(band, zone)
                    errors.compare(found, cells, valid, parts)
            errors.check()


def test_fault_1_real_elevations_with_nodata(tmp_path: Path, table: Table) -> None:
    """Fault 1: elevations with a lake and clouds without data, on the grid of the real DEM."""
    rng = np.random.default_rng(1)
    with rasterio.open(SAMPLES["waco-dem"]) as dataset:
        transform, crs, elevations = dataset.transform, dataset.crs.to_string(), dataset.read(1)
    window = elevations[100:220, 150:300]
    moved = transform @ Affine.translation(150, 100)
    corners = moved @ (0, 0), moved @ (150, 120)
    bounds = (*np.min(corners, axis=0), *np.max(corners, axis=0))
    zones = [twelve_gon(rng, bounds) for _ in range(12)]
    low = window > np.percentile(window, 10)
    for kind, dtype in product(("value", "mask", "alpha"), ("int16", "float32")):
        cells, valid = window.astype(dtype), low & (rng.random(window.shape) > 0.1)
        path = write_with_nodata(tmp_path / "r.tif", cells, valid, kind, moved, crs)
        errors = table["DEM 1/1200", dtype, kind]
        with rasterio.open(path) as dataset:
            for zone in zones:
                found = statistics_in(Band(dataset), zone)
                errors.compare(found, cells, valid, fractions(moved, window.shape, zone))
        errors.check()


def test_fault_1_supersampled_reference(tmp_path: Path) -> None:
    """Fault 1: points instead of areas; right to what the density of points can tell."""
    rng = np.random.default_rng(2)
    cell, dense = 1 / 3600, 16
    transform = Affine(cell, 0, -97.485, 0, -cell, 32.822)
    cells = random_cells(rng, "int16", SHAPE)
    valid = rng.random(SHAPE) > 0.2
    path = write_with_nodata(tmp_path / "r.tif", cells, valid, "value", transform, "EPSG:4326")
    rows, columns = (np.arange(length * dense) / dense + 0.5 / dense for length in SHAPE)
    xs, ys = np.meshgrid(transform.c + columns * cell, transform.f - rows * cell)
    for _ in range(10):
        left, bottom, right, top = -97.485, 32.822 - 31 * cell, -97.485 + 40 * cell, 32.822
        zone = twelve_gon(rng, (left, bottom, right, top))
        inside = shapely.contains_xy(zone, xs, ys)
        parts = inside.reshape(SHAPE[0], dense, SHAPE[1], dense).mean(axis=(1, 3)) * valid
        with rasterio.open(path) as dataset:
            found = statistics_in(Band(dataset), zone)
        # Points are wrong only in the cells of the boundary, and there by about their distance.
        wrong = zone.length / cell / dense + 1 / dense
        assert found["count"] == pytest.approx(parts.sum(), abs=wrong)
        if parts.sum() > 10:
            mean = np.average(cells, weights=parts)
            assert abs(found["mean"] - mean) <= wrong / parts.sum() * np.ptp(cells[parts > 0])


@pytest.mark.parametrize(("scale", "offset"), [(0.1, -5.0), (-2.5, 0.0), (1.0, 1000.0)])
@pytest.mark.parametrize("kind", ["value", "mask", "alpha"])
def test_fault_1_scale_and_offset(tmp_path: Path, scale: float, offset: float, kind: str) -> None:
    """Fault 1: the description says that they are applied; nodata are told before that."""
    rng = np.random.default_rng(3)
    transform = Affine(1 / 1200, 0, 6.1, 0, -1 / 1200, 50)
    cells, valid = random_cells(rng, "int16", SHAPE), rng.random(SHAPE) > 0.2
    path = write_with_nodata(tmp_path / "r.tif", cells, valid, kind, transform, "EPSG:4326")
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = (scale,) * dataset.count
        dataset.offsets = (offset,) * dataset.count
    errors = Errors()
    with rasterio.open(path) as dataset:
        for zone in zones_on(rng, transform, SHAPE):
            found = statistics_in(Band(dataset), zone, percentiles=[0, 100])
            parts = fractions(transform, SHAPE, zone)
            errors.compare(found, cells * scale + offset, valid, parts)
            assert (found["percentile_0"], found["percentile_100"]) == (found["min"], found["max"])
    errors.check()

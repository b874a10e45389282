"""Zones across the antimeridian, and longitudes counted in another range than the raster's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import CRS, Transformer
from rasterio.transform import Affine
from shapely.geometry.base import BaseGeometry

from pygeoapi_prefect.errors import InvalidJobParameterError
from support.rasters_made import box, collection, statistics_in, write_raster
from zonal_statistics.longitudes import projected_within, turn_of, within
from zonal_statistics.projection import Projection
from zonal_statistics.rasters import Band
from zonal_statistics.zones import WGS84, read_zones

CELL = 2.5
WORLDS = {"-180..180": (-180.0, 180.0), "0..360": (0.0, 360.0)}
PARTS = {"0..180": (0.0, 180.0), "170..190": (170.0, 190.0), "-200..-150": (-200.0, -150.0)}


def raster_of_longitudes(path: Path, left: float, right: float, cell: float = CELL) -> Path:
    """A raster of the value ``longitude modulo 360`` at the middle of each cell."""
    columns = round((right - left) / cell)
    row = (left + (np.arange(columns) + 0.5) * cell) % 360
    cells = np.tile(row, (round(180 / cell), 1))
    return write_raster(path, cells, corner=(left, -90), cell=cell, crs="EPSG:4326")


def measure(path: Path, zone: BaseGeometry, zones_crs: CRS = WGS84) -> dict[str, Any]:
    with rasterio.open(path) as dataset:
        band = Band(dataset)
        project = Projection(zones_crs, dataset.crs.to_wkt(), band.extent())
        return statistics_in(band, project("zone 1", zone), ["count", "min", "max", "mean"])


def in_range(left: float, width: float, low: float = 10, high: float = 20) -> BaseGeometry:
    return shapely.box(left, low, left + width, high)


@pytest.mark.parametrize("turns", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("left", [175.0, 190.0, -5.0, 0.0, 30.0, 172.5, -180.0])
@pytest.mark.parametrize("world", WORLDS)
def test_fault_2_longitudes_are_taken_modulo_360(
    tmp_path: Path, world: str, left: float, turns: int
) -> None:
    """Fault 2: a box of 175..185 counted half of its cells, one of 190..200 none."""
    path = raster_of_longitudes(tmp_path / "r.tif", *WORLDS[world])
    found = measure(path, in_range(left + 360 * turns, 10))
    assert found["count"] == pytest.approx(4 * 4, rel=1e-9)
    values = (left + (np.arange(4) + 0.5) * CELL) % 360
    assert (found["min"], found["max"]) == (values.min(), values.max())
    assert found["mean"] == pytest.approx(values.mean())


@pytest.mark.parametrize("world", WORLDS)
def test_fault_2_a_zone_that_is_cut_is_the_same_as_one_that_is_not(
    tmp_path: Path, world: str
) -> None:
    """Fault 2: RFC 7946, 3.1.9, has a polygon across the antimeridian cut in two."""
    path = raster_of_longitudes(tmp_path / "r.tif", *WORLDS[world])
    cut = shapely.MultiPolygon([in_range(175, 5), in_range(-180, 7)])
    assert measure(path, cut) == pytest.approx(measure(path, in_range(175, 12)))
    assert measure(path, cut)["count"] == pytest.approx(12 * 10 / CELL**2)


@pytest.mark.parametrize(
    ("extent", "zone", "columns"),
    [
        # Of the zone, only what lies in the raster counts, wherever the zone is said to lie.
        ("0..180", (170, 20), 4),
        ("0..180", (-190, 20), 4),
        ("0..180", (-10, 20), 4),
        ("0..180", (350, 20), 4),
        ("0..180", (-170, 100), 0),
        ("170..190", (-190, 20), 8),
        ("170..190", (175, 10), 4),
        ("170..190", (-185, 30), 6),
        ("170..190", (0, 10), 0),
        ("-200..-150", (155, 10), 2),
        ("-200..-150", (175, 10), 4),
        ("-200..-150", (-160, 20), 4),
        ("0..180", (-180, 360), 72),
        ("170..190", (-180, 360), 8),
    ],
)
def test_fault_2_zones_are_cut_where_the_range_of_the_raster_ends(
    tmp_path: Path, extent: str, zone: tuple[float, float], columns: int
) -> None:
    """Fault 2: rasters of a part of the world have a range too."""
    path = raster_of_longitudes(tmp_path / "r.tif", *PARTS[extent])
    assert measure(path, in_range(*zone))["count"] == pytest.approx(columns * 4)


@pytest.mark.parametrize("world", [*WORLDS.values(), (-181.25, 181.25)])
@pytest.mark.parametrize("zone", [(-180, 360), (0, 360), (-190, 380), (-300, 700)])
def test_fault_2_each_place_counts_once(
    tmp_path: Path, world: tuple[float, float], zone: tuple[float, float]
) -> None:
    """Fault 2: neither zones nor rasters that reach more than round the world count twice."""
    path = raster_of_longitudes(tmp_path / "r.tif", *world)
    assert measure(path, in_range(*zone))["count"] == pytest.approx(144 * 4)


def test_fault_2_holes_and_slanting_edges(tmp_path: Path) -> None:
    """Fault 2: any polygon has the same statistics wherever it is said to lie."""
    ring = shapely.Polygon([(170, 0), (186, -3), (199, 31), (176, 25)]).difference(
        shapely.box(178, 5, 183, 14)
    )
    moved = shapely.transform(ring, lambda points: points - np.array([360, 0]))
    for world in WORLDS:
        path = raster_of_longitudes(tmp_path / "r.tif", *WORLDS[world])
        assert measure(path, ring)["count"] == pytest.approx(ring.area / CELL**2)
        assert measure(path, moved) == pytest.approx(measure(path, ring))


def test_fault_2_a_zone_in_utm_across_the_antimeridian(tmp_path: Path) -> None:
    """Fault 2: a projected zone there comes out of the projection with a jump."""
    utm = CRS.from_epsg(32660)
    forward = Transformer.from_crs(4326, utm, always_xy=True)
    dense = shapely.segmentize(in_range(179, 2, 1, 2), 0.01)
    zone = shapely.transform(dense, lambda points: np.column_stack(forward.transform(*points.T)))
    for world in WORLDS:
        path = raster_of_longitudes(tmp_path / "r.tif", *WORLDS[world], cell=0.5)
        found = measure(path, zone, utm)
        assert found["count"] == pytest.approx(4 * 2, rel=1e-4)
        assert (found["min"], found["max"]) == (179.25, 180.75)


@pytest.mark.parametrize(("epsg", "latitude"), [(3413, 60), (3031, -60)])
def test_fault_2_a_projected_zone_round_a_pole(tmp_path: Path, epsg: int, latitude: float) -> None:
    """Fault 2: of a cap round a pole, the ring does not close in longitude."""
    crs = CRS.from_epsg(epsg)
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(17, latitude)
    radius = float(np.hypot(x, y))
    cap = shapely.Point(0, 0).buffer(radius, quad_segs=2000)
    ring = cap.difference(shapely.Point(0, 0).buffer(radius / 3, quad_segs=2000))
    for world in WORLDS.values():
        path = raster_of_longitudes(tmp_path / "r.tif", *world)
        whole = measure(path, cap, crs)
        assert whole["count"] == pytest.approx(144 * 30 / CELL, rel=1e-4)
        assert whole["mean"] == pytest.approx(180, abs=0.01)
        inverse = Transformer.from_crs(crs, 4326, always_xy=True)
        hole = abs(inverse.transform(0, radius / 3)[1])
        assert measure(path, ring, crs)["count"] == pytest.approx(
            144 * (hole - 60) / CELL, rel=1e-4
        )


@pytest.mark.parametrize("epsg", [3857, 3832, 6933, 8857])
@pytest.mark.parametrize("left", [175.0, -185.0, 325.0, -35.0, 100.0])
def test_fault_2_projected_rasters_of_the_world(tmp_path: Path, epsg: int, left: float) -> None:
    """Fault 2: zones are cut at the meridian where the raster's projection ends, too."""
    crs = CRS.from_epsg(epsg)
    centre = 150 if epsg == 3832 else 0
    forward = Transformer.from_crs(4326, crs, always_xy=True)
    west = -abs(forward.transform(centre - 180, 0)[0])
    bottom, top = (forward.transform(centre, y)[1] for y in (-60, 60))
    width, height = 720, 240
    transform = Affine(-2 * west / width, 0, west, 0, (bottom - top) / height, top)
    cells = np.ones((height, width), "uint8")
    path = write_raster(tmp_path / "r.tif", cells, crs=f"EPSG:{epsg}", transform=transform)
    found = measure(path, in_range(left, 10))["count"]
    middle = measure(path, in_range(centre - 5, 10))["count"]
    rel = 0.05 if epsg == 8857 else 1e-6  # of the last, shapes depend on the longitude
    assert found == pytest.approx(middle, rel=rel)
    assert measure(path, shapely.box(-180, -90, 180, 90))["count"] == pytest.approx(
        width * height, rel=0.25 if epsg == 8857 else 1e-6
    )


def test_fault_2_a_raster_round_the_pole(tmp_path: Path) -> None:
    """Fault 2: there no meridian is an end."""
    cells = np.ones((200, 200), "uint8")
    transform = Affine(20_000, 0, -2e6, 0, -20_000, 2e6)
    path = write_raster(tmp_path / "r.tif", cells, crs="EPSG:3413", transform=transform)
    quarter = [measure(path, in_range(left, 90, 80, 90))["count"] for left in (-45, 45, 135, 225)]
    assert quarter == pytest.approx([quarter[0]] * 4, rel=1e-6)
    cap = measure(path, in_range(-180, 360, 80, 90))["count"]
    assert cap == pytest.approx(4 * quarter[0], rel=1e-5)
    assert measure(path, shapely.box(-180, -90, 180, 90))["count"] == pytest.approx(200 * 200)


def test_fault_2_grads(tmp_path: Path) -> None:
    """Fault 2: a turn is what the unit of the raster's CRS makes it."""
    assert turn_of(WGS84) == 360
    assert turn_of(CRS.from_epsg(4807)) == 400
    path = write_raster(
        tmp_path / "r.tif", np.ones((40, 160)), crs="EPSG:4807", corner=(-200, -50), cell=2.5
    )
    found = [measure(path, in_range(left, 9, 10, 19))["count"] for left in (20, 175, 380, -185)]
    assert found == pytest.approx([16] * 4, rel=1e-3)


def test_a_polygon_within_the_range_is_left_alone() -> None:
    zone = shapely.box(10, 0, 20, 5)
    assert within(zone, 0, 360, 360) is zone
    assert within(zone, 30, 40, 360).is_empty
    assert projected_within(zone, 0, 360, 360).equals(zone)


@pytest.mark.parametrize(
    ("zone", "crs"), [(box(3601, 0, 3602, 1), None), (box(2e12, 0, 3e12, 1), "EPSG:3857")]
)
def test_coordinates_beyond_all_bounds_are_refused(
    tmp_path: Path, zone: dict[str, Any], crs: str | None
) -> None:
    with pytest.raises(InvalidJobParameterError, match="zone 1: it has coordinates beyond"):
        read_zones(collection(zone, crs=crs), tmp_path)

"""Zones and rasters in different reference systems."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import CRS, Transformer

from pygeoapi_prefect.errors import InvalidJobParameterError
from support.rasters_made import UTM14, statistics_in, write_raster
from zonal_statistics.projection import Bounds, Projection
from zonal_statistics.rasters import Band

WGS84 = CRS.from_epsg(4326)
CORNER = (640_000, 3_600_000)
TO_WGS84 = Transformer.from_crs(UTM14, 4326, always_xy=True)


def projection(zones_crs: Any, raster_crs: Any, bounds: Bounds) -> Projection:
    return Projection(CRS.from_user_input(zones_crs), CRS(raster_crs).to_wkt(), bounds)


def in_wgs84(geometry: Any) -> Any:
    return shapely.transform(geometry, lambda p: np.column_stack(TO_WGS84.transform(*p.T)))


def plane_in_utm(path: Path, size: int = 200, cell: float = 30) -> Path:
    """A raster in UTM zone 14 whose value is x minus the western edge, in metres."""
    cells = np.tile((np.arange(size) + 0.5) * cell, (size, 1))
    return write_raster(path, cells, corner=CORNER, cell=cell)


def test_same_crs_leaves_zones_alone() -> None:
    square = shapely.box(0, 0, 1, 1)
    for crs in ("EPSG:4326", "OGC:CRS84", "urn:ogc:def:crs:OGC:1.3:CRS84"):
        assert projection(crs, 4326, (0, 0, 1, 1))("zone", square) is square


def test_zones_in_wgs84_on_a_raster_in_utm(tmp_path: Path) -> None:
    polygon = shapely.box(641_000, 3_601_500, 644_000, 3_605_000)
    dense = in_wgs84(shapely.segmentize(polygon, 50))
    with rasterio.open(plane_in_utm(tmp_path / "r.tif")) as dataset:
        band = Band(dataset)
        project = Projection(WGS84, dataset.crs.to_wkt(), band.extent())
        direct = statistics_in(band, polygon)
        projected = statistics_in(band, project("zone 1", dense))
    assert direct["mean"] == pytest.approx(2500, abs=0.01)
    assert projected == pytest.approx(direct, rel=1e-3)
    assert projected["mean"] == pytest.approx(2500, abs=0.5)


def test_straight_edges_are_bent_as_the_projection_wants() -> None:
    # 1 degree along a parallel: its middle lies hundreds of metres off the straight line in UTM.
    zone = shapely.box(-98, 45, -97, 46)
    bounds = (500_000, 4_900_000, 750_000, 5_200_000)
    found = projection(4326, UTM14, bounds)("zone", zone)
    exact = shapely.transform(
        shapely.segmentize(zone, 1e-4),
        lambda p: np.column_stack(
            Transformer.from_crs(4326, UTM14, always_xy=True).transform(*p.T)
        ),
    )
    assert shapely.hausdorff_distance(found, exact) < 2
    assert found.area == pytest.approx(exact.area, rel=1e-6)


def test_zone_far_away_is_empty_and_has_no_statistics(tmp_path: Path) -> None:
    with rasterio.open(plane_in_utm(tmp_path / "r.tif")) as dataset:
        band = Band(dataset)
        project = Projection(WGS84, dataset.crs.to_wkt(), band.extent())
        australia = project("zone 1", shapely.box(110, -40, 150, -10))
        assert australia.is_empty
        found = statistics_in(band, australia, percentiles=[50])
    assert found == {
        "count": 0,
        "min": None,
        "max": None,
        "mean": None,
        "std": None,
        "percentile_50": None,
    }


def test_the_whole_world_as_a_zone(tmp_path: Path) -> None:
    with rasterio.open(plane_in_utm(tmp_path / "r.tif")) as dataset:
        band = Band(dataset)
        project = Projection(WGS84, dataset.crs.to_wkt(), band.extent())
        found = statistics_in(band, project("world", shapely.box(-180, -90, 180, 90)))
    assert found["count"] == pytest.approx(200 * 200)
    assert found["mean"] == pytest.approx(3000)


def test_multipolygon_with_one_part_far_away() -> None:
    near = in_wgs84(shapely.box(641_000, 3_601_000, 642_000, 3_602_000))
    zone = shapely.MultiPolygon([near, shapely.box(10, 50, 11, 51)])
    bounds = (640_000, 3_600_000, 646_000, 3_606_000)
    found = projection(4326, UTM14, bounds)("zone", zone)
    assert found.area == pytest.approx(1e6, rel=1e-3)


def test_projected_zones_on_a_geographic_raster() -> None:
    zone = shapely.box(641_000, 3_601_000, 642_000, 3_602_000)
    found = projection(UTM14, 4326, (-98, 32, -97, 33))("zone", zone)
    west, south, east, north = found.bounds
    assert -98 < west < east < -97
    assert 32 < south < north < 33
    assert shapely.hausdorff_distance(found, in_wgs84(shapely.segmentize(zone, 20))) < 1e-5


def test_raster_across_the_180th_meridian() -> None:
    # UTM zone 60 reaches over it; the zone lies beyond, on the side of -180.
    bounds = (700_000, 0, 900_000, 200_000)
    project = projection(4326, 32660, bounds)
    east = project("zone", shapely.box(-179.9, 0.5, -179.7, 1))
    west = project("zone", shapely.box(179.5, 0.5, 179.7, 1))
    assert east.bounds[0] > west.bounds[2]
    assert shapely.box(*bounds).contains(east)
    assert project("zone", shapely.box(0, 0.5, 1, 1)).is_empty


def test_axis_order_of_the_raster_s_crs_does_not_matter() -> None:
    # EPSG:3035 has northing first; rasters and GeoJSON have x first.
    found = projection(4326, 3035, (4_000_000, 2_900_000, 4_400_000, 3_300_000))(
        "zone", shapely.box(9.9, 51.9, 10.1, 52.1)
    )
    assert found.centroid.x == pytest.approx(4_321_000, abs=1_000)
    assert found.centroid.y == pytest.approx(3_210_000, abs=1_000)


def test_raster_in_a_crs_without_a_place_on_earth() -> None:
    local = 'LOCAL_CS["site plan",UNIT["metre",1]]'
    with pytest.raises(InvalidJobParameterError, match="input 'raster': zones cannot be projected"):
        Projection(WGS84, local, (0, 0, 1, 1))


def test_result_is_valid_polygons() -> None:
    zone = shapely.box(-180, -85, 180, 85)
    found = projection(4326, 3413, (-4e6, -4e6, 4e6, 4e6))("zone", zone)
    assert found.is_valid
    assert {part.geom_type for part in shapely.get_parts(found)} == {"Polygon"}

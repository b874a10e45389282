"""Rasters and zones as clients send them, right and wrong."""

import base64
import http.server
import json
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, override

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from pygeoapi_prefect.errors import InvalidJobParameterError
from pygeoapi_prefect.models.processes import ExecuteRequest, Link
from support.listening import listening
from support.rasters_made import box, collection, feature, write_raster
from zonal_statistics import rasters
from zonal_statistics.process import compute
from zonal_statistics.rasters import SAMPLES, Band, open_raster
from zonal_statistics.zones import WGS84, read_zones

SQUARE = box(0, 0, 1, 1)


class Quiet(http.server.SimpleHTTPRequestHandler):
    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder, and the URL under which a server of the test's own offers it."""
    monkeypatch.setenv("OUTGOING_ALLOWED_HOSTS", "127.0.0.1")
    folder = tmp_path / "site"
    folder.mkdir()
    handler = partial(Quiet, directory=str(folder))
    with listening(handler) as url:
        yield folder, url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    return path


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def test_sample_by_name(folder: Path) -> None:
    with open_raster("waco-dem", folder) as dataset:
        assert dataset.shape == (359, 367)
        assert dataset.nodata == -32768
    assert list(folder.iterdir()) == []


def test_samples_are_shipped_beside_the_module_with_their_attribution() -> None:
    for path in SAMPLES.values():
        assert path.parent == Path(rasters.__file__).parent / "data"
        assert "HydroSHEDS" in (path.parent / "NOTICE.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "wrap", [str, lambda text: "\n".join(text[i : i + 76] for i in range(0, len(text), 76))]
)
def test_geotiff_in_base64(tmp_path: Path, folder: Path, wrap: Any) -> None:
    path = write_raster(tmp_path / "r.tif", np.full((3, 4), 9, "uint8"))
    with open_raster(wrap(encoded(path)), folder) as dataset:
        assert dataset.shape == (3, 4)
        assert dataset.read(1).tolist() == [[9] * 4] * 3


def test_geotiff_by_reference(site: tuple[Path, str], folder: Path) -> None:
    served, url = site
    write_raster(served / "r.tif", np.full((3, 4), 9, "uint8"))
    with open_raster(Link(href=f"{url}/r.tif"), folder) as dataset:
        assert dataset.shape == (3, 4)


def test_reference_that_leads_nowhere(site: tuple[Path, str], folder: Path) -> None:
    link = Link(href=f"{site[1]}/missing.tif")
    with pytest.raises(InvalidJobParameterError, match=r"missing\.tif"), open_raster(link, folder):
        pass


@pytest.mark.parametrize("href", ["file:///etc/passwd", "/vsicurl/http://x/y.tif", "ftp://x/y.tif"])
def test_only_http_references_are_opened(folder: Path, href: str) -> None:
    with pytest.raises(InvalidJobParameterError), open_raster(Link(href=href), folder):
        pass


VRT = f"""<VRTDataset rasterXSize="367" rasterYSize="359"><VRTRasterBand dataType="Int16" band="1">
<SimpleSource><SourceFilename>{SAMPLES["waco-dem"]}</SourceFilename><SourceBand>1</SourceBand>
</SimpleSource></VRTRasterBand></VRTDataset>"""


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no raster at all " * 10, "not a GeoTIFF"),
        (VRT.encode(), "not a GeoTIFF"),  # would open a file of the worker
        (b"II*\0", "not a GeoTIFF"),
        (b"", "not a GeoTIFF"),
    ],
)
def test_what_is_not_a_geotiff_is_refused(folder: Path, content: bytes, told: str) -> None:
    text = base64.b64encode(content).decode()
    with (
        pytest.raises(InvalidJobParameterError, match=f"'raster': .*{told}"),
        open_raster(text, folder),
    ):
        pass


@pytest.mark.parametrize("text", ["other-dem", "/etc/passwd", "SUkq*AAA", "grün"])
def test_what_is_not_base64_is_refused_with_the_names_of_the_samples(
    folder: Path, text: str
) -> None:
    with (
        pytest.raises(InvalidJobParameterError, match=r"neither base64 nor .*waco-dem"),
        open_raster(text, folder),
    ):
        pass


def refused(path: Path, band: int = 1) -> str:
    with rasterio.open(path) as dataset:
        with pytest.raises(InvalidJobParameterError) as caught:
            Band(dataset, band)
        return str(caught.value)


@pytest.mark.parametrize("band", [0, -1, 3])
def test_band_that_is_not_there(tmp_path: Path, band: int) -> None:
    path = write_raster(tmp_path / "r.tif", np.ones((2, 2, 2)))
    assert refused(path, band) == f"input 'band': the raster has no band {band}, only 1 to 2"


def test_raster_without_a_crs(tmp_path: Path) -> None:
    assert "coordinate reference system" in refused(
        write_raster(tmp_path / "r.tif", np.ones((2, 2)), crs=None)
    )


def test_rotated_raster(tmp_path: Path) -> None:
    rotated = Affine(1, 0.5, 0, 0.5, -1, 0)
    path = write_raster(tmp_path / "r.tif", np.ones((2, 2)), transform=rotated)
    assert "from west to east" in refused(path)


@pytest.mark.parametrize("size", [float("nan"), float("inf"), -float("inf"), 1e-300, 1e308])
def test_fault_28_a_size_of_cells_that_is_no_size(
    tmp_path: Path, folder: Path, size: float
) -> None:
    """Fault 28: a raster that cannot be used is refused, and it is said which input that is."""
    path = write_raster(tmp_path / "r.tif", np.ones((2, 2)), cell=1.5)
    content = path.read_bytes()
    scale = struct.pack("<2d", 1.5, 1.5)
    assert content.count(scale) == 1  # ModelPixelScaleTag
    broken = base64.b64encode(content.replace(scale, struct.pack("<2d", size, 1.5))).decode()
    with open_raster(broken, folder) as dataset, pytest.raises(InvalidJobParameterError) as caught:
        Band(dataset)
    assert str(caught.value).startswith("input 'raster': ")
    request = {"inputs": {"raster": broken, "zones": collection(SQUARE)}}
    (folder / "raster.tif").unlink()
    with pytest.raises(InvalidJobParameterError, match="input 'raster': "):
        compute(ExecuteRequest.model_validate(request), folder)


@pytest.mark.parametrize("scaling", [(float("nan"), 0.0), (1.0, float("inf"))])
def test_fault_28_a_scale_that_is_no_number(tmp_path: Path, scaling: tuple[float, float]) -> None:
    """Fault 28: nor can anything be computed with such a scale or offset."""
    scale, offset = scaling
    path = write_raster(tmp_path / "r.tif", np.ones((2, 2)), scales=(scale,), offsets=(offset,))
    assert "scale" in refused(path)


def test_blocks_of_all_bands_that_are_stored_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rasters, "MAX_BLOCK_BYTES", 64 * 64)
    cells = np.ones((3, 64, 64), "uint8")
    profile: dict[str, Any] = {"tiled": True, "blockxsize": 64, "blockysize": 64}
    apart = write_raster(tmp_path / "b.tif", cells, **profile, interleave="band")
    with rasterio.open(apart) as dataset:
        Band(dataset)
    together = write_raster(tmp_path / "p.tif", cells, **profile, interleave="pixel")
    assert "tile it first" in refused(together)


def test_complex_raster(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "r.tif", np.ones((2, 2), "complex64"))
    assert "complex" in refused(path)


def test_raster_whose_blocks_would_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_raster(tmp_path / "r.tif", np.ones((64, 64)), compress="deflate")
    monkeypatch.setattr(rasters, "MAX_BLOCK_BYTES", 1000)
    assert "tile it first" in refused(path)


def test_zones_keep_order_and_names(folder: Path) -> None:
    given = collection(box(0, 0, 1, 1, id="a"), box(1, 1, 2, 2), box(2, 2, 3, 3, id=7))
    zones = read_zones(given, folder)
    assert zones.names == ["zone 1 (id 'a')", "zone 2", "zone 3 (id 7)"]
    assert [g.bounds for g in zones.geometries] == [(0, 0, 1, 1), (1, 1, 2, 2), (2, 2, 3, 3)]
    assert zones.collection is given
    assert zones.crs == WGS84


def test_heights_are_left_out_of_the_computation(folder: Path) -> None:
    ring = [[0, 0, 5], [1, 0, 5], [1, 1, 5], [0, 0, 5]]
    [geometry] = read_zones(collection(feature("Polygon", [ring])), folder).geometries
    assert not geometry.has_z


def test_zones_by_reference(site: tuple[Path, str], folder: Path) -> None:
    served, url = site
    (served / "z.json").write_text("\ufeff" + json.dumps(collection(SQUARE)), encoding="utf-8")
    (served / "bad.json").write_bytes(b'{"type": "FeatureCollection", "features": [\xff')
    assert read_zones(Link(href=f"{url}/z.json"), folder).names == ["zone 1"]
    with pytest.raises(InvalidJobParameterError, match=r"bad\.json is not JSON"):
        read_zones(Link(href=f"{url}/bad.json"), folder)


@pytest.mark.parametrize(
    "value",
    [SQUARE, {}, {"type": "FeatureCollection"}, collection(), [SQUARE], "zones", None],
)
def test_what_is_not_a_collection_with_features_is_refused(folder: Path, value: Any) -> None:
    with pytest.raises(InvalidJobParameterError, match="input 'zones': "):
        read_zones(value, folder)


BOWTIE = [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (feature("Point", [0, 0]), "not Point"),
        (feature("LineString", [[0, 0], [1, 1]]), "not LineString"),
        (feature("GeometryCollection", []), "not GeometryCollection"),
        ({"type": "Feature", "properties": {}, "geometry": None}, "not nothing"),
        ({"type": "Feature", "properties": {}}, "not nothing"),
        ({**SQUARE, "properties": [1]}, "properties"),
        ("a string", "properties"),
        (feature("Polygon", BOWTIE), "Self-intersection"),
        (feature("Polygon", []), "no coordinates"),
        (feature("MultiPolygon", []), "no coordinates"),
        (feature("Polygon", [[[0, 0], [1, 1]]]), "coordinates"),
        (feature("Polygon", [[[0], [1], [2], [0]]]), "coordinates"),
        (feature("Polygon", [[["a", "b"], [1, 1], [1, 0], ["a", "b"]]]), "coordinates"),
        (feature("Polygon", 5), "coordinates"),
        (feature("Polygon", {"a": 1}), "coordinates"),
        (feature("Polygon", [[[0, 0], [1e400, 1], [1, 0], [0, 0]]]), "not valid"),
        (box(32.5, -97.4, 32.6, -97.3), "longitude comes first"),
    ],
)
def test_a_wrong_zone_is_named(folder: Path, wrong: Any, told: str) -> None:
    with pytest.raises(InvalidJobParameterError) as caught:
        read_zones(collection(SQUARE, wrong, SQUARE), folder)
    assert str(caught.value).startswith("input 'zones': zone 2: ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("name", "epsg"),
    [
        ("urn:ogc:def:crs:OGC:1.3:CRS84", 4326),
        ("urn:ogc:def:crs:EPSG::32614", 32614),
        ("EPSG:3857", 3857),
        ("http://www.opengis.net/def/crs/EPSG/0/4326", 4326),
    ],
)
def test_older_crs_member_is_honoured(folder: Path, name: str, epsg: int) -> None:
    crs = read_zones(collection(SQUARE, crs=name), folder).crs
    assert crs.equals(epsg, ignore_axis_order=True)


def test_null_crs_is_wgs84(folder: Path) -> None:
    assert read_zones({**collection(SQUARE), "crs": None}, folder).crs == WGS84


@pytest.mark.parametrize(
    "crs",
    [
        {"type": "name", "properties": {"name": "EPSG:999999"}},
        {"type": "name", "properties": {"name": "+init=/etc/passwd"}},
        {"type": "name", "properties": {"name": "EPSG:4978"}},  # geocentric
        {"type": "name", "properties": {"name": "EPSG:5703"}},  # heights
        {"type": "link", "properties": {"href": "http://example.org/crs"}},
        {"type": "name"},
        "EPSG:4326",
        5,
    ],
)
def test_unusable_crs_is_refused(folder: Path, crs: Any) -> None:
    with pytest.raises(InvalidJobParameterError, match="'crs' does not name"):
        read_zones({**collection(SQUARE), "crs": crs}, folder)

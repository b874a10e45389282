"""Hostile rasters: bombs, damaged files, and files of drivers that would read other files."""

import base64
import gzip
import io
import sqlite3
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from support.hostile_jobs import SMALL, Inputs, Job, failing, harmless
from support.hostile_server import Attacker, Trap
from support.rasters_made import box, collection, write_raster

NO_GEOTIFF = "this is not a GeoTIFF"
WORLD = collection(box(-179, -89, 179, 89))
LONG, SHORT, DOUBLE, ASCII = 4, 3, 12, 2
TINY = zlib.compress(bytes(16))
"""The cells of a picture of 4 x 4."""
ENTITIES = '<!DOCTYPE x [<!ENTITY a "&a;&a;">]><x>&a;</x>'
NESTED = "<GDALMetadata>" + "<a>" * 50_000
Tag = tuple[int, int, Sequence[Any]]


def inline(content: Callable[[], bytes], zones: Any = SMALL, **others: Any) -> Inputs:
    """Inputs with the raster in base64, long enough to be no name of a sample."""
    return lambda *_: {
        "raster": base64.b64encode(content().ljust(64, b" ")).decode(),
        "zones": zones,
        **others,
    }


def pictured(content: Callable[[], bytes]) -> Inputs:
    """Inputs with the raster in base64, all of whose cells are read."""
    return inline(content, WORLD)


def linked(name: str, content: Callable[[str], bytes]) -> Inputs:
    """Inputs with the raster by reference to the attacker; content may name the trap's address."""

    def make(attacker: Attacker, trap: Trap) -> dict[str, Any]:
        trapped = f"http://127.0.0.1:{trap.port}"
        return {"raster": {"href": attacker.serve(name, lambda: content(trapped))}, "zones": SMALL}

    return make


def made(cells: Any = None, **profile: Any) -> bytes:
    """A GeoTIFF of ones."""
    with tempfile.TemporaryDirectory() as folder:
        given = np.ones((4, 4), "uint8") if cells is None else cells
        profile = {"crs": "EPSG:4326", **profile}
        return write_raster(Path(folder, "r.tif"), given, **profile).read_bytes()


def sparse(
    width: int, height: int, block: int = 512, dtype: str = "uint8", count: int = 1
) -> bytes:
    """A GeoTIFF of the world without any stored cell."""
    transform = rasterio.Affine(360 / width, 0, -180, 0, -180 / height, 90)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "r.tif")
        tiles = {"tiled": True, "blockxsize": block, "blockysize": block, "sparse_ok": True}
        size: dict[str, Any] = {"width": width, "height": height, "count": count, "dtype": dtype}
        with rasterio.open(
            path, "w", driver="GTiff", crs="EPSG:4326", transform=transform, **size, **tiles
        ):
            pass
        return path.read_bytes()


def tiff(*tags: Tag, following: int = 0, data: bytes = b"") -> bytes:
    """A classic TIFF: cells at byte 8, a directory of these tags, then values that do not fit."""
    kinds = {SHORT: "H", LONG: "I", DOUBLE: "d", ASCII: "B"}
    cells = data + bytes(len(data) % 2)
    first = 8 + len(cells)
    entries, values = b"", b""
    for tag, kind, content in sorted(tags):
        packed = struct.pack(f"<{len(content)}{kinds[kind]}", *content)
        offset = packed.ljust(4, b"\0")
        if len(packed) > 4:
            offset = struct.pack("<I", first + 2 + 12 * len(tags) + 4 + len(values))
            values += packed
        entries += struct.pack("<HHI", tag, kind, len(content)) + offset
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", first) + cells + directory + values


def picture(width: int, height: int, rows: int, *others: Tag, data: bytes = b"") -> bytes:
    """A TIFF in longitude and latitude whose header says this, whatever its cells are."""
    keys = [1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326]
    tags: list[Tag] = [
        (256, LONG, [width]),
        (257, LONG, [height]),
        (258, SHORT, [8]),
        (259, SHORT, [8]),
        (262, SHORT, [1]),
        (273, LONG, [8]),
        (277, SHORT, [1]),
        (278, LONG, [rows]),
        (279, LONG, [max(len(data), 1)]),
        (33550, DOUBLE, [0.0001, 0.0001, 0]),
        (33922, DOUBLE, [0, 0, 0, -97.5, 32.6, 0]),
        (34735, SHORT, keys),
        *others,
    ]
    return tiff(*{tag[0]: tag for tag in tags}.values(), data=data)


def zeros(megabytes: int) -> bytes:
    """As many megabytes of zeros, deflated."""
    squeeze = zlib.compressobj(9)
    piece = bytes(1 << 20)
    return b"".join(squeeze.compress(piece) for _ in range(megabytes)) + squeeze.flush()


def text_tag(text: str) -> Tag:
    """GDAL's metadata, as XML."""
    return (42112, ASCII, text.encode() + b"\0")


BOMBS = [
    failing("sparse-world", inline(partial(sparse, 60_000, 60_000), WORLD), "cells of the raster"),
    failing(
        "sparse-huge", inline(partial(sparse, 1_000_000, 500_000, 4096), WORLD), "cells of the"
    ),
    harmless("sparse-world-small-zone", inline(partial(sparse, 60_000, 60_000))),
    failing("sparse-block", inline(partial(sparse, 20_000, 20_000, 16_384)), "blocks are larger"),
    failing("sparse-bands", inline(partial(sparse, 512, 512, 512, "float64", 400)), "blocks are"),
    failing(
        "one-strip",
        pictured(lambda: picture(60_000, 60_000, 60_000, data=zeros(64))),
        "cells of the raster",
    ),
    failing("gigapixels", pictured(lambda: picture(2**31 - 1, 2**31 - 1, 1, data=zeros(1))), ""),
    failing("beyond-31-bits", pictured(lambda: picture(2**32 - 1, 2**32 - 1, 1)), ""),
    failing("no-width", pictured(lambda: picture(0, 10, 1)), ""),
    failing("rows-beyond", pictured(lambda: picture(10, 10, 2**32 - 1)), ""),
    harmless(
        "unfolds-beyond-its-strip",
        pictured(lambda: picture(100, 100, 100, data=zeros(200)[:50_000])),
    ),
    failing("bands-65535", pictured(lambda: picture(64, 64, 64, (277, SHORT, [65_535]))), ""),
    failing("bits-65535", pictured(lambda: picture(8, 8, 8, (258, SHORT, [65_535]))), ""),
    failing("unknown-compression", pictured(lambda: picture(8, 8, 8, (259, SHORT, [65_000]))), ""),
    failing(
        "jpeg-of-garbage",
        pictured(lambda: picture(8, 8, 8, (259, SHORT, [7]), data=b"\xff\xd8" * 99)),
        "",
    ),
    failing(
        "lzw-of-garbage",
        pictured(lambda: picture(800, 800, 800, (259, SHORT, [5]), data=b"\x80\xff" * 99)),
        "",
    ),
    failing(
        "cells-beyond-the-file",
        pictured(lambda: picture(64, 64, 64, (259, SHORT, [1]), (273, LONG, [2**31]))),
        "",
    ),
    failing(
        "million-strips", pictured(lambda: picture(64, 2**31 - 1, 1, (273, LONG, [8] * 99))), ""
    ),
    failing("endless-directory", inline(lambda: tiff((256, LONG, [8]), following=8)), NO_GEOTIFF),
    failing("tags-65535", inline(lambda: b"II*\0\x08\0\0\0\xff\xff" + b"\1" * 500_000), NO_GEOTIFF),
    failing("directory-beyond-the-file", inline(lambda: b"II*\0\xff\xff\xff\x7f"), NO_GEOTIFF),
    failing(
        "count-of-4-billion",
        inline(lambda: b"II*\0\x08\0\0\0\1\0\0\1\4\0" + b"\xff" * 8),
        NO_GEOTIFF,
    ),
    failing("bigtiff-of-nothing", inline(lambda: b"II+\0\x08\0\0\0" + b"\xff" * 60), NO_GEOTIFF),
    failing("magic-alone", inline(lambda: b"II*\0"), NO_GEOTIFF),
    failing("truncated", inline(lambda: made(np.ones((400, 400), "uint8"))[:900]), ""),
    failing("no-crs", inline(partial(made, crs=None)), "coordinate reference system"),
    failing("complex", inline(lambda: made(np.ones((4, 4), "complex64"))), "complex"),
    harmless("cells-of-no-size", inline(partial(made, cell=1e-300))),
    failing("cells-beyond-all-size", inline(partial(made, cell=1e308)), "input 'raster'"),
    failing("band-beyond", inline(made, band=2**40), "input 'band'"),
]


def archive(name: str, content: bytes) -> bytes:
    """A ZIP file."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        file.writestr(name, content)
    return target.getvalue()


def tiles() -> bytes:
    """An empty database of MBTiles or GeoPackage."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.mbtiles")
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE metadata (name text, value text)")
            database.execute("CREATE TABLE tiles (zoom_level, tile_column, tile_row, tile_data)")
        database.close()
        return path.read_bytes()


VRT = (
    '<VRTDataset rasterXSize="9" rasterYSize="9"><SRS>EPSG:4326</SRS>'
    "<GeoTransform>0,1,0,9,0,-1</GeoTransform>"
    '<VRTRasterBand dataType="Byte" band="1">'
    "<SimpleSource><SourceFilename>{source}</SourceFilename><SourceBand>1</SourceBand>"
    "</SimpleSource></VRTRasterBand></VRTDataset>"
)
PYTHON_VRT = (
    '<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand dataType="Byte" band="1" '
    'subClass="VRTDerivedRasterBand"><PixelFunctionType>f</PixelFunctionType><PixelFunctionLanguage>'
    "Python</PixelFunctionLanguage><PixelFunctionCode><![CDATA[import os; os.system('id')]]>"
    "</PixelFunctionCode></VRTRasterBand></VRTDataset>"
)
RAW_VRT = (
    '<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand dataType="Byte" band="1" '
    'subClass="VRTRawRasterBand"><SourceFilename>/etc/passwd</SourceFilename></VRTRasterBand>'
    "</VRTDataset>"
)
OVERLAY = (
    "<kml><Document><GroundOverlay><Icon><href>{trap}/x.png</href></Icon></GroundOverlay>"
    "</Document></kml>"
)
_TEXTS = {
    "vrt-of-a-file": VRT.replace("{source}", "/etc/passwd"),
    "vrt-of-a-url": VRT.replace("{source}", "/vsicurl/{trap}/x.tif"),
    "vrt-of-a-zip-of-a-url": VRT.replace("{source}", "/vsizip//vsicurl/{trap}/x.zip/y.tif"),
    "vrt-of-python": PYTHON_VRT,
    "vrt-of-raw": RAW_VRT,
    "wms": '<GDAL_WMS><Service name="TMS"><ServerUrl>{trap}/${z}</ServerUrl></Service></GDAL_WMS>',
    "wcs": "<WCS_GDAL><ServiceURL>{trap}/?</ServiceURL><CoverageName>x</CoverageName></WCS_GDAL>",
    "wmts": "<GDAL_WMTS><GetCapabilitiesUrl>{trap}/</GetCapabilitiesUrl></GDAL_WMTS>",
    "gti": "<GDALTileIndexDataset><IndexDataset>{trap}/x</IndexDataset></GDALTileIndexDataset>",
    "xml-entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><VRTDataset>&e;</VRTDataset>',
    "stacit": '{"type": "FeatureCollection", "stac_version": "1.0.0", "features": []}',
    "stacta": '{"stac_version": "1.0.0", "stac_extensions": ["tiled-assets"], "href": "{trap}/"}',
    "zarr": '{"zarr_format": 2, "chunks": [9, 9], "shape": [9, 9], "dtype": "|u1", "order": "C"}',
    "pdf": "%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/URI/URI({trap})>>>>endobj\n",
    "ascii-grid": "ncols 99999999\nnrows 99999999\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 1 1\n",
    "envi": "ENVI\nsamples = 9\nlines = 9\nbands = 1\ndata type = 1\n",
    "kml": OVERLAY,
    "subdataset": "GTIFF_DIR:1:/etc/passwd",
    "network-name": "/vsicurl/{trap}/x.tif",
    "postgis": "PG:host=127.0.0.1 dbname=x",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{trap}/x.png"/></svg>',
}
_BYTES: dict[str, Callable[[], bytes]] = {
    "netcdf": lambda: b"CDF\x01" + bytes(100),
    "hdf5": lambda: b"\x89HDF\r\n\x1a\n" + bytes(100),
    "hdf4": lambda: b"\x0e\x03\x13\x01" + bytes(100),
    "grib": lambda: b"GRIB\0\0\0\2" + bytes(100) + b"7777",
    "jpeg2000": lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100),
    "png": lambda: (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\0\0\0\0" + bytes(40)
    ),
    "jpeg": lambda: b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(100),
    "mbtiles": tiles,
    "zip": lambda: archive("r.tif", made()),
    "zip-of-a-path-above": lambda: archive("../../../../tmp/r.tif", made()),
    "gzip": lambda: gzip.compress(made()),
    "nitf": lambda: b"NITF02.10" + b"0" * 500,
    "ers": lambda: b'DatasetHeader Begin\n\tVersion\t= "1"\nDatasetHeader End\n',
    "elf": lambda: b"\x7fELF" + bytes(200),
    "empty": lambda: b"",
}


def driver(name: str, content: Callable[[str], bytes]) -> Job:
    """A case of a file that another driver of GDAL's would open, named as a GeoTIFF."""
    return failing(f"driver-{name}", linked(f"{name}.tif", content), NO_GEOTIFF)


def naming(text: str, trap: str) -> bytes:
    return text.replace("{trap}", trap).encode()


def making(content: Callable[[], bytes], _trap: str) -> bytes:
    return content()


DRIVERS = [
    *(driver(name, partial(naming, text)) for name, text in _TEXTS.items()),
    *(driver(name, partial(making, make)) for name, make in _BYTES.items()),
    harmless(
        "metadata-of-entities",
        pictured(lambda: picture(4, 4, 4, text_tag(ENTITIES), data=TINY)),
    ),
    harmless(
        "metadata-nested",
        pictured(lambda: picture(4, 4, 4, text_tag(NESTED), data=TINY)),
    ),
]
CASES: list[Job] = [*BOMBS, *DRIVERS]

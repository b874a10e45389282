"""The name under which an output is saved: the header ``Content-Disposition`` (RFC 6266).

``inline``, because browsers should show pictures, text and maps; the name is used for saving.
"""

import mimetypes
import re
import unicodedata
from urllib.parse import quote

from pygeoapi_prefect.results.output import Output

MAX_NAME = 255  # bytes in UTF-8, the limit of file systems
EXTENSIONS = {
    "application/flatgeobuf": ".fgb",
    "application/geo+json": ".geojson",
    "application/geopackage+sqlite3": ".gpkg",
    "application/geotiff": ".tif",
    "application/gml+xml": ".gml",
    "application/json": ".json",
    "application/netcdf": ".nc",
    "application/parquet": ".parquet",
    "application/prs.coverage+json": ".covjson",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.flatgeobuf": ".fgb",
    "application/vnd.google-earth.kml+xml": ".kml",
    "application/vnd.google-earth.kmz": ".kmz",
    "application/vnd.laszip": ".laz",
    "application/x-hdf5": ".h5",
    "application/x-netcdf": ".nc",
    "application/xml": ".xml",
    "application/yaml": ".yaml",
    "application/zip": ".zip",
    "image/jp2": ".jp2",
    "image/jpeg": ".jpg",
    "image/tiff": ".tif",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/xml": ".xml",
}
SUFFIXES = {"json": ".json", "xml": ".xml", "zip": ".zip", "yaml": ".yaml", "gzip": ".gz"}
"""Extensions of the structured syntaxes of RFC 6839: ``application/<something>+json``."""

_KNOWN = mimetypes.MimeTypes()  # not the module's functions, which read the machine's own files
_PLAIN_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")
_NOT_A_NAME = re.compile(r'[\\/:*?"<>|%\s]+')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
_ATTR_CHARS = "!#$&+-.^_`|~"  # RFC 8187, section 3.2.1, beside letters and digits


def content_disposition(output: Output) -> str:
    """Value of the header for one output, such as ``inline; filename="table.csv"``.

    A name beyond ASCII is also in ``filename*`` (RFC 8187).
    """
    name = file_name(output)
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    encoded = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"
    return f'inline; filename="{plain}"{encoded}'


def file_name(output: Output) -> str:
    """The output's identifier as a safe file name, with the extension of its media type."""
    extension = _extension(output)
    name = output.id
    if extension and name.lower().endswith(extension.lower()):
        name = name[: -len(extension)]
    short = _harmless(name).encode()[: MAX_NAME - len(extension.encode())]
    return short.decode(errors="ignore") + extension  # drops a truncated character


def _extension(output: Output) -> str:
    """The extension of a media type; else the stored file's own; else none."""
    essence = output.essence
    if essence in EXTENSIONS:
        return EXTENSIONS[essence]
    if essence != "application/octet-stream" and (guess := _KNOWN.guess_extension(essence)):
        return guess
    syntax = SUFFIXES.get(essence.rpartition("+")[2]) if "+" in essence else None
    stored = output.suffix if _PLAIN_SUFFIX.fullmatch(output.suffix) else ""
    return syntax or stored or (".bin" if essence == "application/octet-stream" else "")


def _harmless(name: str) -> str:
    """No folders, no control or direction characters, nothing hidden, no device of Windows."""
    visible = "".join(c for c in name if unicodedata.category(c)[0] != "C")
    name = _NOT_A_NAME.sub("_", visible).strip("._ ")
    return f"_{name}" if _DEVICES.fullmatch(name.partition(".")[0]) else name or "output"

"""Description of the process, for clients."""

from typing import Any

from zonal_statistics.rasters import SAMPLES
from zonal_statistics.tally import BYTES_PER_CELL
from zonal_statistics.zonal import DEFAULT_STATISTICS, STATISTICS

GEOTIFF = "image/tiff; application=geotiff"
GEOJSON = "application/geo+json"
CSV = "text/csv"

MAX_CELLS = 500_000_000
"""So many cells may all zones of a request together cover, with what is read around them."""

RASTER: dict[str, Any] = {
    "title": "Raster",
    "description": (
        "A GeoTIFF with a coordinate reference system, in base64 or by reference (href); or the "
        f"name of a sample that comes with the process: {', '.join(SAMPLES)}"
    ),
    "schema": {
        "oneOf": [
            {"type": "string", "enum": list(SAMPLES)},
            {
                "type": "string",
                "format": "byte",
                "contentEncoding": "base64",
                "contentMediaType": GEOTIFF,
                # Longer than any name of a sample: a value must fit one of the two only.
                "minLength": 64,
            },
        ]
    },
}
ZONES: dict[str, Any] = {
    "title": "Zones",
    "description": (
        "A GeoJSON FeatureCollection of polygons and multipolygons, inline or by reference (href), "
        "in WGS 84 longitude and latitude, or in the CRS that the older 'crs' member names"
    ),
    "schema": {
        "type": "object",
        "format": "geojson-feature-collection",
        "contentMediaType": GEOJSON,
        "required": ["type", "features"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["type", "geometry"],
                    "properties": {
                        "type": {"type": "string", "enum": ["Feature"]},
                        "properties": {"type": "object", "nullable": True},
                        "geometry": {
                            "type": "object",
                            "required": ["type", "coordinates"],
                            "properties": {
                                "type": {"type": "string", "enum": ["Polygon", "MultiPolygon"]},
                                "coordinates": {"type": "array", "items": {}},
                            },
                        },
                    },
                },
            },
        },
    },
}
BAND: dict[str, Any] = {
    "title": "Band",
    "description": "Number of the band of the raster",
    "schema": {"type": "integer", "minimum": 1, "default": 1},
    "minOccurs": 0,
}
STATISTICS_INPUT: dict[str, Any] = {
    "title": "Statistics",
    "description": (
        "Which statistics to compute: count is the number of cells, std the standard deviation of "
        "the population, variety the number of different values, majority the commonest one "
        "(the least of several)"
    ),
    "schema": {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"type": "string", "enum": list(STATISTICS)},
        "default": list(DEFAULT_STATISTICS),
    },
    "minOccurs": 0,
}
PERCENTILES: dict[str, Any] = {
    "title": "Percentiles",
    "description": (
        "Numbers from 0 to 100; 90 gives the property percentile_90: the least cell value that is "
        "not exceeded in 90 % of the covered area"
    ),
    "schema": {
        "type": "array",
        "maxItems": 100,
        "uniqueItems": True,
        "items": {"type": "number", "minimum": 0, "maximum": 100},
    },
    "minOccurs": 0,
}

DESCRIPTION: dict[str, Any] = {
    "id": "zonal-statistics",
    "version": "1.0.0",
    "title": "Zonal statistics",
    "description": (
        "Count, minimum, maximum, mean, standard deviation and percentiles of the raster cells "
        "that each zone covers. A cell that a zone covers in part counts with that part of its "
        "area in the raster's CRS; cells without data do not count: those of the nodata value, of "
        "the mask or of a transparent alpha band, NaN and infinite ones. A zone without data has "
        "the count 0 and no other statistics. A scale and an offset of the band are applied: all "
        "statistics are those of value * scale + offset. Zones are projected into the raster's "
        "CRS for the computation and given back unchanged. Their longitudes are taken modulo 360 "
        "degrees into the range of a raster in longitude and latitude, and zones are cut where "
        "that range ends; a zone across the antimeridian may be cut there (RFC 7946, 3.1.9) or "
        "have longitudes beyond 180. "
        f"Limits: the zones of a request may cover {MAX_CELLS // 10**6} million cells together, "
        "counted in the windows that are read, which fit round the zones in pieces of up to "
        "512 x 512 cells. Percentiles, majority and variety keep the different values of a zone in "
        f"memory, at most {BYTES_PER_CELL} bytes for each cell of the largest zone; a zone whose "
        "values do not fit into the job's memory is refused. All other statistics take the same "
        "memory whatever the size of a zone."
    ),
    "keywords": ["zonal statistics", "raster", "polygons", "elevation"],
    "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
    "outputTransmission": ["value", "reference"],
    "inputs": {
        "raster": RASTER,
        "zones": ZONES,
        "band": BAND,
        "statistics": STATISTICS_INPUT,
        "percentiles": PERCENTILES,
    },
    "outputs": {
        "zones": {
            "title": "Zones with their statistics",
            "description": (
                "The zones as they were given, with a property for each statistic, which replaces "
                "one of the same name; a statistic that is too large for a number is null"
            ),
            "schema": {
                "type": "object",
                "format": "geojson-feature-collection",
                "contentMediaType": GEOJSON,
            },
        },
        "table": {
            "title": "Table",
            "description": (
                "A line for each zone: number (zone), id, simple properties and statistics. A "
                "property called zone or id is in the column property_zone or property_id; one "
                "that has the name of a statistic is left out. Text that a spreadsheet would run "
                "as a formula begins with an apostrophe"
            ),
            "schema": {"type": "string", "contentMediaType": CSV},
        },
    },
    "example": {
        "inputs": {
            "raster": "waco-dem",
            "zones": {
                "type": "FeatureCollection",
                "features": [
                    {
                        "type": "Feature",
                        "properties": {"name": "West pasture"},
                        "geometry": {
                            "type": "Polygon",
                            "coordinates": [
                                [
                                    [-97.46, 32.56],
                                    [-97.4, 32.56],
                                    [-97.4, 32.62],
                                    [-97.46, 32.62],
                                    [-97.46, 32.56],
                                ]
                            ],
                        },
                    }
                ],
            },
            "percentiles": [10, 90],
        }
    },
}
"""The description as JSON (``process.yaml``)."""

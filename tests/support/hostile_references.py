"""Hostile references: hosts that are not public in every notation, other schemes, redirects, names.

``{port}`` in a reference is the trap's port; ``{attacker}`` the address of the attacker's server.
"""

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Reference:
    """A hostile reference.

    Attributes:
        name: Unique name.
        href: The reference.
    """

    name: str
    href: str

    def filled(self, attacker: str, port: int) -> str:
        """The reference with the attacker's address and the trap's port in their places."""
        return self.href.replace("{attacker}", attacker).replace("{port}", str(port))


HOSTS = [
    *("127.0.0.1", "127.1", "127.0.1", "127.0.0.01", "127.00000.0.1", "127.255.255.254"),
    *("2130706433", "0x7f000001", "0x7F.1", "0x7f.0x0.0x0.0x1", "017700000001", "0177.0.0.1"),
    *("0177.0x0.0.01", "00000177.0.0.1", "0x00000000000007f.1", "6425673729", "127.0.0.257"),
    *("0", "0.0.0.0", "0x0", "00", "0.0.0.0.", "127.0.0.1.", "127.0.0.1..", "127..0.1"),
    *(
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[0000::0001]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
    ),
    *(
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[::1%25lo]",
        "[::1%lo]",
    ),
    *("[fe80::1%25lo]", "[::1", "[::1]]", "[[::1]]", "[127.0.0.1]", "[v1.127.0.0.1]", "::1"),
    *(
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::80ff:fffe]",
    ),
    *(
        "localhost",
        "LOCALHOST",
        "localhost.",
        "localhost.localdomain",
        "loc%61lhost",
        "localhost%00",
    ),
    *(
        "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
        "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
    ),
    *(
        "127\u30020\u30020\u30021",
        "\uff11\uff12\uff17.0.0.1",
        "\u0661\u0662\u0667.0.0.1",
        "xn--127-0-0-1",
    ),
    *("%31%32%37.0.0.1", "127.0.0.1%00.example", "127.0.0.1%2f.example", "127.0.0.1%23.example"),
    *("127.0.0.1\t", "127.0.0.1\n", "127.0.0.1 ", "127.0.0.1\\.example", "a" * 64 + ".example"),
]
"""Forms of this machine's own addresses."""

INSIDE = [
    *("169.254.169.254", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "169.254.43518"),
    *(
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
    ),
    *("169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "[fd00:ec2::254]"),
    *(
        "10.0.0.1",
        "10.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "0xc0a80101",
        "100.64.0.1",
    ),
    *("198.18.0.1", "192.0.2.1", "203.0.113.7", "192.88.99.1", "224.0.0.1", "240.0.0.1"),
    *(
        "255.255.255.255",
        "[fe80::1]",
        "[fc00::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[100::1]",
        "[2001:db8::1]",
    ),
    *("[::ffff:10.0.0.1]", "[2002:0a00:0001::1]", "[64:ff9b::10.0.0.1]", "[::10.0.0.1]"),
]
"""Addresses of metadata services, private networks, translators and other special purposes."""

URLS = [
    *("http://public.example@127.0.0.1:{port}/", "http://127.0.0.1:{port}@public.example/"),
    *(
        "http://user:secret@127.0.0.1:{port}/",
        "http://@127.0.0.1:{port}/",
        "http://:@127.0.0.1:{port}/",
    ),
    *("http://127.0.0.1:{port}#@public.example/", "http://127.0.0.1:{port}?@public.example/"),
    *("http://127.0.0.1:{port}\\@public.example/", "http://public.example\\@127.0.0.1:{port}/"),
    *("http://public.example#@127.0.0.1:{port}/\u2028", "http://127.0.0.1:{port}:80/"),
    *(
        "http://127.0.0.1:0/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:-1/",
        "http://127.0.0.1:+{port}/",
    ),
    *("http://127.0.0.1:0x50/", "http://127.0.0.1:\uff18\uff10/", "http://127.0.0.1:{port}.0/"),
    *(
        "http:127.0.0.1:{port}",
        "http:/127.0.0.1:{port}/",
        "http:///127.0.0.1:{port}/",
        "//127.0.0.1:{port}/",
    ),
    *("http:\\\\127.0.0.1:{port}\\", "HTTP://127.0.0.1:{port}/", "hTTps://127.0.0.1:{port}/"),
    *(" http://127.0.0.1:{port}/", "\thttp://127.0.0.1:{port}/", "ht\ntp://127.0.0.1:{port}/"),
    *(
        "http://127.0.0.1:{port}/\r\nX-Evil: y",
        "http://127.0.0.1:{port}/%0d%0aX-Evil:%20y",
        "http://",
    ),
    *(
        "http://?",
        "http://#",
        "http://:{port}/",
        "http://.:{port}/",
        "http://127.0.0.1:{port}/" + "x" * 9000,
    ),
    *(
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "file:/etc/passwd",
        "file://127.0.0.1/etc",
    ),
    *("/etc/passwd", "../../../etc/passwd", "C:\\Windows\\win.ini", "\\\\127.0.0.1\\share", "~/x"),
    *("gopher://127.0.0.1:{port}/_x", "ftp://127.0.0.1:{port}/x", "ftps://127.0.0.1:{port}/x"),
    *("dict://127.0.0.1:{port}/x", "ldap://127.0.0.1:{port}/x", "tftp://127.0.0.1:{port}/x"),
    *("jar:http://127.0.0.1:{port}/!/x", "data:application/json,{}", "data:;base64,e30=", "blob:x"),
    *("s3://bucket/key", "gs://bucket/key", "az://container/key", "block:local-file-system/x"),
    *(
        "javascript:alert(1)",
        "php://filter/resource=/etc/passwd",
        "expect://id",
        "unix:///var/run/x",
    ),
    *("http+unix://%2fvar%2frun%2fdocker.sock/x", "ws://127.0.0.1:{port}/", "netdoc:///etc/passwd"),
    *("postgresql://127.0.0.1:{port}/x", "PG:host=127.0.0.1 port={port}", "MYSQL:x,host=127.0.0.1"),
    *("/vsicurl/http://127.0.0.1:{port}/x.tif", "/vsizip//vsicurl/http://127.0.0.1:{port}/x.zip"),
    *(
        "/vsicurl_streaming/http://127.0.0.1:{port}/x",
        "/vsis3/bucket/key",
        "/vsimem/x",
        "/vsistdin/",
    ),
    *(
        "/vsigzip//etc/passwd",
        "/vsitar//etc/x.tar/y",
        "/vsisubfile/0_100,/etc/passwd",
        "/vsihdfs/x",
    ),
    *(
        "/vsisparse//etc/passwd",
        "/vsicrypt/key=x,file=/etc/passwd",
        "/vsiwebhdfs/http://127.0.0.1:{port}/",
    ),
    *(
        "vrt:///etc/passwd",
        "GTIFF_DIR:1:/etc/passwd",
        "GTIFF_RAW:/etc/passwd",
        "HDF5:/etc/passwd://x",
    ),
    *(
        "NETCDF:/vsicurl/http://127.0.0.1:{port}/x:y",
        "WMS:http://127.0.0.1:{port}/?",
        "WCS:http://x/",
    ),
    *(
        "ZARR:/vsicurl/http://127.0.0.1:{port}/x",
        "STACIT:/etc/passwd",
        "DERIVED_SUBDATASET:LOGAMPLITUDE:/x",
    ),
    *(
        "<VRTDataset rasterXSize='1' rasterYSize='1'/>",
        "<WMS_Driver/>",
        "EEDAI:image",
        "plmosaic:x",
    ),
]
"""Addresses whose parts deceive, other schemes, and names that GDAL would open."""

_TARGETS = [
    *(
        "http://127.0.0.1:{port}/",
        "http://[::1]:{port}/",
        "//127.0.0.1:{port}/",
        "http://2130706433:{port}/",
    ),
    *("http://localhost:{port}/", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd"),
    *(
        "gopher://127.0.0.1:{port}/",
        "http://x@127.0.0.1:{port}/",
        "/vsicurl/http://127.0.0.1:{port}/",
    ),
    *(
        "http://0:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "///127.0.0.1:{port}/",
        "http:127.0.0.1",
    ),
    *(
        "/\\127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@public.example/",
        "\thttp://127.0.0.1:{port}/",
    ),
    *(
        "http://inner.example:{port}/",
        "http://mixed.example:{port}/",
        "",
        "?",
        "javascript:x",
        "http://",
    ),
]


def to(target: str, path: str = "/to", **options: int) -> str:
    """The attacker's address that redirects to a target."""
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return f"{{attacker}}{path}?{query}&location=" + quote(target, safe="{}")


REDIRECTS = [
    *(to(target, status=302) for target in _TARGETS),
    *(to("http://127.0.0.1:{port}/", status=status) for status in (300, 301, 303, 307, 308)),
    *(to("http://127.0.0.1:{port}/", "/hops", count=count) for count in (2, 4, 5, 6, 50)),
]
NAMES = {
    "inner.example": ["127.0.0.1"],
    "inner6.example": ["::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "metadata.google.internal": ["169.254.169.254"],
    "instance-data.ec2.internal": ["169.254.169.254"],
    "private.example": ["10.0.0.1"],
    "unspecified.example": ["0.0.0.0"],
    "mixed.example": ["1.1.1.1 127.0.0.1"],
    "mixed6.example": ["2606:4700:4700::1111 ::1"],
    "mixed-last.example": [" ".join(["1.1.1.1"] * 200) + " 127.0.0.1"],
    "rebind.example": ["1.1.1.1", "127.0.0.1"],
    "rebind6.example": ["2606:4700:4700::1111", "::1"],
    "localhost.": ["127.0.0.1"],
    "127.0.0.1.": ["127.0.0.1"],
    "xn--127-0-0-1": ["127.0.0.1"],
}
"""Names, and the addresses of each look-up; only those that begin as public are connected to."""
PUBLIC = {"1.1.1.1", "2606:4700:4700::1111"}
"""Public addresses that these names lead to; the guard of the tests lets none be reached."""


def of_kinds(*kinds: str) -> list[Reference]:
    """The references of these kinds: loopback, inside, url, redirect, name, inner."""
    public_first = [name for name, answers in NAMES.items() if len(answers) > 1]
    hrefs = {
        "loopback": [f"http://{host}:{{port}}/x" for host in HOSTS],
        "inside": [f"http://{host}/latest/meta-data/" for host in INSIDE],
        "url": URLS,
        "redirect": REDIRECTS,
        "name": [f"http://{name}:{{port}}/x" for name in public_first],
        "inner": [f"http://{name}:{{port}}/x" for name in NAMES if name not in public_first],
    }
    return [
        Reference(f"{kind}-{number}", href)
        for kind in kinds
        for number, href in enumerate(hrefs[kind])
    ]

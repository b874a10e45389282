"""Pages of other origins change nothing, and only known names are answered."""

from typing import Any

import pytest
from flask import Flask, Response
from pydantic import ValidationError
from werkzeug.datastructures import Headers

from pygeoapi_prefect.config import ManagerSettings, Settings
from pygeoapi_prefect.web import origins, problem

PUBLIC = "https://geo.example.org/ogc"
OWN = ("https://geo.example.org", "http://localhost")
MAPS = "https://maps.example.org"


def client(**manager: Any) -> Any:
    settings = Settings(
        public_url=PUBLIC, manager=ManagerSettings.model_validate({**manager, "name": "x"})
    )
    app = Flask("x", static_folder=None)
    problem.register(app, lambda told, headers: Response("page", told["status"], headers))
    for path in ("/jobs", "/healthz", "/static/<path:name>"):
        app.add_url_rule(
            path, path.strip("/"), lambda **_: "done", methods=["GET", "POST", "DELETE"]
        )
    origins.prepare(app, settings)
    return app.test_client()


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("geo.example.org", "geo.example.org"),
        ("GEO.example.org.:443", "geo.example.org"),
        ("localhost:5000", "localhost"),
        ("[::1]:5000", "::1"),
        ("[::1", "::1"),
        ("x:", "x"),
        ("", ""),
    ],
)
def test_the_name_in_a_host(host: str, name: str) -> None:
    assert origins.name_of(host) == name


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        (PUBLIC, "https://geo.example.org"),
        ("https://geo.example.org:443/", "https://geo.example.org"),
        ("http://geo.example.org:443/", "http://geo.example.org:443"),
        ("http://Geo.example.org:80", "http://geo.example.org"),
        ("http://[::1]:5000/x", "http://[::1]:5000"),
    ],
)
def test_the_origin_of_a_url(url: str, origin: str) -> None:
    assert origins.origin_of(url) == origin


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": ""}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": OWN[0]}, True),
        ({"Origin": OWN[0]}, False),
        ({"Origin": OWN[1]}, False),
        ({"Origin": "http://geo.example.org"}, True),
        ({"Origin": "https://geo.example.org:8443"}, True),
        ({"Origin": "https://geo.example.org.evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": ""}, True),
    ],
)
def test_a_foreign_page(headers: dict[str, str], expected: bool) -> None:
    assert origins.is_foreign(Headers(headers), OWN) is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"Content-Length": "0"}, False),
        ({"Content-Length": "1"}, True),
        ({"Content-Length": "10"}, True),
        ({"Transfer-Encoding": "chunked"}, True),
    ],
)
def test_a_body(headers: dict[str, str], expected: bool) -> None:
    assert origins.has_body(Headers(headers)) is expected


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_what_changes_something_comes_from_an_own_or_a_listed_page(method: str) -> None:
    plain, sharing, everybody = (
        client(),
        client(cors_origins=[MAPS]),
        client(cors_origins=["*"]),
    )
    for headers, statuses in (
        ({}, (200, 200, 200)),
        ({"Origin": "http://localhost"}, (200, 200, 200)),
        ({"Origin": "https://geo.example.org"}, (200, 200, 200)),
        ({"Origin": MAPS}, (403, 200, 200)),
        ({"Origin": MAPS, "Sec-Fetch-Site": "cross-site"}, (403, 200, 200)),
        ({"Origin": "https://evil.example"}, (403, 403, 200)),
        ({"Origin": "null"}, (403, 403, 200)),
        ({"Sec-Fetch-Site": "same-site"}, (403, 403, 200)),
    ):
        for app, status in zip((plain, sharing, everybody), statuses, strict=True):
            reply = app.open("/jobs", method=method, headers=headers)
            assert reply.status_code == status, headers
            if status == 403:
                assert reply.content_type == "application/problem+json"
                assert "cors_origins" in reply.json["detail"]


def test_reading_is_left_to_the_browser() -> None:
    """It gives a page only the answers that CORS allows."""
    for method in ("GET", "HEAD", "OPTIONS"):
        headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert client().open("/jobs", method=method, headers=headers).status_code == 200


def test_a_body_needs_a_media_type() -> None:
    app = client()
    assert app.post("/jobs").status_code == 200
    assert app.post("/jobs", data=b"{}", content_type="application/json").status_code == 200
    for headers in ({}, {"Content-Type": ""}, {"Content-Type": " "}):
        reply = app.post("/jobs", data=b"{}", headers=headers)
        assert reply.status_code == 415
        assert reply.json["type"].endswith("/unsupported-media-type")
    assert app.delete("/jobs", headers={"Transfer-Encoding": "chunked"}).status_code == 415


def test_only_known_hosts_are_answered() -> None:
    app = client(allowed_hosts=["Inner.example.", "192.0.2.7", "[2001:db8::7]"])
    for host in (
        *("geo.example.org", "GEO.EXAMPLE.ORG:8443", "geo.example.org.", "localhost:1"),
        *("127.0.0.1:5000", "[::1]", "inner.example", "192.0.2.7:80", "[2001:DB8::7]:80"),
    ):
        assert app.get("/jobs", headers={"Host": host}).status_code == 200, host
    for host in ("evil.example", "geo.example.org.evil.example", "192.0.2.8", "example.org"):
        reply = app.get("/jobs", headers={"Host": host})
        assert (reply.status_code, reply.content_type) == (421, "application/problem+json")
        assert "allowed_hosts" in reply.json["detail"]
        assert app.get("/nowhere", headers={"Host": host}).status_code == 421
        assert app.get("/healthz", headers={"Host": host}).status_code == 200
    everything = client(allowed_hosts=["*"])
    assert everything.get("/jobs", headers={"Host": "any.example"}).status_code == 200


@pytest.mark.parametrize("host", ["", "https://x", "x:5000", "a b", "*.example.org", "x/y"])
def test_a_host_of_the_configuration_is_a_name(host: str) -> None:
    with pytest.raises(ValidationError, match="is not a host name or address without a port"):
        ManagerSettings(allowed_hosts=(host,))


def test_nothing_is_redirected_to_the_host_of_a_request() -> None:
    app = client()
    for path in ("/static//x", "//jobs", "//evil.example/", "/static///a//b"):
        reply = app.get("http://localhost" + path, headers={"Host": "localhost"})
        assert "Location" not in reply.headers
        assert reply.status_code in (200, 404)

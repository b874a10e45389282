"""Behind a proxy: links follow the public URL, headers of strangers are nothing; CORS."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from support.stack import RunningStack
from support.web import environment, serving

PUBLIC = "https://geo.example.org:8443/ogc"
PAGE = "https://maps.example.org"
EVIL = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "/evil.example",
    "X-Forwarded-For": "192.0.2.66",
    "Forwarded": 'for=192.0.2.66;host="evil.example";proto=https',
}


@pytest.fixture(scope="module")
def web(
    stack: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, httpx.Client]]:
    """Two applications with that URL: one that trusts a proxy and a page, one that does not."""
    folder = tmp_path_factory.mktemp("proxy")
    config = yaml.safe_load(stack.config.read_text())
    config["server"]["manager"]["access"] = {"anonymous": "admin"}  # or they would not start
    plain = folder / "plain.yml"
    plain.write_text(yaml.safe_dump(config, width=1000))
    config["server"]["manager"] |= {"trusted_proxies": 1, "cors_origins": [PAGE]}
    trusting = folder / "trusting.yml"
    trusting.write_text(yaml.safe_dump(config, width=1000))
    own = environment(stack.prefect_api_url)
    with (
        serving(own, trusting, folder / "trusting.log", public_url=PUBLIC) as first,
        serving(own, plain, folder / "plain.log", public_url=PUBLIC) as second,
    ):
        yield {"trusting": first, "plain": second}


def answers(client: httpx.Client, headers: dict[str, str]) -> Iterator[httpx.Response]:
    """One answer of every resource, for a job that ran and one that waits."""

    def post(process: str, inputs: dict[str, Any], **more: Any) -> httpx.Response:
        prefer = {"Prefer": "respond-async"} if process != "hello-world" else {}
        body = {"inputs": inputs, **more}
        return client.post(f"/processes/{process}/execution", json=body, headers=headers | prefer)

    ran = post("hello-world", {"name": "Joe"}, outputs={"echo": {"transmissionMode": "reference"}})
    queued = post("slow", {"seconds": 0})
    yield from (ran, queued)
    job = queued.headers["Location"].rsplit("/", 1)[1]
    done = ran.headers["Link"].rpartition('>; rel="monitor"')[0].rsplit("/", 1)[1]
    paths = [
        "/",
        "/conformance",
        "/openapi",
        "/processes?limit=1",
        "/processes/slow",
        "/jobs?limit=1",
    ]
    paths += [f"/jobs/{job}", f"/jobs/{done}", f"/jobs/{done}/results", "/collections/lakes"]
    for path in paths:
        yield client.get(path, headers=headers)
    for path in ("/", "/openapi", "/conformance", "/collections"):
        yield client.get(path, params={"f": "html"}, headers=headers)
    yield client.get("/processes/none", headers=headers)
    yield client.get("/jobs/", headers=headers)
    yield client.delete(f"/jobs/{job}", headers=headers)


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("plain", {}),
        ("plain", EVIL),
        ("trusting", {}),
        ("trusting", EVIL | {"X-Forwarded-Host": "geo.example.org"}),
    ],
    ids=["plain", "plain, false headers", "trusting", "trusting, false headers"],
)
def test_every_link_follows_the_public_url(
    web: dict[str, httpx.Client], kind: str, headers: dict[str, str]
) -> None:
    client = web[kind]
    here = f"127.0.0.1:{client.base_url.port}"
    links = 0
    for reply in answers(client, headers):
        told = reply.text + repr(reply.headers.multi_items())
        what = f"{reply.request.method} {reply.request.url}"
        assert reply.status_code < 500, what
        assert here not in told, what
        assert "localhost" not in told, what
        assert "evil" not in told, what
        ours = re.findall(r"[a-z]+://geo\.example\.org[^\s\"'<>]*", told)
        assert all(url.startswith(PUBLIC) for url in ours), what
        links += len(ours)
    assert links > 50


def test_the_host_of_a_trusted_proxy_must_be_known(web: dict[str, httpx.Client]) -> None:
    headers = {"X-Forwarded-Host": "evil.example"}
    assert web["trusting"].get("/processes", headers=headers).status_code == 421
    assert web["plain"].get("/processes", headers=headers).status_code == 200


def test_a_monitor_link_and_location_begin_with_the_public_url(
    web: dict[str, httpx.Client],
) -> None:
    ran, queued, *_ = answers(web["plain"], {})
    assert f"<{PUBLIC}/jobs/" in ran.headers["Link"]
    assert queued.headers["Location"].startswith(f"{PUBLIC}/jobs/")
    document = web["plain"].get("/openapi", params={"f": "json"}).json()
    assert [server["url"] for server in document["servers"]] == [PUBLIC]


def test_a_page_of_a_configured_origin_may_execute_and_read(web: dict[str, httpx.Client]) -> None:
    client, path = web["trusting"], "/processes/hello-world/execution"
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, prefer",
    }
    allowed = client.options(path, headers=asked)
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == PAGE
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    accepted = allowed.headers["Access-Control-Allow-Headers"].lower()
    assert {"content-type", "prefer"} <= set(accepted.split(", "))
    reply = client.post(path, json={"inputs": {"name": "Joe"}}, headers={"Origin": PAGE})
    assert reply.status_code == 200
    exposed = set(reply.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"Location", "Link", "Preference-Applied"} <= exposed
    refused = client.get("/jobs/none", headers={"Origin": PAGE})  # problems can be read too
    assert refused.headers["Access-Control-Allow-Origin"] == PAGE


def test_browsers_are_told_to_use_tls_alone(web: dict[str, httpx.Client]) -> None:
    """HSTS (RFC 6797) on every answer, since the public URL has ``https``."""
    for path in ("/", "/?f=html", "/jobs", "/collections?f=html", "/nowhere", "/healthz"):
        reply = web["plain"].get(path)
        assert reply.headers["Strict-Transport-Security"] == "max-age=31536000", path


def test_other_origins_get_no_permission(web: dict[str, httpx.Client]) -> None:
    for kind, origin in (("trusting", "https://evil.example"), ("plain", PAGE)):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        for reply in (
            web[kind].get("/processes", headers=headers),
            web[kind].options("/processes/hello-world/execution", headers=headers),
        ):
            assert "Access-Control-Allow-Origin" not in reply.headers

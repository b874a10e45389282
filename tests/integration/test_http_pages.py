"""Pages as browsers get them: their links, their policies, and indented JSON."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from support.http import execute, job_of
from support.stack import RunningStack
from support.web import environment, serving

REL = "http://www.opengis.net/def/rel/ogc/1.0/"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ANCHOR = re.compile(r"<a [^>]*href=\"([^\"]*)\"")


def anchors(page: str) -> set[str]:
    return {html.unescape(href) for href in ANCHOR.findall(page)}


def test_the_landing_page_has_the_links_of_its_json(stack: RunningStack) -> None:
    """Fault 19 (requirement /req/html/content)."""
    links = stack.client.get("/", params={"f": "json"}).json()["links"]
    shown = stack.client.get("/", params={"f": "html"}).text
    rels = {link["rel"] for link in links}
    assert rels >= {"service-desc", "service-doc", "conformance", "data"}
    assert rels >= {f"{REL}{name}" for name in ("processes", "job-list", "tiling-schemes")}
    own = {link["href"] for link in links if link["rel"] in ("self", "alternate")}
    assert {link["href"] for link in links} - own <= anchors(shown)
    for link in links:
        assert link["rel"] in ("self", "alternate") or html.escape(link["title"]) in shown


def test_every_page_has_the_links_of_its_json(stack: RunningStack) -> None:
    """Fault 19, for the other documents that have pages of ours."""
    job = job_of(execute(stack, "simple-flow", {"name": "Joe"}))
    for path in ("/processes", "/processes/simple-flow", "/jobs?limit=1", f"/jobs/{job}"):
        join = "&" if "?" in path else "?"
        links = stack.client.get(f"{path}{join}f=json").json()["links"]
        shown = anchors(stack.client.get(f"{path}{join}f=html").text)
        others = [link["href"] for link in links if link["rel"] != "self"]
        # A page leads to the neighbouring pages, as pages.
        pages = {href.replace("f=json", "f=html") for href in others}
        assert pages <= {href.replace("f=json", "f=html") for href in shown}, path


@pytest.fixture
def html_answers(stack: RunningStack) -> Iterator[tuple[str, httpx.Response]]:
    job = job_of(execute(stack, "simple-flow", {"name": "Joe"}))
    paths = [
        "/", "/conformance", "/processes", "/processes/echo", "/jobs", f"/jobs/{job}",
        f"/jobs/{job}/results", "/openapi", "/nowhere", "/jobs/nothing", "/collections",
        "/collections/lakes", "/collections/lakes/items", "/collections/lakes/queryables",
        "/collections/lakes/items/0", "/collections/nowhere", "/TileMatrixSets", "/stac",
        "/openapi/ui/index.html", "/openapi/ui/oauth2-redirect.html",
    ]  # fmt: skip
    return ((path, stack.client.get(path, headers=BROWSER)) for path in paths)


def test_every_page_has_a_policy(html_answers: Iterator[tuple[str, httpx.Response]]) -> None:
    """Fault 39: pages of ours, of pygeoapi and of Swagger UI."""
    seen = []
    for path, reply in html_answers:
        assert reply.headers["X-Content-Type-Options"] == "nosniff", path
        if not reply.headers["Content-Type"].startswith("text/html"):
            continue
        seen.append(path)
        policy = reply.headers["Content-Security-Policy"]
        assert "frame-ancestors 'self'" in policy, path
        assert "form-action 'self'" in policy, path
        assert "default-src 'none'" in policy, path
        assert "object-src" in policy or "script-src 'self';" in policy, path
        assert "unsafe-eval" not in policy, path
        assert reply.headers["Referrer-Policy"] == "same-origin", path
        assert "Strict-Transport-Security" not in reply.headers, path  # the public URL is http
    assert len(seen) >= 16, seen


def test_the_page_of_the_api_has_the_policy_of_the_others(stack: RunningStack) -> None:
    """Fault 39: no script or style within, nothing from elsewhere."""
    names = ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Vary")
    reply = stack.client.get("/openapi", params={"f": "html"})
    other = stack.client.get("/processes", params={"f": "html"})
    assert [reply.headers[name] for name in names] == [other.headers[name] for name in names]
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert "<style" not in reply.text
    assert re.search(r"<script(?! src=)", reply.text) is None
    for source in re.findall(r'(?:src|href|data-document)="([^"]*)"', reply.text):
        assert source.startswith("/"), source
        assert stack.client.get(source).status_code == 200, source


@pytest.fixture(scope="module")
def printing(
    stack: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[bool, httpx.Client]]:
    """Two applications: one that indents, one that says nothing of it."""
    folder = tmp_path_factory.mktemp("pretty")
    config: dict[str, Any] = yaml.safe_load(stack.config.read_text())
    own = environment(stack.prefect_api_url)

    def written(name: str, **server: Any) -> Path:
        config["server"].pop("pretty_print", None)
        config["server"] |= server
        (folder / name).write_text(yaml.safe_dump(config, width=1000))
        return folder / name

    pretty, plain = written("pretty.yml", pretty_print=True), written("plain.yml")
    with (
        serving(own, pretty, folder / "pretty.log") as first,
        serving(own, plain, folder / "plain.log") as second,
    ):
        yield {True: first, False: second}


def test_json_is_indented_where_pretty_print_says_so(printing: dict[bool, httpx.Client]) -> None:
    """Fault 18: every JSON document of ours; without the key they are compact."""
    body = {"inputs": {"name": "Joe"}}
    path = "/processes/simple-flow/execution"
    for pretty, client in printing.items():
        accepted = client.post(path, json=body, headers={"Prefer": "respond-async"})
        job = accepted.json()["jobID"]
        answers = [
            accepted,
            *map(client.get, ("/processes", "/processes/echo", "/jobs", f"/jobs/{job}")),
            *map(client.get, ("/openapi?f=json", "/?f=json", "/healthz", "/readyz", "/nowhere")),
            client.get("/jobs/nothing"),
            client.post(path, json={}),
            client.delete(f"/jobs/{job}"),
        ]
        for reply in answers:
            assert "json" in reply.headers["Content-Type"]
            lines = reply.text.splitlines()
            where = f"{reply.request.method} {reply.request.url}"
            if pretty:
                assert len(lines) > 2, where
                assert lines[1].startswith('    "'), where
            else:
                assert len(lines) == 1, where
            assert json.loads(reply.text)


def test_outputs_are_sent_as_they_are(printing: dict[bool, httpx.Client]) -> None:
    """Fault 18: a process's own JSON is not a document of the server."""
    inputs = {"text_or_object": {"a": 1}, "echo": "x"}
    wanted = {"inputs": inputs, "outputs": {"text_or_object": {}}}
    replies = [c.post("/processes/echo/execution", json=wanted) for c in printing.values()]
    assert replies[0].status_code == 200
    assert replies[0].content == replies[1].content
    assert b"\n" not in replies[0].content

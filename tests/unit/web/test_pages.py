"""The pages as HTML: parsed, with labels and links, and nothing of a process taken for markup."""

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, override
from urllib.parse import urlsplit

import pytest
from flask import Flask

from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.errors import OutputNotFound
from pygeoapi_prefect.execution.request import Request
from pygeoapi_prefect.jobs.queries import JobDetails
from pygeoapi_prefect.models.documents import StatusInfo
from pygeoapi_prefect.results.output import Output
from pygeoapi_prefect.web import documents
from pygeoapi_prefect.web.pages import STATIC, Pages, asset

ROOT = "http://host/geo"
EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"
VOID = {"meta", "link", "input", "img", "br", "hr"}
CONFIG: dict[str, Any] = {
    "server": {"url": ROOT, "language": "en-GB", "manager": {"prefect_ui_url": "http://ui/"}},
    "metadata": {
        "identification": {
            "title": {"en": "Jobs & more"},
            "description": EVIL,
            "keywords": [EVIL],
            "terms_of_service": "https://host/terms",
        },
        "license": {"name": EVIL},
        "provider": {"name": EVIL, "url": "https://host/provider"},
        "contact": {"name": EVIL, "email": "who@host"},
    },
    "resources": {"lakes": {"type": "collection"}},
}


class Page(HTMLParser):
    """The elements of a page; it must be well nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture
def pages() -> Iterator[Pages]:
    with Flask("test").test_request_context("/"):
        yield Pages(CONFIG, Settings.from_config(CONFIG))


def output(id_: str, media_type: str, content: bytes | None) -> Output:
    def size() -> int:
        if content is None:
            raise OutputNotFound("gone")
        return len(content)

    def chunks(start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return iter([content or b""])

    href = f"{ROOT}/jobs/j/results/{id_}"
    return Output(id_, media_type, chunks, size, href)


OUTPUTS = [
    output("picture", "image/png", b"\x89PNG"),
    output("drawing", "image/svg+xml", EVIL.encode()),
    output("map", "application/geo+json", b'{"type": "FeatureCollection", "features": []}'),
    output("json", "application/json", b'{"a": "<script>"}'),
    output("text", "text/plain; charset=utf-8", EVIL.encode()),
    output("page", "text/html", EVIL.encode()),
    output("wrong", "application/json", b"{"),
    output("binary", "image/tiff", b"\0" * 9),
    output("big", "text/plain", b"x" * 100_000),
    output("gone", "text/plain", None),
]


def process(evil: str = EVIL) -> dict[str, Any]:
    kinds: list[dict[str, Any]] = [
        {"type": "string", "default": evil}, {"type": "object", "example": {"a": evil}},
        {"enum": [evil, "b"]}, {"type": "integer"}, {"type": "boolean"},
    ]  # fmt: skip
    inputs = {
        f"{evil}{n}": {"title": evil, "description": evil, "schema": schema, "minOccurs": n % 2}
        for n, schema in enumerate(kinds)
    }
    return {
        "id": "p", "version": evil, "title": evil, "description": evil, "keywords": [evil],
        "jobControlOptions": ["sync-execute", "async-execute"], "outputTransmission": ["value"],
        "inputs": inputs, "outputs": {evil: {"title": evil, "schema": {"title": evil}}},
        "metadata": [{"title": evil, "href": "javascript:alert(1)"}],
        "links": [
            *documents.this_document(f"{ROOT}/processes/p", "html"),
            {"href": "javascript:alert(1)", "rel": "about", "title": evil, "type": evil},
        ],
    }  # fmt: skip


def job(status: str = "successful") -> StatusInfo:
    return {
        "jobID": "j", "processID": "p", "type": "process", "status": status, "message": EVIL,
        "created": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z", "progress": 40,
    }  # fmt: skip


def details(status: str = "successful") -> JobDetails:
    outputs = OUTPUTS if status == "successful" else []
    return JobDetails(job(status), Request({EVIL: EVIL}), "run", outputs, EVIL)


def rendered(pages: Pages, name: str) -> str:
    links = documents.this_document(f"{ROOT}/jobs/j", "html")
    if name == "process":
        response = pages.process(process(), "html")
    elif name == "job":
        response = pages.job(details(), documents.job(ROOT, job(), "html"))
    elif name == "running job":
        response = pages.job(details("running"), documents.job(ROOT, job("running"), "html"))
    elif name == "results":
        response = pages.results(details(), links)
    elif name == "problem":
        told = {"title": EVIL, "detail": EVIL, "status": 404, "type": EVIL}
        response = pages.error(told, {"Retry-After": "5", "Content-Type": "x/y"})
        assert (response.status_code, response.headers["Retry-After"]) == (404, "5")
    elif name == "jobs":
        document = {"jobs": [job("failed"), job("running")], "links": links, "numberReturned": 2}
        query = {"status": ["failed"], "datetime": [EVIL], "limit": [EVIL]}
        response = pages.respond(document, "html", "jobs", query=query, process_ids=[EVIL])
    elif name == "landing":
        response = pages.respond({"title": EVIL, "links": links}, "html", "landing")
    elif name == "conformance":
        document = {"conformsTo": ["http://www.opengis.net/a", EVIL], "links": links}
        response = pages.respond(document, "html", "conformance")
    else:
        response = pages.respond({"processes": [process()], "links": links}, "html", "processes")
    assert response.content_type == "text/html; charset=utf-8"
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    return response.get_data(as_text=True)


NAMES = [
    *("processes", "process", "jobs", "job", "running job", "results", "problem"),
    *("landing", "conformance"),
]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_process_is_markup(pages: Pages, name: str) -> None:
    page = Page(rendered(pages, name))
    assert all(set(script) == {"src", "defer"} for script in page.all("script"))
    for _, attributes in page.elements:
        assert not [attribute for attribute in attributes if attribute.startswith("on")]
        assert not attributes.get("href", "").startswith("javascript:")
        assert attributes.get("src") != "x"
    assert page.all("style") == []


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_is_loaded_is_local_and_there(pages: Pages, name: str) -> None:
    page = Page(rendered(pages, name))
    loaded = [e.get("src", "") for e in page.all("script", "img")]
    loaded += [e["href"] for e in page.all("link") if e["rel"] in ("stylesheet", "icon")]
    for address in loaded:
        assert address.startswith("/geo/"), address
        if address.startswith("/geo/assets/"):
            assert (STATIC / address.removeprefix("/geo/assets/")).is_file()


@pytest.mark.parametrize("name", NAMES)
def test_pages_are_accessible_in_the_basics(pages: Pages, name: str) -> None:
    text = rendered(pages, name)
    page = Page(text)
    assert page.all("html")[0]["lang"] == "en-GB"
    assert len(page.all("main")) == len(page.all("h1")) == len(page.all("title")) == 1
    ids = Counter(e["id"] for _, e in page.elements if e.get("id"))
    assert ids.total() == len(ids)
    labelled = {label["for"] for label in page.all("label")}
    for control in page.all("input", "select", "textarea", "progress"):
        if control.get("type") != "hidden":
            assert control.get("id") in labelled or control.get("aria-label"), control
        if "aria-describedby" in control:
            assert control["aria-describedby"] in ids
    assert all(image.get("alt") for image in page.all("img"))


def test_the_form_has_the_process_s_inputs(pages: Pages) -> None:
    page = Page(rendered(pages, "process"))
    names = [e.get("name") for e in page.all("input", "select", "textarea") if "data-reads" in e]
    assert names == list(process()["inputs"])
    (form,) = page.all("form")
    assert form["data-execute"] == "/geo/processes/p/execution"


def test_outputs_are_shown_as_what_they_are(pages: Pages) -> None:
    text = rendered(pages, "job")
    page = Page(text)
    pictures = [e["src"] for e in page.all("img") if "/results/" in e["src"]]
    assert pictures == ["/geo/jobs/j/results/picture"]
    maps = [e["data-map"] for e in page.all("div") if "data-map" in e]
    assert maps == ["/geo/jobs/j/results/map"]
    shown = {e["aria-label"] for e in page.all("pre") if "aria-label" in e}
    assert {"json", "text", "page"} <= shown
    assert not {"big", "gone", "binary", "wrong"} & shown
    downloads = [urlsplit(e["href"]).path for e in page.all("a") if "download" in e]
    assert downloads == [f"/geo/jobs/j/results/{o.id}" for o in OUTPUTS]
    assert "its file is not available" in text
    assert any(e.get("href") == "http://ui/runs/flow-run/run" for e in page.all("a"))


def test_a_running_job_can_be_followed_and_dismissed(pages: Pages) -> None:
    page = Page(rendered(pages, "running job"))
    (section,) = [e for e in page.all("section") if "data-poll-job" in e]
    assert section["data-poll-job"] == "/geo/jobs/j?f=json"
    (button,) = page.all("button")
    assert button["data-delete"] == "/geo/jobs/j"
    assert [e["value"] for e in page.all("progress")] == ["40"]


def test_filters_stay_chosen(pages: Pages) -> None:
    page = Page(rendered(pages, "jobs"))
    assert len([e for e in page.all("option") if "selected" in e]) == 1
    fields = {e["name"]: e.get("value") for e in page.all("input")}
    assert fields == {"f": "html", "datetime": EVIL, "limit": EVIL}


def test_the_landing_page_leads_to_what_there_is(pages: Pages) -> None:
    targets = {a["href"] for a in Page(rendered(pages, "landing")).all("a")}
    for path in ("processes", "jobs", "collections", "openapi", "conformance"):
        assert f"/geo/{path}?f=html" in targets
    assert "/geo/stac?f=html" not in targets
    assert "mailto:who@host" in targets


def test_an_operator_s_own_template_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "landing_page.html").write_text("ours")
    server = {**CONFIG["server"], "templates": {"path": str(tmp_path)}}
    config = {**CONFIG, "server": server}
    pages = Pages(config, Settings.from_config(config))
    assert pages.has_own("landing_page.html")
    assert not pages.has_own("conformance.html")


def test_assets_are_only_what_is_in_the_folder() -> None:
    with Flask("test").test_request_context("/"):
        with asset("pages.css") as response:
            assert response.status_code == 200
        for name in ("../pages.py", "nothing.js", "/etc/passwd"):
            with pytest.raises(Exception, match="404"):
                asset(name)

"""Headers that complete every answer."""

from typing import Any

import pytest
from flask import Flask, Response

from pygeoapi_prefect.config import Settings
from pygeoapi_prefect.web import answers


def client(url: str = "http://localhost", has_templates: bool = False) -> Any:
    app = Flask("x", static_folder=None)
    for name, media_type in (
        ("page", "text/html"),
        ("map", "image/svg+xml"),
        ("json", "text/plain"),
    ):
        view = lambda media_type=media_type: Response("x", content_type=media_type)  # noqa: E731
        app.add_url_rule(f"/{name}", name, view)
    answers.prepare(app, Settings(public_url=url), has_templates)
    return app.test_client()


def policy(text: str) -> dict[str, list[str]]:
    parts = [part.split() for part in text.split(";")]
    found = {name: values for name, *values in parts}
    assert len(found) == len(parts)
    return found


@pytest.mark.parametrize("path", ["/page", "/map"])
def test_pages_load_only_what_pygeoapi_s_pages_need(path: str) -> None:
    headers = client("https://geo.example.org:443/ogc").get(path).headers
    found = policy(headers["Content-Security-Policy"])
    assert found["default-src"] == found["object-src"] == found["base-uri"] == ["'none'"]
    assert found["form-action"] == found["frame-ancestors"] == ["'self'"]
    assert found["connect-src"] == ["'self'", "https://geo.example.org"]
    for directive in ("script-src", "style-src"):
        assert not {"*", "https:", "'unsafe-eval'", "data:"} & set(found[directive])
    assert headers["Referrer-Policy"] == "same-origin"


def test_templates_of_an_operator_may_load_anything() -> None:
    found = policy(client(has_templates=True).get("/page").headers["Content-Security-Policy"])
    assert set(found) == {"object-src", "base-uri", "form-action", "frame-ancestors"}


def test_nothing_is_guessed_and_other_types_need_no_policy() -> None:
    headers = client().get("/json").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Security-Policy" not in headers


@pytest.mark.parametrize(
    ("url", "sent"),
    [("http://geo.example.org", None), ("https://geo.example.org/x", "max-age=31536000")],
)
def test_hsts_is_sent_under_tls(url: str, sent: str | None) -> None:
    for path in ("/page", "/json", "/nowhere"):
        assert client(url).get(path).headers.get("Strict-Transport-Security") == sent

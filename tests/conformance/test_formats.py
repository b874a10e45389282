"""Requirements classes *JSON*, *HTML* and *OpenAPI 3.0*."""

from typing import Any

import pytest
from openapi_spec_validator import validate

from support.requirements import requirement
from support.server import Server

MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.0"
PATHS = ("/", "/conformance", "/processes", "/processes/echo", "/jobs", "/jobs/{job}")


@pytest.fixture(scope="module")
def openapi(server: Server) -> dict[str, Any]:
    """The API definition."""
    reply = server.client.get("/openapi", headers={"Accept": MEDIA_TYPE})
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].replace(" ", "") == MEDIA_TYPE
    document: dict[str, Any] = reply.json()
    return document


def operations(openapi: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
        if method in ("get", "post", "delete", "put", "patch", "head")
    ]


@requirement("/req/json/definition")
@pytest.mark.parametrize("path", PATHS)
def test_every_resource_is_json_unless_asked_otherwise(
    server: Server, echo: str, path: str
) -> None:
    address = path.format(job=echo)
    for accept in ("application/json", "*/*", "application/json;q=1, text/html;q=0.5"):
        reply = server.client.get(address, headers={"Accept": accept})
        assert reply.status_code == 200
        assert reply.headers["Content-Type"].partition(";")[0] == "application/json"
        assert isinstance(reply.json(), dict)


@requirement("/req/html/definition", "/req/html/content", "/rec/core/html")
@pytest.mark.parametrize("path", [*PATHS, "/openapi"])
def test_every_resource_is_html_too(server: Server, echo: str, path: str) -> None:
    address = path.format(job=echo)
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    for reply in (
        server.client.get(address, headers={"Accept": browser}),
        server.client.get(address, params={"f": "html"}),
    ):
        assert reply.status_code == 200
        assert reply.headers["Content-Type"].startswith("text/html")
        assert "<html" in reply.text[:300]


@requirement("/req/html/content")
def test_pages_show_what_the_json_says(server: Server, echo: str) -> None:
    process = server.document("/processes/echo")
    page = server.client.get("/processes/echo", params={"f": "html"}).text
    for name in (process["title"], *process["inputs"], *process["outputs"]):
        assert name in page
    page = server.client.get(f"/jobs/{echo}", params={"f": "html"}).text
    assert echo in page
    assert "successful" in page


@requirement("/req/oas30/oas-definition-1", "/req/oas30/oas-definition-2")
def test_the_definition_is_valid_openapi(openapi: dict[str, Any]) -> None:
    assert openapi["openapi"].startswith("3.0.")
    validate(openapi)


@requirement("/req/oas30/oas-impl", "/req/oas30/completeness")
def test_the_definition_has_every_resource(server: Server, openapi: dict[str, Any]) -> None:
    paths = set(openapi["paths"])
    assert {"/", "/conformance", "/processes", "/jobs"} <= paths
    for process in server.document("/processes", limit=1000)["processes"]:
        assert f"/processes/{process['id']}/execution" in paths
    assert any("results" in path for path in paths)


@requirement("/req/oas30/exceptions-codes")
def test_the_definition_lists_errors(openapi: dict[str, Any]) -> None:
    for path, method, operation in operations(openapi):
        if path.startswith(("/processes", "/jobs")):
            statuses = set(operation["responses"])
            assert any(status.startswith("2") for status in statuses), (path, method)
            assert any(status[0] in "45d" for status in statuses), (path, method)
            if "{" in path:
                assert "404" in statuses, (path, method)


@requirement("/req/oas30/security")
def test_configured_security_is_declared(openapi: dict[str, Any]) -> None:
    declared = set(openapi.get("components", {}).get("securitySchemes", {}))
    required = {name for requirement_ in openapi.get("security", []) for name in requirement_}
    assert required <= declared

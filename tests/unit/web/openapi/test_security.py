"""Security schemes and requirements in the OpenAPI document."""

from typing import Any

import pytest

from pygeoapi_prefect.access.operations import least_role
from pygeoapi_prefect.access_settings import AccessSettings
from pygeoapi_prefect.web.openapi.security import SCHEMES, declare

KEYS: list[dict[str, list[str]]] = [{"bearer": []}, {"apiKey": []}]
PATHS = {
    "/healthz": "get",
    "/processes": "get",
    "/processes/hello-world/execution": "post",
    "/jobs/{jobID}": "delete",
    "/collections/lakes/items": "post",
}


def declared(anonymous: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "components": {},
        "paths": {
            path: {"parameters": [], method: {"responses": {"200": {}}}}
            for path, method in PATHS.items()
        },
    }
    settings = {"anonymous": anonymous, "keys": "/keys.json"}
    declare(document, AccessSettings.model_validate(settings), {})
    return document


@pytest.mark.parametrize(
    ("anonymous", "without_a_key"),
    [("none", 0), ("read", 1), ("execute", 3), ("admin", 4)],
)
def test_each_operation_says_what_it_needs(anonymous: str, without_a_key: int) -> None:
    document = declared(anonymous)
    open_to_all = 0
    for path, method in PATHS.items():
        operation = document["paths"][path][method]
        if least_role(method.upper(), path) is None:
            assert operation == {"security": [], "responses": {"200": {}}}
            continue
        assert operation["security"][:2] == KEYS
        open_to_all += {} in operation["security"]
        assert operation["responses"]["401"]["$ref"].endswith("/NotAuthenticated")
        forbidden = "403" in operation["responses"]
        assert forbidden == (path != "/processes"), "every key has the role read"
    assert open_to_all == without_a_key
    assert document["components"]["securitySchemes"] == SCHEMES


@pytest.mark.parametrize("keys", [None, "/keys.json"])
def test_an_issuer_is_a_scheme_of_its_own(keys: str | None) -> None:
    document: dict[str, Any] = {
        "components": {},
        "paths": {"/jobs": {"get": {"responses": {"200": {}}}}},
    }
    oidc = {"issuer": "https://sso.example.org/geo/", "audience": "geo", "default_role": "read"}
    declare(document, AccessSettings.model_validate({"keys": keys, "oidc": oidc}), {})
    schemes = document["components"]["securitySchemes"]
    assert schemes["openIdConnect"]["type"] == "openIdConnect"
    discovery = "https://sso.example.org/geo/.well-known/openid-configuration"
    assert schemes["openIdConnect"]["openIdConnectUrl"] == discovery
    assert set(schemes) == {"openIdConnect", *(SCHEMES if keys else ())}
    assert document["paths"]["/jobs"]["get"]["security"] == [{name: []} for name in schemes]


def test_the_schemes_of_a_proxy_are_those_that_are_declared() -> None:
    document: dict[str, Any] = {
        "components": {},
        "paths": {"/jobs": {"get": {"responses": {"200": {}}}}},
    }
    proxy = {"user_header": "Remote-User", "from": "192.0.2.1", "default_role": "read"}
    login = {"login": {"type": "http", "scheme": "basic"}}
    declare(document, AccessSettings.model_validate({"proxy": proxy}), login)
    assert document["components"]["securitySchemes"] == login
    assert document["paths"]["/jobs"]["get"]["security"] == [{"login": []}]


def test_what_is_referred_to_is_there() -> None:
    document = declared("none")
    for path, method in PATHS.items():
        for response in document["paths"][path][method]["responses"].values():
            if "$ref" in response:
                name = response["$ref"].rpartition("/")[2]
                assert name in document["components"]["responses"]

"""Security schemes and requirements, from the table that also enforces them."""

from collections.abc import Collection, Mapping
from typing import Any

from pygeoapi_prefect.access.issuer import DISCOVERY
from pygeoapi_prefect.access.operations import least_role
from pygeoapi_prefect.access.principal import Role
from pygeoapi_prefect.access_settings import AccessSettings

METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key in the header Authorization",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same, for clients that cannot set Authorization",
    },
}
_CHALLENGE = {
    "WWW-Authenticate": {"description": "RFC 6750, section 3", "schema": {"type": "string"}}
}
_CONTENT = {
    "application/problem+json": {"schema": {"$ref": "#/components/schemas/exception"}},
    "text/html": {"schema": {"type": "string"}},
}
RESPONSES: dict[str, Any] = {
    "NotAuthenticated": {
        "description": "The API key or access token is missing or invalid",
        "headers": _CHALLENGE,
        "content": _CONTENT,
    },
    "Forbidden": {
        "description": "The roles of the client do not allow this",
        "headers": _CHALLENGE,
        "content": _CONTENT,
    },
    "TooManyRequests": {
        "description": "Too many requests with invalid credentials, or too many requests or jobs",
        "headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
        "content": _CONTENT,
    },
}


def declare(document: dict[str, Any], access: AccessSettings, of_proxy: Mapping[str, Any]) -> None:
    """Add schemes, requirements and the responses 401 and 403 to a document, in place.

    Args:
        document: The whole OpenAPI document, its paths without the prefix of the server.
        access: The configuration.
        of_proxy: Schemes of a proxy in front, as the configuration declares them.
    """
    anonymous = None if access.anonymous == "none" else Role.named(access.anonymous)
    schemes = {**_schemes(access), **of_proxy}
    document["components"]["securitySchemes"] = schemes
    document["components"].setdefault("responses", {}).update(RESPONSES)
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            _require(item[method], least_role(method.upper(), path), anonymous, schemes)


def _schemes(access: AccessSettings) -> dict[str, Any]:
    """The schemes of a configuration; those of keys are also there if it names nothing else."""
    keys = SCHEMES if access.keys is not None or not access.has_credentials else {}
    if access.oidc is None:
        return keys
    tokens = {
        "openIdConnect": {
            "type": "openIdConnect",
            "openIdConnectUrl": access.oidc.issuer.rstrip("/") + DISCOVERY,
            "description": "An access token of this issuer in the header Authorization",
        }
    }
    return {**keys, **tokens}


def _require(
    operation: dict[str, Any],
    least: Role | None,
    anonymous: Role | None,
    schemes: Collection[str],
) -> None:
    if least is None:
        operation["security"] = []
        return
    nobody: list[dict[str, list[str]]] = (
        [{}] if anonymous is not None and anonymous >= least else []
    )
    operation["security"] = [*({name: []} for name in schemes), *nobody]
    refused = {"401": "NotAuthenticated", "429": "TooManyRequests"}
    if least > Role.READ:
        refused["403"] = "Forbidden"
    for status, name in refused.items():
        operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
